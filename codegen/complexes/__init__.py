"""Complex numbers as pairs of real ones: a pass from graph to graph, and the formulas it uses."""

from .lower import lower_complex

__all__ = ["lower_complex"]
