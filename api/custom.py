"""Derivatives by rules of one's own, and what reverse mode keeps."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer import custom
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.call import Policy
from pullback.tracer.trace import tracing

__all__ = [
    "checkpoint",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_vjp",
    "remat",
]


class _WithRule:
    """A function that has rules: called while a function is traced it is part of that one."""

    def __init__(self, what: str, fun: Callable[..., Any], nondiff_argnums: Sequence[int]) -> None:
        functools.update_wrapper(self, fun)
        self.__wrapped__ = fun
        self.name = getattr(fun, "__name__", type(fun).__name__)
        self.static = tuple(nondiff_argnums)
        self.rules: tuple[Callable[..., Any], ...] = ()
        self._what = what
        self._function: Function | None = None

    def __repr__(self) -> str:
        return f"<{self._what} {self.name}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method: bound to an instance, as functions are."""
        return self if instance is None else functools.partial(self, instance)

    @property
    def __refers__(self) -> tuple[Callable[..., Any], ...]:
        """What the function calls beside what its own code names."""
        return self.rules

    def set_rules(self, *rules: Callable[..., Any]) -> None:
        self.rules = rules
        self._function = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value."""
        if not self.rules:
            raise TypeError(
                f"{self.name} has no rule: call {self._what}'s def{self._what[-3:]} first"
                f"{at(user_location())}"
            )
        args = _positional(self.__wrapped__, args, kwargs)
        if tracing():
            return self._traced(*args)
        if self._function is None:
            self._function = Function(
                self._traced, self.__wrapped__, self._places(len(args)), refers=self.rules
            )
        return self._function(*args)

    def _traced(self, *args: Any) -> Any:
        static = self._places(len(args))
        given = custom.Given(self, self.name, self.__wrapped__, args, static)
        return self._with_rules(given)

    def _with_rules(self, given: custom.Given) -> Any:
        raise NotImplementedError

    def _places(self, count: int) -> tuple[int, ...]:
        for i in self.static:
            if not -count <= i < count:
                raise TypeError(
                    f"nondiff_argnums of {self.name} has {i}, but the call has {count} arguments"
                    f"{at(user_location())}"
                )
        return tuple(sorted(i % count for i in self.static))


def _positional(
    fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments by position, those with defaults too."""
    if not isinstance(fun, FunctionType) and not kwargs:
        return tuple(args)
    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    named = sorted(bound.kwargs.keys() & kwargs.keys())
    if named:
        raise TypeError(
            f"a function with a rule takes arguments by position, got {', '.join(named)} by name"
            f"{at(user_location())}"
        )
    return bound.args


