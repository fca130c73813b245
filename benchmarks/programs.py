"""The programs that are differentiated, each written once, in the names of an array namespace.

`use` says which: NumPy's for pullback, `jax.numpy`, PyTorch's. Where another tool has a function
of its own for what one writes out in NumPy, it gets to use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

xp: Any = np
erf: Any = None
logsumexp: Any = None
scan: Any = None
jacobians: Any = None


def use(
    namespace: Any,
    erf: Callable[..., Any],
    logsumexp: Callable[..., Any],
    scan: Any = None,
    *,
    jacobians: Callable[[Any], Any] | None = None,
) -> None:
    """Let the programs compute with these functions from now on.

    ``jacobians`` makes of a function one that gives its Jacobians for many arguments.
    """
    globals().update(xp=namespace, erf=erf, logsumexp=logsumexp, scan=scan, jacobians=jacobians)


def small(x: Any) -> Any:
    return xp.sum(xp.sin(x) * x)


def small_with(constant: float) -> Callable[[Any], Any]:
    """A function like `small`, of which no tool has seen the constant."""

    def program(x: Any) -> Any:
        return xp.sum(xp.sin(x) * x + xp.exp(-x * constant))

    return program


def hundred_with(constant: float) -> Callable[[Any, Any], Any]:
    """A hundred operations in a row, with a constant that no tool has seen."""

    def program(x: Any, y: Any) -> Any:
        for n in range(16):
            x = xp.sin(x) * y + constant * n
            y = x / (1 + y * y)
        return xp.sum(x * y)

    return program


def transcendental(x: Any) -> Any:
    return xp.sum(xp.tanh(x) * xp.exp(-x * x) + xp.sin(x) * xp.log1p(x * x))


def rosenbrock(x: Any) -> Any:
    head, tail = x[:-1], x[1:]
    curved, straight = tail - head * head, 1 - head
    return xp.sum(100 * curved * curved + straight * straight)


def log_sum_exp(x: Any) -> Any:
    return logsumexp(x, 0)


def cross_entropy(logits: Any, rows: Any, labels: Any) -> Any:
    return xp.mean(logsumexp(logits, 1) - logits[rows, labels])


def perceptron(
    w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, rows: Any, labels: Any
) -> Any:
    hidden = xp.tanh(x @ w1 + b1)
    hidden = xp.tanh(hidden @ w2 + b2)
    return cross_entropy(hidden @ w3 + b3, rows, labels)


def logistic(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = x @ w + b
    return xp.mean(xp.logaddexp(xp.zeros_like(z), z) - y * z)


def logistic_without_offset(w: Any, x: Any, y: Any) -> Any:
    return logistic(w, 0.0, x, y)


def attention(queries: Any, keys: Any, values: Any) -> Any:
    """Of every head, (heads, positions, width) each."""
    scores = queries @ xp.swapaxes(keys, 1, 2) * queries.shape[2] ** -0.5
    weights = xp.exp(scores - logsumexp(scores, 2)[:, :, None])
    seen = weights @ values
    return xp.sum(seen * seen)


def black_scholes(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
    """Prices of call options, summed."""
    spread = volatility * xp.sqrt(years)
    upper = (xp.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread
    discounted = strike * xp.exp(-rate * years)
    return xp.sum(spot * normal_cdf(upper) - discounted * normal_cdf(upper - spread))


def normal_cdf(x: Any) -> Any:
    return 0.5 + 0.5 * erf(x * 0.7071067811865476)


def mixture(alphas: Any, means: Any, factors: Any, zeros: Any, places: Any, points: Any) -> Any:
    """ADBench's Gaussian mixture but for constants, the prior's scale 1 and its m 0."""
    k, d = means.shape
    diagonals, below = xp.exp(factors[:, :d]), factors[:, d:]
    q = xp.concatenate([diagonals, below, zeros], axis=1)[:, places]
    turned = (points @ q.reshape(k * d, d).T).reshape(-1, k, d) - xp.einsum("kij,kj->ki", q, means)
    exponents = alphas + xp.sum(factors[:, :d], axis=1) - 0.5 * xp.sum(turned * turned, axis=2)
    likelihood = xp.sum(logsumexp(exponents, 1)) - len(points) * logsumexp(alphas, 0)
    return likelihood - 0.5 * (xp.sum(diagonals * diagonals) + xp.sum(below * below))


def bodies(positions: Any, masses: Any) -> Any:
    """Potential energy of all pairs, softened."""
    apart = positions[:, None, :] - positions[None, :, :]
    distances = xp.sqrt(xp.sum(apart * apart, axis=2) + 0.01)
    return -xp.sum(masses[:, None] * masses[None, :] / distances)


def sorted_sample(x: Any, wanted: Any) -> Any:
    """How far the quantiles of a sample are from wanted ones, squared."""
    apart = xp.sort(x) - wanted
    return xp.mean(apart * apart)


def quantile_loss(x: Any) -> Any:
    """The loss that a quantile of the sample minimises, there."""
    apart = x - xp.quantile(x, 0.9)
    return xp.mean(0.5 * abs(apart) + 0.4 * apart)


def gathered(table: Any, index: Any, weights: Any) -> Any:
    return xp.sum(xp.tanh(table[index]) * weights)


def gaussian_process(logs: Any, distances: Any, y: Any) -> Any:
    """The logarithm of the likelihood of ``y``, but for a constant; scale, length and noise."""
    scale, length, noise = xp.exp(logs[0]), xp.exp(logs[1]), xp.exp(logs[2])
    unit = distances == 0.0
    covariance = scale * xp.exp(-distances / length) + noise * unit
    factor = xp.linalg.cholesky(covariance)
    solved = xp.linalg.solve(covariance, y)
    return -0.5 * xp.sum(y * solved) - xp.sum(xp.log(xp.linalg.diagonal(factor)))


def solutions(a: Any, b: Any) -> Any:
    return xp.sum(xp.linalg.solve(a, b) ** 2)


def projection(x: Any) -> Any:
    """Where a camera sees a point.

    The camera's rotation (Rodrigues' vector), centre, focal length, principal point and radial
    distortion, then the point: 14 numbers.
    """
    rotation, centre, focal, middle, radial, point = (
        x[0:3], x[3:6], x[6], x[7:9], x[9:11], x[11:14]
    )  # fmt: skip
    angle = xp.sqrt(xp.sum(rotation * rotation))
    axis, away = rotation / angle, point - centre
    across = xp.stack([
        axis[1] * away[2] - axis[2] * away[1],
        axis[2] * away[0] - axis[0] * away[2],
        axis[0] * away[1] - axis[1] * away[0],
    ])  # fmt: skip
    along = axis * (xp.sum(axis * away) * (1 - xp.cos(angle)))
    seen = away * xp.cos(angle) + across * xp.sin(angle) + along
    flat = seen[:2] / seen[2]
    square = xp.sum(flat * flat)
    return flat * (1 + radial[0] * square + radial[1] * square * square) * focal + middle


def projection_jacobians(x: Any) -> Any:
    return jacobians(projection)(x)


# -- loops -------------------------------------------------------------------------------------


def predator_and_prey(rates: Any, start: Any, steps: Any) -> Any:
    """Runge and Kutta's method for two variables."""

    def rate(y: Any) -> Any:
        meetings = y[0] * y[1]
        return xp.stack(
            [rates[0] * y[0] - rates[1] * meetings, rates[2] * meetings - rates[3] * y[1]]
        )

    def step(y: Any, h: Any) -> Any:
        a = rate(y)
        b = rate(y + 0.5 * h * a)
        c = rate(y + 0.5 * h * b)
        d = rate(y + h * c)
        return y + h / 6 * (a + 2 * b + 2 * c + d), None

    end, _ = scan(step, start, steps)
    return xp.sum(end * end)


