"""
What the data say of four parameters
====================================

How fast does a drug leave the blood? Measured concentrations leave a range of answers. Hamiltonian
Monte Carlo samples it: it follows the gradient of the posterior's logarithm. The whole sampler,
with its random numbers and for several chains at once, is one compiled function.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np

import pullback as pb
from pullback import random
from pullback.scipy import stats

plt.style.use("petroff10")
NAMES = ["volume (l)", "uptake (1/h)", "elimination (1/h)", "noise (relative)"]
DOSE, TRUE = 100.0, np.array([20.0, 1.2, 0.18, 0.12])

# %%
# The model: a dose is taken up from the gut and eliminated from the blood at two rates. Parameters
# are positive, so their logarithms are sampled, under wide normal priors.


def concentration(logs, t):
    volume, uptake, elimination, _ = np.exp(logs)
    rise = np.exp(-elimination * t) - np.exp(-uptake * t)
    return DOSE / volume * uptake / (uptake - elimination) * rise


def log_posterior(logs, t, measured):
    prior = stats.norm.logpdf(logs, loc=PRIOR, scale=1.0)
    fit = stats.norm.logpdf(np.log(measured), np.log(concentration(logs, t)), np.exp(logs[3]))
    return np.sum(prior) + np.sum(fit)


PRIOR = np.log(np.array([30.0, 1.0, 0.3, 0.2]))
rng = np.random.default_rng(4)
t = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0])
measured = concentration(np.log(TRUE), t) * np.exp(rng.normal(0.0, TRUE[3], t.size))

# %%
# A step of Hamiltonian Monte Carlo: a random push, a flight of some leapfrog steps that keep the
# energy, and a coin which accepts where they have not.


def sampled(key, start, t, measured, count, rate=0.03, leaps=25):
    slope = pb.value_and_grad(log_posterior)

    def leap(_, state):
        q, p, _, g = state
        p = p + 0.5 * rate * g
        q = q + rate * p
        value, g = slope(q, t, measured)
        return q, p + 0.5 * rate * g, value, g

    def step(state, number):
        q, value, g = state
        push_key, coin_key = random.split(random.fold_in(key, number))
        push = random.normal(push_key, size=4)
        new, p, new_value, new_g = pb.fori_loop(0, leaps, leap, (q, push, value, g))
        gain = new_value - value + 0.5 * np.sum(push**2) - 0.5 * np.sum(p**2)
        accepted = np.log(random.uniform(coin_key)) < gain
        state = pb.cond(accepted, lambda: (new, new_value, new_g), lambda: (q, value, g))
        return state, (state[0], accepted)

    begin = (start, *slope(start, t, measured))
    return pb.scan(step, begin, np.arange(count))[1]


@pb.jit
def chains(keys, starts):
    return pb.vmap(lambda key, start: sampled(key, start, t, measured, 2000))(keys, starts)


starts = np.log(TRUE) + rng.normal(0.0, 0.3, (8, 4))
logs, accepted = chains(random.split(random.key(0), 8), starts)
logs = logs[:, 500:]
parts = logs.mean(axis=1).var(axis=0, ddof=1) / logs.var(axis=1, ddof=1).mean(axis=0)
print(f"{np.mean(accepted):.0%} of the steps accepted")
print(f"Gelman and Rubin's ratio {np.sqrt(1.0 + np.max(parts)):.4f}; 1 if the chains agree")
assert np.max(parts) < 0.02

# %%
# Each parameter, and each pair: a large volume that is emptied slowly explains the data as well as
# a small one that is emptied fast. What the data were made with is in orange. At the top right are
# the measurements, and the concentrations for some of the samples.

drawn = np.exp(logs.reshape(-1, 4))
for name, mean, spread in zip(NAMES, drawn.mean(axis=0), drawn.std(axis=0), strict=True):
    print(f"{name:18} {mean:7.3f} ± {spread:.3f}")

hours = np.linspace(0.02, 14.0, 200)
curves = pb.vmap(concentration, in_axes=(0, None))(logs.reshape(-1, 4)[::150], hours)
limits = np.quantile(drawn, [0.002, 0.998], axis=0).T

figure = plt.figure(figsize=(7.5, 6.5), layout="constrained")
grid = figure.add_gridspec(4, 4)
for i, j in itertools.product(range(4), range(4)):
    if i < j:
        continue
    axes = figure.add_subplot(grid[i, j])
    if i == j:
        axes.hist(drawn[:, i], bins=40, range=limits[i], color="C0")
        axes.axvline(TRUE[i], color="C1", linewidth=2.5)
    else:
        axes.hist2d(drawn[:, j], drawn[:, i], bins=40, range=limits[[j, i]], cmap="Blues")
        axes.plot(TRUE[j], TRUE[i], "+", color="C1", markersize=14, markeredgewidth=2.5)
    axes.set(xlabel=NAMES[j] if i == 3 else "", ylabel=NAMES[i] if i > j == 0 else "")
    if i == j or j > 0:
        axes.set_yticks([])
axes = figure.add_subplot(grid[:2, 2:])
axes.plot(hours, curves.T, color="C0", alpha=0.15)
axes.plot(t, measured, "o", color="C1", markersize=6)
axes.set(xlabel="time (h)", ylabel="concentration (mg/l)")
plt.show()
