"""What PyTorch gives, recorded for where it is not installed.

`pytest -n 0 --record-torch tests/test_torch.py tests/test_torch_autograd.py ...` writes the record
anew, where it is installed: the tests ask it, and note the answers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = Path(__file__).parent / "torch_cases" / "recorded.json"
IS_HERE = importlib.util.find_spec("torch") is not None
NEW: dict[str, Any] = {}
"""What has been noted in this session."""


def of_torch(kind: str, case: str, ask: Callable[[Any], Any]) -> Any:
    """PyTorch's answer to a case: asked now, or as it was recorded.

    ``ask`` is called with the module; it gives text, arrays, None, or tuples and lists of them.
    """
    key = f"{kind} {hashlib.sha1(case.encode(), usedforsecurity=False).hexdigest()[:16]}"
    if not IS_HERE:
        if key not in known():
            pytest.fail(f"not recorded, write it anew with --record-torch: {case}")
        return _decoded(known()[key])
    torch = importlib.import_module("torch")

    torch.set_num_threads(1)
    answer = ask(torch)
    NEW[key] = answer
    return answer


@cache
def known() -> dict[str, Any]:
    """The record."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def write() -> None:
    """Put what has been noted in this session into the record."""
    lines = {**known(), **{key: _encoded(x) for key, x in NEW.items()}}
    text = ",\n".join(f"{json.dumps(k)}: {json.dumps(lines[k])}" for k in sorted(lines))
    FILE.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def _encoded(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        parts = np.ascontiguousarray(x).reshape(-1).view(np.real(x).dtype)
        return {"dtype": str(x.dtype), "shape": x.shape, "data": parts.tolist()}
    return [_encoded(y) for y in x] if isinstance(x, (tuple, list)) else x


def _decoded(x: Any) -> Any:
    if isinstance(x, dict):
        dtype = np.dtype(x["dtype"])
        data = np.array(x["data"], np.real(np.zeros(0, dtype)).dtype)
        return data.view(dtype).reshape(x["shape"])
    return [_decoded(y) for y in x] if isinstance(x, list) else x
