"""Programs that are run by PyTorch and by us: what they print has to be the same."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from .recorded import of_torch


def programs(path: Path) -> list[str]:
    """The programs of a file, separated by lines of three hashes."""
    return [program.strip() for program in path.read_text().split("###")]


def transcript(module: Any, program: str) -> str:
    """What a program prints, the error that ends it included, without our source line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(program, "program", "exec"), {"torch": module, "np": np})
        except Exception as error:  # noqa: BLE001
            text = str(error).split("\n  at ")[0]
            printed.write(f"{type(error).__name__}: {text}\n")
        finally:
            module.set_grad_enabled(True)
    return re.sub("0x[0-9a-f]+", "0x", printed.getvalue())


def transcript_of_torch(program: str) -> str:
    """What the program prints with PyTorch."""
    told: str = of_torch("program", program, lambda torch: transcript(torch, program))
    return told
