"""A model put together of layers, looked at layer by layer, as PyTorch users write it.

What each layer does to a batch of made-up pictures; the same layers in a row; the model as a class;
its parameters; and how it is saved, loaded and taken apart.
"""

import io

import numpy as np

import pullback.torch as torch
from pullback.torch import nn

device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
print(f"on {device}")
pictures = torch.tensor(np.random.default_rng(0).normal(size=(3, 8, 8)), dtype=torch.float32)
torch.manual_seed(1)

# Layer by layer.
flat = nn.Flatten()(pictures)
print(flat.size())
first = nn.Linear(in_features=8 * 8, out_features=10)
hidden = first(flat)
print(f"before: {hidden[0]}")
hidden = nn.ReLU()(hidden)
print(f"after: {hidden[0]}")

# In a row.
row = nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Linear(10, 4), nn.Softmax(dim=1))
chances = row(pictures)
print(chances.sum(1).detach(), chances.argmax(1))


class Network(nn.Module):
    """Two convolutions, then two linear layers."""

    def __init__(self):
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(1, 4, kernel_size=3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 8, kernel_size=3),
            nn.ReLU(),
        )
        self.tell = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(8 * 2 * 2, 4))

    def forward(self, x):
        return self.tell(self.see(x.unsqueeze(1)))


model = Network().to(device)
print(model)
for name, parameter in model.named_parameters():
    print(f"{name}: {tuple(parameter.size())}, first numbers {parameter.flatten()[:2]}")
print(f"{sum(p.numel() for p in model.parameters())} parameters")

# What is drawn at random while training is not when testing.
model.eval()
scores = model(pictures)
print(scores)

# Saved, and loaded into another.
file = io.BytesIO()
torch.save(model.state_dict(), file)
file.seek(0)
other = Network()
other.load_state_dict(torch.load(file, weights_only=True))
other.eval()
print(torch.equal(other(pictures), scores))

# Some of its layers are kept, others trained on.
for parameter in other.see.parameters():
    parameter.requires_grad = False
other.tell[2] = nn.Linear(8 * 2 * 2, 2)
nn.functional.cross_entropy(other(pictures), torch.tensor([0, 1, 1])).backward()
print([name for name, p in other.named_parameters() if p.grad is not None])
