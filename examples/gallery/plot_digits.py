"""
Fooling a reader of digits
==========================

A network reads handwritten digits. The gradient of its loss by the picture tells how to change the
picture, by so little that we hardly see it, so that the network reads another digit. Training on
such pictures makes it harder to fool.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pullback.torch as torch
from pullback.torch import nn
from pullback.torch.nn import functional as F

plt.style.use("petroff10")

# %%
# 1797 digits of 8 x 8 pixels between 0 and 1, of which 360 are for testing.

data = Path(sys.argv[0]).resolve().parents[1] / "data"
table = np.loadtxt(data / "digits.csv", delimiter=",")
table = np.random.default_rng(0).permutation(table)
pictures = torch.tensor(table[:, :64] / 16, dtype=torch.float32)
digits = torch.tensor(table[:, 64], dtype=torch.int64)
training, testing = slice(360, None), slice(0, 360)


def fooled(model, pictures, digits, size, steps=5):
    """Pictures changed by at most so much in each pixel, so that the loss becomes large."""
    found = pictures
    for _ in range(steps):
        found = found.detach().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(model(found), digits), found)
        found = found.detach() + 2.0 * size / steps * slope.sign()
        found = torch.maximum(torch.minimum(found, pictures + size), pictures - size).clamp(0, 1)
    return found.detach()


def trained(size, epochs):
    """A network trained on pictures that are changed by so much."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(1437).split(128)[:-1]:
            batch, answers = pictures[training][rows], digits[training][rows]
            batch = fooled(model, batch, answers, size) if size else batch
            optimizer.zero_grad()
            F.cross_entropy(model(batch), answers).backward()
            optimizer.step()
    return model


plain, hardened = trained(0.0, 30), trained(0.15, 30)

# %%
# Above what we show the plain network, below how each pixel has been changed (orange: darker,
# purple: lighter), by at most 0.15 of the whole range.

changed = fooled(plain, pictures[testing], digits[testing], 0.15)
figure, panels = plt.subplots(3, 6, figsize=(7, 4.6), layout="constrained")
for column, digit in enumerate([0, 2, 3, 4, 6, 9]):
    row = int(np.argmax(digits.numpy() == digit))
    before, after = pictures[row].reshape(8, 8).numpy(), changed[row].reshape(8, 8).numpy()
    panels[0, column].imshow(before, cmap="Greys", vmin=0, vmax=1)
    panels[0, column].set_title(f"read: {plain(pictures[row]).argmax().item()}")
    panels[1, column].imshow(after, cmap="Greys", vmin=0, vmax=1)
    panels[1, column].set_title(f"read: {plain(changed[row]).argmax().item()}")
    panels[2, column].imshow(after - before, cmap="PuOr_r", vmin=-0.3, vmax=0.3)
for axes, name in zip(panels[:, 0], ["digits", "changed", "changes"], strict=True):
    axes.set_ylabel(name)
for axes in panels.flat:
    axes.set(xticks=[], yticks=[])

# %%
# How many of the test pictures are read right, if each of their pixels may be changed by so much.

sizes = np.linspace(0.0, 0.35, 8)


def accuracy(model, size):
    changed = fooled(model, pictures[testing], digits[testing], size)
    return 100 * (model(changed).argmax(1) == digits[testing]).float().mean().item()


figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, model in {"plain": plain, "trained on changed pictures": hardened}.items():
    axes.plot(sizes, [accuracy(model, size) for size in sizes], "o-", label=name)
    print(
        f"{name}: {accuracy(model, 0.0):.0f} % right, changed by 0.15 {accuracy(model, 0.15):.0f} %"
    )
axes.set(xlabel="largest change of a pixel (white 0, black 1)", ylabel="read right (%)")
axes.legend()
plt.show()
