"""What tensors have had computed, to be looked at: `pullback.torch.programs`."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.runtime.function import Function
from pullback.tracer.ir import Graph
from pullback.tracer.location import Location, user_location

from ..transforms import jit
from .compute import Compiled, watchers

if TYPE_CHECKING:
    from pullback.runtime.report.model import Report


@dataclass(eq=False)
class Program:
    """A native function that tensors had run: its graph, and the arguments of its last call.

    ``where`` is the line that asked for the values first, ``calls`` counts those of the block.
    ``function`` is the graph as a function, with all that these have for looking inside.

    >>> with torch.programs() as programs:
    ...     value = (torch.ones(3) * 2.0).sum().item()
    >>> (program,) = programs
    >>> print(program.graph.text(locations=False))
    graph (%0: f32[3], %1: f64[]) {
      %2: f32[] = convert %1 [dtype=f32]
      %3: f32[3] = broadcast %2 [shape=(3,); axes=()]
      %4: f32[3] = mul %0 %3
      %5: f32[] = reduce_sum %4 [axes=(0,)]
      return %5
    }
    >>> program.function.plan(*program.arguments).workspace_bytes
    0
    """

    graph: Graph
    where: Location | None
    calls: int = 0
    arguments: tuple[Any, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        count = len(self.graph.nodes)
        nodes = f"{count} node{'s' * (count != 1)}"
        times = "once" if self.calls == 1 else f"{self.calls} times"
        where = f" at {self.where}" if self.where else ""
        return f"<program of {nodes}, run {times}{where}>"

    def __str__(self) -> str:
        return f"{self!r}\n{self.graph}"

    @cached_property
    def function(self) -> Function:
        """The graph as a compiled function of ``arguments``."""
        return jit(self.graph)

    def explain(self, html: str | os.PathLike[str] | None = None) -> Report:
        """What each line costs: `Function.explain` with the arguments of the last call.

        >>> with torch.programs() as programs:
        ...     value = torch.ones(3).exp().sum().item()
        >>> report = programs[0].explain()
        >>> len(report.kernels)
        1
        """
        report: Report = self.function.explain(*self.arguments, html=html)
        return report


@contextmanager
def programs() -> Generator[list[Program]]:
    """A list of what is run while the block is: a `Program` for each native function.

    What waits for its value to be asked for is not among them.

    >>> w = torch.ones(3, requires_grad=True)
    >>> with torch.programs() as programs:
    ...     for _ in (1, 2, 3):
    ...         (w * w).sum().backward()
    ...         w.grad = None
    >>> programs
    [<program of 3 nodes, run 3 times at ...>]
    """
    found: dict[int, Program] = {}
    listed: list[Program] = []

    def watch(function: Compiled, arguments: Sequence[Any]) -> None:
        program = found.get(id(function))
        if program is None:
            program = found[id(function)] = Program(function.program.graph, user_location())
            listed.append(program)
            kept.append(function)
        program.calls += 1
        types = [x.type for x in program.graph.parameters]
        program.arguments = tuple(
            [np.array(x, t.dtype)[()] for x, t in zip(arguments, types, strict=True)]
        )

    kept: list[Compiled] = []
    watchers.append(watch)
    try:
        yield listed
    finally:
        watchers.remove(watch)
