"""GradBench's functions for tools that compute as they go: PyTorch and HIPS autograd.

They are written in the names that the two share with NumPy; `use` says whose. particle and saddle
are left out: derivatives of some thousand steps of Python take minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import inputs
import numpy as np

xp: Any = np
constant: Callable[[Any], Any] = np.asarray
bare: Callable[[Any], Any] = np.asarray
largest: Callable[[Any], Any] = np.max


def use(
    namespace: Any,
    array: Callable[[Any], Any],
    value: Callable[[Any], Any],
    top: Callable[[Any], Any],
) -> None:
    """Compute with a namespace.

    ``array`` makes its constants, ``value`` NumPy's of its arrays; ``top`` is the largest number
    along the last axis, kept, and a constant.
    """
    globals().update(xp=namespace, constant=array, bare=value, largest=top)


# -- one vector --------------------------------------------------------------------------------


def square(x: Any) -> Any:
    return x * x


def log_sum_exp(x: Any) -> Any:
    top = largest(x)
    return xp.log(xp.sum(xp.exp(x - top), -1)) + top[..., 0]


def least_squares(x: Any, powers: Any, s: Any) -> Any:
    return 0.5 * xp.sum((s - powers @ x) ** 2)


def curve(g: Any) -> tuple[Any, ...]:
    t, s = inputs.step_function(g["n"])
    powers = np.vander(t, len(g["x"]), increasing=True)
    return tuple(constant(x) for x in (np.array(g["x"]), powers, s))


def ode_state(x: Any, steps: int) -> Any:
    h = 2.0 / steps

    def rate(y: Any) -> Any:
        return xp.concatenate([x[:1], x[1:] * y[:-1]])

    y = constant(np.zeros(len(x)))
    for _ in range(steps):
        a = rate(y)
        b = rate(y + h / 2 * a)
        c = rate(y + h / 2 * b)
        d = rate(y + h * c)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return y


def last_state(x: Any, steps: int) -> Any:
    return ode_state(x, steps)[-1]


def determinant(a: Any, tables: Sequence[Any]) -> Any:
    level = a[-1][tables[0][:, 0]]
    for size, table in enumerate(tables[1:], start=2):
        signs = constant((-1.0) ** np.arange(size))
        level = (a[-size][table] * xp.reshape(level, (-1, size))) @ signs
    return level[0]


def expansion(g: Any) -> tuple[Any, ...]:
    tables = [table.astype(np.int64) for table in inputs.minors(g["ell"])]
    return constant(np.array(g["A"]).reshape(g["ell"], -1)), tables


# -- models ------------------------------------------------------------------------------------


def log_posterior(
    alpha: Any, mu: Any, q: Any, below: Any, points: Any, places: Any, rest: Sequence[float]
) -> Any:
    added, m, gamma = rest
    k, d = q.shape
    diagonal, sums = xp.exp(q), xp.sum(q, 1)
    factors = xp.concatenate([diagonal, below, constant(np.zeros((k, 1)))], 1)[:, places]
    turned = xp.reshape(points @ xp.reshape(factors, (k * d, d)).T, (-1, k, d))
    turned = turned - xp.einsum("kij,kj->ki", factors, mu)
    exponents = alpha + sums - 0.5 * xp.sum(turned * turned, 2)
    likelihood = xp.sum(log_sum_exp(exponents)) - len(points) * log_sum_exp(alpha)
    squares = xp.sum(diagonal * diagonal) + xp.sum(below * below)
    return added + likelihood - 0.5 * gamma * gamma * squares + m * xp.sum(sums)


def mixture(g: Any) -> tuple[Any, ...]:
    rest = inputs.mixture_constant(g), g["m"], g["gamma"]
    parameters = (constant(x) for x in inputs.mixture(g))
    return *parameters, constant(np.array(g["x"])), inputs.places(g["d"]), rest


def clustering_cost(centroids: Any, points: Any) -> Any:
    """The nearest centroids are looked for without derivatives."""
    nearest = np.argmin(bare(distances(centroids, points)), 0)
    return xp.sum((points - centroids[nearest]) ** 2)


def distances(centroids: Any, points: Any) -> Any:
    c, p = bare(centroids), bare(points)
    return np.sum(c * c, 1)[:, None] + np.sum(p * p, 1) - 2 * c @ p.T


def clusters(g: Any) -> tuple[Any, ...]:
    return constant(np.array(g["centroids"])), constant(np.array(g["points"]))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


def lstm_loss(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    layers, width = len(main) // 2, sequence.shape[1]
    weights = xp.reshape(main, (layers, 2, 4, width))
    rows, tops = list(state), []
    for now in sequence[:-1]:
        x = now * extra[0]
        for i in range(layers):
            (w, b), h = weights[i], rows[2 * i]
            c = rows[2 * i + 1] * sigmoid(x * w[0] + b[0])
            c = c + sigmoid(h * w[1] + b[1]) * xp.tanh(h * w[3] + b[3])
            x = sigmoid(x * w[2] + b[2]) * xp.tanh(c)
            rows[2 * i], rows[2 * i + 1] = x, c
        tops.append(x)
    y = xp.stack(tops) * extra[1] + extra[2]
    normalised = y - xp.log(2 + xp.sum(xp.exp(y), 1))[:, None]
    return -xp.sum(sequence[1:] * normalised) / (width * len(tops))


def network(g: Any) -> tuple[Any, ...]:
    names = ("main_params", "extra_params", "state", "sequence")
    return tuple(constant(np.array(g[name])) for name in names)


# -- geometry ----------------------------------------------------------------------------------


def cross(a: Any, b: Any) -> Any:
    parts = [a[:, i - 2] * b[:, i - 1] - a[:, i - 1] * b[:, i - 2] for i in range(3)]
    return xp.stack(parts, 1)


def reprojection(z: Any, features: Any) -> Any:
    """Of (count, 15) numbers of cameras, points and weights."""
    r, x = z[:, :3], z[:, 11:14] - z[:, 3:6]
    squared = xp.sum(r * r, 1)[:, None]
    still = squared == 0
    angle = xp.sqrt(xp.where(still, constant(1.0), squared))
    u = r / angle
    along = xp.sum(u * x, 1)[:, None] * (1 - xp.cos(angle))
    turned = x * xp.cos(angle) + cross(u, x) * xp.sin(angle) + u * along
    turned = xp.where(still, x + cross(r, x), turned)
    flat = turned[:, :2] / turned[:, 2:]
    squared = xp.sum(flat * flat, 1)[:, None]
    scale = (1 + z[:, 9:10] * squared + z[:, 10:11] * squared * squared) * z[:, 6:7]
    return z[:, 14:] * (flat * scale + z[:, 7:9] - features)


def weight_error(w: Any) -> Any:
    return 1 - w * w


def adjustment(g: Any) -> tuple[Any, ...]:
    arrays = inputs.adjustment(g)
    indices = [arrays.pop(x).astype(np.int64) for x in ("of_camera", "of_point")]
    return *(constant(x) for x in arrays.values()), *indices


def gathered(cameras: Any, points: Any, weights: Any, of_camera: Any, of_point: Any) -> Any:
    return xp.concatenate([cameras[of_camera], points[of_point], weights[:, None]], 1)


def adjustment_errors(
    cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
) -> Any:
    z = gathered(cameras, points, weights, of_camera, of_point)
    return bare(reprojection(z, features)), bare(weight_error(weights))


def adjustment_jacobian(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """By the gradient of each column's sum: an error depends on its own row alone."""

    def jacobian(
        cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
    ) -> Any:
        z = gathered(cameras, points, weights, of_camera, of_point)
        rows = [
            bare(gradient(lambda z, i=i: xp.sum(reprojection(z, features)[:, i]))(z))
            for i in (0, 1)
        ]
        slopes = bare(gradient(lambda w: xp.sum(weight_error(w)))(weights))
        pattern = inputs.adjustment_pattern(len(cameras), len(points), of_camera, of_point)
        return *pattern, np.concatenate([np.stack(rows, 1).ravel(), slopes])

    return jacobian


