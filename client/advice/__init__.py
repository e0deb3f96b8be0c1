"""Looks after a running suite by its own metrics: summaries, suggestions, and settings that are tried and taken back.

It is a client and no service: it reads what every process shows anyway, and changes the configuration by the calls and
with the certificate of the person who runs it. So no service needs the right to change others, and none depends on it.
"""
