"""Who speaks: the face whose mouth moves more than the rest of it while a voice is heard.

Voice and mouth alone prove little: heads move, and voices come from outside of the picture. So the mouth is measured
against the upper half of its own face, only time with a voice counts, of several faces the one with the liveliest
mouth is taken, and a mouth that moves as much in silence says nothing.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from services.analyzer.subjects import tracker

MOUTH, UPPER, PAIRS = 7, 8, 9  # of sightings.COLUMNS
STRETCH_S = 0.5  # longest time that the motion measured with one sighting stands for
LIVELY = 1.0  # mouth to upper half: about 0.7 in people who are silent, 1.2 in one who speaks
STILL = 0.5  # grey levels: mean difference of a mouth that does not move
SURER = 1.15  # how much livelier the liveliest of several mouths must be
VOICED = 0.5  # share of a stretch in which somebody must be heard
QUIET_MIN_S = 2.0  # of silence in a track: less tells nothing about a mouth
TOLD = 0.5  # share of the time with a voice in which the mouth must be seen
WINDOW = np.ones(3)  # sightings that are taken together: words have pauses

Spans = Sequence[Sequence[float]]


@dataclasses.dataclass(frozen=True, slots=True)
class Speaking:
    """How much one track speaks.

    Attributes:
        share: Of its time, from 0 to 1; None where that cannot be told.
        spans: When, in seconds, (n, 2).
    """

    share: float | None
    spans: np.ndarray


@dataclasses.dataclass(frozen=True, slots=True)
class _Mouth:
    """Per sighting: its row, when its stretch begins and ends, how much of it has a voice, how lively the mouth is."""

    rows: np.ndarray
    edges: np.ndarray
    heard: np.ndarray
    lively: np.ndarray

    def at(self, t_s: float) -> float:
        """How lively the mouth is at a time; 0 where it is not seen."""
        index = int(np.searchsorted(self.edges[:, 0], t_s + 1e-6, side="right")) - 1
        if index < 0 or t_s > self.edges[index, 1] or np.isnan(self.lively[index]):
            return 0.0
        return float(self.lively[index])


def speaking(tracks: Sequence[tracker.Track], speech: Spans | None) -> list[Speaking]:
    """Who speaks when, for all tracks of a source.

    Args:
        tracks: The tracks.
        speech: Stretches with a voice, in seconds; None where nobody listened.
    """
    if speech is None:
        return [Speaking(None, np.empty((0, 2))) for _ in tracks]
    spans = np.array(speech, np.float64).reshape(-1, 2)
    mouths = [_mouth(track.rows, spans) for track in tracks]
    beside: dict[int, list[_Mouth]] = {}  # a source has many shots: only who shares one is compared
    for track, mouth in zip(tracks, mouths, strict=True):
        beside.setdefault(track.shot, []).append(mouth)
    return [
        _told(mouth, [other for other in beside[track.shot] if other is not mouth])
        for track, mouth in zip(tracks, mouths, strict=True)
    ]


def liveliness(rows: np.ndarray) -> np.ndarray:
    """Motion of the mouth against that of the upper half, around each sighting, (n,); nan where it was not seen."""
    mouth, upper, pairs = (
        np.convolve(rows[:, column], WINDOW, "full")[1 : 1 + len(rows)] for column in (MOUTH, UPPER, PAIRS)
    )
    seen = np.maximum(pairs, 1)
    ratio = np.where(mouth < STILL * seen, 0.0, mouth / np.maximum(upper, STILL * seen))
    return np.where(pairs > 0, ratio, np.nan)


def _mouth(rows: np.ndarray, spans: np.ndarray) -> _Mouth:
    starts = rows[:, 0]
    edges = np.stack([starts, starts + np.minimum(np.diff(starts, append=starts[-1] + STRETCH_S), STRETCH_S)], axis=1)
    before = np.concatenate([[0.0], np.cumsum(spans[:, 1] - spans[:, 0])])  # of voice, up to the end of each span
    share = (_voice(edges[:, 1], spans, before) - _voice(edges[:, 0], spans, before)) / (edges[:, 1] - edges[:, 0])
    return _Mouth(rows, edges, share, liveliness(rows))


def _voice(times: np.ndarray, spans: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Seconds of voice from the beginning to each time, (n,)."""
    passed = np.searchsorted(spans[:, 0], times, side="right")
    last = np.maximum(passed - 1, 0)
    inside = np.minimum(times, spans[last, 1]) - spans[last, 0] if len(spans) else np.zeros(len(times))
    return np.where(passed > 0, before[last] + inside, 0.0)


def _told(mouth: _Mouth, others: Sequence[_Mouth]) -> Speaking:
    nobody = Speaking(None, np.empty((0, 2)))
    lengths = mouth.edges[:, 1] - mouth.edges[:, 0]
    voiced, seen = mouth.heard >= VOICED, ~np.isnan(mouth.lively)
    if lengths[voiced & seen].sum() < TOLD * lengths[voiced].sum():
        return nobody
    talks = voiced & seen & (np.nan_to_num(mouth.lively) >= LIVELY)
    for index in np.flatnonzero(talks):
        rivals = [other.at(float(mouth.edges[index, 0])) for other in others]
        talks[index] = mouth.lively[index] > SURER * max(rivals, default=0.0)
    quiet = (mouth.heard == 0) & (mouth.rows[:, PAIRS] > 0)
    if talks.any() and lengths[quiet].sum() >= QUIET_MIN_S and _ratio(mouth.rows[quiet]) >= _ratio(mouth.rows[talks]):
        return nobody
    return Speaking(float(lengths[talks].sum() / max(lengths.sum(), 1e-9)), mouth.edges[talks])


def _ratio(rows: np.ndarray) -> float:
    return float(rows[:, MOUTH].sum() / max(rows[:, UPPER].sum(), 1e-9))
