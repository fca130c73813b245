"""
Ways down a curved valley
=========================

Rosenbrock's function has its minimum at the end of a long bent valley. Methods that know its slope
alone take thousands of steps along it; with the curvature, estimated or exact, it is some dozens. All
the derivatives they ask for are made from two lines of NumPy.
"""

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
# gradients asks for products of the Hessian with vectors as well, and ``hvp`` gives them without the matrix.

value_and_slope = pb.value_and_grad(valley)


@pb.jit
def curvature_along(p, v):
    return pb.hvp(valley, (p,), (v,))


def minimised(method, **options):
    path = [start]
    found = minimize(
        value_and_slope,
        start,
        jac=True,
        method=method,
        callback=lambda xk: path.append(xk),
        **options,
    )
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)
    return np.array(path)


paths["BFGS"] = minimised("BFGS")
paths["Newton"] = minimised("Newton-CG", hessp=curvature_along)

# %%
# Left the paths, right how far above the minimum they are at each point. BFGS learns the curvature
# from the slopes that it meets; Newton's method asks for it.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")

x, y = np.meshgrid(np.linspace(-1.8, 1.5, 300), np.linspace(-0.6, 2.2, 300))
left.contourf(x, y, np.log10(valley((x, y)) + 1e-3), levels=24, cmap="Greys_r", alpha=0.35)
left.plot(1.0, 1.0, "*", color="black", markersize=14, zorder=5)
styles = [("C0", ""), ("C1", ""), ("C2", "o"), ("C4", "s")]
for (name, path), (color, marker) in zip(paths.items(), styles, strict=True):
    style = {"color": color, "marker": marker, "markersize": 4, "label": name}
    left.plot(*path.T, **style)
    right.loglog(np.arange(1, len(path) + 1), np.maximum(valley(path.T), 1e-16), **style)
left.set(xlabel="x", ylabel="y", title="Paths to the minimum (star)", ylim=(-0.6, 2.2))
right.set(xlabel="points of the path", ylabel="height above the minimum", ylim=(1e-16, 1e3))
right.set_title("How fast they get down")
right.legend(loc="lower left", frameon=False)
for name, path in paths.items():
    print(f"{name:17} {len(path) - 1:5} steps to a height of {valley(path[-1]):.1e}")
plt.show()
