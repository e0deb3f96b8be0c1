"""Inputs that nobody would send: made from the descriptors for every method, and mutated for every parser."""
