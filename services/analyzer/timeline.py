"""Numbers per interval of time, gathered while a source is read; a few bytes per interval, whatever its length."""

import array
import math
from collections.abc import Sequence

import numpy as np

INTERVALS_MAX = 1 << 20  # six days of half seconds; time stamps beyond are nonsense and were refused before


class Means:
    """Means of several values per interval.

    Args:
        names: Names of the values.
        interval_s: Length of an interval in seconds.
    """

    def __init__(self, names: Sequence[str], interval_s: float) -> None:
        self._names = tuple(names)
        self._interval_s = interval_s
        self._sums = [array.array("d") for _ in names]
        self._counts = [array.array("l") for _ in names]

    def add(self, t_s: float, values: Sequence[float]) -> None:
        """Adds values at a time, in seconds; those that are not numbers are left out."""
        index = min(max(int(t_s / self._interval_s), 0), INTERVALS_MAX)
        for sums, counts, value in zip(self._sums, self._counts, values, strict=True):
            if not math.isnan(value):
                missing = index + 1 - len(sums)
                if missing > 0:
                    sums.extend([0.0] * missing)
                    counts.extend([0] * missing)
                sums[index] += value
                counts[index] += 1

    def finish(self, duration_s: float, *, hold: bool = True) -> dict[str, np.ndarray]:
        """The means by name.

        Args:
            duration_s: Length of the source in seconds.
            hold: Whether an interval without values has that of the one before, for its picture is still shown; else 0.
        """
        return {
            name: _means(np.array(sums), np.array(counts), count_of(duration_s, self._interval_s), hold)
            for name, sums, counts in zip(self._names, self._sums, self._counts, strict=True)
        }


class Firsts:
    """The first frame of every interval."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._firsts = array.array("l")

    def add(self, t_s: float, frame: int) -> None:
        """Adds a frame at a time in seconds; frames come in order."""
        index = min(max(int(t_s / self._interval_s + 1e-9), 0), INTERVALS_MAX)
        while len(self._firsts) <= index:
            self._firsts.append(frame)

    def finish(self, duration_s: float, frame_count: int) -> np.ndarray:
        """The number of the first frame at or after the beginning of each interval."""
        count = count_of(duration_s, self._interval_s)
        firsts = np.array(self._firsts[:count], np.int64)
        return np.concatenate([firsts, np.full(count - firsts.size, frame_count, np.int64)])


def count_of(duration_s: float, interval_s: float) -> int:
    """Intervals that a duration has, the last one perhaps not whole."""
    return max(int(np.ceil(duration_s / interval_s - 1e-9)), 0)


def counts(times_s: Sequence[float], interval_s: float, count: int) -> np.ndarray:
    """How many times lie in each interval, (count,) float64."""
    places = (np.array(times_s, np.float64) / interval_s).astype(np.int64)
    return np.bincount(places[places < count], minlength=count).astype(np.float64)


def shares(spans: Sequence[Sequence[float]], interval_s: float, count: int) -> np.ndarray:
    """The share of each interval that spans cover, (count,) float64 from 0 to 1."""
    edges = np.arange(count + 1) * interval_s
    covered = np.zeros(count + 1)
    for start_s, end_s in spans:
        covered += np.clip(edges, start_s, end_s) - start_s
    return np.clip(np.diff(covered) / interval_s, 0.0, 1.0)


def _means(sums: np.ndarray, counted: np.ndarray, size: int, hold: bool) -> np.ndarray:
    sums, counted = (np.concatenate([item, np.zeros(max(size - item.size, 0))])[:size] for item in (sums, counted))
    known = np.flatnonzero(counted)
    if not known.size:
        return np.zeros(size)
    latest = known[np.maximum(np.searchsorted(known, np.arange(size), side="right") - 1, 0)]
    means = sums[latest] / counted[latest]
    return means if hold else np.where(counted > 0, means, 0.0)
