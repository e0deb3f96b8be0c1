"""Sections that going back to an old version leaves as they are."""

from services.config import document, layers

SECTIONS = ("access",)  # else a rollback would bring back keys that were revoked since, and take new ones away


def kept(old: layers.Content, current: layers.Content) -> layers.Content:
    """Old content with the lasting sections of the one in force, in each layer.

    Args:
        old: What comes back.
        current: What is in force.
    """
    names = sorted({*old.overlays, *current.overlays})
    overlays = {name: _kept(old.overlays.get(name, {}), current.overlays.get(name, {})) for name in names}
    return layers.Content(
        _kept(old.document, current.document), {name: layer for name, layer in overlays.items() if layer}
    )


def _kept(old: document.Document, current: document.Document) -> document.Document:
    changing = {name: value for name, value in old.items() if name not in SECTIONS}
    return {**changing, **{name: current[name] for name in SECTIONS if name in current}}
