"""
Where a double pendulum is chaotic
==================================

Two swings of a double pendulum that begin almost alike stay together or part exponentially fast.
How fast, is told by the derivative of the motion along a small change of its beginning. Here
``jvp`` carries it through the time steps, and ``vmap`` does so for a map of beginnings.
"""

import matplotlib.pyplot as plt
import numpy as np

import pullback as pb

G, STEP, TURNS, STEPS_A_TURN = 9.81, 0.01, 40, 40

# %%
# Two rods of 1 m with 1 kg at each end. The state: both angles, and how fast they change.


def rates(state):
    a, b, u, v = state
    difference = a - b
    c, s = np.cos(difference), np.sin(difference)
    pull = -2.0 * G * np.sin(a) - v * v * s
    push = u * u * s - G * np.sin(b)
    inertia = 2.0 - c * c
    return np.array([u, v, (pull - c * push) / inertia, (2.0 * push - c * pull) / inertia])


def runge_kutta(state, _=None):
    k1 = rates(state)
    k2 = rates(state + 0.5 * STEP * k1)
    k3 = rates(state + 0.5 * STEP * k2)
    k4 = rates(state + STEP * k3)
    return state + STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None


def energy(state):
    a, b, u, v = state
    motion = u * u + 0.5 * v * v + u * v * np.cos(a - b)
    return motion - G * (2.0 * np.cos(a) + np.cos(b))


# %%
# Every turn carries the tangent 40 steps on, notes by how much it has grown, and makes it short
# again. The mean rate of growth is the largest Lyapunov exponent.


@pb.jit
def exponents(a, b):
    def motion(state):
        return pb.scan(runge_kutta, state, length=STEPS_A_TURN)[0]

    def turn(carry, _):
        state, tangent = carry
        state, tangent = pb.jvp(motion, (state,), (tangent,))
        growth = np.sqrt(np.sum(tangent**2))
        return (state, tangent / growth), np.log(growth)

    def exponent(a, b):
        beginning = np.array([a, b, 0.0, 0.0])
        (end, _), growths = pb.scan(turn, (beginning, np.full(4, 0.5)), length=TURNS)
        return np.sum(growths) / (STEP * STEPS_A_TURN * TURNS), energy(end) - energy(beginning)

    return pb.vmap(exponent)(a, b)


# %%
# The pendulum is let go at rest with these two angles; as the picture is the same turned by 180
# degrees, half of it is computed. That its energy stays as it was, says that the steps are small
# enough.

angles = np.radians(np.linspace(-179.5, 179.5, 300))
first, second = np.meshgrid(angles[150:], angles)
rate, drift = exponents(first.ravel(), second.ravel())
print(f"energy off by {np.median(abs(drift)):.1e} J (median), {np.max(abs(drift)):.1e} J at most")

picture = rate.reshape(first.shape)
picture = np.concatenate([picture[::-1, ::-1], picture], axis=1)
figure, axes = plt.subplots(figsize=(7, 5.6), layout="constrained")
shown = axes.imshow(
    picture, origin="lower", extent=(-180, 180, -180, 180), cmap="inferno", vmin=0.0
)
figure.colorbar(shown, label="rate at which neighbours part (1/s)")
axes.set(xlabel="angle of the upper rod (degrees)", ylabel="angle of the lower rod (degrees)")
axes.set(xticks=range(-180, 181, 90), yticks=range(-180, 181, 90))
axes.set_title("Calm and chaos of a double pendulum")
plt.show()
