"""Secrets: encrypted at rest, handed out one at a time, every access recorded."""
