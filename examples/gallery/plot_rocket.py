"""
A soft landing on little fuel
=============================

A lander comes in fast and low over the Moon. When should its engine push, and where to, so that it
comes to rest upright at the place marked, on as little fuel as can be? The optimiser is told what
every setting at every moment does to the landing: by reverse mode through the whole flight.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import Bounds, minimize

import pullback as pb

plt.style.use("petroff10")
STEPS, GRAVITY, EXHAUST = 50, 1.62, 3000.0

# %%
# The state: place (m), speed (m/s), angle (radians) and what is left of the mass. The controls:
# thrust (m/s² at full mass) and how fast the lander turns, each constant during a step.


def rates(state, control):
    _, _, vx, vz, angle, mass = state
    thrust, turning = control
    push = thrust / mass
    ax, az = push * np.sin(angle), push * np.cos(angle) - GRAVITY
    return np.array([vx, vz, ax, az, turning, -thrust / EXHAUST])


def flight(plan):
    """States during the flight; the plan is a control for each step, and the time it takes."""
    controls, step = plan[:-1].reshape(STEPS, 2), plan[-1] / STEPS

    def runge_kutta(state, control):
        k1 = rates(state, control)
        k2 = rates(state + 0.5 * step * k1, control)
        k3 = rates(state + 0.5 * step * k2, control)
        k4 = rates(state + step * k3, control)
        state = state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        return state, state

    return pb.scan(runge_kutta, START, controls)[1]


START = np.array([-900.0, 450.0, 55.0, 20.0, -0.8, 1.0])
SCALES = np.array([100.0, 100.0, 10.0, 10.0, 1.0])

# %%
# Fuel is what is to be small, and place, speed and angle at the end are to be zero: a problem for
# SciPy's SLSQP, which takes the gradient of the one and the Jacobian of the others.


@pb.value_and_grad
def fuel(plan):
    return 100.0 * (1.0 - flight(plan)[-1, 5])


@pb.jit
def miss(plan):
    return flight(plan)[-1, :5] / SCALES


first = np.append(np.tile([2.0, 0.02], STEPS), 60.0)
lowest = np.append(np.tile([0.0, -0.15], STEPS), 20.0)
highest = np.append(np.tile([5.0, 0.15], STEPS), 120.0)
found = minimize(
    fuel,
    first,
    jac=True,
    method="SLSQP",
    bounds=Bounds(lowest, highest),
    constraints={"type": "eq", "fun": miss, "jac": pb.jacrev(miss)},
    options={"maxiter": 500, "ftol": 1e-9},
)
states = np.concatenate([START[None], pb.jit(flight)(found.x)])
controls, seconds = found.x[:-1].reshape(STEPS, 2), found.x[-1]
print(f"{found.nit} iterations; lands after {seconds:.1f} s with {states[-1, 5]:.1%} of its mass")
assert np.max(abs(states[-1, :5])) < 1e-6

# %%
# The flight: the lander in white, its exhaust in orange. It brakes, falls, and brakes again.

x, z, _, _, angle, _ = states[:-1:2].T
thrust = controls[:, 0]
figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
axes.set_facecolor("#12151f")
axes.plot(states[:, 0], states[:, 1], color="#8fa3bf", linewidth=1)
upwards = np.array([np.sin(angle), np.cos(angle)])
for length, color, width in ((30.0, "white", 5), (-14.0 * thrust[::2], "#ffa90e", 2.5)):
    along, up = length * upwards
    axes.plot([x, x + along], [z, z + up], color=color, linewidth=width)
axes.fill_between([-1700.0, 200.0], -200.0, 0.0, color="#6b6b6b", zorder=3)
axes.plot([-30.0, 30.0], [-4.0, -4.0], color="#e76300", linewidth=5, zorder=4)
axes.set(xlim=(-980, 130), ylim=(-60, 660), aspect="equal")
axes.set(xlabel="distance (m)", ylabel="height (m)", title="Landing on as little fuel as can be")

# %%
# Full thrust or none is best at all times, as the theory of optimal control says (Pontryagin's
# principle: fuel is linear in the thrust). Nobody has told the optimiser.

time = np.linspace(0.0, seconds, STEPS + 1)
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
axes.stairs(thrust, time, fill=True, alpha=0.5, label="thrust (m/s²)")
axes.plot(time, states[:, 4], color="C2", label="angle (radians)")
axes.plot(time, states[:, 3] / 10.0, color="C4", label="speed upwards (10 m/s)")
axes.set(xlabel="time (s)", title="Thrust, and what it does")
axes.legend(loc="upper center")
plt.show()
