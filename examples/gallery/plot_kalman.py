"""
A smoother is the gradient of a filter
======================================

A Kalman filter goes once through noisy positions and finds how likely they are. Its gradient by the
positions says where they ought to have been, from all measurements, the later ones included; its
gradient by the sizes of the noises finds those.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb

plt.style.use("petroff10")
COUNT, STEP, ERROR = 138, 0.2, 0.7

# %%
# Somebody walks a figure of eight, and a receiver tells the place every 0.2 s, with errors. The
# filter knows of no eight: its state is place and speed, and the speed is changed at random.

MOVE = np.eye(4) + STEP * np.eye(4, k=2)
SEEN = np.eye(2, 4)


def pushes(size):
    """The covariance of what random accelerations add to a state in a step."""
    parts = np.array([[STEP**3 / 3.0, STEP**2 / 2.0], [STEP**2 / 2.0, STEP]])
    return size**2 * np.kron(parts, np.eye(2))


@pb.jit
def log_likelihood(seen, logs):
    push, error = np.exp(logs)
    added, errors = pushes(push), error**2 * np.eye(2)

    def step(state, place):
        mean, covariance = state
        mean, covariance = MOVE @ mean, MOVE @ covariance @ MOVE.T + added
        spread = SEEN @ covariance @ SEEN.T + errors
        surprise = place - SEEN @ mean
        gain = np.linalg.solve(spread, SEEN @ covariance).T
        size = np.linalg.slogdet(2.0 * np.pi * spread)[1]
        likelihood = -0.5 * (surprise @ np.linalg.solve(spread, surprise) + size)
        mean = mean + gain @ surprise
        return (mean, covariance - gain @ SEEN @ covariance), (likelihood, mean[:2])

    start = np.zeros(4), 100.0 * np.eye(4)
    _, (likelihoods, means) = pb.scan(step, start, seen)
    return np.sum(likelihoods), means


time = STEP * np.arange(COUNT)
truth = np.stack([8.0 * np.sin(0.23 * time), 5.0 * np.sin(0.46 * time)], axis=-1)
seen = truth + np.random.default_rng(0).normal(0.0, ERROR, truth.shape)

# %%
# How large errors and changes of speed are, is what makes the measurements most likely.


@pb.value_and_grad
def loss(logs):
    return -log_likelihood(seen, logs)[0]


logs = minimize(loss, np.zeros(2), jac=True).x
push, error = np.exp(logs)
print(
    f"errors of {error:.2f} m (in truth {ERROR} m), changes of speed of {push:.2f} m/s in a second"
)

# %%
# In a model of normal distributions the gradient of the log-likelihood by a measurement is its
# distance from the mean of the place given all measurements, over the variance of the errors
# (Tweedie's formula). So one backward pass is the smoother of Rauch, Tung and Striebel.

slope, filtered = pb.grad(log_likelihood, has_aux=True)(seen, logs)
smoothed = seen + error**2 * slope
for name, path in {"seen": seen, "filtered": filtered, "smoothed": smoothed}.items():
    print(f"{name:9} off by {np.sqrt(np.mean((path - truth) ** 2)):.2f} m")

figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
axes.plot(*seen.T, "o", color="C4", markersize=5, alpha=0.6, label="seen")
axes.plot(*truth.T, color="black", linewidth=5, alpha=0.25, label="truth")
axes.plot(*filtered.T, color="C1", linewidth=1.3, label="filtered: from what was before")
axes.plot(*smoothed.T, color="C0", linewidth=2.2, label="smoothed: from all")
axes.set(xlabel="east (m)", ylabel="north (m)", aspect="equal", ylim=(-7, 9))
axes.legend(loc="upper left")
plt.show()
