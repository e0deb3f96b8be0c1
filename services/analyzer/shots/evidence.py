"""Why there is a border, or none: what a detector measured, its limits, and the curve that it looked at."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

CURVE_VALUES_MAX = 48  # enough to be drawn; curves of longer stretches leave frames out
REJECTED_MAX = 100  # of a film; more are noise, and a reader's time has a bound too


@dataclasses.dataclass(frozen=True, slots=True)
class Measure:
    """A number that was measured, and the limits it must keep.

    Attributes:
        name: What was measured.
        value: The number.
        low: Least value of a border; minus infinity where there is no limit.
        high: Largest value of a border.
    """

    name: str
    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether the number speaks for a border."""
        return self.low <= self.value <= self.high


@dataclasses.dataclass(frozen=True, slots=True)
class Curve:
    """What a detector looked at, frame by frame.

    Attributes:
        name: What it shows.
        first: Frame of the first value.
        values: One per frame.
        threshold: The value that decides where something happens.
    """

    name: str
    first: int
    values: Sequence[float]
    threshold: float

    def value(self, shift: int) -> dict[str, Any]:
        """As JSON says it, with at most CURVE_VALUES_MAX values; `shift` is added to the frame."""
        stride = -(-len(self.values) // CURVE_VALUES_MAX) or 1
        return {
            "name": self.name,
            "first_frame": self.first + shift,
            "frames_per_value": stride,
            "values": [float(value) for value in self.values[::stride]],
            "threshold": self.threshold,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on: the name of the detector, its measures in the order it asks for them, its curve."""

    detector: str
    measures: tuple[Measure, ...]
    curve: Curve

    def value(self, shift: int) -> dict[str, Any]:
        """As JSON says it; `shift` is added to frames."""
        measured = [
            {"name": item.name, "value": item.value, "at_least": _limit(item.low), "at_most": _limit(item.high)}
            for item in self.measures
        ]
        return {"detector": self.detector, "measured": measured, "curve": self.curve.value(shift)}


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """A place that looked like a border and is none.

    Attributes:
        frame: Where.
        start: First frame of the change.
        end: Last one.
        reason: Why it is no border.
        strength: How much of a change it is, 0 to 1.
        evidence: What was measured.
    """

    frame: int
    start: int
    end: int
    reason: str
    strength: float
    evidence: Evidence

    def value(self, shift: int) -> dict[str, Any]:
        """As JSON says it; `shift` is added to frames."""
        return {
            "frame": self.frame + shift,
            "start_frame": self.start + shift,
            "end_frame": self.end + shift,
            "reason": self.reason,
            "evidence": self.evidence.value(shift),
        }


def strongest(items: Sequence[Rejected]) -> list[Rejected]:
    """The REJECTED_MAX strongest, in order of time."""
    ranked = sorted(items, key=lambda item: (-item.strength, item.frame, item.reason))
    return sorted(ranked[:REJECTED_MAX], key=lambda item: (item.frame, item.evidence.detector))


def _limit(value: float) -> float | None:
    return value if math.isfinite(value) else None
