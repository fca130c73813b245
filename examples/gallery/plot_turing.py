"""
How the leopard gets its spots
==============================

Two substances react, and one of them spreads faster than the other: small chance differences grow
into a pattern (A. Turing 1952). Large steps in time have to be implicit, which takes a Jacobian of
6272 x 6272 entries. Nearly all of them are zero: ``sparse_jacobian`` computes the others.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import bicgstab

import pullback as pb

N, SLOW, FAST, STEP = 56, 0.4, 16.0, 1.0

# %%
# Schnakenberg's reaction, on a square whose opposite sides are joined.


def laplacian(u):
    around = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
    return around - 4.0 * u


def rates(state):
    u, v = state.reshape(2, N, N)
    made = u * u * v
    change = SLOW * laplacian(u) + 0.1 - u + made, FAST * laplacian(v) + 0.9 - made
    return np.concatenate([x.ravel() for x in change])


rates_now, slopes = pb.jit(rates), pb.sparse_jacobian(rates)

# %%
# Euler's method, linearly implicit: each step solves a sparse system with the Jacobian. Explicit
# steps would have to be shorter than 1/64 to be stable.

unit = sparse.identity(2 * N * N, format="csr")
rng = np.random.default_rng(0)
state = np.repeat([1.0, 0.9], N * N) + 0.01 * rng.normal(size=2 * N * N)
shown = [8, 16, 24, 100]
figure, panels = plt.subplots(2, 2, figsize=(7, 6.6), layout="constrained")
for number in range(1, shown[-1] + 1):
    system = unit - STEP * slopes(state)
    change, failed = bicgstab(system, STEP * rates_now(state), rtol=1e-8)
    assert not failed
    state = state + change
    if number in shown:
        axes = panels.flat[shown.index(number)]
        axes.imshow(state.reshape(2, N, N)[0], cmap="YlOrBr_r", interpolation="bicubic")
        axes.set(title=f"at time {number * STEP:.0f}", xticks=[], yticks=[])
print(f"{slopes(state).nnz} of {state.size**2} entries of the Jacobian were computed")
print(f"the pattern still changes at a rate of {np.max(abs(rates_now(state))):.3f}")
plt.show()
