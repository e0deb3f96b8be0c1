"""What is laid over the pictures of a clip beside captions: title, hook card, progress bar, logo."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from services.exporter.text import plate

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
HOOK_S = 3.0  # seconds that a card stays: time to read two lines


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; empty texts and None are not there. Times in seconds.

    Attributes:
        title: Text at the top.
        title_s: How long it stays; 0 to the end.
        hook: Text on a card at the beginning.
        hook_s: How long the card stays.
        progress_bar: Whether a bar shows how much has passed.
        logo_uri: The picture of a logo.
        logo_corner: One of `CORNERS`.
        logo_opacity: From 0 to 1.
    """

    title: str = ""
    title_s: float = 0.0
    hook: str = ""
    hook_s: float = HOOK_S
    progress_bar: bool = False
    logo_uri: str = ""
    logo_corner: str = "top_right"
    logo_opacity: float = 1.0

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.title or self.hook or self.progress_bar or self.logo_uri)

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Wish":
        """Reads what `to_value` wrote."""
        return cls(**value)


class Overlay(Protocol):
    """Something that lies over some or all frames."""

    NAME: str
    TEXT: bool
    """Whether it must lie in the safe zone."""

    def at(self, number: int) -> plate.Plate | None:
        """What lies over a frame of the clip; None for nothing."""
