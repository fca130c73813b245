"""The NumPy dialect: what NumPy's functions, methods and indexing do to traced values."""
