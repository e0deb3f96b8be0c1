"""Names that a caller gives, genres and presets, against those that the services know: a slip is told at once.

What a service cannot say now is not checked here: the step that needs the name then says whether it exists.
"""

import difflib
from collections.abc import Collection
from typing import Protocol

from services.jobs import spec as specs

ALWAYS = {"genre": {"", "auto"}, "preset": {"", "default"}}  # nobody has to be asked about these
SHOWN_MAX = 20  # names in one message: more are no help


class Directory(Protocol):
    """Asks the services."""

    async def genres(self) -> Collection[str] | None:
        """The genres that clips can be chosen by; None where nobody can say."""

    async def presets(self) -> Collection[str] | None:
        """The presets that clips can be delivered by; None where nobody can say."""


class Names:
    """Remembers the names that were known once, and asks about others.

    Args:
        directory: Who is asked.
    """

    def __init__(self, directory: Directory) -> None:
        self._ask = {"genre": directory.genres, "preset": directory.presets}
        self._known: dict[str, Collection[str]] = {}

    async def violations(self, spec: specs.Spec) -> list[specs.Violation]:
        """What is called by a name that there is none of, with the nearest that there is."""
        return [
            (field, self._wrong(field, name))
            for field, name in (("genre", spec.genre), ("preset", spec.preset))
            if not await self._has(field, name)
        ]

    async def _has(self, field: str, name: str) -> bool:
        if name in ALWAYS[field] or name in self._known.get(field, ()):
            return True
        known = await self._ask[field]()
        if known is not None:
            self._known[field] = known
        return known is None or name in known

    def _wrong(self, field: str, name: str) -> str:
        known = sorted(self._known[field])
        nearest = difflib.get_close_matches(name, known, n=1)
        if nearest:
            return f"there is no {field} {name!r}: did you mean {nearest[0]}?"
        others = " and others" if len(known) > SHOWN_MAX else ""
        return f"there is no {field} {name!r}; there are {', '.join(known[:SHOWN_MAX])}{others}"
