"""Random programs on tensors, as Python source: grown with PyTorch, run by PyTorch and by us.

A program is a list of statements. Each is run by itself, and what it raises is noted, so that
programs with mistakes in them are compared, too. It is grown statement by statement while PyTorch
runs it: so shapes and dtypes of what there is are known.
"""

from __future__ import annotations

import importlib
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def data(seed: int, *shape: int) -> Array:
    """Numbers to begin with, away from where functions have kinks."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(0.2, 1.2, shape) * rng.choice([-1.0, 1.0], shape))


@dataclass
class Run:
    """A program under way in one of the modules: its names, and what it has noted."""

    torch: ModuleType
    names: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = {
            "torch": self.torch,
            "np": np,
            "data": data,
            "log": lambda x: self.notes.append(("log", self.facts(x))),
        }

    def step(self, statement: str) -> str | None:
        """Run a statement; gives what it raised."""
        error = None
        try:
            exec(compile(statement, "<program>", "exec"), self.names)
        except Exception as e:  # noqa: BLE001
            error = text_of(e)
        self.names.pop("__builtins__", None)
        self.notes.append(("raised", error is not None))
        return error

    def look(self) -> None:
        """Note what can be known of the tensors without computing."""
        self.notes.append(("tensors", {k: outside(k, x) for k, x in self.tensors().items()}))

    def finish(self) -> None:
        """Note all about the tensors."""
        for name, x in self.tensors().items():
            self.notes.append((name, self.facts(x, name)))

    def tensors(self) -> dict[str, Any]:
        """The tensors by name."""
        return {k: x for k, x in self.names.items() if isinstance(x, self.torch.Tensor)}

    def facts(self, x: Any, name: str = "g") -> Any:
        """A value, with what a tensor is and its gradient."""
        if isinstance(x, (tuple, list)):
            return type(x)(self.facts(y) for y in x)
        if not isinstance(x, self.torch.Tensor):
            return x
        found = {**outside(name, x), "value": x.detach().clone().numpy()}
        if name[0] == "g" and not x.numel():
            found = {"shape": tuple(x.shape)}
        if x.grad is not None:
            found["gradient"] = x.grad.detach().clone().numpy()
            found["gradient requires grad"] = x.grad.requires_grad
        return found


AGAIN = "AsStridedBackward0"
"""What views are to PyTorch whose base has been written to, though it may be gone."""
RECORDED = "GradientBackward0"
"""What the backward nodes of recorded gradients are called here: they are one graph each."""


ABOUT: dict[str, Callable[[Any], Any]] = {
    "shape": lambda x: tuple(x.shape),
    "dtype": lambda x: str(x.dtype),
    "requires_grad": lambda x: x.requires_grad,
    "grad_fn": lambda x: x.grad_fn and x.grad_fn.name(),
    "is_leaf": lambda x: x.is_leaf,
    "version": lambda x: x._version,
    "retains_grad": lambda x: x.retains_grad,
    "is_view": lambda x: x._is_view(),
    "is_inference": lambda x: x.is_inference(),
}


def outside(variable: str, x: Any) -> dict[str, Any]:
    """What a tensor is without its values.

    How a gradient was put together is nobody's business: whether as a view, and by which writes.
    """
    found = {}
    for name, look in ABOUT.items():
        if variable[0] != "g" or name not in ("version", "is_view"):
            try:
                found[name] = look(x)
            except RuntimeError as e:
                found[name] = text_of(e)
    return found


def text_of(error: Exception) -> str:
    """Class and text, without our source line."""
    return f"{type(error).__name__}: {str(error).split(chr(10) + '  at ')[0]}"


def difference(one: Any, other: Any, tolerance: float = 1e-8) -> str | None:
    """Where two notes differ, if they do."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _difference_of_arrays(one, other, tolerance)
    if type(one) is not type(other):
        return f"{one!r} is not {other!r}"
    if isinstance(one, (float, complex)):
        return _difference_of_arrays(np.array(one), np.array(other), 1e-5)
    if isinstance(one, (tuple, list)):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, dict):
        return _difference_of_parts(one, other, tolerance)
    return None if one == other else f"{one!r} is not {other!r}"