def by_axis_and_angle(r: Any) -> Any:
    angle = xp.sqrt(xp.sum(r * r))
    if float(bare(angle)) < 1e-4:
        return constant(np.eye(3))
    x, y, z = (r[i] / angle for i in range(3))
    s, c = xp.sin(angle), xp.cos(angle)
    d = 1 - c
    numbers = [
        *(x * x * d + c, x * y * d - z * s, x * z * d + y * s),
        *(x * y * d + z * s, y * y * d + c, y * z * d - x * s),
        *(x * z * d - y * s, z * y * d + x * s, z * z * d + c),
    ]
    return xp.reshape(xp.stack(numbers), (3, 3))


def by_angles(angles: Any) -> Any:
    c, s = xp.cos(angles), xp.sin(angles)
    (cx, cz, cy), (sx, sz, sy) = ([v[:, i] for i in range(3)] for v in (c, s))
    none, one = constant(np.zeros(len(angles))), constant(np.ones(len(angles)))
    numbers = [
        *(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, none),
        *(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, none),
        *(-sy, cy * sx, cy * cx, none),
        *(none, none, none, one),
    ]
    return xp.reshape(xp.stack(numbers, 1), (-1, 4, 4))


def hand_errors(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    bones, axes, places = inputs.finger_slots().T
    spread = np.zeros((len(parents) * 3, 26))
    spread[bones * 3 + axes, places] = 1.0
    relative = xp.matmul(
        hand["relatives"], by_angles(xp.reshape(constant(spread) @ theta, (-1, 3)))
    )
    absolute: list[Any] = []
    for bone, parent in enumerate(parents):
        turned = relative[bone]
        absolute.append(turned if parent == -1 else absolute[parent] @ turned)
    moves = xp.matmul(xp.stack(absolute), hand["inverses"])[:, :3, :]
    blended = hand["weights"][:, :, None] * hand["positions"][:, None, :]
    blended = xp.reshape(blended, (len(blended), -1))
    positions = blended @ xp.reshape(xp.swapaxes(moves, 1, 2), (-1, 3))
    if mirrored:
        positions = positions * constant(np.array([-1.0, 1.0, 1.0]))
    positions = positions @ by_axis_and_angle(theta[:3]).T + theta[3:6]
    positions = positions[hand["corners"]]
    if len(us):
        shares = xp.concatenate([us, 1 - xp.sum(us, 1)[:, None]], 1)
        positions = xp.sum(shares[:, :, None] * positions, 1)
    return hand["points"] - positions


def hand_jacobian(push: Callable[..., Any]) -> Callable[..., Any]:
    """Column by column; ``push`` gives the derivative of a function at a point, by direction."""

    def jacobian(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
        def errors(both: Any) -> Any:
            moved = us + both[:-26] if len(us) else us
            return xp.reshape(hand_errors(both[-26:], moved, hand, parents, mirrored), (-1,))

        both = np.concatenate([np.zeros(2 if len(us) else 0), bare(theta)])
        forward = push(errors, constant(both))
        return np.stack([bare(forward(constant(row))) for row in np.eye(len(both))], 1)

    return jacobian


def hand(g: Any) -> tuple[Any, ...]:
    found = inputs.hand(g)
    static = found.pop("parents"), found.pop("mirrored")
    corners = found.pop("corners")
    arrays = {name: constant(x) for name, x in found.items()}
    own = arrays.pop("theta"), arrays.pop("us")
    return *own, {**arrays, "corners": corners}, *static


# -- all ---------------------------------------------------------------------------------------


def problems(
    plain: Callable[..., Any],
    gradient: Callable[..., Any],
    push: Callable[..., Any],
    direction: Callable[..., Any],
) -> dict[str, Any]:
    """What `protocol.serve` takes.

    ``plain(f)`` computes f without derivatives, ``gradient(f, argnums=(0,))`` is a function that
    gives one array or a list, ``push`` as in `hand_jacobian`, ``direction`` is Newton's for a cost.
    """
    from protocol import pair

    def numbers(x: Any) -> Any:
        return bare(x).tolist()

    def flat(x: Any) -> list[float]:
        return inputs.flat([bare(part) for part in (x if isinstance(x, list | tuple) else [x])])

    def number(x: Any) -> float:
        return float(bare(x))

    def scalar(f: Callable[..., Any], prepare: Any, *options: Any) -> dict[str, Any]:
        return pair(plain(f), gradient(f), prepare, (number, flat), *options)

    objective = ("objective", "jacobian")
    return {
        "hello": pair(
            plain(square),
            gradient(square),
            lambda g: (constant(float(g)),),
            (number, number),
            ("square", "double"),
        ),
        "lse": scalar(log_sum_exp, lambda g: (constant(np.array(g["x"])),)),
        "llsq": scalar(least_squares, curve),
        "ode": pair(
            plain(ode_state),
            gradient(last_state),
            lambda g: (constant(np.array(g["x"])), g["s"]),
            (numbers, numbers),
        ),
        "det": scalar(determinant, expansion),
        "gmm": pair(
            plain(log_posterior),
            gradient(log_posterior, (0, 1, 2, 3)),
            mixture,
            (number, lambda r: inputs.named_mixture([bare(x) for x in r])),
            objective,
        ),
        "kmeans": pair(
            plain(clustering_cost),
            direction(clustering_cost),
            clusters,
            (number, numbers),
            ("cost", "dir"),
        ),
        "lstm": pair(
            plain(lstm_loss), gradient(lstm_loss, (0, 1)), network, (number, flat), objective
        ),
        "ba": pair(
            plain(adjustment_errors),
            adjustment_jacobian(gradient),
            adjustment,
            (inputs.adjustment_errors, inputs.adjustment_jacobian),
            objective,
        ),
        "ht": pair(plain(hand_errors), hand_jacobian(push), hand, (flat, numbers), objective),
    }
