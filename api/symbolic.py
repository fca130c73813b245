"""SymPy's expressions as compiled functions, with their derivatives.

SymPy is imported when one of these functions is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location

from .transforms import grad, hessian, jacobian, value_and_grad

if TYPE_CHECKING:
    from pullback.tracer.symbolic.program import Program


class Formula(Function):
    """Expressions of SymPy, compiled when they are called; `from_sympy` makes it.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> f = pb.from_sympy(sympy.exp(x) * y, [x, y])
    >>> f(0.0, 2.0), f.grad(0.0, 2.0)
    (np.float64(2.0), array([2., 1.]))
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        super().__init__(
            program.value, _named(program, "value"), refers=tuple(program.functions.values())
        )

    @cached_property
    def grad(self) -> Function:
        """The gradient of a single expression by all arguments, of shape ``(n, *points)``.

        With arrays among the arguments it is a tuple, as `pullback.grad` gives it.

        >>> import sympy
        >>> x, y = sympy.symbols("x y")
        >>> pb.from_sympy(x * y**2, [x, y]).grad(np.array([1.0, 2.0]), 3.0)
        array([[ 9.,  9.],
               [ 6., 12.]])
        """
        return self._derivative("gradient", grad)

    @cached_property
    def value_and_grad(self) -> Function:
        """The value and the gradient in one pass.

        >>> import sympy
        >>> x = sympy.Symbol("x")
        >>> pb.from_sympy(sympy.sin(x), [x]).value_and_grad(0.0)
        (np.float64(0.0), array([1.]))
        """
        return self._derivative("value_and_gradient", value_and_grad)

    @cached_property
    def jacobian(self) -> Function:
        """The derivative by all arguments, of shape ``(*shape, n, *points)`` for each expression.

        A matrix of one row or column counts as a vector, as for SymPy's own ``jacobian``; by the
        mode, forward or reverse, that has fewer ways to go.

        >>> import sympy
        >>> x, y = sympy.symbols("x y")
        >>> pb.from_sympy(sympy.Matrix([x * y, x + y]), [x, y]).jacobian(2.0, 3.0)
        array([[3., 2.],
               [1., 1.]])
        """
        return self._derivative("jacobian", jacobian)

    @cached_property
    def hessian(self) -> Function:
        """The second derivatives, of shape ``(*shape, n, n, *points)`` for each expression.

        >>> import sympy
        >>> x, y = sympy.symbols("x y")
        >>> pb.from_sympy(x**2 * y, [x, y]).hessian(2.0, 3.0)
        array([[6., 4.],
               [4., 0.]])
        """
        return self._derivative("hessian", hessian)

    def _derivative(self, name: str, of_arrays: Callable[..., Any]) -> Function:
        program = self._program
        if "grad" in name and (len(program.expressions) != 1 or program.shapes != [()]):
            raise TypeError(
                f"a gradient is of one expression that is a number, not of {_text(program)}\n"
                f"  jacobian is of any{at(user_location())}"
            )
        if not program.of_symbols:
            found: Function = of_arrays(self, argnums=tuple(range(len(program.arguments))))
            return found
        refers = tuple(program.functions.values())
        return Function(getattr(program, name), _named(program, name), refers=refers)


def _text(program: Program) -> str:
    text = ", ".join(map(str, program.expressions))
    return text if len(text) <= 60 else text[:57] + "..."


def _named(program: Program, name: str) -> Callable[..., Any]:
    """What stands for the function in messages."""

    def formula(*args: Any) -> Any:
        return getattr(program, name)(*args)

    return formula


def from_sympy(
    expressions: Any,
    symbols: Sequence[Any] | None = None,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Formula:
    """A SymPy expression as a compiled function of its symbols, with derivatives.

    Args:
        expressions: an expression, a ``Matrix`` or ``Array`` of them, lists or tuples of these, or
            what `Graph.to_sympy` gave.
        symbols: the arguments, in order: symbols, which numbers and arrays are given for, that are
            broadcast with each other; or ``IndexedBase``, ``MatrixSymbol``, or a matrix or array of
            symbols, which an array of that shape is given for. None takes the free symbols by name.
        functions: what functions that SymPy or pullback do not know compute, by name: functions
            of arrays.

    Returns:
        A `Formula`: ``f(*arrays)`` is of shape ``(*shape, *points)``, where the arguments broadcast
        to ``points`` and a matrix has a ``shape`` of its own; ``f.grad``, ``f.value_and_grad``,
        ``f.jacobian`` and ``f.hessian`` are compiled by themselves, on first use. In other
        functions it is traced like any function.

    Raises:
        ValueError: (when called) for a symbol that is none of the arguments.
        UnsupportedFunctionError: (when called) for what has no meaning in compiled code.

    Common parts are computed once. Derivatives are those of the compiler, by the compiled
    program, so they are exact and do not grow as SymPy's do. Numbers have float64, or the dtype of
    the arguments. Where a formula would lose digits or overflow, such as ``log(1 + exp(x))``, a
    function that does not takes its place.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> f = pb.from_sympy(sympy.Piecewise((x * y, x > 0), (0, True)), [x, y])
    >>> f(np.array([-1.0, 2.0]), 3.0)
    array([0., 6.])
    """
    from pullback.tracer.symbolic.program import program

    return Formula(program(expressions, symbols, dict(functions or {})))


def primitive_from_sympy(
    name: str,
    expression: Any,
    symbols: Sequence[Any] | None = None,
    *,
    derivatives: Sequence[Any] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Function:
    """An elementwise primitive of an expression, whose derivatives SymPy finds.

    Args:
        name: what graphs call it; a word.
        expression: of the symbols, which stand for real numbers.
        symbols: the arguments, in order; None takes the free symbols by name.
        derivatives: expressions for the derivatives by each symbol, where SymPy's own are not as
            one would compute them; those of higher order follow from them.
        functions: what functions that are not known compute, by name.

    Returns:
        A `Function` of numbers and arrays, broadcast with each other, in float64 or the dtype of
        the arguments. In a graph it is one node, which prints and is read back with its
        derivatives; where these contain the expression itself, its value is used again.

    Raises:
        TypeError: for what is not one expression of symbols.
        UnsupportedFunctionError: (when called) for what has no meaning in compiled code.

    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> swish = pb.primitive_from_sympy("swish", x / (1 + sympy.exp(-x)))
    >>> pb.grad(lambda x: np.sum(swish(x)))(np.array([0.0, 1.0]))
    array([0.5       , 0.92767051])
    """
    from pullback.tracer.symbolic.primitive import row

    if not name.isidentifier():
        raise ValueError(f"the name of a primitive is a word, got {name!r}{at(user_location())}")
    made = row(name, expression, symbols, derivatives, dict(functions or {}))

    def primitive(*args: Any) -> Any:
        return made(*args)

    primitive.__name__ = primitive.__qualname__ = name
    primitive.__doc__ = f"``{expression}``."
    return Function(primitive, primitive, refers=tuple(made.program.functions.values()))


__all__ = ["Formula", "from_sympy", "primitive_from_sympy"]
