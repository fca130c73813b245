"""Gradients of pullback, JAX and PyTorch side by side: `python benchmarks/run.py [FAMILY ...]`.

Without options all families are measured and `RESULTS.md` is written anew; a part of a family's
name picks those in which it occurs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from checkpoints import checkpoints
from checkpoints import section as kept
from families import FAMILIES
from forward import forward, section
from measure import Measured, measure
from report import agrees, lines, machine, required, versions, write
from tools import TOOLS, installed
from whole_process import NAME, whole_process

RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    options = _options()
    print(f"{machine()}\n{versions()}")
    problems = [f"{tool}: not installed" for tool in TOOLS if not installed(tool)]
    all_measured: list[Measured] = []
    for name in (NAME, *(f.name for f in FAMILIES)):
        if _picked(name, options.families):
            measured, failed = _measure(name, options.rounds, options.threads)
            problems += [f"{name}, {tool}: {said}" for tool, said in failed.items()]
            if measured.times:
                all_measured.append(measured)
                print(f"\n{lines([measured])}\n{required(measured) or ''}", flush=True)
    print("\n".join(problems))
    if not options.families and options.threads == "one":
        write(RESULTS, all_measured, section(forward()), kept(checkpoints()), problems)
        print(f"written to {RESULTS.relative_to(RESULTS.parents[1])}")
    wrong = [(m.name, tool) for m in all_measured for tool in m.apart if not agrees(m, tool)]
    return len(wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", help="parts of names; all if left out")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--threads",
        choices=("one", "all"),
        default="one",
        help="a tool's; beside other work on the machine, threads that wait for each other "
        "measure mostly that work",
    )
    return parser.parse_args()


def _picked(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(part.lower() in name.lower() for part in wanted)


def _measure(name: str, rounds: int, threads: str) -> tuple[Measured, dict[str, str]]:
    if name == NAME:
        return whole_process(rounds)
    return measure(next(f for f in FAMILIES if f.name == name), rounds, threads)


if __name__ == "__main__":
    raise SystemExit(main())
