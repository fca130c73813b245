"""SciPy's functions on traced values."""
