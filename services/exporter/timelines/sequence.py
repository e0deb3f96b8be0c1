"""A clip as every editing program knows it: events on a track, and where the crop stands."""

import dataclasses
import urllib.parse
from collections.abc import Mapping
from fractions import Fraction

from services.exporter.timelines import timecode


@dataclasses.dataclass(frozen=True, slots=True)
class Media:
    """The source."""

    name: str
    rate: Fraction
    width: int
    height: int
    """Of the picture as shown, in square pixels."""
    sound: bool
    timecode: str = ""
    """Of its first frame, where the source says so."""

    @property
    def first(self) -> int:
        """Frame number of its first frame, by its time code."""
        return timecode.frame(self.timecode, self.rate)

    @property
    def dropping(self) -> bool:
        """Whether its time code drops numbers; where it has none, its rate decides."""
        return timecode.drops(self.rate) and self.timecode[8:9] != ":"

    @property
    def url(self) -> str:
        """Where it is looked for: beside the timeline, for a manifest does not say on which disk it lies."""
        return urllib.parse.quote(self.name, safe="")


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """A stretch of the source in the clip."""

    source_start: int
    """First frame, at the rate of the source."""
    first: int
    frames: int
    """Place and length in the clip, at its rate."""
    speed: Fraction
    reason: str
    text: str

    @property
    def why(self) -> str:
        """Why it begins where it does, in words."""
        return f"{self.reason}: {self.text}" if self.text else self.reason


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """Where the window stands in a frame of the clip, in pixels of the picture as shown; straight between keys."""

    frame: int
    x: float
    y: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """A clip."""

    name: str
    rate: Fraction
    width: int
    height: int
    media: Media
    events: tuple[Event, ...]
    keys: tuple[Key, ...]
    """Empty where the whole picture is shown."""
    fades: Mapping[str, float]

    @property
    def frames(self) -> int:
        """Length of the clip."""
        return sum(event.frames for event in self.events)

    def source_seconds(self, event: Event) -> Fraction:
        """Where an event begins in the source, by its time code."""
        return (self.media.first + event.source_start) / self.media.rate

    def path(self, event: Event) -> list[Key]:
        """The keys of an event, with one at its first and one at its last frame unless the window stands still."""
        if not self.keys:
            return []
        last = event.first + event.frames - 1
        inner = [key for key in self.keys if event.first < key.frame < last]
        found = [self.at(event.first), *inner, self.at(last)]
        still = all((key.x, key.y, key.width) == (found[0].x, found[0].y, found[0].width) for key in found)
        return found[:1] if still else found

    def at(self, frame: int) -> Key:
        """Where the window stands in a frame."""
        before = max((key for key in self.keys if key.frame <= frame), key=lambda key: key.frame, default=self.keys[0])
        after = min((key for key in self.keys if key.frame >= frame), key=lambda key: key.frame, default=before)
        share = (frame - before.frame) / (after.frame - before.frame) if after.frame > before.frame else 0.0
        return Key(
            frame,
            *(
                round(getattr(before, name) + share * (getattr(after, name) - getattr(before, name)), 3)
                for name in ("x", "y", "width", "height")
            ),
        )