def recurrent(w: Any, u: Any, b: Any, xs: Any) -> Any:
    """A recurrent network."""

    def step(h: Any, x: Any) -> Any:
        h = xp.tanh(w @ h + u @ x + b)
        return h, h

    _, states = scan(step, xp.zeros(w.shape[0]), xs)
    return xp.sum(states * states)


def heat(start: Any, steps: Any) -> Any:
    """Diffusion on a square grid whose border stays as it is."""

    def step(u: Any, rate: Any) -> Any:
        inside = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        middle = xp.concatenate(
            [u[1:-1, :1], inside + rate * (around - 4 * inside), u[1:-1, -1:]], 1
        )
        return xp.concatenate([u[:1], middle, u[-1:]], 0), None

    end, _ = scan(step, start, steps)
    return xp.sum(end * end)


def kalman_with(constant: float) -> Callable[..., Any]:
    """The filter with noise that no tool has seen."""

    def program(motion: Any, noise: Any, seen: Any, observe: Any, blur: Any) -> Any:
        return kalman(motion, noise * constant, seen, observe, blur)

    return program


def kalman(motion: Any, noise: Any, seen: Any, observe: Any, blur: Any) -> Any:
    """The log-likelihood of a Kalman filter with four states, of which two are seen."""

    def step(state: Any, z: Any) -> Any:
        mean, spread = state
        mean, spread = motion @ mean, motion @ spread @ motion.T + noise
        s = observe @ spread @ observe.T + blur
        det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
        top, bottom = xp.stack([s[1, 1], -s[0, 1]]), xp.stack([-s[1, 0], s[0, 0]])
        inverse = xp.stack([top, bottom]) / det
        gain, rest = spread @ observe.T @ inverse, z - observe @ mean
        after = mean + gain @ rest, spread - gain @ observe @ spread
        return after, xp.log(det) + rest @ inverse @ rest

    _, terms = scan(step, (xp.zeros(4), xp.eye(4)), seen)
    return xp.sum(terms)


