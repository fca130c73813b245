"""
Memory over time
================

What a compiled gradient keeps in memory, and from when to when, is planned before it runs. Here is
the plan for a chain of layers, and what ``checkpoint`` makes of it: the backward pass computes the
values within a layer again instead of keeping them.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import pullback as pb


def layer(x):
    for k in range(4):
        x = np.sin(np.cumsum(np.exp(-x * x) * (0.1 + k)))
    return x


def loss(x, layer=layer):
    for _ in range(5):
        x = layer(x)
    return np.sum(x)


gradients = {
    "all that is needed is kept": pb.grad(loss),
    "layers are computed again": pb.grad(lambda x: loss(x, pb.checkpoint(layer))),
}

# %%
# Each box is an array in the workspace: from left to right the kernels during which it is there,
# upwards where it lies. What the forward pass keeps for the backward pass is orange.

x = np.zeros(10_000)
figure, panels = plt.subplots(2, 1, figsize=(7, 6), layout="constrained", sharey=True)
for axes, (name, gradient) in zip(panels, gradients.items(), strict=True):
    report = gradient.explain(pb.ShapeDtype(x.shape))
    for block in report.blocks:
        corner = block.first - 0.5, block.offset / 1e6
        color = "#f5a742" if block.kept else "#4e79a7"
        box = Rectangle(corner, block.last - block.first + 1, block.bytes / 1e6)
        box.set(facecolor=color, edgecolor="white", linewidth=0.4)
        axes.add_patch(box)
    axes.set(xlim=(-0.5, len(report.kernels) - 0.5), ylim=(0, 5))
    axes.set(ylabel="workspace (MB)", title=f"{name}: {report.workspace_bytes / 1e6:.1f} MB")
    print(name, len(report.kernels), report.workspace_bytes, len(report.blocks))
panels[1].set_xlabel("kernel")
plt.show()
