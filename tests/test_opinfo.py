"""What docs/torch_operations.md says of operations: PyTorch's samples, run by PyTorch and by us.

``pytest tests/test_opinfo.py --samples=100`` runs up to so many of each operation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from .opinfo import described, our_function, summary, title
from .opinfo_report import PAGE, ROW, all_agree

TEXT = PAGE.read_text(encoding="utf-8")


@cache
def operations() -> dict[str, Any]:
    """PyTorch's descriptions by their titles."""
    pytest.importorskip("torch")
    return {title(op): op for op in described()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", all_agree(TEXT))
def test_operation(name: str, request: pytest.FixtureRequest) -> None:
    found = summary(operations()[name], request.config.getoption("--samples"))
    assert not found.wrong


@pytest.mark.filterwarnings("ignore")
def test_every_operation_that_is_here_stands_on_the_page() -> None:
    listed = {f"{name} {variant.strip()}".strip() for name, variant, *_ in ROW.findall(TEXT)}
    assert {name for name, op in operations().items() if our_function(op)} == listed
