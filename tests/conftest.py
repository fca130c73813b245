"""What all tests share: a generator of random numbers, how many examples hypothesis draws, and how
golden files are rewritten.

``pytest tests/test_random_graphs.py --hypothesis-profile=campaign`` looks for bugs for long.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from . import recorded

# What is tested is compiled, not found on disk.
os.environ["PULLBACK_CACHE_DIR"] = ""

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "everyday",
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=SLOW,
    print_blob=False,
)
settings.register_profile(
    "campaign", deadline=None, max_examples=3000, suppress_health_check=SLOW, database=None
)
settings.load_profile("everyday")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden",
        action="store_true",
        help="write the files in tests/golden anew; review the difference",
    )
    parser.addoption(
        "--record-torch",
        action="store_true",
        help="write down what PyTorch gives, for where it is not installed; with -n 0",
    )
    parser.addoption(
        "--samples",
        type=int,
        default=1,
        help="how many of PyTorch's samples to run of each operation",
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--record-torch"):
        recorded.write()


@pytest.fixture(autouse=True)
def everything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests look at compiled code: no line of theirs is left to NumPy, whatever it computes."""
    from pullback.torch import recompiling

    monkeypatch.setattr(recompiling, "AT_ONCE", {True: sys.maxsize, False: sys.maxsize})


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)
