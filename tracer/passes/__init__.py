"""Passes: functions from graph to graph, a file each."""