def dozen(start: Any, steps: Any) -> Any:
    """Twelve numbers carried along, each pulled by the next."""

    def step(state: Any, h: Any) -> Any:
        pulls = [
            b * c - xp.sin(a) for a, b, c in zip(state, (*state[1:], state[0]), start, strict=True)
        ]
        return tuple(a + h * pull for a, pull in zip(state, pulls, strict=True)), None

    end, _ = scan(step, tuple(start[i] * 1.0 for i in range(12)), steps)
    return sum(x * x for x in end)


# -- tensors -----------------------------------------------------------------------------------


def training(torch: Any) -> Callable[[], Any]:
    """A step of PyTorch's tutorial: a sine fitted by a polynomial of degree three."""
    x = torch.linspace(-3.0, 3.0, 2000, dtype=torch.float64)
    y = torch.sin(x)
    weights = [
        torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in (0.1, 0.2, 0.3, 0.4)
    ]
    optimizer = torch.optim.SGD(weights, lr=1e-7)

    def step() -> Any:
        a, b, c, d = weights
        loss = ((a + b * x + c * x**2 + d * x**3 - y) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.item(), *(w.item() for w in weights)]

    return step


def tutorial_layer(torch: Any) -> Callable[[], Any]:
    """A step with a layer of five inputs and three outputs."""
    x, y = torch.ones(5), torch.zeros(3)
    w = torch.linspace(-1.0, 1.0, 15).reshape(5, 3).requires_grad_()
    b = torch.zeros(3, requires_grad=True)

    def step() -> Any:
        z = torch.matmul(x, w) + b
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                parameter -= 0.01 * parameter.grad
                parameter.grad = None
        return [loss.item()]

    return step


def _weights(torch: Any, *shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    arrays = [(0.05 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]
    return [torch.from_numpy(x).requires_grad_() for x in arrays]


def layers_of_digits(torch: Any) -> Callable[[], Any]:
    """A step with three layers, as for pictures of digits in batches of 256."""
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.standard_normal((256, 784)).astype(np.float32))
    target = torch.from_numpy(rng.integers(0, 10, 256))
    shapes = ((784, 512), (512,), (512, 256), (256,), (256, 10), (10,))
    weights = _weights(torch, *shapes)
    optimizer = torch.optim.SGD(weights, lr=1e-3)

    def step() -> Any:
        a, b, c, d, e, f = weights
        h = torch.relu(torch.relu(x @ a + b) @ c + d)
        loss = torch.nn.functional.cross_entropy(h @ e + f, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.item()]

    return step


def names(torch: Any) -> Callable[[], Any]:
    """A step of PyTorch's tutorial on names: eight of them, each read by a recurrent layer."""
    letters, hidden, languages = 58, 128, 18
    rng = np.random.default_rng(1)
    nn = torch.nn
    layer, out = nn.RNN(letters, hidden), nn.Linear(hidden, languages)
    parameters = [*layer.parameters(), *out.parameters()]
    with torch.no_grad():
        for p in parameters:
            p.copy_(torch.from_numpy(rng.uniform(-0.1, 0.1, tuple(p.shape)).astype(np.float32)))
    eye = np.eye(letters, dtype=np.float32)
    lines = [torch.tensor(eye[rng.integers(0, letters, 8)][:, None]) for _ in range(8)]
    targets = [torch.tensor([int(rng.integers(languages))]) for _ in lines]
    soft, criterion = nn.LogSoftmax(dim=1), nn.NLLLoss()
    optimizer = torch.optim.SGD(parameters, lr=1e-3)

    def step() -> Any:
        loss = 0.0
        for line, target in zip(lines, targets, strict=True):
            _, state = layer(line)
            loss = loss + criterion(soft(out(state[0])), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 3.0)
        optimizer.step()
        return [loss.item()]

    return step


def characters(torch: Any) -> Callable[[], Any]:
    """A step of a recurrent network written out, over eight letters of a name."""
    letters, hidden = 57, 128
    rng = np.random.default_rng(1)
    name = np.eye(letters, dtype=np.float32)[rng.integers(0, letters, 8)].reshape(8, 1, letters)
    line, target = torch.from_numpy(name), torch.tensor([3])
    weights = _weights(torch, (letters + hidden, hidden), (hidden,), (hidden, 18), (18,))

    def step() -> Any:
        w, b, out, bias = weights
        h = torch.zeros(1, hidden)
        for i in range(8):
            h = torch.tanh(torch.cat((line[i], h), 1) @ w + b)
        scores = torch.log_softmax(h @ out + bias, 1)
        loss = torch.nn.functional.nll_loss(scores, target)
        loss.backward()
        with torch.no_grad():
            for parameter in weights:
                parameter.add_(parameter.grad, alpha=-0.001)
                parameter.grad = None
        return [loss.item()]

    return step
