"""Graphs as SymPy's expressions, and the way back. Only what is asked for imports SymPy."""
