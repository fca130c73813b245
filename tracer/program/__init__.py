"""Graphs as programs that need nothing but NumPy, to be read by people."""

from .program import Given, Source, graph_program, program

__all__ = ["Given", "Source", "graph_program", "program"]
