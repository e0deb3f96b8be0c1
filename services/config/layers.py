"""Layers of a document: what is built in, and over it what an environment, a service and an instance say. Pure.

A layer names only what it changes. Objects are merged name by name; every other value replaces the one below it.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chassis import errors
from services.config import document

SERVICES = ("analyzer", "config", "exporter", "gateway", "jobs")  # the suite's own; the folders of this repository
INSTANCE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
OVERLAYS_MAX = 64  # each is validated at every change: a fifth of a second at worst
BUILTIN, ENVIRONMENT = "built in", "environment"  # names of the layers that every document has


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Whom a document is for.

    Args:
        service: A service of the suite; empty for what all of them share.
        instance: One process of that service; empty for all of them.

    Raises:
        errors.InvalidArgument: There is no such service, or the name can be no instance's.
    """

    service: str = ""
    instance: str = ""

    def __post_init__(self) -> None:
        if self.service and self.service not in SERVICES:
            nearest = difflib.get_close_matches(self.service, SERVICES, n=1)
            meant = f": did you mean {nearest[0]}?" if nearest else ""
            raise _refusal("service", f"{document.shown(self.service)} is none of {', '.join(SERVICES)}{meant}")
        if self.instance and not self.service:
            raise _refusal("instance", "is given without its service")
        if self.instance and not INSTANCE.fullmatch(self.instance):
            raise _refusal("instance", f"{document.shown(self.instance)} is not 1 to 64 of a-z 0-9 . _ -")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the overlays that this reader sees, the lower one first."""
        own = (self.service, f"{self.service}/{self.instance}" if self.instance else "")
        return tuple(name for name in own if name)

    @property
    def layer(self) -> str:
        """The layer that is this reader's own: `analyzer`, `analyzer/one`, or empty for the environment."""
        return self.layers[-1] if self.layers else ""


EVERYBODY = Reader()


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """What one version says.

    Args:
        document: The layer of the environment.
        overlays: Layers over it, by name: `analyzer` of a service, `analyzer/one` of an instance. None is empty.
    """

    document: document.Document
    overlays: Mapping[str, document.Document] = dataclasses.field(default_factory=dict)

    def layer(self, reader: Reader) -> document.Document:
        """The layer that is a reader's own."""
        return self.overlays.get(reader.layer, {}) if reader.layer else self.document

    def replaced(self, reader: Reader, layer: document.Document) -> "Content":
        """The same with another layer of a reader."""
        if not reader.layer:
            return dataclasses.replace(self, document=layer)
        overlays = {**self.overlays, reader.layer: layer}
        return Content(self.document, {name: overlays[name] for name in sorted(overlays) if overlays[name]})

    def stack(self, builtin: document.Document, reader: Reader) -> list[tuple[str, document.Document]]:
        """The layers that a reader sees with their names, the lowest first."""
        over = [(name, self.overlays[name]) for name in reader.layers if name in self.overlays]
        return [(BUILTIN, builtin), (ENVIRONMENT, self.document), *over]

    def readers(self) -> list[Reader]:
        """Everyone whose document is another one."""
        return [EVERYBODY, *(Reader(*name.split("/")) for name in self.overlays)]

    def sha256(self) -> str:
        """The hash of all that is said; that of the document alone where there is nothing else."""
        return document.sha256({"document": self.document, **self.overlays} if self.overlays else self.document)


NOTHING = Content({})


def merged(stack: Sequence[tuple[str, document.Document]]) -> document.Document:
    """The document that layers make, the lowest first."""
    result: document.Document = {}
    for _, layer in stack:
        result = _over(result, layer)
    return result


def origins(stack: Sequence[tuple[str, document.Document]]) -> dict[str, str]:
    """The layer that each value of the merged document comes from, by path."""
    found = {}
    for path, _ in _leaves(merged(stack), ()):
        found[document.joined(path)] = next(name for name, layer in reversed(stack) if _has(layer, path))
    return found


def _over(lower: Any, upper: Any) -> Any:
    if not isinstance(lower, Mapping) or not isinstance(upper, Mapping):
        return upper
    result = dict(lower)
    for name, value in upper.items():
        result[name] = _over(lower[name], value) if name in lower else value
    return result


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for name, inner in value.items():
        yield from _leaves(inner, (*path, name))


def _has(layer: Any, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(layer, Mapping) or name not in layer:
            return False
        layer = layer[name]
    return True


def _refusal(field: str, message: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"{field}: {message}", reason="BAD_LAYER", fields=[errors.Field(field, message)])
