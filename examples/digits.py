"""A network that reads handwritten digits, trained with a gradient compiled from NumPy code.

    python examples/digits.py

`loss` is plain NumPy. `@pb.value_and_grad` makes it return its gradient, too, in the structure of
the parameters: a dictionary in, a dictionary out. The rest is plain NumPy as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pullback as pb

DATA = Path(__file__).parent / "data" / "digits.csv"

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Params = dict[str, Array]


def network(params: Params, images: Array) -> Array:
    """Scores of the ten digits for each image."""
    hidden = np.tanh(images @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


@pb.value_and_grad
def loss(params: Params, images: Array, targets: Array) -> Array:
    """Mean cross-entropy; a row of `targets` is 1 at the digit and 0 elsewhere."""
    scores = network(params, images)
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_probabilities = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.mean(np.sum(targets * log_probabilities, axis=1))


def load_digits(test_size: int = 360, seed: int = 0) -> tuple[Array, Labels, Array, Labels]:
    """Images and digits to train with, images and digits to test with; pixels from 0 to 1."""
    table = np.loadtxt(DATA, delimiter=",")
    table = np.random.default_rng(seed).permutation(table)
    images, digits = table[:, :64] / 16, table[:, 64].astype(np.int64)
    return images[test_size:], digits[test_size:], images[:test_size], digits[:test_size]


def initial_params(rng: np.random.Generator, hidden: int = 64) -> Params:
    return {
        "w1": rng.normal(size=(64, hidden)) / 8,
        "b1": np.zeros(hidden),
        "w2": rng.normal(size=(hidden, 10)) / np.sqrt(hidden),
        "b2": np.zeros(10),
    }


class Adam:
    """Steps along the gradient, scaled for each number by how large its gradients have been."""

    def __init__(self, params: Params, rate: float = 0.003) -> None:
        self.rate, self.count = rate, 0
        self.mean = {name: np.zeros_like(p) for name, p in params.items()}
        self.square = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, params: Params, gradient: Params) -> None:
        self.count += 1
        for name, g in gradient.items():
            self.mean[name] += 0.1 * (g - self.mean[name])
            self.square[name] += 0.001 * (g * g - self.square[name])
            mean = self.mean[name] / (1 - 0.9**self.count)
            square = self.square[name] / (1 - 0.999**self.count)
            params[name] -= self.rate * mean / (np.sqrt(square) + 1e-8)


def batches(rng: np.random.Generator, count: int, size: int) -> Iterator[NDArray[np.intp]]:
    """Random rows, each once; all batches of one size, so that one compilation serves them all."""
    order = rng.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def accuracy(params: Params, images: Array, digits: Labels) -> float:
    return float(np.mean(np.argmax(network(params, images), axis=1) == digits))


def train(epochs: int = 40, batch: int = 64, seed: int = 0) -> tuple[Params, float]:
    """The trained parameters and their accuracy on the test images."""
    images, digits, test_images, test_digits = load_digits()
    targets = np.eye(10)[digits]
    rng = np.random.default_rng(seed)
    params = initial_params(rng)
    adam = Adam(params)
    for epoch in range(1, epochs + 1):
        values = []
        for rows in batches(rng, len(images), batch):
            value, gradient = loss(params, images[rows], targets[rows])
            adam.step(params, gradient)
            values.append(value)
        if epoch == 1 or epoch % 5 == 0:
            tested = accuracy(params, test_images, test_digits)
            print(f"epoch {epoch:3}   loss {np.mean(values):.4f}   test accuracy {tested:.1%}")
    return params, accuracy(params, test_images, test_digits)


def main() -> None:
    start = time.perf_counter()
    params, tested = train()
    seconds = time.perf_counter() - start
    print(f"\n{tested:.1%} of 360 digits not seen in training read right, after {seconds:.1f} s")

    print("\nThe compiled graph: the loss, then its gradient, each node with the line it is for\n")
    rows = pb.ShapeDtype((64, 64), np.dtype(float)), pb.ShapeDtype((64, 10), np.dtype(float))
    print(loss.ir(params, *rows))


if __name__ == "__main__":
    main()