def _difference_of_parts(one: Any, other: Any, tolerance: float) -> str | None:
    if one.keys() != other.keys():
        return f"{one} is not {other}"
    for key in one:
        if key == "grad_fn" and one[key] and (one[key] == RECORDED or other[key] == AGAIN):
            continue
        found = difference(one[key], other[key], tolerance)
        if found is not None:
            return f"{key}: {found}" if isinstance(key, str) else found
    return None


def _difference_of_arrays(one: Array, other: Array, tolerance: float) -> str | None:
    if one.dtype != other.dtype or one.shape != other.shape:
        return f"{one.dtype}{one.shape} is not {other.dtype}{other.shape}"
    if one.dtype.itemsize // (2 if one.dtype.kind == "c" else 1) == 4 and one.dtype.kind in "fc":
        tolerance = max(tolerance, 1e-3)
    finite = np.abs(other[np.isfinite(other)]) if other.dtype.kind in "fc" else np.zeros(0)
    scale = float(finite.max()) if finite.size else 1.0
    close = np.isclose(one, other, rtol=tolerance, atol=tolerance * (1 + scale), equal_nan=True)
    return None if close.all() else f"{one.tolist()} is not {other.tolist()}"


OVERLAPPING = "more than one element of the written-to tensor"
FREED = "backward through the graph a second time"
OVERWRITTEN = "has been modified by an inplace operation"


def compare(
    program: Sequence[str], ours: ModuleType, theirs: ModuleType, watch: bool
) -> str | None:
    """Run a program by both; tells where they differ."""
    runs = [Run(theirs), Run(ours)]
    single = any("float32" in x or ".float()" in x for x in program)
    tolerance = 1e-4 if single else 1e-8
    found = None
    for number, statement in enumerate(program):
        if _is_over(statement, *[run.step(statement) for run in runs]):
            break
        for run in runs if watch else ():
            run.look()
        found = _news(runs, tolerance)
        if found is not None:
            found = f"after statement {number}, {statement!r}: {found}"
            break
    else:
        for run in runs:
            run.finish()
        found = _news(runs, tolerance)
    for run in runs:
        run.torch.set_grad_enabled(True)
    return found


def _is_over(statement: str, theirs: str | None, mine: str | None) -> bool:
    """Whether what comes after need not be the same, nor the errors."""
    if theirs and mine:
        # How far a backward pass has got is not told by either.
        return "backward(" in statement or "autograd" in statement
    if theirs:
        # We have kept what it has not, or have no need of it.
        return OVERWRITTEN in theirs or FREED in theirs
    # It warns of writing to elements of which several are one in memory, and writes.
    return mine is not None and OVERLAPPING in mine


def _news(runs: Sequence[Run], tolerance: float) -> str | None:
    """The first difference of what has been noted since it was last asked; torch's comes last."""
    theirs, mine = (run.notes for run in runs)
    found = difference([list(x) for x in mine], [list(x) for x in theirs], tolerance)
    for notes in (theirs, mine):
        notes.clear()
    return found


def grown(torch: ModuleType, seed: int) -> tuple[list[str], bool]:
    """The program of a seed, and whether it is looked at after every statement."""
    rng = random.Random(seed)
    steps, watch = 5 + rng.randrange(20), rng.random() < 0.5
    program = Grower(torch, rng.randrange).grow(steps)
    torch.set_grad_enabled(True)
    return program, watch


# -- growing ---------------------------------------------------------------------------------


