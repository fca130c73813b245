"""
Option prices and their Greeks
==============================

What an option is worth by Black and Scholes is a formula of five numbers; the "Greeks", its
derivatives by them, are what traders hedge by. ``grad`` makes each of them of the price, ``vmap`` a
surface of each.
"""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import pullback as pb
from pullback.scipy.special import ndtr

RATE, STRIKE, VOLATILITY = 0.03, 100.0, 0.25


def price(stock, years, volatility, rate=RATE):
    """Of a call: the right to buy at the strike in so many years."""
    spread = volatility * np.sqrt(years)
    upper = (np.log(stock / STRIKE) + (rate + 0.5 * volatility**2) * years) / spread
    return stock * ndtr(upper) - STRIKE * np.exp(-rate * years) * ndtr(upper - spread)


# %%
# Derivatives of derivatives are taken like all others: gamma is the second by the stock, vanna the
# mixed one by stock and volatility.

delta = pb.grad(price, 0)
surfaces: dict[str, Callable[..., Any]] = {
    "price": price,
    "delta: by the stock": delta,
    "gamma: delta by the stock": pb.grad(delta, 0),
    "vega: by the volatility": pb.grad(price, 2),
    "theta: by the time passed": lambda s, t, v: -pb.grad(price, 1)(s, t, v),
    "vanna: delta by the volatility": pb.grad(delta, 2),
}

stock, years = np.meshgrid(np.linspace(60.0, 140.0, 81), np.linspace(0.05, 1.5, 60))


@pb.jit
def everywhere(stock, years):
    at_points = pb.vmap(pb.vmap(lambda s, t: [f(s, t, VOLATILITY) for f in surfaces.values()]))
    return at_points(stock, years)


values = dict(zip(surfaces, everywhere(stock, years), strict=True))

# %%
# The Greeks obey the differential equation from which Black and Scholes derived the price: what an
# option loses with time, its curvature earns.

earned = 0.5 * VOLATILITY**2 * stock**2 * values["gamma: delta by the stock"]
carried = RATE * (stock * values["delta: by the stock"] - values["price"])
rest = values["theta: by the time passed"] + earned + carried
print(f"the equation holds to {np.max(abs(rest)):.0e}")
assert np.max(abs(rest)) < 1e-10

figure, panels = plt.subplots(2, 3, figsize=(9, 6.6), subplot_kw={"projection": "3d"})
figure.subplots_adjust(left=0.03, right=0.96, bottom=0.05, top=0.95, wspace=0.15, hspace=0.2)
for axes, (name, surface) in zip(panels.flat, values.items(), strict=True):
    axes.plot_surface(
        stock, years, surface, cmap="viridis", rcount=60, ccount=81, antialiased=False
    )
    axes.set(title=name, xlabel="stock", ylabel="years", xticks=[60, 100, 140], yticks=[0, 1])
    axes.view_init(elev=28, azim=-125)
plt.show()
