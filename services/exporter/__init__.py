"""Renders clips, pictures and the report of a session, and checks every finished clip."""
