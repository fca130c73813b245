"""`torch.return_types`: named tuples of functions with several results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .node import Row
from .tensors import record


class Results(tuple[Any, ...]):
    """Several results: a tuple whose items have names, too."""

    title = ""
    fields: tuple[str, ...] = ()
    __slots__ = ()

    def __new__(cls, *items: Any) -> Results:
        return super().__new__(cls, items[0] if len(items) == 1 else items)

    def __getattr__(self, name: str) -> Any:
        if name not in self.fields:
            raise AttributeError(
                f"'torch.return_types.{self.title}' object has no attribute {name!r}"
            )
        return self[self.fields.index(name)]

    def __reduce__(self) -> Any:
        return _rebuilt, (self.title, tuple(self))

    def __repr__(self) -> str:
        shown = ",\n".join(f"{n}={x!r}" for n, x in zip(self.fields, self, strict=True))
        return f"torch.return_types.{self.title}(\n{shown})"


def _class(title: str, fields: str) -> type[Results]:
    attributes = {"title": title, "fields": tuple(fields.split()), "__slots__": ()}
    return type(title, (Results,), attributes)


_PAIR = "values indices"
_FIELDS = {
    **dict.fromkeys(("max", "min", "sort", "topk", "kthvalue", "median", "nanmedian"), _PAIR),
    **dict.fromkeys(("mode", "cummax", "cummin"), _PAIR),
    "aminmax": "min max",
    "frexp": "mantissa exponent",
    "histogram": "hist bin_edges",
    "qr": "Q R",
    "slogdet": "sign logabsdet",
    "svd": "U S V",
    "triangular_solve": "solution cloned_coefficient",
    "lu_unpack": "P L U",
    "linalg_slogdet": "sign logabsdet",
    "linalg_qr": "Q R",
    "linalg_svd": "U S Vh",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_cholesky_ex": "L info",
    "linalg_inv_ex": "inverse info",
    "linalg_solve_ex": "result info",
    "geqrf": "a tau",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_ldl_factor": "LD pivots",
    "linalg_ldl_factor_ex": "LD pivots info",
    "linalg_lu": "P L U",
    "linalg_lu_factor": "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "linalg_lstsq": "solution residuals rank singular_values",
}
TYPES = {title: _class(title, fields) for title, fields in _FIELDS.items()}
globals().update(TYPES)


def _rebuilt(title: str, items: tuple[Any, ...]) -> Results:
    return TYPES[title](items)


def rows(
    name: str, apply: Callable[..., Any], grads: tuple[str | None, ...], promote: Any = None
) -> tuple[Row, ...]:
    """A row for each of the results of a function of tracers; what they share is computed once."""
    return tuple(
        Row(name, lambda *args, i=i: apply(*args)[i], grad, promote) for i, grad in enumerate(grads)
    )


def recorded(
    title: str, several: tuple[Row, ...], operands: tuple[Any, ...], params: tuple[Any, ...] = ()
) -> Results:
    """The named results of rows on the same operands."""
    return TYPES[title](tuple(record(row, operands, params) for row in several))


__all__ = sorted(TYPES)  # pyright: ignore[reportUnsupportedDunderAll]
