"""Links sightings to tracks: one person in one shot, under one number.

A track expects its face where it was, or was going, and takes the nearest sighting of a fitting size; the closest pairs
come first. It outlives a short absence and ends with the shot. What is seen too rarely is no person.

Source: Bewley et al., "Simple Online and Realtime Tracking", 2016, whose filter is replaced by a straight line.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from services.analyzer.subjects import sightings

GAP_MAX_S = 2.5  # longest absence within a track: one search of the whole picture and a look more
REACH = 0.9  # of its size, how far from the expected place a face may be
REACH_PER_S = 0.5  # of its size, how much farther for each second without a sighting
GROWTH_MAX = 1.7  # ratio of sizes between two sightings: faces do not come so much closer at once
MEMORY = 0.5  # share of the old velocity that is kept: detectors jitter
VELOCITY_S = 1.0  # longest time that a face is expected to go on as it went: people stop
SIGHTINGS_MIN = 3  # in fewer looks patterns in leaves and smoke are faces as well
SURE_MIN = 0.9  # mean score of a track: chance faces score less
ALONE_MIN = 0.97  # score where a shot is too short for so many looks


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """One face in one shot.

    Attributes:
        id: Its number, in the order of first sightings, from 0.
        shot: Index of the shot.
        rows: The sightings, (n, 10) as sightings.COLUMNS, in the order of time; boxes are smoothed.
    """

    id: int
    shot: int
    rows: np.ndarray

    @property
    def start_s(self) -> float:
        """When it is seen first, in seconds."""
        return float(self.rows[0, 0])

    @property
    def end_s(self) -> float:
        """When it is seen last, in seconds."""
        return float(self.rows[-1, 0])

    @property
    def score(self) -> float:
        """Mean score of the sightings."""
        return float(self.rows[:, 6].mean())

    def boxes(self, times_s: np.ndarray) -> np.ndarray:
        """The boxes at times, (n, 4), in straight lines between sightings."""
        seen = self.rows[:, sightings.BOX]
        return np.stack([np.interp(times_s, self.rows[:, 0], seen[:, edge]) for edge in range(4)], axis=1)


@dataclasses.dataclass(slots=True)
class _Open:
    """A track that may go on."""

    rows: list[np.ndarray]
    velocity: np.ndarray

    def expected(self, t_s: float) -> np.ndarray:
        """Centre and size of the face at a time, (3,)."""
        last = _place(self.rows[-1])
        return last + self.velocity * min(t_s - self.rows[-1][0], VELOCITY_S)

    def take(self, row: np.ndarray) -> None:
        step_s = max(row[0] - self.rows[-1][0], 1e-3)
        fresh = (_place(row) - _place(self.rows[-1])) / step_s
        self.velocity = MEMORY * self.velocity + (1 - MEMORY) * fresh if len(self.rows) > 1 else fresh
        self.velocity[2] = 0.0  # the size follows by itself
        self.rows.append(row)


def tracks(rows: np.ndarray, times_s: np.ndarray, borders_s: Sequence[float]) -> list[Track]:
    """Links sightings.

    Args:
        rows: (n, 10) as sightings.COLUMNS, in the order of time.
        times_s: Times that were looked at, (m,).
        borders_s: Times of the borders between shots.

    Returns:
        The tracks, in the order of their first sightings, the surer first where they begin together.
    """
    borders = np.array(borders_s, np.float64)
    shots = np.searchsorted(borders, rows[:, 0] + 1e-6, side="right")
    looks = np.bincount(np.searchsorted(borders, times_s + 1e-6, side="right"), minlength=borders.size + 1)
    found = []
    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(shots)) + 1) if len(rows) else ():
        shot = int(shots[part[0]])
        found += [(shot, track) for track in _linked(rows[part]) if _person(track, int(looks[shot]))]
    found.sort(key=lambda item: (item[1][0, 0], -item[1][0, 6], item[1][0, 2]))
    return [Track(index, shot, smoothed(track)) for index, (shot, track) in enumerate(found)]


def _linked(rows: np.ndarray) -> list[np.ndarray]:
    """The sightings of one shot in tracks."""
    going: list[_Open] = []
    done: list[_Open] = []
    for look in np.split(rows, np.flatnonzero(np.diff(rows[:, 0])) + 1):
        t_s, fresh = float(look[0, 0]), list(look)
        done += [track for track in going if t_s - track.rows[-1][0] > GAP_MAX_S]
        going = [track for track in going if t_s - track.rows[-1][0] <= GAP_MAX_S]
        for track, row in _pairs(going, fresh, t_s):
            going[track].take(fresh[row])
            fresh[row] = fresh[row][:0]
        going += [_Open([row], np.zeros(3)) for row in fresh if row.size]
    return [np.array(track.rows) for track in done + going]


def _pairs(going: Sequence[_Open], fresh: Sequence[np.ndarray], t_s: float) -> list[tuple[int, int]]:
    """Which track takes which sighting: the closest first, each once."""
    costs = []
    for index, track in enumerate(going):
        expected, last = track.expected(t_s), _place(track.rows[-1])
        reach = REACH + REACH_PER_S * (t_s - track.rows[-1][0])
        for number, row in enumerate(fresh):
            place = _place(row)
            size = max(min(last[2], place[2]), 1e-6)
            away = min(float(np.hypot(*(place[:2] - middle[:2]))) for middle in (expected, last)) / size
            growth = max(last[2], place[2]) / size
            if away <= reach and growth <= GROWTH_MAX:
                costs.append((away + np.log(growth), index, number))
    paired: list[tuple[int, int]] = []
    for _, index, number in sorted(costs):
        if all(index != one and number != other for one, other in paired):
            paired.append((index, number))
    return paired


def _place(row: np.ndarray) -> np.ndarray:
    """Centre and size of a sighting, (3,); the size is the mean of the sides."""
    left, top, right, bottom = row[sightings.BOX]
    return np.array([(left + right) / 2, (top + bottom) / 2, (right - left + bottom - top) / 2])


def _person(track: np.ndarray, looks: int) -> bool:
    """Whether what was seen so often, among so many looks at the shot, is somebody."""
    score = float(track[:, 6].mean())
    if len(track) >= SIGHTINGS_MIN:
        return score >= SURE_MIN
    return len(track) >= min(looks, SIGHTINGS_MIN) and score >= ALONE_MIN


def smoothed(rows: np.ndarray) -> np.ndarray:
    """Sightings whose boxes are the mean of their own, twice, and those before and after."""
    calm = rows.copy()
    boxes = rows[:, sightings.BOX]
    around = np.concatenate([boxes[:1], boxes, boxes[-1:]])
    calm[:, sightings.BOX] = (around[:-2] + 2 * boxes + around[2:]) / 4
    return calm
