"""A tracing compiler with automatic differentiation for people who write NumPy."""

__version__ = "0.1.0"

__all__: list[str] = []
