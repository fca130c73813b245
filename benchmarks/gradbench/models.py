"""gmm, kmeans, lstm."""

from __future__ import annotations

from typing import Any

import numpy as np
from functions import log_sum_exp

import pullback as pb


def log_posterior(
    parameters: Any, points: Any, places: Any, constant: Any, m: Any, gamma: Any
) -> Any:
    """Of a mixture of Gaussians; ``places`` as in `inputs`."""
    alpha, mu, q, below = parameters
    k, d = q.shape
    diagonal, sums = np.exp(q), np.sum(q, axis=1)
    factors = np.concatenate([diagonal, below, np.zeros((k, 1))], axis=1)[:, places]
    # Q (x - mu) as Qx - Q mu: one product for all points and components.
    turned = (points @ factors.reshape(k * d, d).T).reshape(-1, k, d)
    turned = turned - np.einsum("kij,kj->ki", factors, mu)
    exponents = alpha + sums - 0.5 * np.sum(turned * turned, axis=2)
    likelihood = np.sum(pb.vmap(log_sum_exp)(exponents)) - len(points) * log_sum_exp(alpha)
    squares = np.sum(diagonal * diagonal) + np.sum(below * below)
    return constant + likelihood - 0.5 * gamma * gamma * squares + m * np.sum(sums)


def clustering_cost(centroids: Any, points: Any) -> Any:
    """Squared distances of the points to their nearest centroids."""
    apart = points[:, None, :] - centroids[None, :, :]
    nearest = np.argmin(np.sum(apart * apart, axis=2), axis=1)
    return np.sum((points - centroids[nearest]) ** 2)


def newton_direction(centroids: Any, points: Any) -> Any:
    """The gradient over the Hessian's diagonal, which is all there is of the Hessian."""
    gradient, diagonal = pb.jvp(
        lambda c: pb.grad(clustering_cost)(c, points), (centroids,), (np.ones_like(centroids),)
    )
    return gradient / diagonal


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def lstm_loss(parameters: Any, state: Any, sequence: Any) -> Any:
    """Layers of gates with diagonal weights; ``state`` has two rows a layer."""
    main, extra = parameters
    layers, width = main.shape[0] // 2, sequence.shape[1]
    gates = [(list(w), list(b)) for w, b in main.reshape(layers, 2, 4, width)]

    def step(rows: Any, x: Any) -> Any:
        x, after = x * extra[0], []
        for (w, b), (h, c) in zip(gates, rows, strict=True):
            forget, out = sigmoid(x * w[0] + b[0]), sigmoid(x * w[2] + b[2])
            taken, change = sigmoid(h * w[1] + b[1]), np.tanh(h * w[3] + b[3])
            c = c * forget + taken * change
            x = out * np.tanh(c)
            after.append((x, c))
        return after, x * extra[1] + extra[2]

    start = [(state[2 * i], state[2 * i + 1]) for i in range(layers)]
    _, y = pb.scan(step, start, sequence[:-1])
    normalised = y - np.log(2 + np.sum(np.exp(y), axis=1, keepdims=True))
    return -np.sum(sequence[1:] * normalised) / normalised.size
