"""
How far a Taylor series reaches
===============================

``jet`` gives derivatives of any order at the price of some arithmetic on series: here 24 of a
function at one point. Summed up in the complex plane they agree with the function inside of a
circle, whatever the order: the circle through the nearest point where the function is infinite.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.patches import Circle

import pullback as pb


def function(x):
    return np.tanh(x) * np.cos(2.0 * x)


# %%
# All derivatives at x = 1 along the curve x + t, and the coefficients of the series.

CENTER, ORDER = 1.0, 24


@pb.jit
def series(x):
    return pb.jet(function, (x,), ([1.0] + [0.0] * (ORDER - 1),))


value, derivatives = series(CENTER)
factorials = np.cumprod(np.arange(1.0, ORDER + 1.0))
coefficients = np.array([value, *(derivatives / factorials)])

# %%
# Late coefficients are those of the two nearest poles of tanh, at ±iπ/2: each is a combination of
# the two before it, in which the second's factor is one over the square of the distance.

heights = np.array([np.pi / 2.0, -np.pi / 2.0])
radius = np.hypot(CENTER, np.pi / 2.0)
c = coefficients[-4:]
_, factor = np.linalg.solve([[c[2], -c[1]], [c[1], -c[0]]], [c[3], c[2]])
print(f"radius from coefficients {factor**-0.5:.7f}, distance of the poles {radius:.7f}")
assert abs(factor**-0.5 / radius - 1.0) < 1e-4

levels = np.arange(-16.0, 2.1, 2.0)
x, y = np.meshgrid(np.linspace(-2.0, 4.0, 360), np.linspace(-2.2, 2.2, 264))
z = x + 1j * y
figure, panels = plt.subplots(
    2, 2, figsize=(7.5, 5), layout="constrained", sharex=True, sharey=True
)
for axes, order in zip(panels.flat, [3, 6, 12, 24], strict=True):
    sums = np.polynomial.polynomial.polyval(z - CENTER, coefficients[: order + 1])
    error = np.log10(np.maximum(abs(sums - function(z)), 1e-16))
    shown = axes.contourf(
        x, y, error, levels=np.arange(-16.0, 2.1, 2.0), extend="max", cmap="viridis"
    )
    axes.add_patch(Circle((CENTER, 0.0), radius, fill=False, edgecolor="black", linewidth=1.5))
    axes.plot(0.0 * heights, heights, "x", color="black", markersize=8, markeredgewidth=2)
    axes.set(title=f"order {order}", aspect="equal")
scale = ScalarMappable(BoundaryNorm(levels, 256, extend="max"), "viridis")
figure.colorbar(scale, ax=panels, label="error, power of ten", shrink=0.8)
figure.supxlabel("real part")
figure.supylabel("imaginary part")
plt.show()
