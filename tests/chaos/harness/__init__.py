"""Proof that the job manager loses nothing: faults at every named place, at random, in pairs, and of the disk itself.

The manager is the real one, over real gRPC, with real files and SQLite; only analyzers and exporters are fakes that
write tiny files. See `phases.py` for what is done, `lane.py` for where, and `history.py` for what must never happen.
"""
