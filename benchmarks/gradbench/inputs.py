"""The arrays of GradBench's inputs, and what goes out, the same for every tool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Given = Mapping[str, Any]


def numbers(result: Any) -> Any:
    """Lists of what is an array."""
    return np.asarray(result).tolist()


def flat(result: Sequence[Any]) -> list[float]:
    """All numbers of some arrays."""
    return np.concatenate([np.ravel(x) for x in result]).tolist()


# -- gmm ---------------------------------------------------------------------------------------

MIXTURE = ("alpha", "mu", "q", "l")


def mixture(given: Given) -> list[Array]:
    """The four parameters: (k), (k, d), (k, d), (k, d (d - 1) / 2)."""
    k = given["k"]
    return [np.array(given[x], float).reshape((k,) if x == "alpha" else (k, -1)) for x in MIXTURE]


def below_diagonal(d: int) -> tuple[Array, Array]:
    """Rows and columns of what stands below a diagonal, column by column."""
    columns, rows = np.triu_indices(d, 1)
    return rows, columns


def places(d: int) -> Array:
    """Where in (diagonal, below it, 0) each number of a triangular matrix stands."""
    place = np.full((d, d), d + d * (d - 1) // 2)
    np.fill_diagonal(place, np.arange(d))
    rows, columns = below_diagonal(d)
    place[rows, columns] = d + np.arange(len(rows))
    return place


def mixture_constant(given: Given) -> float:
    """What of the logarithm of the posterior depends on no parameter."""
    d, k, n, m, gamma = (given[x] for x in ("d", "k", "n", "m", "gamma"))
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    log_gamma += sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
    prior = freedom * d * (math.log(gamma) - 0.5 * math.log(2)) - log_gamma
    return k * prior - 0.5 * n * d * math.log(2 * math.pi)


def named_mixture(result: Sequence[Any]) -> dict[str, Any]:
    return {name: numbers(x) for name, x in zip(MIXTURE, result, strict=True)}


# -- llsq, det ---------------------------------------------------------------------------------


def step_function(n: int) -> tuple[Array, Array]:
    """Places from -1 to 1, and the sign of each."""
    t = -1 + np.arange(n) * 2.0 / (n - 1)
    return t, np.sign(t)


def minors(size: int) -> list[Array]:
    """Columns left in each minor, for minors of 1, 2, ... rows: (size! / m!, m) of integers."""
    tables = [np.arange(size, dtype=np.int32)[None, :]]
    for m in range(size - 1, 0, -1):
        kept = np.array([[c for c in range(m + 1) if c != j] for j in range(m + 1)])
        tables.append(tables[-1][:, kept].reshape(-1, m))
    return tables[::-1]


# -- ba ----------------------------------------------------------------------------------------


def adjustment(given: Given) -> dict[str, Array]:
    """Cameras, points, weights, features; and which camera and point each observation is of."""
    n, m, p = given["n"], given["m"], given["p"]
    return {
        "cameras": np.tile(np.array(given["cam"], float), (n, 1)),
        "points": np.tile(np.array(given["x"], float), (m, 1)),
        "weights": np.full(p, float(given["w"])),
        "features": np.tile(np.array(given["feat"], float), (p, 1)),
        "of_camera": np.arange(p, dtype=np.int32) % n,
        "of_point": np.arange(p, dtype=np.int32) % m,
    }


def adjustment_pattern(n: int, m: int, of_camera: Array, of_point: Array) -> tuple[Array, Array]:
    """Row pointers and columns of the Jacobian, 3 p rows by 11 n + 3 m + p columns."""
    p = len(of_camera)
    weights = 11 * n + 3 * m + np.arange(p, dtype=np.int32)
    cameras = 11 * of_camera[:, None] + np.arange(11, dtype=np.int32)
    points = 11 * n + 3 * of_point[:, None] + np.arange(3, dtype=np.int32)
    row = np.concatenate([cameras, points, weights[:, None]], axis=1)
    columns = np.broadcast_to(row[:, None, :], (p, 2, 15)).reshape(-1)
    of_errors = 15 * np.arange(2 * p + 1, dtype=np.int32)
    of_weights = 30 * p + 1 + np.arange(p, dtype=np.int32)
    return np.concatenate([of_errors, of_weights]), np.concatenate([columns, weights])


def adjustment_errors(result: Sequence[Any]) -> dict[str, Any]:
    """As all observations are equal, those of the first stand for the others."""
    errors, of_weights = (np.asarray(x) for x in result)
    count = len(of_weights)
    return {
        "reproj_error": {"elements": errors[0].tolist(), "repeated": count},
        "w_err": {"element": float(of_weights[0]), "repeated": count},
    }


def adjustment_jacobian(result: Sequence[Any]) -> dict[str, Any]:
    """Of row pointers, columns and entries the first thirty and the last."""
    names = ("rows", "cols", "vals")
    return {n: numbers(np.r_[x[:30], x[-1:]]) for n, x in zip(names, result, strict=True)}


# -- ht ----------------------------------------------------------------------------------------


def hand(given: Given) -> dict[str, Any]:
    """The model's arrays; `corners` are the vertices by which a point on the surface is given."""
    model = given["data"]["model"]
    us = np.array(given["us"], float).reshape(-1, 2)
    touched = np.array(given["data"]["correspondences"], np.int64)
    triangles = np.array(model["triangles"], np.int64).reshape(-1, 3)
    return {
        "theta": np.array(given["theta"], float),
        "us": us,
        "parents": tuple(int(x) for x in model["parents"]),
        "mirrored": bool(model["is_mirrored"]),
        "relatives": np.array(model["base_relatives"], float),
        "inverses": np.array(model["inverse_base_absolutes"], float),
        "positions": np.array(model["base_positions"], float),
        "weights": np.array(model["weights"], float),
        "corners": triangles[touched] if len(us) else touched,
        "points": np.array(given["data"]["points"], float),
    }


def finger_slots() -> Array:
    """Bone, axis and number in theta of the twenty angles of fingers; one a row."""
    rows = []
    for finger in range(5):
        bones = 4 * finger + np.array([2, 2, 3, 4])
        axes = np.array([0, 1, 0, 0])
        rows.append(np.stack([bones, axes, 6 + 4 * finger + np.arange(4)], axis=1))
    return np.concatenate(rows)
