"""Sections that going back to an old version leaves as they are."""

from services.config import document

SECTIONS = ("access",)  # else a rollback would bring back keys that were revoked since, and take new ones away


def kept(old: document.Document, current: document.Document) -> document.Document:
    """An old document with the lasting sections of the one in force.

    Args:
        old: What comes back.
        current: What is in force.
    """
    changing = {name: value for name, value in old.items() if name not in SECTIONS}
    return {**changing, **{name: current[name] for name in SECTIONS if name in current}}
