"""Measures videos, finds their shots, speech and highlights, and proposes clips."""
