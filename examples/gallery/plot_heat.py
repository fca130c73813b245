"""
The past of a picture
=====================

Heat spreads and blurs. From a noisy picture of a plate after some time, we look for the
temperatures that it began with, by the gradient of a loss through all the steps in between. With
``checkpoint`` the backward pass keeps few of them and computes the others again.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import pullback as pb

N, STEPS, RATE, NOISE = 64, 60, 0.2, 0.01

# %%
# A step of the heat equation on a plate with insulated borders: what flows is the difference of
# neighbours.


def step(u, _=None):
    down, right = np.diff(u, axis=0), np.diff(u, axis=1)
    flow = np.pad(down, ((0, 1), (0, 0))) - np.pad(down, ((1, 0), (0, 0)))
    flow = flow + np.pad(right, ((0, 0), (0, 1))) - np.pad(right, ((0, 0), (1, 0)))
    return u + RATE * flow, None


@pb.jit
def later(u):
    return pb.scan(step, u, length=STEPS, checkpoint="sqrt")[0]


# %%
# What the plate began with, and what we get to see: the picture after 60 steps, with noise.

x, y = np.meshgrid(np.arange(N), np.arange(N))
ring = abs(np.hypot(x - 24, y - 36) - 14) < 3.5
bar = (abs(x - 49) < 4) & (abs(y - 30) < 20)
spot = np.hypot(x - 24, y - 36) < 4
first = np.where(ring | bar | spot, 1.0, 0.0)
seen = later(first) + np.random.default_rng(0).normal(0.0, NOISE, (N, N))

# %%
# Many beginnings lead to nearly the same picture. Of those we prefer one with even areas: the loss
# adds the sum of the (smoothed) lengths of slopes.


@pb.value_and_grad
def loss(u):
    u = u.reshape(N, N)
    misfit = np.sum((later(u) - seen) ** 2) / NOISE**2
    slopes = np.diff(u, axis=0)[:, 1:] ** 2 + np.diff(u, axis=1)[1:] ** 2
    return 0.5 * misfit + 2.0 * np.sum(np.sqrt(slopes + 1e-6))


found = minimize(
    loss,
    seen.ravel(),
    jac=True,
    method="L-BFGS-B",
    bounds=[(0.0, 1.0)] * N**2,
    options={"maxiter": 1000, "maxfun": 2000},
)
past = found.x.reshape(N, N)
print(f"{found.nfev} values and gradients")
print(f"mean error of what is seen: {np.mean(abs(seen - first)):.3f}")
print(f"mean error of what is found: {np.mean(abs(past - first)):.3f}")

# %%
# What is found explains what is seen to within its noise.

rest = later(past) - seen
print(f"{np.std(rest):.4f} of noise is left over, {NOISE} there was")
assert abs(np.std(rest) / NOISE - 1.0) < 0.1

figure, panels = plt.subplots(2, 2, figsize=(7, 6.2), layout="constrained")
pictures = {
    f"seen, after {STEPS} steps": seen,
    "found": past,
    "how it was": first,
    "found, 60 steps later": later(past),
}
for axes, (title, picture) in zip(panels.flat, pictures.items(), strict=True):
    axes.imshow(picture, cmap="inferno", vmin=0.0, vmax=1.0)
    axes.set(title=title, xticks=[], yticks=[])
figure.colorbar(panels[0, 0].images[0], ax=panels, label="temperature", shrink=0.7)
plt.show()