class Grower:
    """Grows one program, statement by statement."""

    def __init__(self, torch: ModuleType, choose: Callable[[int], int]) -> None:
        self.run = Run(torch)
        self.torch = torch
        self.choose = choose
        self.program: list[str] = []
        self.count = 0

    def pick(self, items: Sequence[Any]) -> Any:
        """One of them."""
        return items[self.choose(len(items))]

    def add(self, statement: str) -> None:
        """One more statement."""
        self.program.append(statement)
        self.run.step(statement)

    def fresh(self, like: str = "v") -> str:
        """A name that is not taken; those of gradients and their views begin with a g."""
        self.count += 1
        return f"{like[0]}{self.count}"

    def tensor(self, wanted: Callable[[Any], bool] = lambda x: True) -> str | None:
        """The name of a tensor, one of the latest rather than the first."""
        names = [k for k, x in self.run.tensors().items() if wanted(x)]
        if not names:
            return None
        recent = names[-4:] if self.choose(3) else names
        found: str = self.pick(recent)
        return found

    def value(self, name: str) -> Any:
        """The tensor of that name."""
        return self.run.names[name]

    def grow(self, steps: int) -> list[str]:
        """A program of about so many statements."""
        for _ in range(1 + self.choose(3)):
            self.add(self.a_leaf())
        for _ in range(steps):
            statement = self.pick(KINDS)(self)
            if statement is not None:
                self.add(statement)
        return self.program

    # -- statements --------------------------------------------------------------------------

    def a_leaf(self) -> str:
        """A new tensor."""
        shape = self.pick(SHAPES)
        dtype = self.pick(DTYPES)
        numbers = ", ".join(map(str, (self.choose(50), *shape)))
        wants = dtype in ("float64", "float32", "complex128") and self.choose(4) > 0
        given = f"data({numbers})" if dtype != "complex128" else f"data({numbers}) * (1 + 0.5j)"
        made = f"torch.tensor({given}, dtype=torch.{dtype}"
        return f"{self.fresh()} = {made}{', requires_grad=True' if wants else ''})"

    def filled(self, statement: str, x: str) -> str:
        """A statement about a tensor."""
        y = self.tensor() or x
        return (
            statement.replace("{}", x)
            .replace("{y}", y)
            .replace("{v}", self.fresh(x))
            .replace("{g}", self.fresh("g"))
        )

    def a_map(self) -> str | None:
        """A function of each element."""
        x = self.tensor()
        return x and f"{self.target(x)} = {self.pick(MAPS).replace('{0}', x)}"

    def target(self, old: str) -> str:
        """Where a result goes: mostly a new name."""
        return old if self.choose(8) == 0 else self.fresh(old)

    def other(self, x: str) -> str:
        """A second operand: a number, or a tensor that mostly can be broadcast to the first."""
        choice = self.choose(6)
        if choice == 0:
            return str(self.pick(NUMBERS))
        if choice == 1:
            return self.tensor() or "1"
        shape = self.value(x).shape

        def fits(y: Any) -> bool:
            try:
                self.torch.broadcast_shapes(shape, y.shape)
            except RuntimeError:
                return False
            return True

        return self.tensor(fits) or "2"

    def a_pair(self) -> str | None:
        """A function of two."""
        x = self.tensor()
        if x is None:
            return None
        other = self.other(x)
        pair = self.pick(PAIRS)
        if other[0] not in "vg" and pair.count("{1}") > 1:
            return None
        # What is added up in place counts as written to.
        name = self.fresh("g" if "@" in pair else "v")
        return f"{name} = {pair.format(x, other)}"

    def a_reduction(self) -> str | None:
        """Fewer elements; or sums along a dimension."""
        x = self.tensor()
        if x is None:
            return None
        function = self.pick(REDUCTIONS)
        ndim = self.value(x).ndim
        dim = self.choose(ndim) if ndim else 0
        keep = self.pick(["", ", keepdim=True"])
        return f"{self.fresh()} = {function.format(x, d=dim, k=keep)}"

    def view(self, x: str) -> str:
        """An expression for a view of a tensor."""
        t = self.value(x)
        found: str = self.pick([f for n, f in VIEWS if n <= t.ndim])
        d, e = (self.choose(max(t.ndim, 1)) for _ in range(2))
        index = self.index(t)
        wide = (2, *[3 if n == 1 and self.choose(2) else n for n in t.shape])
        other = self.pick([(t.numel(),), (-1,), (*t.shape, 1), tuple(reversed(t.shape)), (2, -1)])
        shape = str(other).replace(",)", ")")
        return found.replace("{}", x).format(d=d, e=e, i=index, wide=str(wide), other=shape)

    def index(self, t: Any) -> str:
        """A basic index."""
        parts = []
        for n in t.shape[: self.choose(t.ndim + 1)]:
            lower, upper = sorted((self.choose(n + 1), self.choose(n + 1)))
            choices = [f"{lower}:{upper}", f"{lower}:", ":", f"::{1 + self.choose(2)}"]
            parts.append(self.pick([*choices, *([str(self.choose(n))] * 3 if n else [])]))
        if self.choose(4) == 0:
            parts.append(self.pick(["...", "None"]))
        return ", ".join(parts) or "..."

    def a_view(self) -> str | None:
        """The same memory in another way."""
        x = self.tensor()
        return x and f"{self.fresh(x)} = {self.view(x)}"

    def a_write(self) -> str | None:
        """A change in place."""
        x = self.tensor()
        if x is None or x[0] == "g":
            return None
        target = self.view(x) if self.choose(4) == 0 else x
        return str(self.pick(WRITES).format(target, self.other(x)))

    def an_assignment(self) -> str | None:
        """New values for some elements."""
        x = self.tensor()
        if x is None:
            return None
        if x[0] == "g":
            return None
        t = self.value(x)
        places = self.pick([self.index(t), self.index(t), f"{x} > 0.5", "[0]", "torch.tensor([0])"])
        y = self.pick([str(self.pick(NUMBERS)), self.other(x), f"{x}[{places}] * 2"])
        return f"{x}[{places}] {self.pick(['=', '=', '+=', '*='])} {y}"

    def a_block(self) -> str | None:
        """A statement with recording on or off."""
        inner = self.pick(INNER)(self)
        return inner and f"with torch.{self.pick(BLOCKS)}:\n    {inner}"

    def scalar(self) -> str | None:
        """An expression for a scalar with derivatives."""
        x = self.tensor(lambda t: t.requires_grad)
        if x is None:
            return None
        if self.value(x).is_complex():
            return f"{x}.abs().sum()"
        return self.pick([f"{x}.sum()", f"({x} * {x}).sum()", f"{x}.sin().mean()", f"{x}.sum()"])

    def leaves(self) -> str:
        """Some tensors to differentiate by."""
        names = [k for k, x in self.run.tensors().items() if x.requires_grad]
        chosen = [self.pick(names) for _ in range(1 + self.choose(2))]
        return ", ".join(dict.fromkeys(chosen))

    def a_backward(self) -> str | None:
        """A backward pass."""
        s = self.scalar()
        if s is None:
            return None
        options = ["", "retain_graph=True", "retain_graph=True", "create_graph=True"]
        return str(
            self.pick(
                [
                    f"{s}.backward({self.pick(options)})",
                    f"{s}.backward({self.pick(options)})",
                    f"{s}.backward(torch.tensor(0.5).to({s}.dtype))",
                    f"torch.autograd.backward([{s}, {self.scalar()}])",
                    f"{s}.backward(retain_graph=True, inputs=[{self.leaves()}])",
                ]
            )
        )

    def a_gradient(self) -> str | None:
        """Gradients as values."""
        s = self.scalar()
        if s is None:
            return None
        options = ["", ", retain_graph=True", ", create_graph=True", ", create_graph=True"]
        unused = self.pick(
            ["", ", allow_unused=True", ", allow_unused=True, materialize_grads=True"]
        )
        asked = self.leaves()
        call = f"torch.autograd.grad({s}, [{asked}]{self.pick(options)}{unused})"
        names = [self.fresh("g") for _ in asked.split(", ")]
        return f"{', '.join(names)}, = {call}"

    def a_hook(self) -> str | None:
        """Something to be called on the way."""
        # PyTorch crashes where a hook is registered on a view that has been made again.
        x = self.tensor(lambda t: t.requires_grad and not t._is_view())
        hook = self.pick(HOOKS)
        return None if x is None or x[0] == "g" else str(hook.replace("{}", x))

    def a_reading(self) -> str | None:
        """A look at values, which must be there then."""
        x = self.tensor()
        reading = self.pick(READINGS)
        return (
            None
            if x is None or (x[0] == "g" and ("_" in reading or "str" in reading))
            else self.filled(reading, x)
        )

    def a_setting(self) -> str | None:
        """A change to what a tensor is."""
        x = self.tensor()
        setting = self.pick(SETTINGS)
        if x is None or (".data" in setting and self.value(x)._is_view()):
            return None
        return self.filled(setting, x)


