"""How interesting each moment is, relative to the rest of the source.

Every measure is replaced by its rank inside this source, so that a quiet film has highlights as well as a loud one and
no unit outweighs another. Measures that there are none of take no part.
"""

from collections.abc import Mapping

import numpy as np

WEIGHTS = {"loudness_lufs": 0.3, "onset": 0.15, "motion": 0.3, "cuts": 0.15, "speech": 0.1}
SMOOTH_S = 1.0  # standard deviation of the smoothing: a highlight is longer than one interval
EVEN = 0.5  # rank of all where all are alike


def curve(measures: Mapping[str, np.ndarray], interval_s: float, count: int) -> np.ndarray:
    """The highlight curve.

    Args:
        measures: Per interval, by the names in WEIGHTS; those that are missing were not measured.
        interval_s: Length of an interval in seconds.
        count: Number of intervals.

    Returns:
        (count,) float64 from 0 to 1.
    """
    known = {name: weight for name, weight in WEIGHTS.items() if name in measures}
    if not known or not count:
        return np.zeros(count)
    total = sum(weight * ranks(measures[name]) for name, weight in known.items())
    return smooth(total / sum(known.values()), SMOOTH_S / interval_s)


def ranks(values: np.ndarray) -> np.ndarray:
    """The place of each value among all, from 0 to 1; equal ones share the middle of their places.

    Args:
        values: (n,), all finite.
    """
    if values.size < 2:
        return np.full(values.shape, EVEN)
    order = np.argsort(values)
    borders = np.flatnonzero(np.diff(values[order])) + 1
    below, upto = np.concatenate([[0], borders]), np.concatenate([borders, [values.size]])
    found = np.empty(values.size)
    found[order] = np.repeat((below + upto - 1) / 2 / (values.size - 1), upto - below)
    return found


def smooth(values: np.ndarray, deviation: float) -> np.ndarray:
    """Values weighed with their neighbours by a Gaussian; at the ends by what there is of it."""
    reach = max(int(3 * deviation), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    whole = np.convolve(values, kernel)[reach : reach + values.size]
    return whole / np.convolve(np.ones_like(values), kernel)[reach : reach + values.size]


def onsets(levels: np.ndarray) -> np.ndarray:
    """How much louder each interval is than the one before, in dB; 0 where it is not."""
    return np.maximum(np.diff(levels, prepend=levels[:1]), 0.0)
