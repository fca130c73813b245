"""
A bridge that grows
===================

Where should material be, so that a bridge of given weight bends as little as can be? The densities
of 3328 elements are the unknowns. Displacements come from a sparse system that SciPy solves;
``custom_linear_solve`` makes the solver part of a gradient.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse
from scipy.optimize import brentq
from scipy.sparse.linalg import splu

import pullback as pb

WIDTH, HEIGHT, SHARE = 64, 52, 0.18

# %%
# The stiffness of a square element of elastic material is the Hessian of its energy by the
# displacements of its four corners, integrated by Gauss's formula.

CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
ELASTICITY = np.array([[1.0, 0.3, 0.0], [0.3, 1.0, 0.0], [0.0, 0.0, 0.35]]) / (1.0 - 0.3**2)


def energy(corners):
    def displacement(place):
        weights = np.prod(1.0 + CORNERS * place, axis=1) / 4.0
        return weights @ corners.reshape(4, 2)

    def density(place):
        slope = 2.0 * pb.jacfwd(displacement)(place)
        strain = np.array([slope[0, 0], slope[1, 1], slope[0, 1] + slope[1, 0]])
        return strain @ ELASTICITY @ strain / 2.0

    return np.mean(pb.vmap(density)(CORNERS / np.sqrt(3.0)))


STIFFNESS = pb.hessian(energy)(np.zeros(8))

# %%
# Half of the bridge is computed. It stands on its left lower corner, its middle may not move to the
# side, and the road along the bottom has a load.

nodes = np.arange((WIDTH + 1) * (HEIGHT + 1)).reshape(WIDTH + 1, HEIGHT + 1)
corners = np.stack([nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:]], axis=-1)
PLACES = (2 * corners[..., None] + np.array([0, 1])).reshape(-1, 8)
fixed = np.concatenate([[0, 1], 2 * nodes[-1]])
FREE = np.setdiff1d(np.arange(2 * nodes.size), fixed)
LOAD = np.zeros(2 * nodes.size)
LOAD[2 * nodes[:, 0] + 1] = -1.0 / WIDTH
rows, columns = np.broadcast_arrays(PLACES[:, :, None], PLACES[:, None, :])


def solved(stiffness, load):
    values = stiffness[:, None, None] * STIFFNESS
    matrix = sparse.csc_array((values.ravel(), (rows.ravel(), columns.ravel())))
    symmetric = {"SymmetricMode": True}
    factors = splu(matrix[FREE][:, FREE], "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=symmetric)
    return factors.solve(load)


def displacements(stiffness):
    def forces(u):
        whole, result = np.zeros(LOAD.size), np.zeros(LOAD.size)
        whole[FREE] = u
        np.add.at(result, PLACES, stiffness[:, None] * (whole[PLACES] @ STIFFNESS))
        return result[FREE]

    def solve(_, load):
        return pb.pure_callback(solved, load, stiffness, load)

    return pb.custom_linear_solve(forces, LOAD[FREE], solve, symmetric=True)


# %%
# Densities are smoothed, which keeps bars from becoming thinner than elements, and stiffness is
# their cube, which makes half densities a bad bargain. The road is there from the start.


def smooth(x):
    x = np.pad(x, 2, mode="edge")
    for _ in range(2):
        x = 0.25 * x[:-2] + 0.5 * x[1:-1] + 0.25 * x[2:]
        x = 0.25 * x[:, :-2] + 0.5 * x[:, 1:-1] + 0.25 * x[:, 2:]
    return x


def built(design):
    return np.concatenate([np.ones((WIDTH, 2)), smooth(design)[:, 2:]], axis=1)


@pb.value_and_grad
def sag(design):
    stiffness = 1e-6 + built(design).ravel() ** 3
    return LOAD[FREE] @ displacements(stiffness)


weight = pb.value_and_grad(lambda design: np.mean(built(design)))

# %%
# At the optimum all material is worth the same: more is put where the gain for its weight is larger
# than the price, less where it is smaller, and the price is what gives the weight we want.


def improved(design, gain, cost):
    def at(price):
        factor = np.sqrt(np.maximum(gain, 0.0) / (np.exp(price) * cost))
        return np.clip(design * factor, design - 0.2, design + 0.2).clip(0.01, 1.0)

    return at(brentq(lambda price: weight(at(price))[0] - SHARE, -20.0, 30.0))


design = np.full((WIDTH, HEIGHT), SHARE)
figure, panels = plt.subplots(3, 1, figsize=(6, 6.8), layout="constrained")
for turn in range(51):
    value, slope = sag(design)
    if turn in (5, 15, 50):
        axes = panels[(5, 15, 50).index(turn)]
        half = built(design)
        axes.imshow(np.concatenate([half, half[::-1]]).T, origin="lower", cmap="bone_r")
        axes.set(xticks=[], yticks=[], title=f"after {turn} turns it sags by {value:.0f}")
    design = improved(design, -slope, weight(design)[1])
plt.show()
