"""JAX as a tool of GradBench: jitted, 64-bit, arrays on device, every result waited for."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

sys.path.insert(0, str(Path(__file__).parents[1]))

import inputs
from protocol import nested, pair, serve

jax.config.update("jax_enable_x64", True)

OBJECTIVE = ("objective", "jacobian")


def waiting(f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Jitted, and done when it returns."""
    compiled = jax.jit(f, **options)
    return lambda *args: jax.block_until_ready(compiled(*args))


def on_device(arrays: Any) -> Any:
    return jax.tree.map(jnp.asarray, arrays)


# -- one vector --------------------------------------------------------------------------------


def square(x: Any) -> Any:
    return x * x


def log_sum_exp(x: Any) -> Any:
    top = lax.stop_gradient(x.max())
    return top + jnp.log(jnp.exp(x - top).sum())


def least_squares(x: Any, t: Any, s: Any) -> Any:
    y, _ = lax.scan(lambda y, c: (y * t + c, None), jnp.zeros_like(t), x, reverse=True)
    return 0.5 * ((s - y) ** 2).sum()


def ode_state(x: Any, steps: int) -> Any:
    h = 2.0 / steps

    def rate(y: Any) -> Any:
        return jnp.concatenate([x[:1], x[1:] * y[:-1]])

    def step(y: Any, _: Any) -> Any:
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        d = rate(y + h * c)
        return y + h / 6 * (a + 2 * b + 2 * c + d), None

    return lax.scan(step, jnp.zeros_like(x), None, length=steps)[0]


def determinant(a: Any, tables: Any) -> Any:
    """Expansion by minors, all of a size at once."""
    level = a[-1][tables[0][:, 0]]
    for size, table in enumerate(tables[1:], start=2):
        signs = (-1.0) ** np.arange(size)
        level = (a[-size][table] * level.reshape(-1, size)) @ signs
    return level[0]


def expansion(g: Any) -> Any:
    matrix = np.array(g["A"]).reshape(g["ell"], -1)
    return on_device((matrix, inputs.minors(g["ell"])))


# -- models ------------------------------------------------------------------------------------


def log_posterior(parameters: Any, points: Any, constant: float, m: float, gamma: float) -> Any:
    alpha, mu, q, below = parameters
    k, d = q.shape
    rows, columns = inputs.below_diagonal(d)
    diagonal, sums = jnp.exp(q), q.sum(1)
    factors = jnp.zeros((k, d, d)).at[:, rows, columns].set(below)
    factors = factors.at[:, np.arange(d), np.arange(d)].set(diagonal)
    turned = (points @ factors.reshape(k * d, d).T).reshape(-1, k, d)
    turned = turned - jnp.einsum("kij,kj->ki", factors, mu)
    exponents = alpha + sums - 0.5 * (turned * turned).sum(2)
    likelihood = jax.vmap(log_sum_exp)(exponents).sum() - len(points) * log_sum_exp(alpha)
    squares = (diagonal**2).sum() + (below**2).sum()
    return constant + likelihood - 0.5 * gamma * gamma * squares + m * sums.sum()


def mixture(g: Any) -> Any:
    constant = inputs.mixture_constant(g)
    return *on_device((inputs.mixture(g), np.array(g["x"]))), constant, g["m"], g["gamma"]


def clustering_cost(centroids: Any, points: Any) -> Any:
    squares = (points * points).sum(1)[None, :] + (centroids * centroids).sum(1)[:, None]
    return (squares - 2 * centroids @ points.T).min(0).sum()


def newton_direction(centroids: Any, points: Any) -> Any:
    gradient = jax.grad(lambda c: clustering_cost(c, points))
    slope, diagonal = jax.jvp(gradient, (centroids,), (jnp.ones_like(centroids),))
    return slope / diagonal


