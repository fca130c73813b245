"""
A forecast by a Gaussian process
================================

Monthly measurements rise, and swing with the seasons. A Gaussian process with a kernel for each of
these goes on into the future and says how far it can be trusted. Its scales and lengths are those
under which the measurements are most likely: found by a gradient through a Cholesky factorisation.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb
from pullback.scipy import linalg

plt.style.use("petroff10")

# %%
# Ten years of measurements, and five that we leave out.


def trend_and_season(t):
    season = (3.0 + 0.1 * t) * np.sin(2.0 * np.pi * t) + 1.2 * np.cos(4.0 * np.pi * t)
    return 0.07 * t**2 + 0.8 * t + season


rng = np.random.default_rng(1)
months = np.arange(180) / 12.0
levels = trend_and_season(months) + rng.normal(0.0, 0.5, months.size)
t, y = months[:120], levels[:120]
center = y.mean()

# %%
# The covariance of two months: a smooth trend, and a swing with a period of one year whose shape
# may change slowly.


def kernel(logs, a, b):
    height, length, swing, change, shape, _ = np.exp(logs)
    distance = a[:, None] - b
    trend = height**2 * np.exp(-0.5 * (distance / length) ** 2)
    turn = (np.sin(np.pi * distance) / shape) ** 2
    return trend + swing**2 * np.exp(-2.0 * turn - 0.5 * (distance / change) ** 2)


def factor(logs, t):
    return np.linalg.cholesky(kernel(logs, t, t) + np.exp(2.0 * logs[-1]) * np.eye(t.size))


@pb.value_and_grad
def surprise(logs, t, y):
    """Minus the logarithm of the likelihood, and of a wide prior that keeps numbers in reach."""
    root = factor(logs, t)
    rest = linalg.solve_triangular(root, y, lower=True)
    return (
        0.5 * rest @ rest + np.sum(np.log(np.diagonal(root))) + np.sum((logs - FIRST) ** 2) / 18.0
    )


@pb.jit
def forecast(logs, t, y, at):
    root = factor(logs, t)
    across = linalg.solve_triangular(root, kernel(logs, t, at), lower=True)
    mean = across.T @ linalg.solve_triangular(root, y, lower=True)
    return mean, kernel(logs, at, at) - across.T @ across


FIRST = np.log(np.array([10.0, 5.0, 2.0, 10.0, 1.0, 1.0]))
found = minimize(surprise, FIRST, args=(t, y - center), jac=True, method="BFGS")
names = [
    "trend (units)",
    "its length (years)",
    "season (units)",
    "changes in (years)",
    "shape",
    "noise",
]
for name, value in zip(names, np.exp(found.x), strict=True):
    print(f"{name:18} {value:8.2f}")

at = np.arange(0.0, 15.0, 1.0 / 48.0)
mean, covariance = forecast(found.x, t, y - center, at)
noise = np.exp(found.x[-1])
spread = 2.0 * np.sqrt(np.diagonal(covariance) + noise**2)
inside = abs(np.interp(months, at, mean + center) - levels) < np.interp(months, at, spread)
print(f"{np.mean(inside[120:]):.0%} of the months left out are within the band of 95 %")

figure, axes = plt.subplots(figsize=(7, 4.8), layout="constrained")
axes.fill_between(at, mean + center - spread, mean + center + spread, color="C0", alpha=0.25)
axes.plot(at, mean + center, color="C0", label="mean, and 95 % band")
axes.plot(t, y, ".", color="black", markersize=4, label="measured")
axes.plot(months[120:], levels[120:], ".", color="C1", markersize=6, label="left out")
axes.axvline(10.0, color="black", linewidth=0.8, linestyle=":")
axes.set(xlabel="time (years)", ylabel="level", title="A forecast from ten years of measurements")
axes.legend(loc="upper left")
plt.show()