def words(text: str) -> list[str]:
    """What stands between spaces."""
    return text.split()


SHAPES = [(3,), (2, 3), (3, 2), (), (1,), (3, 3), (2, 1, 3), (3,), (2, 3)] * 2 + [(2, 0)]
DTYPES = ["float64"] * 8 + ["float32", "int64", "bool", "complex128"]
NUMBERS = [2, 0.5, -1, 1.5, True, 3]
MAPS = words(
    """
{}.sin() {}.cos() {}.tanh() {}.sigmoid() -{} {}.abs() {}.relu() {}.square() {}*2 1-{} {}**2 {}**3
({}*0.5).exp() {}.abs().sqrt() {}.clone() {}.clamp(-0.5,0.7) {}.round() {}/2 1/{} {}.reciprocal()
{}.double() {}.float() {}.to(torch.float64) {}.sign() {}.floor() {}+1 2**{} {}.contiguous()
torch.where({}>0,{},-0.1) {}.flip(0) {}.cumsum(0) {}.softmax(0) {}.tril() {}.log_softmax(-1)
torch.zeros_like({}) torch.ones_like({}) torch.stack([{},{}]) torch.cat([{},{}]) {}.pow(0)
{}.angle() {}.int() {}.bool() {}>0.1 ~{} {}==0 {}.real {}.repeat(2) {}.sort()[0]
torch.nn.functional.softplus({}.double())
""".replace("{}", "{0}")
)
PAIRS = words("""
{}+{} {}-{} {}*{} {}/{} {}+{} {}*{} torch.maximum({},{}) torch.minimum({},{}) {}<{} {}@{} {}//{}
torch.atan2({},{}) torch.where({}>0,{},0.5) {}.sub({},alpha=2) {}%{} {}**{} torch.outer({},{})
torch.add({},{},alpha=3) {}.lerp({},0.3) torch.hypot({},{}) {}&{} {}>={} torch.dot({},{}) {}!={}
torch.addcmul({0},{1},{1},value=2)
""")
REDUCTIONS = words("""
{}.sum() {}.mean() {}.sum({d}{k}) {}.mean({d}{k}) {}.prod() {}.amax({d}{k}) {}.max() {}.var()
{}.max({d}{k})[0] {}.min({d}{k}).values {}.std({d}{k}) {}.logsumexp({d}{k}) {}.norm() {}.amin()
{}.cumsum({d}) {}.cumprod({d}) {}.argmax() {}.any() {}.all({d}{k}) {}.prod({d}{k})
{}.norm(2,{d}{k})
""")
VIEWS = [
    *[(0, "{}[{i}]")] * 5,
    (0, "{}.reshape({other})"),
    (0, "{}.view({other})"),
    (0, "{}.expand({wide})"),
    (0, "{}.unsqueeze({d})"),
    (0, "{}.squeeze()"),
    (0, "{}.detach()"),
    (0, "{}.data"),
    (0, "{}.flatten()"),
    (0, "{}.view_as({})"),
    (0, "{}[...]"),
    (1, "{}.unbind({d})[0]"),
    (1, "{}.chunk(2, {d})[0]"),
    (1, "{}.split(1, {d})[-1]"),
    (1, "{}.select({d}, 0)"),
    (1, "{}.narrow({d}, 0, 1)"),
    (2, "{}.t()"),
    (2, "{}.mT"),
    (2, "{}.transpose({d}, {e})"),
    (2, "{}.diagonal()"),
    (2, "{}.movedim(0, 1)"),
]
WRITES = [
    w.replace("{},{})", "{1},{1})").replace("{}", "{0}", 1).replace("{}", "{1}")
    for w in words("""
{}.add_({}) {}.mul_({}) {}.sub_({}) {}.copy_({}) {}.zero_() {}.fill_(0.5) {}.sin_() {}.tanh_()
{}.clamp_(-1,1) {}.div_(2) {}.add_({},alpha=0.5) {0}.masked_fill_({0}>0,0.25) {}.mul_(2) {}.exp_()
{}.sigmoid_() {}.relu_() {}.pow_(2) {}.neg_() {}.add_(1) {}.sqrt_() {}.addcmul_({},{})
{}.index_fill_(0,torch.tensor([0]),2) {}.requires_grad_().mul_(2) {}.detach().add_(1)
{}.lerp_({},0.5)
""")
]
BLOCKS = ["no_grad()"] * 5 + ["enable_grad()", "set_grad_enabled(False)"]
HOOKS = [
    "{}.register_hook(lambda g: g * 2)",
    "{}.register_hook(lambda g: log(g))",
    "{}.retain_grad()",
    "{}.retain_grad()",
    "{}.grad_fn.register_hook(lambda gi, go: log([gi, go]))",
    "{}.grad_fn.register_prehook(lambda go: (go[0] * 3,))",
    "{}.register_post_accumulate_grad_hook(lambda p: log(p.grad))",
    "{}.register_hook(lambda g: g.sum())",
    "{}.register_hook(lambda g: 1 / 0)",
]
READINGS = [
    "log({}.item())",
    "log({}.sum().item())",
    "log({}.tolist())",
    "log({})",
    "log({}.detach().numpy().copy())",
    "{v} = {}.numpy(force=True)",
    "if {}.sum() > 0:\n    {v} = {} * 2\nelse:\n    {v} = {} + 1",
    "log(float({}))",
    "log(bool({}))",
    "log({}._base)",
    "log({}.grad)",
    "log(len({}))",
    "log([n and (n[0] and n[0].name(), n[1]) for n in {}.grad_fn.next_functions])",
    "log(str({}))",
    "log({}.output_nr)",
]
SETTINGS = [
    "{}.requires_grad_()",
    "{}.requires_grad = True",
    "{}.requires_grad_(False)",
    "{}.detach_()",
    "{}.grad = None",
    "{}.grad.zero_()",
    "{g} = {}.grad",
    "{}.grad = torch.ones_like({})",
    "{}.data = {} * 2",
    "with torch.no_grad():\n    {} -= 0.1 * {}.grad",
    "with torch.no_grad():\n    {}.sub_({}.grad, alpha=0.1)",
    "{v} = {}",
    "{v} = {}.detach().requires_grad_()",
    "{v} = {}.detach().clone().requires_grad_()",
]
INNER = [
    Grower.a_map,
    Grower.a_write,
    Grower.a_write,
    Grower.a_view,
    Grower.an_assignment,
    Grower.a_pair,
    Grower.a_leaf,
    Grower.a_setting,
]
KINDS = [
    *[Grower.a_map] * 3,
    *[Grower.a_pair] * 3,
    *[Grower.a_view] * 3,
    *[Grower.a_write] * 3,
    *[Grower.a_backward] * 2,
    Grower.a_reduction,
    Grower.an_assignment,
    Grower.a_block,
    Grower.a_gradient,
    Grower.a_hook,
    Grower.a_reading,
    Grower.a_setting,
    Grower.a_leaf,
]


def main() -> None:
    """Run the programs of all seeds in a range, and print those that differ."""
    torch = importlib.import_module("torch")

    import pullback.torch as ours

    warnings.simplefilter("ignore")
    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        program, watch = grown(torch, seed)
        found = compare(program, ours, torch, watch)
        if found is not None:
            sys.stdout.write("\n".join((f"seed {seed}: {found}", *program, "")))


if __name__ == "__main__":
    main()
