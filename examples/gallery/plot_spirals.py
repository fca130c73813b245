"""
A network learns two spirals
============================

Points of two kinds lie on two spirals wound into each other. A small network learns to tell them
apart. The program is one for PyTorch, with ``pullback.torch`` in its place.
"""

import matplotlib.pyplot as plt
import numpy as np

import pullback.torch as torch
from pullback.torch import nn

rng = np.random.default_rng(0)
torch.manual_seed(0)

# %%
# 400 points, with some noise.

turns = np.sqrt(rng.uniform(0.02, 1.0, 200)) * 3.5 * np.pi
spiral = turns[:, None] / 11.0 * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
points = np.concatenate([spiral, -spiral]) + rng.normal(0.0, 0.02, (400, 2))
inputs = torch.tensor(points, dtype=torch.float32)
labels = torch.tensor(np.repeat([0.0, 1.0], 200), dtype=torch.float32)

model = nn.Sequential(
    nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1), nn.Flatten(0)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_of = nn.BCEWithLogitsLoss()

# %%
# The plane, as the network sees it while it learns. Each step of training, with the optimiser's, is
# one call of one compiled function.

x, y = np.meshgrid(np.linspace(-1.15, 1.15, 120), np.linspace(-1.15, 1.15, 120))
plane = torch.tensor(np.stack([x, y], axis=-1).reshape(-1, 2), dtype=torch.float32)
right, shown = [], [0, 100, 200, 1000]
figure, panels = plt.subplots(2, 2, figsize=(7, 7), layout="constrained")
for step in range(shown[-1] + 1):
    if step in shown:
        with torch.no_grad():
            picture = torch.sigmoid(model(plane)).numpy().reshape(x.shape)
            right.append(((model(inputs) > 0) == (labels > 0.5)).float().mean().item())
        axes = panels.flat[shown.index(step)]
        axes.contourf(x, y, picture, levels=np.linspace(0.0, 1.0, 11), cmap="PuOr", alpha=0.6)
        axes.scatter(
            *points.T, c=labels.numpy(), cmap="PuOr", s=22, edgecolors="white", linewidths=0.6
        )
        axes.set(title=f"{step} steps: {right[-1]:.0%} right", xticks=[], yticks=[], aspect="equal")
    optimizer.zero_grad()
    loss = loss_of(model(inputs), labels)
    loss.backward()
    optimizer.step()

print(f"{torch.counts.called} calls of {torch.counts.compiled} compiled functions")
assert right[-1] > 0.98
plt.show()
