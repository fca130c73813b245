"""Whether operations are recorded, where older programs look for it."""

from __future__ import annotations

from ..modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class set_multithreading_enabled:
    """Whether backward passes may run in threads of their own: they never do here.

    >>> with torch.autograd.set_multithreading_enabled(False):
    ...     torch.ones(1, requires_grad=True).backward()
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        """Nothing: one thread is all there is."""

    def __exit__(self, *exception: object) -> None:
        """Nothing."""
