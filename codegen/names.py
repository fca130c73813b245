"""Names of the functions that all machine code shares: the support module defines them."""

from __future__ import annotations

DISPATCH = "pullback.dispatch"
DISPATCH_UNLESS_TRACING = "pullback.dispatch_unless_tracing"
SLOW = "pullback.slow"
TAKE, GIVE, FREE_ALL = (
    "pullback.take_workspace",
    "pullback.give_workspace",
    "pullback.free_workspaces",
)
HALF_CALLS = {
    "__extendhfsf2": "pullback.single_of_half",
    "__truncsfhf2": "pullback.half_of_single",
}
"""What LLVM calls to convert half precision, and what stands for it here."""

SUPPORT = (
    DISPATCH,
    DISPATCH_UNLESS_TRACING,
    SLOW,
    "pullback.guards_hold",
    "pullback.find_keyword",
    "pullback.look_up",
    "pullback.descr_matches",
    "pullback.lie_apart",
    TAKE,
    GIVE,
    FREE_ALL,
    "pullback.release",
    *HALF_CALLS.values(),
)
"""The functions of the support module (``codegen/support.py``)."""
