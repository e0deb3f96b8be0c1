"""Faster and slower sound at the same pitch.

FFmpeg's `atempo` keeps no time: at half the speed what it gives lies 30 ms beside its place, at a quarter 100 ms, and
it ends too early. Here the middle of every grain lies within `SHIFT_MAX` of where it belongs, however long it goes on.

Source: Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality
time-scale modification of speech", ICASSP 1993.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

HOP = 960  # samples between two grains, 20 ms: several periods of the deepest voice fit into two of them
SLOW_HOP = 480  # the same where sound gets slower: a grain repeats what lies in it, and longer ones would echo
SHIFT_MAX = 432  # samples that a grain may lie beside its place, 9 ms: half a period of 55 Hz
STEP = 4  # samples between the places that are compared first, at a quarter of the rate
NEARNESS = 0.02  # of likeness that the farthest place has to be better by than the right one
Read = Callable[[int], np.ndarray]  # gives the next samples, float32 (2, n)


def stretched(read: Read, speed: Fraction, samples: int) -> Iterator[np.ndarray]:
    """Sound at another speed.

    Args:
        read: gives the sound of the source from `lead()` samples before the place of the first one on.
        speed: seconds of the source per second of the result.
        samples: length of the result.

    Yields:
        float32 (2, n) chunks, `samples` in all.
    """
    hop = HOP if speed >= 1 else SLOW_HOP
    rise = (np.sin((np.arange(hop) + 0.5) / hop * np.pi / 2) ** 2).astype(np.float32)
    tape = _Tape(read, -lead())
    left, before = samples, 0
    for number in range(-(-samples // hop) + 1):
        place = int(number * hop * speed)
        if number:
            held = tape.at(before, before + hop)
            place += _shift(held, tape.at(place - hop - SHIFT_MAX, place + SHIFT_MAX))
            mixed = held * rise[::-1] + tape.at(place - hop, place) * rise
            yield mixed[:, :left]
            left -= min(hop, left)
        before = place


def lead() -> int:
    """Samples before the first one that `stretched` needs."""
    return HOP + SHIFT_MAX


def _shift(held: np.ndarray, around: np.ndarray) -> int:
    """How far beside its place the next grain begins, so that its beginning is like what goes on from the last one.

    Args:
        held: float32 (2, n), what would go on.
        around: float32 (2, n + 2 * SHIFT_MAX), where the beginning may lie.
    """
    like, places = held.mean(axis=0), around.mean(axis=0)
    coarse = _likeness(like[::STEP], places[::STEP])
    shifts = np.arange(len(coarse)) * STEP - SHIFT_MAX
    best = int(shifts[np.argmax(coarse - NEARNESS * np.abs(shifts) / SHIFT_MAX)])
    first = max(best - STEP, -SHIFT_MAX) + SHIFT_MAX
    fine = _likeness(like, places[first : first + len(like) + 2 * STEP])
    shifts = np.arange(len(fine)) + first - SHIFT_MAX
    return int(shifts[np.argmax(fine - NEARNESS * np.abs(shifts) / SHIFT_MAX)])


def _likeness(like: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Correlation of one stretch with every stretch of its length: from -1 to 1, and 0 where there is silence."""
    energy = np.concatenate(([0.0], np.cumsum(places.astype(np.float64) ** 2)))
    norms = np.sqrt(np.maximum(energy[len(like) :] - energy[: -len(like)], 0) * float(like @ like))
    return np.correlate(places, like, "valid") / np.maximum(norms, 1e-6)


class _Tape:
    """Samples by place, read forward; only the newest are kept."""

    def __init__(self, read: Read, first: int) -> None:
        self._read, self._first = read, first
        self._held = np.zeros((2, 0), np.float32)

    def at(self, start: int, end: int) -> np.ndarray:
        """Samples float32 (2, end - start)."""
        missing = end - self._first - self._held.shape[1]
        if missing > 0:
            drop = min(max(self._held.shape[1] - 2 * (HOP + SHIFT_MAX), 0), max(start - self._first, 0))
            self._held = np.concatenate((self._held[:, drop:], self._read(missing)), axis=1)
            self._first += drop
        return self._held[:, start - self._first : end - self._first]
