"""Onsets of notes and other sounds, and the tempo that they keep.

The spectral flux says how much louder the bands of the spectrum become from one hundredth of a second to the next; a
peak of it that stands out is an onset. Where the flux repeats itself, the autocorrelation has a peak at the beat.

Source: S. Dixon, Onset Detection Revisited (2006); D. Ellis, Beat Tracking by Dynamic Programming (2007), for the
preference of tempos around 120 per minute.
"""

import array
from collections.abc import Iterator, Sequence

import numpy as np

from services.analyzer.audio import frames

RATE_HZ = 16_000
WINDOW, HOP = 512, 160
STEP_S = HOP / RATE_HZ
BANDS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 35, 42, 50, 60, 72, 87, 104, 125, 150, 180, 216])
GAIN = 10.0  # of the logarithm: quiet changes count, noise below hearing does not
NEAR_STEPS = 3  # an onset is the largest flux within so many steps
AROUND_STEPS = 40  # that it is compared with the mean of
ABOVE, FLOOR = 1.6, 0.06  # times that mean, and flux that is added to it
WINDOW_S, SHIFT_S = 12.0, 6.0  # stretches in which a tempo is looked for
SLOWEST, FASTEST = 50.0, 210.0  # beats per minute
LIKELY, SPREAD = 120.0, 1.0  # the tempo that is preferred, and how strongly: one octave off counts 0.61
SOFTENED = np.hanning(7)[1:-1] / 3  # a beat between two steps is as good as one on a step
STEADY_MIN = 0.3  # correlation of the flux with itself one beat later; speech and noise stay below
STRETCH = 1 << 14  # steps that are worked on at once: three minutes
STEADY_SHARE = 0.25  # of the stretches that must keep a tempo, for the source to have one


class Meter:
    """Takes sound at 16 kHz, mono, piece by piece, and keeps its spectral flux."""

    def __init__(self) -> None:
        self._spectra = frames.Spectra(WINDOW, HOP)
        self._last: np.ndarray | None = None
        self._flux = array.array("f")

    def add(self, samples: np.ndarray) -> None:
        """Takes the next samples."""
        magnitudes = self._spectra.add(samples)
        if not len(magnitudes):
            return
        bands = np.log1p(GAIN * np.add.reduceat(magnitudes, BANDS, axis=1)[:, :-1])
        before = bands[:1] if self._last is None else self._last
        rises = np.maximum(np.diff(bands, axis=0, prepend=before), 0.0)
        self._flux.extend(rises.mean(axis=1, dtype=np.float32))
        self._last = bands[-1:]

    def finish(self) -> np.ndarray:
        """The flux per STEP_S, (n,) float32."""
        return np.array(self._flux, np.float32)


def onsets(flux: np.ndarray) -> np.ndarray:
    """When notes and other sounds begin, in seconds."""
    if flux.size <= 2 * NEAR_STEPS:
        return np.empty(0)
    padded = np.pad(flux, NEAR_STEPS)
    found = []
    for start, means in _means(flux, AROUND_STEPS):
        values = flux[start : start + means.size]
        near = padded[start : start + means.size + 2 * NEAR_STEPS]
        highest = np.lib.stride_tricks.sliding_window_view(near, 2 * NEAR_STEPS + 1).max(axis=1)
        found.append(start + np.flatnonzero((values == highest) & (values > ABOVE * means + FLOOR)))
    return np.concatenate(found) * STEP_S


def tempo(flux: np.ndarray) -> float | None:
    """Beats per minute; None where no tempo is kept.

    Music often keeps half or twice a tempo as well; of these it is the one nearer to LIKELY.
    """
    size, shift = round(WINDOW_S / STEP_S), round(SHIFT_S / STEP_S)
    if flux.size < size:
        return None
    reach = len(SOFTENED) // 2
    rises = np.zeros(flux.size + 2 * reach)
    for start, means in _means(flux, AROUND_STEPS):
        rises[reach + start :][: means.size] = np.maximum(flux[start : start + means.size] - means, 0.0)
    count = kept = 0
    total = np.zeros(size)
    for start in range(0, flux.size - size + 1, shift):
        part = _correlation(np.convolve(rises[start : start + size + 2 * reach], SOFTENED, "valid"))
        count += 1
        if part is not None and _beat(part)[1] >= STEADY_MIN:
            total += part
            kept += 1
    if not kept or kept < STEADY_SHARE * count:
        return None
    lag, _ = _beat(total / kept)
    return 60 / (lag * STEP_S)


def _means(values: np.ndarray, reach: int) -> Iterator[tuple[int, np.ndarray]]:
    """Means over the values around each, at the ends over what there is of them: stretch by stretch, with its place."""
    begun, sum_before = 0, 0.0
    for start in range(0, values.size, STRETCH):
        stop = min(start + STRETCH, values.size)
        low, high = max(start - reach, 0), min(stop + reach, values.size)
        sum_before = np.cumsum(np.concatenate([[sum_before], values[begun:low]]), dtype=np.float64)[-1]
        total, begun = np.cumsum(np.concatenate([[sum_before], values[low:high]]), dtype=np.float64), low
        place = np.arange(start, stop)
        first, last = np.maximum(place - reach, 0), np.minimum(place + reach + 1, values.size)
        yield start, (total[last - low] - total[first - low]) / (last - first)


def _correlation(part: np.ndarray) -> np.ndarray | None:
    """Correlation of a stretch with itself by lag, 1 at lag 0; None where it does not change."""
    apart = part - part.mean()
    power = np.abs(np.fft.rfft(apart, 2 * apart.size)) ** 2
    found = np.fft.irfft(power)[: apart.size] / np.arange(apart.size, 0, -1)
    return found / found[0] if found[0] > 0 else None


def _beat(correlation: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The most likely lag of the beat in steps, and the correlation there."""
    lags = np.arange(round(60 / FASTEST / STEP_S), round(60 / SLOWEST / STEP_S) + 1)
    values = np.asarray(correlation)
    liking = np.exp(-0.5 * (np.log2(60 / (lags * STEP_S) / LIKELY) / SPREAD) ** 2)
    best = int(lags[int((np.maximum(values[lags], 0.0) * liking).argmax())])
    before, peak, after = (float(values[best + k]) for k in (-1, 0, 1))
    bend = before - 2 * peak + after
    return best + (0.5 * (before - after) / bend if bend < 0 else 0.0), peak
