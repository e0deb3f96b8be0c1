"""The detectors, and how what they find becomes one list of borders."""

import dataclasses
from typing import Protocol

from services.analyzer.shots import cut, dissolve, evidence, fade, window


class Find(Protocol):
    """What a detector's `find` is."""

    def __call__(self, frames: window.Window, start: int, end: int) -> list[window.Transition]:
        """Transitions whose frame lies in the range from `start` up to `end`."""


class Explain(Protocol):
    """What a detector's `explained` is."""

    def __call__(self, frames: window.Window, item: window.Transition) -> evidence.Evidence:
        """Why something that the detector found is a border."""


class Reject(Protocol):
    """What a detector's `rejected` is."""

    def __call__(self, frames: window.Window, start: int, end: int) -> list[evidence.Rejected]:
        """What looks like a border in the range from `start` up to `end` and is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Detector:
    """A way to find one kind of border.

    Attributes:
        find: Finds the borders in a range of frames.
        reach: Frames on each side of the range that its decisions look at.
        explained: Says why there is a border.
        rejected: Says what is none, and why.
    """

    find: Find
    reach: int
    explained: Explain
    rejected: Reject


DETECTORS = {
    "cut": Detector(cut.find, cut.REACH, cut.explained, cut.rejected),
    "fade": Detector(fade.find, fade.REACH, fade.explained, fade.rejected),
    "dissolve": Detector(dissolve.find, dissolve.REACH, dissolve.explained, dissolve.rejected),
}
AROUND = 12  # frames beside a gradual transition that are looked at for its ends
REACH = max(detector.reach for detector in DETECTORS.values())
PRECEDENCE = ("fade", "cut", "dissolve")  # a fade explains the cuts inside it, and no dissolve crosses a cut


def found(frames: window.Window, start: int, end: int) -> list[window.Transition]:
    """What all detectors find in a range of frames."""
    return [item for detector in DETECTORS.values() for item in detector.find(frames, start, end)]


def explained(frames: window.Window, items: list[window.Transition]) -> dict[window.Transition, evidence.Evidence]:
    """Why what was found is a border."""
    return {item: DETECTORS[item.kind].explained(frames, item) for item in items if item.score > 0}


def rejected(frames: window.Window, start: int, end: int) -> list[evidence.Rejected]:
    """What all detectors looked at in a range of frames and refused."""
    return [item for detector in DETECTORS.values() for item in detector.rejected(frames, start, end)]


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
