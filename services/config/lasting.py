"""Sections that live by their own rules: going back, files and second persons leave them as they are."""

from collections.abc import Sequence

from services.config import document, layers

SECTIONS = ("access",)  # else a rollback would bring back keys that were revoked since, and take new ones away


def only(paths: Sequence[str]) -> bool:
    """Whether a change by path touches nothing else."""
    return bool(paths) and all(path.split(".", 1)[0] in SECTIONS for path in paths)


def named(content: layers.Content) -> bool:
    """Whether content says anything about them."""
    return any(name in layer for layer in (content.document, *content.overlays.values()) for name in SECTIONS)


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


def unsaid(new: layers.Content, current: layers.Content) -> layers.Content:
    """New content; where it does not speak of the lasting sections, those of the one in force stay."""
    return new if named(new) else kept(new, current)


def _kept(old: document.Document, current: document.Document) -> document.Document:
    changing = {name: value for name, value in old.items() if name not in SECTIONS}
    return {**changing, **{name: current[name] for name in SECTIONS if name in current}}
