"""The people of a source: found in some frames, linked within shots, and told apart by who speaks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.analyzer.subjects import speaker, tracker

Looks = tuple[np.ndarray, np.ndarray]  # the faces, and the times that were looked at


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """A person in one shot: the track and how much of it that person speaks."""

    track: tracker.Track
    speaking: speaker.Speaking

    def value(self) -> dict[str, Any]:
        """What JSON can say of it; the samples are in the rows."""
        return {
            "id": self.track.id,
            "shot": self.track.shot,
            "start_s": self.track.start_s,
            "end_s": self.track.end_s,
            "score": self.track.score,
            "speaking": self.speaking.share,
        }


def people(looks: Sequence[Looks], borders_s: Sequence[float], speech: speaker.Spans | None) -> list[Subject]:
    """The people of a source.

    Args:
        looks: What was seen in each stretch of it, in order; see `meter.Meter.finish`.
        borders_s: Times of the borders between shots, in seconds.
        speech: Stretches with a voice, in seconds; None where nobody listened.
    """
    rows, times_s = (np.concatenate(parts) for parts in zip(*looks, strict=True))
    found = tracker.tracks(rows, times_s, borders_s)
    return [Subject(*pair) for pair in zip(found, speaker.speaking(found, speech), strict=True)]


def rows(subjects: Sequence[Subject]) -> np.ndarray:
    """All samples, (n, 7) float64: id, time, frame, left, top, right, bottom."""
    parts = [np.insert(item.track.rows[:, :6], 0, item.track.id, axis=1) for item in subjects]
    return np.concatenate([np.empty((0, 7)), *parts])
