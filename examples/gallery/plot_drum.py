"""
The lowest note of an L-shaped drum
===================================

A drum vibrates slowest in the shape whose slopes have the least energy for its size. Here a neural
network is that shape (the method of Deep Ritz): its energy takes slopes by the place, its training
the derivative of that by the weights, and ``grad`` gives both.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb

# %%
# The drum is a square without its lower right quarter. The network is multiplied by a function that
# is zero along the edge. Around the inner corner that is
# :math:`r^{2/3} \sin(2\theta/3)`, which is how vibrations are there, so that the network has only
# smooth things to learn.


def shape(params, place):
    x, y = place
    angle = np.arctan2(y, x)
    angle = np.where(angle < 0.0, angle + 2.0 * np.pi, angle)
    corner = (x**2 + y**2) ** (1.0 / 3.0) * np.sin(2.0 / 3.0 * angle)
    hidden = place
    for weights, shifts in params[:-1]:
        hidden = np.tanh(hidden @ weights + shifts)
    return (1.0 - x**2) * (1.0 - y**2) * corner * (1.0 + hidden @ params[-1])


# %%
# Gauss's points in the three quarters, denser towards the corner.

nodes, weights = np.polynomial.legendre.leggauss(16)
t = 0.5 * nodes + 0.5
along, measure = t**3, 1.5 * t**2 * weights
corner = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
quarters = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
PLACES = (quarters[:, None] * corner).reshape(-1, 2)
AREAS = np.tile(np.outer(measure, measure).ravel(), 3)


def eigenvalue(params):
    """Rayleigh's quotient, the least value of which is the square of the lowest frequency."""
    at_places = pb.vmap(pb.value_and_grad(shape, argnums=1), in_axes=(None, 0))
    values, slopes = at_places(params, PLACES)
    return AREAS @ np.sum(slopes**2, axis=1) / (AREAS @ values**2)


rng = np.random.default_rng(0)
layers = [(rng.normal(size=(n, 20)) / np.sqrt(n), np.zeros(20)) for n in (2, 20)]
start, restore = pb.ravel_tree([*layers, np.zeros(20)])
loss = pb.value_and_grad(lambda vector: eigenvalue(restore(vector)))
found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
params = restore(found.x)

# %%
# The number is known to eight digits (L. Fox, P. Henrici and C. Moler 1967).

KNOWN = 9.6397238440
print(f"{found.fun:.6f} after {found.nfev} gradients, known {KNOWN:.6f}")
assert abs(found.fun / KNOWN - 1.0) < 1e-4

grid = np.linspace(-1.0, 1.0, 101)
x, y = np.meshgrid(grid, grid)
height = pb.vmap(shape, in_axes=(None, 0))(params, np.stack([x, y], axis=-1).reshape(-1, 2))
height = np.where((x > 0) & (y < 0), np.nan, abs(height.reshape(x.shape)))

figure = plt.figure(figsize=(7, 5), layout="constrained")
axes = figure.add_subplot(projection="3d")
axes.plot_surface(
    x, y, height / np.nanmax(height), cmap="viridis", rcount=101, ccount=101, antialiased=False
)
axes.set(xlabel="x", ylabel="y", title=f"The lowest vibration: ω² = {found.fun:.5f}")
axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1], zticks=[0, 1])
axes.set_box_aspect((1.0, 1.0, 0.7))
axes.view_init(elev=38, azim=-50)
plt.show()
