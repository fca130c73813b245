"""Whether operations are recorded for differentiation: a setting of each thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .session import Session

F = TypeVar("F", bound=Callable[..., Any])


class Mode:
    """The settings of one thread.

    ``levels`` are the transforms of `torch.func` and levels of `forward_ad` around, from outside
    inwards; ``saving`` are pairs of functions that pack what is kept for the backward pass, and
    unpack it, and ``no_packing`` tells why there must be none; ``mutable``: what is kept may be
    written to. ``session`` is what is being recorded.
    """

    __slots__ = ("enabled", "inference", "levels", "mutable", "no_packing", "saving", "session")

    def __init__(self) -> None:
        self.enabled = True
        self.inference = False
        self.levels: tuple[Any, ...] = ()
        self.saving: tuple[Any, ...] = ()
        self.mutable = False
        self.no_packing: str | None = None
        self.session = Session()


def _setting(name: str) -> Any:
    return property(
        lambda self: getattr(self.own, name), lambda self, value: setattr(self.own, name, value)
    )


class _Threads(threading.local):
    """The settings of the current thread: all by one look-up as ``own``, or each by its name."""

    enabled = _setting("enabled")
    inference = _setting("inference")
    levels = _setting("levels")
    saving = _setting("saving")
    session = _setting("session")

    def __init__(self) -> None:
        self.own = Mode()


MODE = _Threads()


class _Switch:
    """A context manager and decorator that sets the mode within its block."""

    enabled = False
    inference = False

    def __init__(self) -> None:
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        own = MODE.own
        self._before.append((own.enabled, own.inference))
        own.enabled = self.enabled
        if self.inference:
            own.inference = True

    def __exit__(self, *exception: object) -> None:
        own = MODE.own
        own.enabled, own.inference = self._before.pop()

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            generating: F = self._generating(function)
            return generating

        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return within  # type: ignore[return-value]

    def _generating(self, function: Any) -> Any:
        """A generator's code runs in the mode, what it yields to does not."""

        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            running = function(*args, **kwargs)
            step, given = running.send, None
            while True:
                try:
                    with self._fresh():
                        found = step(given)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, given = running.send, (yield found)
                except GeneratorExit:
                    running.close()
                    raise
                except Exception as error:  # noqa: BLE001
                    step, given = running.throw, error

        return within

    def _fresh(self) -> _Switch:
        return type(self)()


class _DecoratorToo(_Switch):
    """Also a decorator without parentheses: ``@no_grad``."""

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()


class no_grad(_DecoratorToo):
    """Record nothing for differentiation within the block; a decorator as well.

    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """


class enable_grad(_DecoratorToo):
    """Record again, within a block of `no_grad`.

    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad(), torch.enable_grad():
    ...     y = w * 2
    >>> y.requires_grad
    True
    """

    enabled = True


class inference_mode(_Switch):
    """As `no_grad`; what is made within is told by ``is_inference()``.

    >>> with torch.inference_mode():
    ...     y = torch.ones(2) * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.enabled = not mode
        self.inference = mode

    def __enter__(self) -> None:
        super().__enter__()
        if not self.inference:
            MODE.enabled, MODE.inference = True, False

    def _fresh(self) -> _Switch:
        made: _Switch = inference_mode(self.inference)
        return made


class set_grad_enabled(_Switch):
    """Record or not: at once, and back again at the end of the block if used as one.

    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.set_grad_enabled(False):
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.enabled = mode
        self._at_first = MODE.enabled
        MODE.enabled = mode

    def __enter__(self) -> None:
        self._before.append((self._at_first, MODE.inference))
        MODE.enabled = self.enabled

    def __call__(self, function: F) -> F:
        MODE.enabled = self._at_first
        return super().__call__(function)

    def _fresh(self) -> _Switch:
        return set_grad_enabled(self.enabled)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded for differentiation.

    >>> torch.is_grad_enabled()
    True
    """
    return bool(MODE.enabled)


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on.

    >>> torch.is_inference_mode_enabled()
    False
    """
    return bool(MODE.inference)
