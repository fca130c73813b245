"""Gradients of pullback and others side by side: `python benchmarks/run.py [FAMILY ...]`.

Without options all families are measured by all tools that are installed, and `RESULTS.md` is
written anew, with plots; a part of a family's name picks those in which it occurs.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import roof
from checkpoints import checkpoints
from checkpoints import section as kept
from families import FAMILIES
from forward import forward, section
from measure import Measured, Plan, measure
from report import Results, agrees, lines, machine, required, summary, versions, write
from tools import TOOLS, installed
from whole_process import NAME, whole_process

HERE = Path(__file__).parent
QUICK = Plan(rounds=2, seconds=0.02, tools=tuple(x for x in TOOLS if x != "torch.compile"))


def main() -> int:
    options = _options()
    print(f"{machine()}\n{versions()}")
    plan = _plan(options)
    problems = [f"{tool}: not installed" for tool in TOOLS if not installed(tool)]
    all_measured: list[Measured] = []
    for name in (NAME, *(f.name for f in FAMILIES)):
        if _picked(name, options.families):
            measured, failed = _measure(name, plan)
            problems += [f"{name}, {tool}: {said}" for tool, said in failed.items()]
            if measured.times:
                all_measured.append(measured)
                print(f"\n{lines([measured])}\n{required(measured) or ''}", flush=True)
    print("\n".join([*problems, "", summary(all_measured)]))
    whole = not options.families and options.threads == "one"
    folder = options.out or (HERE if whole and not options.quick else None)
    if folder is not None:
        _write(folder, all_measured, problems, options)
    wrong = [(m.name, tool) for m in all_measured for tool in m.apart if not agrees(m, tool)]
    return len(wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", help="parts of names; all if left out")
    parser.add_argument("--tools", help="names with commas between; all if left out")
    parser.add_argument("--quick", action="store_true", help="two short rounds, nothing written")
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--threads",
        choices=("one", "all"),
        default="one",
        help="a tool's; beside other work on the machine, threads that wait for each other "
        "measure mostly that work",
    )
    parser.add_argument(
        "--gradbench", type=Path, metavar="CHECKOUT", help="GradBench's evaluations as well"
    )
    parser.add_argument("--out", type=Path, help="where RESULTS.md and plots go, whatever ran")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    plan = dataclasses.replace(plan, threads=options.threads)
    if options.rounds:
        plan = dataclasses.replace(plan, rounds=options.rounds)
    if options.tools:
        wanted = {"pullback", *options.tools.split(",")}
        plan = dataclasses.replace(plan, tools=tuple(x for x in TOOLS if x in wanted))
    return plan


def _picked(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(part.lower() in name.lower() for part in wanted)


def _measure(name: str, plan: Plan) -> tuple[Measured, dict[str, str]]:
    if name == NAME:
        return whole_process(plan)
    return measure(next(f for f in FAMILIES if f.name == name), plan)


def _write(
    folder: Path, measured: Sequence[Measured], problems: list[str], options: argparse.Namespace
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plots = importlib.util.find_spec("matplotlib") is not None
    if plots:
        from plots import draw, of_families

        draw(folder / "results.png", "Times ahead", of_families(measured))
    else:
        problems.append("plots: matplotlib is not installed")
    gradbench = ""
    if options.gradbench:
        sys.path.insert(0, str(HERE / "gradbench"))
        import compare

        found = list(compare.compare(options.gradbench.resolve(), 0.1 if options.quick else 0.3))
        gradbench = compare.section(found)
        if plots:
            draw(folder / "gradbench.png", "Times ahead in GradBench", compare.ratios(found))
    functions = "" if options.quick else section(forward())
    snapshots = "" if options.quick else kept(checkpoints())
    formulas = ""
    if not options.quick:
        import symbols  # sets variables for processes of one thread

        formulas = symbols.section()
    results = Results(measured, roof.section(), gradbench, functions, snapshots, formulas, problems)
    write(folder / "RESULTS.md", results)
    print(f"written to {folder / 'RESULTS.md'}")


if __name__ == "__main__":
    raise SystemExit(main())
