"""A sine fitted by a cubic, four times: with ever more done by PyTorch's tools, here pullback's.

By tensors and autograd alone; by a module of layers; with an optimiser; and by a module of one's
own with a loop inside that may take another turn each time.
"""

import math

import pullback.torch as torch

x = torch.linspace(-math.pi, math.pi, 500)
y = torch.sin(x)
loss = y.pow(2).mean()
print(f"nothing: {loss.item():.4f}")

# Tensors and autograd.
a, b, c, d = (torch.zeros((), requires_grad=True) for _ in range(4))
for _ in range(1500):
    loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        for p, rate in ((a, 0.1), (b, 0.03), (c, 3e-3), (d, 1e-3)):
            p -= rate * p.grad
            p.grad = None
print(f"by hand: {loss.item():.4f}")
print(f"y = {a.item():.2f} + {b.item():.2f} x + {c.item():.2f} x^2 + {d.item():.2f} x^3")

# Layers: the powers of x are features of a linear layer.
powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3])) / torch.tensor([math.pi, 10.0, 31.0])
model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
loss_of = torch.nn.MSELoss(reduction="mean")
for _ in range(500):
    loss = loss_of(model(powers), y)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.5 * parameter.grad)
print(f"layers: {loss.item():.4f}")

# An optimiser moves the parameters.
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2)
for _ in range(500):
    loss = loss_of(model(powers), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"optimiser: {loss.item():.4f}")


class Powers(torch.nn.Module):
    """A polynomial with as many powers as the turn says: the graph is another each time."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterList([torch.zeros(()) for _ in range(6)])

    def forward(self, x, count):
        return sum(w * x**i for i, w in enumerate(self.weights[:count]))


flexible = Powers()
adam = torch.optim.Adam(flexible.parameters(), lr=1e-2)
for turn in range(2000):
    loss = loss_of(flexible(x / math.pi, 4 + turn % 3), y)
    adam.zero_grad()
    loss.backward()
    adam.step()
print(f"module: {loss_of(flexible(x / math.pi, 6), y).item():.4f}")
