"""A sine fitted by a cubic, six times: with ever more done by PyTorch's tools, here pullback's.

By tensors, with derivatives written by hand; by autograd; with a function that brings its own
derivative; by a module of layers; with an optimiser; and by a module of one's own with a loop
inside that takes another turn each time, and one weight for all the powers that it adds.
"""

import math

import pullback.torch as torch

x = torch.linspace(-math.pi, math.pi, 500)
y = torch.sin(x)
loss = y.pow(2).mean()
print(f"nothing: {loss.item():.4f}")

# Tensors: the derivatives of the mean square are written down.
terms = [torch.ones_like(x), x, x**2, x**3]
rates = [0.1, 0.03, 3e-3, 1e-3]
weights = [torch.zeros(()) for _ in terms]
for _ in range(500):
    rest = sum(w * term for w, term in zip(weights, terms, strict=True)) - y
    loss = rest.pow(2).mean()
    for w, term, rate in zip(weights, terms, rates, strict=True):
        w -= rate * (2 * rest * term).mean()
print(f"tensors: {loss.item():.4f}")

# Tensors and autograd.
a, b, c, d = (torch.zeros((), requires_grad=True) for _ in range(4))
for _ in range(1000):
    loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        for p, rate in zip((a, b, c, d), rates, strict=True):
            p -= rate * p.grad
            p.grad = None
print(f"by hand: {loss.item():.4f}")
print(f"y = {a.item():.2f} + {b.item():.2f} x + {c.item():.2f} x^2 + {d.item():.2f} x^3")


class Chebyshev(torch.autograd.Function):
    """The polynomial 4 x^3 - 3 x, with its derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 4 * x**3 - 3 * x

    @staticmethod
    def backward(ctx, *grads):
        (grad,), (x,) = grads, ctx.saved_tensors
        return grad * (12 * x**2 - 3)


# A function of one's own: a + b T(c + d x), T with the derivative that it brings along.
p = torch.tensor([0.0, -0.5, 0.0, 0.2], requires_grad=True)
for _ in range(500):
    loss = (p[0] + p[1] * Chebyshev.apply(p[2] + p[3] * x) - y).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        p -= 0.01 * p.grad
        p.grad.zero_()
print(f"function: {loss.item():.4f}")

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
    """A cubic, and more powers that share a weight: as many as the turn says.

    The graph is another each time, and a weight that occurs in it several times gets the sum of
    the gradients by all its places.
    """

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterList([torch.zeros(()) for _ in range(4)])
        self.shared = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x, count):
        cubic = sum(w * x**i for i, w in enumerate(self.weights))
        for i in range(4, 4 + count):
            cubic = cubic + self.shared * x**i
        return cubic


flexible = Powers()
adam = torch.optim.Adam(flexible.parameters(), lr=1e-2)
for turn in range(1200):
    loss = loss_of(flexible(x / math.pi, turn % 3), y)
    adam.zero_grad()
    loss.backward()
    adam.step()
print(f"module: {loss_of(flexible(x / math.pi, 2), y).item():.4f}")
