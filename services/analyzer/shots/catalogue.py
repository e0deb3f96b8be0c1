"""The detectors, and how what they find becomes one list of borders."""

import dataclasses
from typing import Protocol

from services.analyzer.shots import cut, dissolve, fade, window


class Find(Protocol):
    """What a detector's `find` is."""

    def __call__(self, frames: window.Window, start: int, end: int) -> list[window.Transition]:
        """Transitions whose frame lies in the range from `start` up to `end`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Detector:
    """A way to find one kind of border.

    Attributes:
        find: Finds the borders in a range of frames.
        reach: Frames on each side of the range that its decisions look at.
    """

    find: Find
    reach: int


DETECTORS = {
    "cut": Detector(cut.find, cut.REACH),
    "fade": Detector(fade.find, fade.REACH),
    "dissolve": Detector(dissolve.find, dissolve.REACH),
}
AROUND = 12  # frames beside a gradual transition that are looked at for its ends
REACH = max(detector.reach for detector in DETECTORS.values())
PRECEDENCE = ("fade", "cut", "dissolve")  # a fade explains the cuts inside it, and no dissolve crosses a cut


def found(frames: window.Window, start: int, end: int) -> list[window.Transition]:
    """What all detectors find in a range of frames."""
    return [item for detector in DETECTORS.values() for item in detector.find(frames, start, end)]


def doubts(frames: window.Window, items: list[window.Transition]) -> set[int]:
    """Guessed frames in gradual transitions and around them, which say where these begin and end."""
    spans = [range(item.start_frame - AROUND, item.end_frame + AROUND + 1) for item in items if item.kind != "cut"]
    return {frame for span in spans for frame in span if frame in frames.guessed}


def settle(found: list[window.Transition]) -> list[window.Transition]:
    """One list of borders that do not overlap, in order; those without a score only keep others away."""
    kept: list[window.Transition] = []
    for item in sorted(found, key=lambda item: (PRECEDENCE.index(item.kind), -item.score, item.frame)):
        if not any(item.start_frame <= other.end_frame and other.start_frame <= item.end_frame for other in kept):
            kept.append(item)
    return sorted((item for item in kept if item.score > 0), key=lambda item: item.frame)
