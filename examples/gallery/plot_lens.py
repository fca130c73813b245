"""
Grinding a lens
===============

A lens with spherical faces does not bring all rays together in one point. Its faces are given some
freedom, and the gradient of the width of the spot, through refraction and the search for where each
ray meets the glass, tells how to grind them.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb

plt.style.use("petroff10")
GLASS, THICKNESS, FOCUS = 1.5168, 9.0, 60.0
HEIGHTS = np.linspace(-14.0, 14.0, 21)

# %%
# A face is a conic of some curvature with two terms of higher order. A ray meets it where an
# equation is zero: Newton's method finds the place, and ``custom_root`` differentiates the equation
# instead of the steps.


def face(y, shape):
    curvature, conic, fourth, sixth = shape * np.array([1e-2, 1.0, 1e-6, 1e-9])
    root = np.sqrt(1.0 - (1.0 + conic) * curvature**2 * y**2)
    return curvature * y**2 / (1.0 + root) + fourth * y**4 + sixth * y**6


def meet(place, direction, shape, vertex):
    """Where a ray meets a face."""

    def behind(t):
        z, y = place + t * direction
        return z - vertex - face(y, shape)

    def newton(f, t):
        return pb.fori_loop(0, 8, lambda _, t: t - f(t) / pb.grad(f)(t), t)

    start = (vertex - place[0]) / direction[0]
    return place + direction * pb.custom_root(behind, start, newton, lambda g, y: y / g(1.0))


def refract(place, direction, shape, ratio):
    """Snell's law as vectors: the part of the direction along the face is changed by the ratio."""
    slope = pb.grad(face)(place[1], shape)
    normal = np.array([1.0, -slope]) / np.sqrt(1.0 + slope**2)
    along = ratio * (direction - (direction @ normal) * normal)
    return along + np.sqrt(1.0 - along @ along) * normal


def ray(shapes, y):
    """Where a ray along the axis starts, meets both faces, and ends in the focal plane."""
    start, direction = np.array([-10.0, y]), np.array([1.0, 0.0])
    first = meet(start, direction, shapes[0], 0.0)
    direction = refract(first, direction, shapes[0], 1.0 / GLASS)
    second = meet(first, direction, shapes[1], THICKNESS)
    direction = refract(second, direction, shapes[1], GLASS)
    end = second + direction * (FOCUS - second[0]) / direction[0]
    return np.stack([start, first, second, end])


rays = pb.jit(pb.vmap(ray, in_axes=(None, 0)))

# %%
# What is to be small is the width of the spot in the focal plane. First only the curvatures are
# free, then all eight numbers.


@pb.value_and_grad
def log_width(numbers):
    ends = rays(numbers.reshape(2, 4), HEIGHTS)[:, -1, 1]
    return np.log(np.mean(ends**2))


def ground(start, free):
    bounds = [(None, None) if f else (x, x) for f, x in zip(free, start, strict=True)]
    return minimize(log_width, start, jac=True, method="L-BFGS-B", bounds=bounds).x


spheres = ground(np.array([2.5, 0, 0, 0, -0.5, 0, 0, 0]), [True, False, False, False] * 2)
best = ground(spheres, [True] * 8)

# %%
# Spheres bend the outer rays too much. For rays along the axis the ground lens has none of that
# error left, also for those between the rays that it was ground with.

lenses = {"Two spheres": spheres, "Two faces of free shape": best}
between = np.linspace(-14.0, 14.0, 200)
y = np.linspace(-16.0, 16.0, 200)
figure, panels = plt.subplots(2, 1, figsize=(7, 5.4), layout="constrained", sharex=True)
for axes, (name, numbers) in zip(panels, lenses.items(), strict=True):
    shapes = numbers.reshape(2, 4)
    spot = 1e3 * np.sqrt(np.mean(rays(shapes, between)[:, -1, 1] ** 2))
    paths = rays(shapes, HEIGHTS)
    onward = paths[:, -1] + 0.15 * (paths[:, -1] - paths[:, -2])
    z, r = np.moveaxis(np.concatenate([paths, onward[:, None]], axis=1), -1, 0)
    axes.fill_betweenx(y, face(y, shapes[0]), THICKNESS + face(y, shapes[1]), color="C0", alpha=0.4)
    near = axes.inset_axes(
        (0.73, 0.62, 0.25, 0.34), xlim=(55, 65), ylim=(-1, 1), xticks=[], yticks=[]
    )
    for each in (axes, near):
        each.plot(z.T, r.T, color="C1", linewidth=0.9)
    axes.indicate_inset_zoom(near, edgecolor="black")
    axes.set(ylabel="height (mm)", title=f"{name}: a spot of {spot:.3g} µm", xlim=(-10, 68))
    print(f"{name}: {spot:.1e} µm")
panels[-1].set_xlabel("along the axis (mm)")
plt.show()
