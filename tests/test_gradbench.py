"""The programs of benchmarks/gradbench, against references written without pullback."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "gradbench"
STEP = 1e-30
"""Of complex differences, which lose no digits."""

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    """The tool's module, while it is needed."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("pullback_tool")
    sys.path.remove(str(FOLDER))
    for new in set(sys.modules) - before:
        if str(getattr(sys.modules[new], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[new]


def slopes(f: Callable[[Array], Any], x: Any) -> Array:
    """Derivatives by each number of ``x``, along a new last axis."""
    x = np.asarray(x, float)
    columns = []
    for i in range(x.size):
        shifted = x.ravel().astype(complex)
        shifted[i] += STEP * 1j
        columns.append(np.imag(f(shifted.reshape(x.shape))) / STEP)
    return np.stack(columns, axis=-1)


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, shape)


def answered(tool: Any, message: Any) -> Any:
    return importlib.import_module("protocol").answer("it", tool.PROBLEMS, message)


def evaluated(tool: Any, module: str, function: str, given: Any) -> Any:
    """What the tool answers, in the protocol's own words."""
    message = {"id": 7, "kind": "evaluate", "module": module, "function": function}
    sent = json.loads(json.dumps({**message, "input": given}))
    answer = answered(tool, sent)
    assert answer["id"] == 7
    assert answer["success"], answer["error"]
    names = [timing["name"] for timing in answer["timings"]]
    assert names[:2] == ["prepare", "compile"]
    assert set(names[2:]) == {"evaluate"}
    return json.loads(json.dumps(answer["output"]))


def close(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    scale = max(float(np.max(np.abs(expected))), 1.0)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=1e-11 * scale)


# -- one vector --------------------------------------------------------------------------------


def test_hello(tool: Any) -> None:
    assert evaluated(tool, "hello", "square", 3.0) == 9.0
    assert evaluated(tool, "hello", "double", 3.0) == 6.0


def test_log_sum_exp(tool: Any) -> None:
    x = random(9) * 50
    given = {"x": x.tolist()}
    close(evaluated(tool, "lse", "primal", given), np.log(np.sum(np.exp(x))))
    close(evaluated(tool, "lse", "gradient", given), np.exp(x) / np.sum(np.exp(x)))


def test_least_squares(tool: Any) -> None:
    x, t = random(5), np.linspace(-1, 1, 8)
    powers = np.vander(t, 5, increasing=True)
    rest = powers @ x - np.sign(t)
    given = {"x": x.tolist(), "n": 8}
    close(evaluated(tool, "llsq", "primal", given), 0.5 * rest @ rest)
    close(evaluated(tool, "llsq", "gradient", given), powers.T @ rest)


def ode(x: Array, steps: int) -> Array:
    y, h = np.zeros_like(x), 2.0 / steps

    def rate(y: Array) -> Array:
        return x * np.concatenate([np.ones(1), y[:-1]])

    for _ in range(steps):
        a = rate(y)
        b = rate(y + h * a / 2)
        c = rate(y + h * b / 2)
        y = y + h * (a + 2 * b + 2 * c + rate(y + h * c)) / 6
    return y


def test_ode(tool: Any) -> None:
    x = random(7) + 1.5
    given = {"x": x.tolist(), "s": 3}
    close(evaluated(tool, "ode", "primal", given), ode(x, 3))
    close(evaluated(tool, "ode", "gradient", given), slopes(lambda x: ode(x, 3)[-1], x))


@pytest.mark.parametrize("size", [4, 7], ids=["written out", "by levels"])
def test_determinant(tool: Any, size: int) -> None:
    a = random(size, size)
    given = {"A": a.ravel().tolist(), "ell": size}
    close(evaluated(tool, "det", "primal", given), np.linalg.det(a))
    cofactors = np.linalg.det(a) * np.linalg.inv(a).T
    close(evaluated(tool, "det", "gradient", given), cofactors.ravel())


# -- models ------------------------------------------------------------------------------------


def log_posterior(given: dict[str, Any], alpha: Array, mu: Array, q: Array, l: Array) -> Any:  # noqa: E741
    """Component by component, but for a constant of which 2 pi and gamma functions are parts."""
    d, k = given["d"], given["k"]
    likelihoods = np.zeros((given["n"], k), np.result_type(alpha, mu, q, l))
    prior = 0.0
    for i in range(k):
        factor = np.diag(np.exp(q[i])).astype(likelihoods.dtype)
        factor[np.triu_indices(d, 1)[::-1]] = l[i]
        distances = np.sum(((np.array(given["x"]) - mu[i]) @ factor.T) ** 2, axis=1)
        likelihoods[:, i] = np.exp(alpha[i] + np.sum(q[i]) - 0.5 * distances)
        prior = prior + given["m"] * np.sum(q[i])
        prior = prior - 0.5 * given["gamma"] ** 2 * np.sum(factor**2)
    mixed = np.sum(np.log(np.sum(likelihoods, axis=1)))
    return mixed - given["n"] * np.log(np.sum(np.exp(alpha))) + prior


def test_mixture(tool: Any) -> None:
    d, k, n = 3, 2, 4
    shapes = {"alpha": (k,), "mu": (k, d), "q": (k, d), "l": (k, d * (d - 1) // 2)}
    parts = {name: random(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    given = {"d": d, "k": k, "n": n, "m": 2, "gamma": 1.5, "x": random(n, d, seed=9).tolist()}
    sent = given | {name: x.tolist() for name, x in parts.items()}
    found = evaluated(tool, "gmm", "jacobian", sent)
    assert list(found) == list(shapes)
    for name, x in parts.items():
        expected = slopes(lambda x: log_posterior(given, **(parts | {name: x})), x)  # noqa: B023
        close(np.ravel(found[name]), expected)
    moved = parts | {"alpha": parts["alpha"] + random(k, seed=5)}
    values = [
        evaluated(tool, "gmm", "objective", given | {n: x.tolist() for n, x in p.items()})
        for p in (parts, moved)
    ]
    close(values[1] - values[0], log_posterior(given, **moved) - log_posterior(given, **parts))


def test_clusters(tool: Any) -> None:
    points = random(12, 3)
    centroids = points[-4:]
    nearest = np.argmin(np.sum((points[:, None] - centroids) ** 2, axis=2), axis=1)
    means = [np.mean(points[nearest == j], axis=0) for j in range(4)]
    given = {"points": points.tolist(), "centroids": centroids.tolist()}
    close(evaluated(tool, "kmeans", "dir", given), centroids - means)
    cost = np.sum((points - centroids[nearest]) ** 2)
    close(evaluated(tool, "kmeans", "cost", given), cost)


def lstm_loss(main: Array, extra: Array, state: Array, sequence: Array) -> Any:
    def gate(x: Any, i: int, layer: int) -> Any:
        weights, biases = main[2 * layer].reshape(4, -1), main[2 * layer + 1].reshape(4, -1)
        return x * weights[i] + biases[i]

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    rows, total = list(state), 0.0
    for now, after in pairwise(sequence):
        x = now * extra[0]
        for i in range(len(main) // 2):
            h, c = rows[2 * i], rows[2 * i + 1]
            c = c * sigmoid(gate(x, 0, i)) + sigmoid(gate(h, 1, i)) * np.tanh(gate(h, 3, i))
            x = sigmoid(gate(x, 2, i)) * np.tanh(c)
            rows[2 * i], rows[2 * i + 1] = x, c
        y = x * extra[1] + extra[2]
        total = total + np.sum(after * (y - np.log(2 + np.sum(np.exp(y)))))
    return -total / sequence[1:].size


def test_lstm(tool: Any) -> None:
    main, extra, state = random(4, 12), random(3, 3, seed=1), random(4, 3, seed=2)
    sequence = np.round(random(5, 3, seed=3) / 2 + 0.5)
    names = ("main_params", "extra_params", "state", "sequence")
    arrays = (main, extra, state, sequence)
    given = {name: x.tolist() for name, x in zip(names, arrays, strict=True)}
    close(evaluated(tool, "lstm", "objective", given), lstm_loss(*arrays))
    by_main = slopes(lambda m: lstm_loss(m, extra, state, sequence), main)
    by_extra = slopes(lambda e: lstm_loss(main, e, state, sequence), extra)
    close(evaluated(tool, "lstm", "jacobian", given), np.concatenate([by_main, by_extra]))


# -- geometry ----------------------------------------------------------------------------------


def reprojection(z: Array, feature: Array) -> Array:
    """Of a camera (11), a point (3) and a weight in one vector."""
    r, x = z[:3], z[11:14] - z[3:6]
    angle = np.sqrt(np.sum(r * r))
    axis = r / angle
    turned = x * np.cos(angle) + np.cross(axis, x) * np.sin(angle)
    turned = turned + axis * np.sum(axis * x) * (1 - np.cos(angle))
    flat = turned[:2] / turned[2]
    squared = np.sum(flat * flat)
    flat = flat * (1 + z[9] * squared + z[10] * squared**2)
    return z[14] * (z[6] * flat + z[7:9] - feature)


def test_bundle_adjustment(tool: Any) -> None:
    z, feature = random(15), random(2, seed=1)
    z[13], z[5] = 4.0, -1.0
    np.testing.assert_allclose(  # the reference itself, undistorted
        reprojection(np.where(np.isin(np.arange(15), (9, 10)), 0.0, z), feature),
        z[14] * (z[6] * (t := Rotation.from_rotvec(z[:3]).apply(z[11:14] - z[3:6]))[:2] / t[2])
        + z[14] * (z[7:9] - feature),
    )
    sizes = {"n": 2, "m": 3, "p": 4}
    numbers = {"cam": z[:11], "x": z[11:14], "feat": feature}
    given = {**sizes, "w": z[14], **{name: x.tolist() for name, x in numbers.items()}}
    errors = evaluated(tool, "ba", "objective", given)
    close(errors["reproj_error"]["elements"], reprojection(z, feature))
    close(errors["w_err"]["element"], 1 - z[14] ** 2)
    found = evaluated(tool, "ba", "jacobian", given)
    block = slopes(lambda z: reprojection(z, feature), z)
    close(found["vals"], [*block.ravel(), -2 * z[14]])
    assert found["cols"][:15] == [*range(11), 22, 23, 24, 31]
    assert found["cols"][-1] == 2 * 11 + 3 * 3 + 4 - 1
    assert found["rows"][:-1] == [*(15 * i for i in range(9)), *range(121, 125)]


def hand_errors(theta: Array, us: Array, given: dict[str, Any]) -> Array:
    """Bone by bone and point by point."""
    model = given["data"]["model"]
    angles = np.zeros((22, 3), theta.dtype)
    place = 6
    for finger in range(5):
        for joint in range(3):
            angles[4 * finger + 2 + joint, 0] = theta[place]
            place += 1
            if joint == 0:
                angles[4 * finger + 2, 1] = theta[place]
                place += 1
    moved: list[Array] = []
    vertices = np.zeros((len(model["base_positions"]), 3), theta.dtype)
    for bone, parent in enumerate(model["parents"]):
        turn = np.eye(4, dtype=theta.dtype)
        turn[:3, :3] = turned(2, angles[bone, 1]) @ turned(1, angles[bone, 2])
        turn[:3, :3] = turn[:3, :3] @ turned(0, angles[bone, 0])
        own = np.array(model["base_relatives"][bone]) @ turn
        moved.append(own if parent == -1 else moved[parent] @ own)
        whole = moved[-1] @ np.array(model["inverse_base_absolutes"][bone])
        weights = np.array(model["weights"])[:, bone]
        vertices = (
            vertices + weights[:, None] * (np.array(model["base_positions"]) @ whole.T)[:, :3]
        )
    angle = np.sqrt(np.sum(theta[:3] ** 2))
    axis = theta[:3] / angle
    cross = np.cross(np.eye(3), axis)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    vertices = vertices @ turn.T + theta[3:6]
    touched = np.array(given["data"]["correspondences"])
    if len(us):
        a, b, c = vertices[np.array(model["triangles"])[touched]].swapaxes(0, 1)
        u, v = us[:, :1], us[:, 1:]
        return np.array(given["data"]["points"]) - (u * a + v * b + (1 - u - v) * c)
    return np.array(given["data"]["points"]) - vertices[touched]


def turned(axis: int, angle: Any) -> Array:
    """A rotation about x, y or z."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3, dtype=np.result_type(angle))
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[j, i] = np.sin(angle)
    turn[i, j] = -np.sin(angle)
    return turn


@pytest.mark.parametrize("variant", ["simple", "complicated"])
def test_hand(tool: Any, variant: str) -> None:
    positions = np.concatenate([random(6, 3), np.ones((6, 1))], axis=1)
    model = {
        "parents": [-1, 0, *(max(i - 1, 0) if i % 4 != 2 else 1 for i in range(2, 22))],
        "base_relatives": (random(22, 4, 4, seed=1) / 2 + np.eye(4)).tolist(),
        "inverse_base_absolutes": random(22, 4, 4, seed=2).tolist(),
        "base_positions": positions.tolist(),
        "weights": random(6, 22, seed=3).tolist(),
        "triangles": [[0, 1, 2], [2, 4, 5], [3, 1, 5]],
        "is_mirrored": False,
    }
    data = {"model": model, "correspondences": [2, 0], "points": random(2, 3, seed=4).tolist()}
    theta, us = random(26, seed=5), random(2, 2, seed=6)[: 0 if variant == "simple" else 2]
    given = {"theta": theta.tolist(), "data": data, "us": us.tolist()}
    errors = hand_errors(theta, us, given)
    close(evaluated(tool, "ht", "objective", given), errors.ravel())
    expected = slopes(lambda t: hand_errors(t, us, given), theta).reshape(6, 26)
    if len(us):
        shifted = slopes(lambda u: hand_errors(theta, us + u, given), np.zeros(2)).reshape(6, 2)
        expected = np.concatenate([shifted, expected], axis=1)
    close(evaluated(tool, "ht", "jacobian", given), expected)


# -- descent -----------------------------------------------------------------------------------


def descended(f: Callable[[Array], Any], slope: Callable[[Array], Array], x: Array) -> Array:
    """GradBench's gradient descent in Python."""
    value, gradient, rate, helped = f(x), slope(x), 1e-5, 0
    while np.linalg.norm(gradient) > 1e-5:
        if helped == 10:
            rate, helped = 2 * rate, 0
            continue
        further = x - rate * gradient
        if np.linalg.norm(further - x) <= 1e-5:
            break
        if f(further) < value:
            x, value, gradient, helped = further, f(further), slope(further), helped + 1
        else:
            rate, helped = rate / 2, 0
    return x


def miss(w: Any) -> Any:
    """Where the particle crosses the axis, squared; with the force written out."""
    charges = np.array([[10.0, 10.0], [10.0, 0.0]], complex)
    charges[0, 1] -= w
    x, v = np.array([0.0, 8.0], complex), np.array([0.75, 0.0], complex)
    before = v
    while x[1].real > 0:
        apart = x - charges
        force = np.sum(apart / np.sum(apart**2, axis=1, keepdims=True) ** 1.5, axis=0)
        x, v, before = x + 0.1 * v, v + 0.1 * force, v
    return (x - x[1] / before[1] * before)[0] ** 2


@pytest.fixture(scope="module")
def best() -> Array:
    """The particle's w."""
    start = np.full(1, 0.15)
    return descended(lambda w: miss(w[0]).real, lambda w: slopes(lambda w: miss(w[0]), w), start)


@pytest.mark.parametrize("modes", ["ff", "fr", "rf", "rr"])
def test_particle_and_saddle(tool: Any, best: Array, modes: str) -> None:
    close(evaluated(tool, "particle", modes, {"w": 0.15}), best[0])
    start = np.array([0.5, -0.25])
    far = descended(lambda x: x @ x, lambda x: 2 * x, start)
    close(evaluated(tool, "saddle", modes, {"start": start.tolist()}), np.tile(far, 2))


def test_messages_without_evaluation(tool: Any) -> None:
    assert answered(tool, {"id": 3, "kind": "start"}) == {"id": 3, "tool": "it"}
    for id_, (module, known) in enumerate([("gmm", True), ("fft", False)]):
        message = {"id": id_, "kind": "define", "module": module}
        assert answered(tool, message) == {"id": id_, "success": known}
    wrong = {"id": 4, "kind": "evaluate", "module": "lse", "function": "primal", "input": {}}
    failed = answered(tool, wrong)
    assert not failed["success"]
    assert "KeyError" in failed["error"]
