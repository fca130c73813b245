"""
A sparse Jacobian in a few products
===================================

Most entries of a large Jacobian are zero. ``sparsity`` tells which are not; columns that have no
row in common share a colour, and one product with the Jacobian finds all columns of a colour. So a
Jacobian of any size takes as many products as there are colours.
"""

import matplotlib.pyplot as plt
import numpy as np

import pullback as pb

N = 6

# %%
# Forces between the points of a net, each joined to its neighbours: two for each of 36 points.


def forces(flat):
    points = flat.reshape(N, N, 2)
    total = np.zeros_like(points)
    for axis in (0, 1):
        reach = np.diff(points, axis=axis)
        length = np.sqrt(np.sum(reach**2, axis=-1, keepdims=True))
        force = reach * (1.0 - 0.8 / length)
        before, after = [(0, 0)] * 3, [(0, 0)] * 3
        before[axis], after[axis] = (0, 1), (1, 0)
        total = total + np.pad(force, before) - np.pad(force, after)
    return total.ravel()


rng = np.random.default_rng(0)
grid = np.stack(np.meshgrid(np.arange(N), np.arange(N)), axis=-1)
points = (grid + rng.normal(0.0, 0.1, grid.shape)).ravel()
pattern = pb.sparsity(forces, points).toarray()

# %%
# Each column gets the first colour that no column before it has with which it shares a row.

conflicts = pattern.T.astype(int) @ pattern > 0
colours = np.zeros(len(pattern), int)
for column in range(len(pattern)):
    taken = set(colours[:column][conflicts[column, :column]])
    colours[column] = next(c for c in range(len(pattern)) if c not in taken)
count = int(colours.max()) + 1

# %%
# The products of the Jacobian with the sums of the unit vectors of each colour hold every entry.
# ``sparse_jacobian`` does all of this by itself, and compiles it.

_, push = pb.linearize(forces, points)
products = np.stack([push(np.where(colours == c, 1.0, 0.0)) for c in range(count)], axis=1)
rows, columns = np.nonzero(pattern)
jacobian = np.zeros(pattern.shape)
jacobian[rows, columns] = products[rows, colours[columns]]
np.testing.assert_allclose(jacobian, pb.sparse_jacobian(forces)(points).toarray(), atol=1e-12)
print(f"{pattern.sum()} of {pattern.size} entries, by {count} products")

# %%
# Left the Jacobian, with its columns in their colours; right the products. Darker is larger.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(7.5, 5.2), width_ratios=[len(pattern), 24], layout="constrained"
)
palette = plt.get_cmap("turbo", count)


def drawn(matrix, shown, colours):
    """An image of a matrix: white where nothing is, a column in its colour, darker if larger."""
    strength = 0.35 + 0.65 * np.sqrt(abs(matrix) / np.max(abs(matrix)))
    colour = palette(colours)[None, :, :3]
    return np.where(shown[..., None], 1.0 - strength[..., None] * (1.0 - colour), 1.0)


left.imshow(drawn(jacobian, pattern, colours))
right.imshow(drawn(products, products != 0.0, np.arange(count)), aspect="auto")
left.set(
    xlabel=f"{len(pattern)} coordinates", ylabel=f"{len(pattern)} forces", title="The Jacobian"
)
right.set(xlabel=f"{count} colours", yticks=[], title="Products")
plt.show()
