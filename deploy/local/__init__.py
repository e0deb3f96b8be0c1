"""Runs the whole suite on one machine: starts the processes, keeps them alive, stops them in order."""
