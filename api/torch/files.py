"""Tensors in files: ``torch.save`` and ``torch.load``."""

from __future__ import annotations

import collections
import io
import pickle
from typing import Any

from .dtypes import Size, cpu_only, device, dtype, here
from .tensors import rebuilt

MAGIC = b"pullback tensors 1\n"
"""Files begin with it."""

_SAFE: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("builtins", "complex"): complex,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "slice"): slice,
    ("builtins", "bytearray"): bytearray,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): None,
    ("numpy._core.multiarray", "_reconstruct"): None,
    ("numpy._core.multiarray", "scalar"): None,
    ("numpy._core.numeric", "_frombuffer"): None,
    ("numpy.core.multiarray", "_reconstruct"): None,
    ("numpy.core.multiarray", "scalar"): None,
    ("numpy.core.numeric", "_frombuffer"): None,
    (rebuilt.__module__, "rebuilt"): rebuilt,
    (Size.__module__, "Size"): Size,
    (device.__module__, "device"): device,
}
"""What a file of weights may name: values, containers, and what makes arrays of bytes."""


class _Weights(pickle.Unpickler):
    """Reads values alone: what would call anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _SAFE and not _is_dtype(module, name):
            raise pickle.UnpicklingError(
                f"Weights only load failed: the file names {module}.{name}, which is no tensor, "
                "number or container. Load with weights_only=False only what you trust: it may run "
                f"any code{here()}"
            )
        return super().find_class(module, name)


def _is_dtype(module: str, name: str) -> bool:
    from . import dtypes

    return module == dtypes.__name__ and isinstance(getattr(dtypes, name, None), dtype)


def save(obj: Any, f: Any, pickle_protocol: int = 5) -> None:
    """Write tensors, and containers of them such as state dicts, to a file.

    The format is this library's own: PyTorch cannot read it.

    Args:
        obj: what to write.
        f: a path, or a file open for writing bytes.
        pickle_protocol: of the pickle in the file.

    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2)}, file)
    """
    data = MAGIC + pickle.dumps(obj, protocol=pickle_protocol)
    if hasattr(f, "write"):
        f.write(data)
        return
    with open(f, "wb") as file:
        file.write(data)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` has written.

    Args:
        f: a path, or a file open for reading bytes.
        map_location: nothing but the CPU can be asked for.
        pickle_module: must be left out.
        weights_only: refuse what is no tensor, number or container of these. Without it a file can
            run any code.
        mmap: makes no difference: the file is read.

    Raises:
        pickle.UnpicklingError: if there is anything else in the file, or it is no such file.

    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2)}, file)
    >>> position = file.seek(0)
    >>> torch.load(file)
    {'w': tensor([1., 1.])}
    """
    if isinstance(map_location, str):
        cpu_only(map_location)
    if pickle_module is not None:
        raise NotImplementedError(f"load reads with its own unpickler{here()}")
    if hasattr(f, "read"):
        data = f.read()
    else:
        with open(f, "rb") as file:
            data = file.read()
    if data[: len(MAGIC)] != MAGIC:
        raise pickle.UnpicklingError(f"the file was not written by pullback.torch.save{here()}")
    stored = io.BytesIO(data[len(MAGIC) :])
    return _Weights(stored).load() if weights_only else pickle.Unpickler(stored).load()