def lstm_loss(parameters: Any, state: Any, sequence: Any) -> Any:
    main, extra = parameters
    layers, width = main.shape[0] // 2, sequence.shape[1]
    gates = [(list(w), list(b)) for w, b in main.reshape(layers, 2, 4, width)]
    sigmoid = jax.nn.sigmoid

    def step(rows: Any, x: Any) -> Any:
        x, after = x * extra[0], []
        for i in range(layers):
            (w, b), (h, c) = gates[i], rows[i]
            c = c * sigmoid(x * w[0] + b[0])
            c = c + sigmoid(h * w[1] + b[1]) * jnp.tanh(h * w[3] + b[3])
            x = sigmoid(x * w[2] + b[2]) * jnp.tanh(c)
            after.append(jnp.stack([x, c]))
        return jnp.stack(after), x * extra[1] + extra[2]

    _, y = lax.scan(step, state.reshape(layers, 2, width), sequence[:-1])
    normalised = y - jnp.log(2 + jnp.exp(y).sum(1, keepdims=True))
    return -(sequence[1:] * normalised).sum() / normalised.size


def network(g: Any) -> Any:
    parameters = np.array(g["main_params"]), np.array(g["extra_params"])
    return on_device((parameters, np.array(g["state"]), np.array(g["sequence"])))


# -- geometry ----------------------------------------------------------------------------------


def cross(a: Any, b: Any) -> list[Any]:
    return [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]


def reprojection(z: Any, feature: Any) -> list[Any]:
    """Every number of a camera, a point and a weight an array over the observations."""
    r, centre, focal, principal, distortion = z[0:3], z[3:6], z[6], z[7:9], z[9:11]
    x = [z[11 + i] - centre[i] for i in range(3)]
    squared = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    still = squared == 0
    angle = jnp.sqrt(jnp.where(still, 1.0, squared))
    u, c, s = [v / angle for v in r], jnp.cos(angle), jnp.sin(angle)
    along = (u[0] * x[0] + u[1] * x[1] + u[2] * x[2]) * (1 - c)
    turned = [x[i] * c + v * s + u[i] * along for i, v in enumerate(cross(u, x))]
    turned = [jnp.where(still, x[i] + v, turned[i]) for i, v in enumerate(cross(r, x))]
    flat = turned[0] / turned[2], turned[1] / turned[2]
    squared = flat[0] * flat[0] + flat[1] * flat[1]
    scale = (1 + distortion[0] * squared + distortion[1] * squared * squared) * focal
    return [z[14] * (flat[i] * scale + principal[i] - feature[i]) for i in (0, 1)]


def columns(
    cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
) -> Any:
    return [*cameras[of_camera].T, *points[of_point].T, weights], [*features.T]


def weight_error(w: Any) -> Any:
    return 1 - w * w


def adjustment_errors(*arrays: Any) -> Any:
    return jnp.stack(reprojection(*columns(*arrays)), axis=1), weight_error(arrays[2])


@jax.jit
def adjustment_blocks(*arrays: Any) -> Any:
    z, features = columns(*arrays)
    _, pull = jax.vjp(lambda z: reprojection(z, features), z)
    one, none = jnp.ones_like(z[14]), jnp.zeros_like(z[14])
    rows = [jnp.stack(pull(seed)[0], -1) for seed in ([one, none], [none, one])]
    slopes = jax.vmap(jax.grad(weight_error))(z[14])
    return jnp.concatenate([jnp.stack(rows, 1).ravel(), slopes])


def adjustment_jacobian(*arrays: Any) -> Any:
    entries = adjustment_blocks(*arrays)
    cameras, points, _, _, *indices = arrays
    pattern = inputs.adjustment_pattern(len(cameras), len(points), *map(np.asarray, indices))
    return *pattern, np.asarray(entries)


def by_axis_and_angle(r: Any) -> Any:
    squared = r @ r
    still = squared < 1e-8
    angle = jnp.sqrt(jnp.where(still, 1.0, squared))
    x, y, z = r / angle
    s, c = jnp.sin(angle), jnp.cos(angle)
    d = 1 - c
    rows = [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, z * y * d + x * s, z * z * d + c],
    ]
    return jnp.where(still, jnp.eye(3), jnp.array(rows))


