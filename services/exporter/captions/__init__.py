"""What is said, as text over the picture, inside the file, or beside it."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        style: Name of the style that is burned in; empty for none.
        formats: Files beside the clip: `srt`, `vtt`, `ass`.
        track: Whether the clip gets a text track.
    """

    style: str = ""
    formats: tuple[str, ...] = ()
    track: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.style or self.formats or self.track)

    @property
    def written(self) -> bool:
        """Whether there is text beside the clip or inside of it."""
        return bool(self.formats or self.track)

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self) | {"formats": list(self.formats)}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Wish":
        """Reads what `to_value` wrote."""
        return cls(str(value["style"]), tuple(value["formats"]), bool(value["track"]))
