"""
Ways down a curved valley
=========================

Rosenbrock's function has its minimum at the end of a long bent valley. Methods that know its slope
alone take thousands of steps along it; with the curvature, estimated or exact, it is some dozens.
All the derivatives they ask for are made from two lines of NumPy.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb

plt.style.use("petroff10")


def valley(p):
    x, y = p
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


# %%
# Gradient descent takes the slope, with momentum also the slopes before. Thousands of steps are one
# loop in machine code, the gradient included.


@pb.jit
def descend(start, rate, momentum):
    def step(state, _):
        p, velocity = state
        velocity = momentum * velocity - rate * pb.grad(valley)(p)
        return (p + velocity, velocity), p

    return pb.scan(step, (start, np.zeros(2)), length=4000)[1]


start = np.array([-0.6, 2.0])
paths = {
    "gradient descent": descend(start, 1e-3, 0.0),
    "with momentum": descend(start, 5e-4, 0.97),
}

# %%
# SciPy's methods take value and slope from one call (``jac=True``). Newton's method with conjugate
# gradients asks for products of the Hessian with vectors as well: ``hvp`` gives them without the
# Hessian.

value_and_slope = pb.value_and_grad(valley)


@pb.jit
def curvature_along(p, v):
    return pb.hvp(valley, (p,), (v,))


def minimised(method, hessp=None):
    path = [start]

    def note(xk):
        path.append(xk)

    found = minimize(value_and_slope, start, jac=True, method=method, hessp=hessp, callback=note)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)
    return np.array(path)


paths["BFGS"] = minimised("BFGS")
paths["Newton"] = minimised("Newton-CG", hessp=curvature_along)

# %%
# The paths on a map of the function. Momentum swings from side to side and still gets there sooner
# than descent without it, which stays on the floor of the valley and hardly moves.

styles: dict[str, Any] = {
    "gradient descent": {"color": "C0"},
    "with momentum": {"color": "C1", "linewidth": 1.2},
    "BFGS": {"color": "C2", "marker": "o", "markersize": 5},
    "Newton": {"color": "C4", "marker": "s", "markersize": 5},
}
figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
x, y = np.meshgrid(np.linspace(-1.8, 1.5, 300), np.linspace(-0.6, 2.3, 300))
axes.contourf(x, y, np.log10(valley((x, y)) + 1e-3), levels=24, cmap="Greys_r", alpha=0.35)
for name, path in paths.items():
    axes.plot(*path.T, label=name, **styles[name])
axes.plot(1.0, 1.0, "*", color="black", markersize=16, zorder=5)
axes.set(xlabel="x", ylabel="y", title="Paths to the minimum of Rosenbrock's function (star)")
axes.legend(loc="upper right", bbox_to_anchor=(0.86, 1.0))

# %%
# How high above the minimum each of them is after so many steps. BFGS learns the curvature from the
# slopes that it meets; Newton's method asks for it.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, path in paths.items():
    heights = np.maximum(valley(path.T), 1e-16)
    axes.loglog(np.arange(1, len(path)), heights[1:], label=name, **styles[name])
    print(f"{name:17} {len(path) - 1:5} steps, then {heights[-1]:.0e} above the minimum")
axes.set(xlabel="steps", ylabel="height above the minimum", title="How fast they get down")
axes.legend(loc="lower left")
plt.show()
