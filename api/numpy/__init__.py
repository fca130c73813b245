"""NumPy's functions for traced and for concrete arrays."""