def by_angles(angles: Any) -> Any:
    (cx, cz, cy), (sx, sz, sy) = jnp.cos(angles).T, jnp.sin(angles).T
    none, one = jnp.zeros_like(cx), jnp.ones_like(cx)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, none],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, none],
        [-sy, cy * sx, cy * cx, none],
        [none, none, none, one],
    ]
    return jnp.moveaxis(jnp.array(rows), 2, 0)


def hand_errors(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    bones, axes, places = inputs.finger_slots().T
    angles = jnp.zeros((len(parents), 3)).at[bones, axes].set(theta[places])
    relative = hand["relatives"] @ by_angles(angles)
    absolute: list[Any] = []
    for bone, parent in enumerate(parents):
        turned = relative[bone]
        absolute.append(turned if parent == -1 else absolute[parent] @ turned)
    moves = (jnp.stack(absolute) @ hand["inverses"])[:, :3, :]
    blended = hand["weights"][:, :, None] * hand["positions"][:, None, :]
    positions = blended.reshape(len(blended), -1) @ jnp.moveaxis(moves, 1, 2).reshape(-1, 3)
    if mirrored:
        positions = positions * np.array([-1.0, 1.0, 1.0])
    positions = positions @ by_axis_and_angle(theta[:3]).T + theta[3:6]
    positions = positions[hand["corners"]]
    if len(us):
        shares = jnp.concatenate([us, 1 - us.sum(1, keepdims=True)], axis=1)
        positions = jnp.einsum("pc,pci->pi", shares, positions)
    return hand["points"] - positions


def hand_jacobian(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """Tangents one after the other: quicker than all at once."""

    def errors(both: Any) -> Any:
        shift, angles = both[:-26], both[-26:]
        moved = us + shift if len(us) else us
        return hand_errors(angles, moved, hand, parents, mirrored).ravel()

    both = jnp.concatenate([jnp.zeros(2 if len(us) else 0), theta])
    _, push = jax.linearize(errors, both)
    return lax.map(push, jnp.eye(len(both))).T


def hand(g: Any) -> Any:
    found = inputs.hand(g)
    static = found.pop("parents"), found.pop("mirrored")
    own = found.pop("theta"), found.pop("us")
    return *on_device((*own, found)), *static


# -- descent -----------------------------------------------------------------------------------


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gradient by forward mode."""
    return jax.jacfwd(f)


MODES = {"f": forward, "r": jax.grad}


def descend(f: Callable[[Any], Any], gradient: Callable[[Any], Any], start: Any) -> Any:
    def norm(x: Any) -> Any:
        return jnp.sqrt((x * x).sum())

    def step(state: Any) -> Any:
        x, fx, slope, rate, helped, _ = state

        def moved() -> Any:
            further = x - rate * slope
            value = f(further)
            close = norm(further - x) <= 1e-5
            return lax.cond(
                close,
                lambda: (x, fx, slope, rate, helped, True),
                lambda: lax.cond(
                    value < fx,
                    lambda: (further, value, gradient(further), rate, helped + 1, False),
                    lambda: (x, fx, slope, rate / 2, 0, False),
                ),
            )

        return lax.cond(
            norm(slope) <= 1e-5,
            lambda: (x, fx, slope, rate, helped, True),
            lambda: lax.cond(helped == 10, lambda: (x, fx, slope, rate * 2, 0, False), moved),
        )

    state = start, f(start), gradient(start), 1e-5, 0, False
    return lax.while_loop(lambda state: ~state[-1], step, state)[0]


BOUND = 512
"""Steps of a particle that reverse mode goes through: it needs a loop of known length."""


def miss(w: Any, field: Any, reversed_: bool) -> Any:
    charges = jnp.array([[10.0, 10.0 - w], [10.0, 0.0]])

    def potential(x: Any) -> Any:
        return (1 / jnp.sqrt(((x - charges) ** 2).sum(1))).sum()

    force = field(potential)

    def step(state: Any) -> Any:
        x, v, _ = state
        return x + 0.1 * v, v - 0.1 * force(x), v

    def held(state: Any, _: Any) -> Any:
        return jax.tree.map(
            lambda old, new: jnp.where(state[0][1] > 0, new, old), state, step(state)
        ), None

    state = jnp.array([0.0, 8.0]), jnp.array([0.75, 0.0]), jnp.zeros(2)
    if reversed_:
        (x, _, v), _ = lax.scan(held, state, None, length=BOUND)
    else:
        x, _, v = lax.while_loop(lambda state: state[0][1] > 0, step, state)
    x = x - x[1] / v[1] * v
    return x[0] ** 2


def particle(outer: Any, inner: Any) -> Any:
    f = functools.partial(miss, field=inner, reversed_=outer is jax.grad)
    return waiting(lambda w: descend(f, outer(f), w))


def saddle(outer: Any, inner: Any) -> Any:
    def surface(x: Any, y: Any) -> Any:
        return (x * x).sum() - (y * y).sum()

    def highest(x: Any, start: Any) -> Any:
        def depth(y: Any) -> Any:
            return -surface(x, y)

        return descend(depth, inner(depth), start)

    def whole(start: Any) -> Any:
        def height(x: Any) -> Any:
            return surface(x, highest(x, start))

        x = descend(height, outer(height), start)
        return jnp.concatenate([x, highest(x, start)])

    return waiting(whole)


NUMBERS = (float, inputs.numbers)

PROBLEMS = {
    "hello": pair(
        square, jax.grad(square), lambda g: (float(g),), (float, float), ("square", "double")
    ),
    "lse": pair(
        waiting(log_sum_exp),
        waiting(jax.grad(log_sum_exp)),
        lambda g: (jnp.array(g["x"]),),
        NUMBERS,
    ),
    "llsq": pair(
        waiting(least_squares),
        waiting(jax.grad(least_squares)),
        lambda g: on_device((np.array(g["x"]), *inputs.step_function(g["n"]))),
        NUMBERS,
    ),
    "ode": pair(
        waiting(ode_state, static_argnums=1),
        waiting(jax.grad(lambda x, steps: ode_state(x, steps)[-1]), static_argnums=1),
        lambda g: (jnp.array(g["x"]), g["s"]),
        (inputs.numbers, inputs.numbers),
    ),
    "det": pair(
        waiting(determinant),
        waiting(jax.grad(determinant)),
        expansion,
        (float, lambda r: inputs.flat([r])),
    ),
    "gmm": pair(
        waiting(log_posterior),
        waiting(jax.grad(log_posterior)),
        mixture,
        (float, inputs.named_mixture),
        OBJECTIVE,
    ),
    "kmeans": pair(
        waiting(clustering_cost),
        waiting(newton_direction),
        lambda g: on_device((np.array(g["centroids"]), np.array(g["points"]))),
        NUMBERS,
        ("cost", "dir"),
    ),
    "lstm": pair(
        waiting(lstm_loss), waiting(jax.grad(lstm_loss)), network, (float, inputs.flat), OBJECTIVE
    ),
    "ba": pair(
        waiting(adjustment_errors),
        adjustment_jacobian,
        lambda g: on_device(tuple(inputs.adjustment(g).values())),
        (inputs.adjustment_errors, inputs.adjustment_jacobian),
        OBJECTIVE,
    ),
    "ht": pair(
        waiting(hand_errors, static_argnums=(3, 4)),
        waiting(hand_jacobian, static_argnums=(3, 4)),
        hand,
        (lambda r: inputs.flat([r]), inputs.numbers),
        OBJECTIVE,
    ),
    "particle": nested(particle, MODES, lambda g: (float(g["w"]),), float),
    "saddle": nested(saddle, MODES, lambda g: (jnp.array(g["start"]),), inputs.numbers),
}


if __name__ == "__main__":
    serve("jax", PROBLEMS)