class CustomJvp(_WithRule):
    """A function with a rule for tangents, made by `custom_jvp`."""

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule: ``rule(*nondiff, primals, tangents) -> out, tangent``; a decorator too.

        ``primals`` and ``tangents`` are tuples with an entry for each argument that is not in
        ``nondiff_argnums``; the tangent has the structure of ``out`` and is linear in
        ``tangents``. Arguments of integers have tangents of zeros.

        >>> @pb.custom_jvp
        ... def safe(x):
        ...     return np.sqrt(x)
        >>> @safe.defjvp
        ... def rule(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return safe(x), t / (2.0 * np.maximum(safe(x), 1e-3))
        >>> pb.grad(safe)(0.0)
        np.float64(500.0)
        """
        self.set_rules(rule)
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set a rule for each argument: ``rule(tangent, out, *args) -> tangent`` of the result.

        The tangent is the sum of theirs; None stands for zero.

        >>> @pb.custom_jvp
        ... def product(x, y):
        ...     return x * y
        >>> product.defjvps(lambda t, out, x, y: t * y, None)
        >>> pb.grad(product, (0, 1))(2.0, 3.0)
        (np.float64(3.0), np.float64(0.0))
        """
        if self.static:
            raise TypeError(
                f"defjvps is for functions without nondiff_argnums{at(user_location())}"
            )

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
            if len(rules) != len(primals):
                raise TypeError(
                    f"{self.name} has {len(primals)} arguments and {len(rules)} rules"
                    f"{at(user_location())}"
                )
            out = self(*primals)
            parts = [
                rule(t, out, *primals)
                for rule, t in zip(rules, tangents, strict=True)
                if rule is not None
            ]
            return out, custom.sum_of(parts, out)

        self.set_rules(rule, *(r for r in rules if r is not None))

    def _with_rules(self, given: custom.Given) -> Any:
        return custom.forward_rule(given, self.rules[0])


class CustomVjp(_WithRule):
    """A function with a rule for cotangents, made by `custom_vjp`."""

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rule: ``fwd(*args) -> out, residuals``, and
        ``bwd(*nondiff, residuals, ct) -> cotangents``.

        ``residuals`` is any tree; ``ct`` has the structure of ``out``; the cotangents are a tuple
        with an entry for each argument that is not in ``nondiff_argnums``, of its structure, or
        None for zeros.

        >>> @pb.custom_vjp
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
        >>> pb.grad(lambda x: 5.0 * clipped(x))(2.0)
        np.float64(1.0)
        """
        self.set_rules(fwd, bwd)

    def _with_rules(self, given: custom.Given) -> Any:
        return custom.reverse_rule(given, *self.rules)


@overload
def custom_jvp(fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> CustomJvp: ...
@overload
def custom_jvp(
    fun: None = None, nondiff_argnums: Sequence[int] = ()
) -> Callable[[Callable[..., Any]], CustomJvp]: ...
def custom_jvp(fun: Any = None, nondiff_argnums: Sequence[int] = ()) -> Any:
    """A function whose derivatives are by a rule for tangents.

    The rule is set by `CustomJvp.defjvp` or ``defjvps``. Forward mode applies it, reverse mode
    transposes it; of derivatives of higher order it is differentiated itself. Under `vmap` the
    rule is that for many.

    Args:
        fun: a function of arrays, numbers or trees.
        nondiff_argnums: positions of arguments that are handed through to function and rule as
            they are, such as functions; the rule gets them first.

    Raises:
        TypeError: when a derivative is asked for, and what the rule returns has another structure,
            shape or kind of dtype than the result, or the function takes a value from outside that
            is differentiated by.

    >>> @pb.custom_jvp
    ... def log1pexp(x):
    ...     return np.log(1.0 + np.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1.0 - 1.0 / (1.0 + np.exp(x)))
    >>> pb.grad(log1pexp)(1000.0)
    np.float64(1.0)
    """
    if fun is None:
        return functools.partial(custom_jvp, nondiff_argnums=nondiff_argnums)
    return CustomJvp("custom_jvp", fun, nondiff_argnums)


@overload
def custom_vjp(fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> CustomVjp: ...
@overload
def custom_vjp(
    fun: None = None, nondiff_argnums: Sequence[int] = ()
) -> Callable[[Callable[..., Any]], CustomVjp]: ...
def custom_vjp(fun: Any = None, nondiff_argnums: Sequence[int] = ()) -> Any:
    """A function whose derivatives are by a rule for cotangents, which `CustomVjp.defvjp` sets.

    Forward mode through it is refused; derivatives of higher order are those of the rule.

    Args:
        fun: a function of arrays, numbers or trees.
        nondiff_argnums: positions of arguments that are handed through to function and rule as
            they are; ``bwd`` gets them first.

    Raises:
        TypeError: when a derivative is asked for, and what the rule returns has another structure,
            shape or kind of dtype than the arguments, or forward mode meets the function.

    >>> @pb.custom_vjp
    ... def reversed_sign(x):
    ...     return x
    >>> reversed_sign.defvjp(lambda x: (x, None), lambda _, ct: (-ct,))
    >>> pb.value_and_grad(lambda x: 3.0 * reversed_sign(x))(2.0)
    (np.float64(6.0), np.float64(-3.0))
    """
    if fun is None:
        return functools.partial(custom_vjp, nondiff_argnums=nondiff_argnums)
    return CustomVjp("custom_vjp", fun, nondiff_argnums)


def checkpoint(fun: Any = None, *, policy: Policy | None = None) -> Any:
    """A function that reverse mode computes again, from its arguments, instead of keeping values.

    Args:
        fun: a function of arrays, numbers or trees.
        policy: which values are kept all the same: ``policy(primitive, *operand_types, **params)``
            is asked of each. `checkpoint_policies` has some; None keeps none.

    Values and derivatives are the same; memory of what lies between is needed for one such function
    at a time.

    >>> @pb.checkpoint
    ... def layer(x):
    ...     return np.sin(np.sin(x))
    >>> pb.grad(lambda x: layer(layer(x)))(0.0)
    np.float64(1.0)
    """
    if fun is None:
        return functools.partial(checkpoint, policy=policy)

    @functools.wraps(fun)
    def body(*args: Any, **kwargs: Any) -> Any:
        return custom.checkpoint(fun, policy, args, kwargs)

    return Function(body, fun)


remat = checkpoint


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
) -> Any:
    """The x with f(x) = 0 that a solver finds, differentiated by the equation.

    Derivatives are by what ``f`` takes from outside; the solver is not differentiated, so it may
    be any loop, and the guess makes no difference.

    Args:
        f: of an array or tree, to a tree of the same structure, shapes and dtypes.
        initial_guess: where the solver starts.
        solve: ``solve(f, initial_guess)`` gives x.
        tangent_solve: ``tangent_solve(g, y)`` gives the x with g(x) = y for a linear g, and is
            linear in y; for numbers ``lambda g, y: y / g(1.0)``.

    Raises:
        TypeError: when a function gives another structure or other types.

    >>> def newton(f, x):
    ...     for _ in range(8):
    ...         value, slope = pb.jvp(f, (x,), (1.0,))
    ...         x = x - value / slope
    ...     return x
    >>> def sqrt(a):
    ...     return pb.custom_root(lambda x: x * x - a, a, newton, lambda g, y: y / g(1.0))
    >>> pb.grad(sqrt)(4.0)
    np.float64(0.25)
    """
    if tracing():
        return custom.root(f, initial_guess, solve, tangent_solve)
    return _root_function(f, solve, tangent_solve)(initial_guess)


@lru_cache(maxsize=256)
def _root_function(
    f: Callable[..., Any], solve: Callable[..., Any], tangent_solve: Callable[..., Any]
) -> Function:
    def body(initial_guess: Any) -> Any:
        return custom.root(f, initial_guess, solve, tangent_solve)

    return Function(body, f, refers=(solve, tangent_solve))


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
) -> Any:
    """The x with matvec(x) = b that a solver finds, differentiated by the equation.

    Derivatives are by ``b`` and by what ``matvec`` takes from outside; each takes one more
    solution, forwards by ``solve`` and in reverse mode by ``transpose_solve``.

    Args:
        matvec: a linear function of an array or tree to one of the same structure and types.
        b: the right side.
        solve: ``solve(matvec, b)`` gives x.
        transpose_solve: ``transpose_solve(vecmat, b)`` gives the solution for the transpose of
            ``matvec``; reverse mode takes it.
        symmetric: ``matvec`` is its own transpose, and ``solve`` does for both.

    Raises:
        TypeError: when a function gives another structure or other types, or for reverse mode
            without ``transpose_solve``.

    >>> a = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> def solve(matvec, b):
    ...     return np.linalg.solve(pb.jacfwd(matvec)(b), b)
    >>> def solution(a, b):
    ...     return pb.custom_linear_solve(lambda x: a @ x, b, solve, solve)
    >>> pb.jacrev(solution, 1)(a, np.ones(2))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    options = transpose_solve, bool(symmetric)
    if tracing():
        return custom.linear_solve(matvec, b, solve, *options)
    return _system_function(matvec, solve, *options)(b)


@lru_cache(maxsize=256)
def _system_function(
    matvec: Callable[..., Any],
    solve: Callable[..., Any],
    transpose_solve: Callable[..., Any] | None,
    symmetric: bool,
) -> Function:
    def body(b: Any) -> Any:
        return custom.linear_solve(matvec, b, solve, transpose_solve, symmetric)

    others = (solve,) if transpose_solve is None else (solve, transpose_solve)
    return Function(body, matvec, refers=others)
