"""ba and ht: Jacobians of many small residuals, and of a chain of transformations."""

from __future__ import annotations

from typing import Any

import numpy as np
from inputs import adjustment_pattern, finger_slots

import pullback as pb

# -- bundle adjustment -------------------------------------------------------------------------


def rotated(r: Any, x: Any) -> Any:
    """``x`` turned by the angle |r| about r: Rodrigues' formula."""
    squared = r @ r
    still = squared == 0.0
    angle = np.sqrt(np.where(still, 1.0, squared))
    axis = r / angle
    turned = x * np.cos(angle) + np.cross(axis, x) * np.sin(angle)
    turned = turned + axis * ((axis @ x) * (1.0 - np.cos(angle)))
    return np.where(still, x + np.cross(r, x), turned)


def reprojection(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """The weighted distance of a point's image from where it was seen; two numbers.

    A camera is rotation (3), centre (3), focal length, principal point (2), distortion (2).
    """
    seen = rotated(camera[:3], point - camera[3:6])
    flat = seen[:2] / seen[2]
    squared = flat @ flat
    distortion = 1.0 + camera[9] * squared + camera[10] * squared * squared
    return weight * (flat * distortion * camera[6] + camera[7:9] - feature)


def weight_error(weight: Any) -> Any:
    return 1.0 - weight * weight


@pb.jit
def adjustment_errors(
    cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
) -> Any:
    errors = pb.vmap(reprojection)(cameras[of_camera], points[of_point], weights, features)
    return errors, weight_error(weights)


def adjustment_blocks(
    cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
) -> Any:
    """The entries of the Jacobian, row by row: fifteen of each error, one of each weight's."""
    blocks = pb.vmap(pb.jacrev(reprojection, argnums=(0, 1, 2)))(
        cameras[of_camera], points[of_point], weights, features
    )
    by_camera, by_point, by_weight = blocks
    rows = np.concatenate([by_camera, by_point, by_weight[:, :, None]], axis=2)
    return np.concatenate([rows.ravel(), pb.vmap(pb.grad(weight_error))(weights)])


@pb.jit
def adjustment_jacobian(
    cameras: Any, points: Any, weights: Any, features: Any, of_camera: Any, of_point: Any
) -> Any:
    """Row pointers, columns and entries of the Jacobian, compressed by rows."""
    pattern = adjustment_pattern(len(cameras), len(points), of_camera, of_point)
    return *pattern, adjustment_blocks(cameras, points, weights, features, of_camera, of_point)


# -- hand tracking -----------------------------------------------------------------------------


def by_axis_and_angle(r: Any) -> Any:
    """The rotation by |r| about r, the identity where that is less than 1e-4."""
    squared = r @ r
    still = squared < 1e-8
    angle = np.sqrt(np.where(still, 1.0, squared))
    x, y, z = r / angle
    s, c = np.sin(angle), np.cos(angle)
    d = 1.0 - c
    rows = [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s],
        [x * y * d + z * s, y * y * d + c, y * z * d - x * s],
        [x * z * d - y * s, z * y * d + x * s, z * z * d + c],
    ]
    return np.where(still, np.eye(3), pb.numpy.array(rows))


def by_angles(angles: Any) -> Any:
    """4 x 4 matrices that turn about x, y and z; the angles are (bones, 3), of x, z and y."""
    (cx, cz, cy), (sx, sz, sy) = np.cos(angles).T, np.sin(angles).T
    none, one = np.zeros_like(cx), np.ones_like(cx)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx, none],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx, none],
        [-sy, cy * sx, cy * cx, none],
        [none, none, none, one],
    ]
    return np.moveaxis(pb.numpy.array(rows), 2, 0)


def skinned(theta: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """The hand's vertices, (count, 3): rotation, translation and finger angles are `theta`."""
    bones, axes, places = finger_slots().T
    angles = pb.numpy.zeros((len(parents), 3))
    angles[bones, axes] = theta[places]
    relative = hand["relatives"] @ by_angles(angles)
    absolute: list[Any] = []
    for bone, parent in enumerate(parents):
        turned = relative[bone]
        absolute.append(turned if parent == -1 else absolute[parent] @ turned)
    moves = (np.stack(absolute) @ hand["inverses"])[:, :3, :]
    # Weights times positions do not depend on theta: what does is one product.
    blended = hand["weights"][:, :, None] * hand["positions"][:, None, :]
    positions = blended.reshape(len(blended), -1) @ np.moveaxis(moves, 1, 2).reshape(-1, 3)
    if mirrored:
        positions = positions * np.array([-1.0, 1.0, 1.0])
    return positions @ by_axis_and_angle(theta[:3]).T + theta[3:6]


def hand_errors(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """How far the points are from where they belong, (count, 3); ``us`` is (count, 2) or (0, 2)."""
    positions = skinned(theta, hand, parents, mirrored)[hand["corners"]]
    if len(us):
        shares = np.concatenate([us, 1.0 - np.sum(us, axis=1, keepdims=True)], axis=1)
        positions = np.einsum("pc,pci->pi", shares, positions)
    return hand["points"] - positions


def hand_jacobian(theta: Any, us: Any, hand: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """By both of a point's own us, if there are any, then by theta: (3 count, 2 + 26)."""

    def errors(shift: Any, theta: Any) -> Any:
        return hand_errors(theta, us + shift, hand, parents, mirrored).ravel()

    argnums = (0, 1) if len(us) else (1,)
    return np.concatenate(pb.jacfwd(errors, argnums)(np.zeros(2), theta), axis=1)
