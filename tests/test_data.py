"""Plain data is as the standard library makes it, only made in less time."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from pullback.tracer import data


def classes(module: Any) -> list[type]:
    """The same classes, made by the one module or the other."""
    dataclass, field = module.dataclass, module.field

    @dataclass
    class Plain:
        """With a default of each kind."""

        count: ClassVar[int] = 3
        a: int
        b: float = 2.0
        c: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Frozen:
        """With slots, a field that is not compared and one that is set afterwards."""

        a: Any
        b: int = field(default=1, compare=False)
        c: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "c", 7)

        @property
        def twice(self) -> int:
            return 2 * self.b

    @dataclass(frozen=True)
    class Single:
        a: Any

    @dataclass(eq=False, slots=True)
    class Identity:
        a: int

    @dataclass(frozen=True)
    class Nothing:
        """No fields at all."""

    return [Plain, Frozen, Single, Identity, Nothing]


NAMES = ["Plain", "Frozen", "Single", "Identity", "Nothing"]
OURS, STANDARD = classes(data), classes(dataclasses)
Case = tuple[str, Callable[[dict[str, Any]], Any]]
NAN = float("nan")
CASES: list[Case] = [
    ("shown", lambda c: repr([c["Plain"](1), c["Frozen"]("x"), c["Single"](2), c["Nothing"]()])),
    ("by name", lambda c: repr(c["Plain"](c=[1], a=2))),
    ("one list each", lambda c: c["Plain"](1).c is c["Plain"](1).c),
    ("class variable", lambda c: c["Plain"].count),
    ("default of the class", lambda c: c["Plain"].b),
    ("equal", lambda c: c["Plain"](1) == c["Plain"](1, 2.0, [])),
    ("not equal", lambda c: c["Plain"](1) == c["Plain"](2)),
    ("others", lambda c: c["Single"](1) == c["Frozen"](1)),
    ("not compared", lambda c: c["Frozen"](1, 2) == c["Frozen"](1, 3)),
    ("hashed alike", lambda c: hash(c["Frozen"](1, 2)) == hash(c["Frozen"](1, 3))),
    ("the same NaN", lambda c: c["Single"](NAN) == c["Single"](NAN)),
    ("identity", lambda c: c["Identity"](1) == c["Identity"](1)),
    ("nothing", lambda c: {c["Nothing"](): 1}[c["Nothing"]()]),
    ("changed", lambda c: setattr(c["Plain"](1), "a", 2)),
    ("other attributes", lambda c: setattr(c["Plain"](1), "z", 2)),
    ("after", lambda c: (c["Frozen"](1).c, c["Frozen"](1, 4).twice)),
    ("matched", lambda c: [c[name].__match_args__ for name in NAMES]),
    ("annotated", lambda c: c["Plain"].__init__.__annotations__),
    ("copied", lambda c: copy.deepcopy(c["Frozen"]([1])) == c["Frozen"]([1])),
    ("unhashable", lambda c: hash(c["Plain"](1))),
    ("hash of a list", lambda c: hash(c["Single"]([]))),
    ("set", lambda c: setattr(c["Frozen"](1), "a", 2)),
    ("deleted", lambda c: delattr(c["Single"](1), "a")),
    ("too few", lambda c: c["Plain"]()),
    ("too many", lambda c: c["Frozen"](1, 2, 3)),
    ("unknown", lambda c: c["Single"](b=1)),
    ("no such slot", lambda c: setattr(c["Identity"](1), "z", 2)),
]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_like_the_standard_library(case: Callable[[dict[str, Any]], Any]) -> None:
    expected: Any = None
    error: type[BaseException] | None = None
    try:
        expected = case(dict(zip(NAMES, STANDARD, strict=True)))
    except (TypeError, AttributeError) as raised:
        error = type(raised)
    ours = dict(zip(NAMES, OURS, strict=True))
    if error is None:
        assert case(ours) == expected
    else:
        with pytest.raises(error):
            case(ours)


def test_replace() -> None:
    frozen = OURS[1](1, 2)
    assert repr(data.replace(frozen, a=3)) == repr(dataclasses.replace(STANDARD[1](1, 2), a=3))
    with pytest.raises(TypeError):
        data.replace(frozen, z=1)


@data.dataclass(frozen=True, slots=True)
class Kept:
    """At the top of a module, where pickle finds it."""

    a: int
    b: str


def test_pickle() -> None:
    assert pickle.loads(pickle.dumps(Kept(1, "x"))) == Kept(1, "x")
