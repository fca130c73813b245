"""From a Python function to a graph, and from graphs to graphs."""
