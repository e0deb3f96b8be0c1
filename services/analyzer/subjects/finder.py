"""The people of a source: found in some frames, linked within shots, and told apart by who speaks."""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from services.analyzer.subjects import detector, meter, speaker, tracker

DECIMALS = 4  # a ten-thousandth of the picture is less than a pixel


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


class Finder:
    """Takes the frames of a source, any subset of them, in the order of time.

    Args:
        aspect: Shape of a pixel, width to height.
        find: Finds the faces; MTCNN where it is not said.
    """

    def __init__(self, aspect: Fraction, find: detector.Detector | None = None) -> None:
        self._meter = meter.Meter(aspect, find)

    def add(self, frame: av.VideoFrame, t_s: float, number: int) -> None:
        """Takes a frame, the time in seconds when it is shown, and its number."""
        self._meter.add(frame, t_s, number)

    def finish(self, borders_s: Sequence[float], speech: speaker.Spans | None) -> list[Subject]:
        """The people; no frame may follow.

        Args:
            borders_s: Times of the borders between shots, in seconds.
            speech: Stretches with a voice, in seconds; None where nobody listened.
        """
        found = tracker.tracks(*self._meter.finish(), borders_s)
        return [Subject(*pair) for pair in zip(found, speaker.speaking(found, speech), strict=True)]


def rows(subjects: Sequence[Subject]) -> np.ndarray:
    """All samples, (n, 7) float64: id, time, frame, left, top, right, bottom."""
    parts = [np.insert(item.track.rows[:, :6], 0, item.track.id, axis=1) for item in subjects]
    return np.concatenate([np.empty((0, 7)), *parts])


def documented(subjects: Sequence[Mapping[str, Any]], samples: np.ndarray, start_s: float) -> list[dict[str, Any]]:
    """The subjects as they are kept.

    Args:
        subjects: The values of the subjects.
        samples: Their rows.
        start_s: Where the measured part begins, in seconds.
    """
    parts = np.split(samples, np.flatnonzero(np.diff(samples[:, 0])) + 1)
    return [
        {
            **subject,
            "start_s": subject["start_s"] + start_s,
            "end_s": subject["end_s"] + start_s,
            "samples": [_sample(row, start_s) for row in part.tolist()],
        }
        for subject, part in zip(subjects, parts if len(samples) else [], strict=True)
    ]


def _sample(row: Sequence[float], start_s: float) -> dict[str, float]:
    _, t_s, frame, left, top, right, bottom = row
    shares = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {
        "t_s": t_s + start_s,
        "frame": int(frame),
        **{name: round(value, DECIMALS) for name, value in shares.items()},
    }
