"""Loudness after EBU R 128: momentary, short-term, integrated, its range, and true peak.

Source: ITU-R BS.1770-5, EBU Tech 3341 and, for the range, EBU Tech 3342. The K-weighting is computed for the rate at
hand from the analogue prototypes whose 48 kHz coefficients BS.1770 prints, as libebur128 does.
"""

import array
import dataclasses
import math

import numpy as np

from services.analyzer.kernels import sound

STEP_S = 0.1  # energies are kept per tenth of a second: gating blocks of 0.4 s overlap by three quarters
MOMENTARY_STEPS, SHORT_STEPS = 4, 30
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
RANGE_GATE_LU = -20.0  # of the range: quieter than this against the rest is background
RANGE_LOW, RANGE_HIGH = 0.10, 0.95  # shares between which the range lies: neither fade-outs nor single bangs count
OFFSET_LU = -0.691  # makes a 997 Hz sine of full scale read -3.01 LUFS
SURROUND_GAIN = 1.41  # energy of channels beside and behind the listener
OVERSAMPLED_RATE_HZ = 192_000
TAPS_PER_PHASE = 16  # longer filters change the peak by less than 0.02 dB
# What is said of a whole source, by the names of the API.
FIGURES = ("integrated_lufs", "true_peak_dbtp", "range_lu", "momentary_max_lufs", "short_term_max_lufs")


@dataclasses.dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a whole source.

    Attributes:
        integrated_lufs: None where nothing is above the gate.
        true_peak_dbtp: None for digital silence.
        range_lu: Difference between loud and quiet stretches; None where no 3 s are above the gates.
        momentary_max_lufs: Loudest 0.4 s; None where there are none above digital silence.
        short_term_max_lufs: Loudest 3 s; the same.
        momentary_lufs: Per tenth of a second, over the 0.4 s that end with it; minus infinity for silence.
        short_term_lufs: The same over 3 s.
    """

    integrated_lufs: float | None
    true_peak_dbtp: float | None
    range_lu: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    momentary_lufs: np.ndarray
    short_term_lufs: np.ndarray


class Meter:
    """Measures sound piece by piece.

    Args:
        rate_hz: Samples per second.
        gains: Energy gain of each channel: 0 for low-frequency effects, 1.41 beside and behind, 1 in front.
    """

    def __init__(self, rate_hz: int, gains: np.ndarray) -> None:
        self._gains = gains
        self._step = max(round(rate_hz * STEP_S), 1)
        self._coefficients = k_weighting(rate_hz)
        self._state = np.zeros((gains.size, 4))
        self._energy = np.zeros(gains.size)
        self._filled = 0
        self._energies = array.array("d")
        self._taps = interpolation(max(OVERSAMPLED_RATE_HZ // rate_hz, 1))
        self._tail = np.zeros((gains.size, self._taps.shape[1] - 1), np.float32)
        self._peak = 0.0

    def add(self, samples: np.ndarray) -> None:
        """Takes the next samples, (channels, n) float32."""
        start = 0
        while start < samples.shape[1]:
            end = min(start + self._step - self._filled, samples.shape[1])
            piece = np.ascontiguousarray(samples[:, start:end])
            sound.filter_energy(piece, self._coefficients, self._state, self._energy)
            self._filled += end - start
            start = end
            if self._filled == self._step:
                self._energies.append(float(self._energy @ self._gains) / self._step)
                self._energy[:] = 0.0
                self._filled = 0
        joined = np.concatenate([self._tail, samples], axis=1)
        self._peak = max(self._peak, sound.interpolated_peak(joined, self._taps))
        self._tail = joined[:, joined.shape[1] - self._tail.shape[1] :]

    def finish(self) -> Loudness:
        """The loudness of all that came."""
        silence = np.zeros_like(self._tail)  # lets the filter reach the last samples
        peak = max(self._peak, sound.interpolated_peak(np.concatenate([self._tail, silence], axis=1), self._taps))
        energies = np.array(self._energies)
        momentary, short = running_mean(energies, MOMENTARY_STEPS), running_mean(energies, SHORT_STEPS)
        return Loudness(
            integrated_lufs=integrated(momentary[MOMENTARY_STEPS - 1 :]),
            true_peak_dbtp=20 * math.log10(peak) if peak > 0 else None,
            range_lu=range_of(short[SHORT_STEPS - 1 :]),
            momentary_max_lufs=loudest(momentary[MOMENTARY_STEPS - 1 :]),
            short_term_max_lufs=loudest(short[SHORT_STEPS - 1 :]),
            momentary_lufs=lufs(momentary),
            short_term_lufs=lufs(short),
        )


def lufs(energy: np.ndarray) -> np.ndarray:
    """Loudness of weighted mean squares."""
    with np.errstate(divide="ignore"):
        return OFFSET_LU + 10 * np.log10(energy)


def integrated(blocks: np.ndarray) -> float | None:
    """Loudness of the blocks above both gates; None where there are none.

    Args:
        blocks: Weighted mean squares of overlapping blocks of 0.4 s.
    """
    loud = gated(blocks, RELATIVE_GATE_LU)
    return float(lufs(loud.mean(keepdims=True))[0]) if loud.size else None


def range_of(blocks: np.ndarray) -> float | None:
    """How far apart loud and quiet stretches are, in LU; None where nothing is above both gates.

    Args:
        blocks: Weighted mean squares of blocks of 3 s, ten per second.
    """
    loud = np.sort(lufs(gated(blocks, RANGE_GATE_LU)))
    if not loud.size:
        return None
    low, high = (max(int(loud.size * share + 0.5) - 1, 0) for share in (RANGE_LOW, RANGE_HIGH))
    return float(loud[high] - loud[low])


def loudest(blocks: np.ndarray) -> float | None:
    """Loudness of the loudest block; None where all are digital silence."""
    return float(lufs(blocks.max(keepdims=True))[0]) if blocks.size and blocks.max() > 0 else None


def gated(blocks: np.ndarray, gate_lu: float) -> np.ndarray:
    """The blocks above the absolute gate, and above the one that lies `gate_lu` from the mean of these."""
    loud = blocks[lufs(blocks) > ABSOLUTE_GATE_LUFS]
    if not loud.size:
        return loud
    return loud[lufs(loud) > float(lufs(loud.mean(keepdims=True))[0]) + gate_lu]


def running_mean(energies: np.ndarray, steps: int) -> np.ndarray:
    """Mean over the steps that end with each; those before the beginning count as silence."""
    total = np.cumsum(np.concatenate([np.zeros(steps), energies]))
    return np.maximum(total[steps:] - total[:-steps], 0.0) / steps


def k_weighting(rate_hz: int) -> np.ndarray:
    """Coefficients b0 b1 b2 a1 a2 of the shelf and of the high-pass, (10,) float64."""
    shelf_hz, shelf_gain_db, shelf_q = 1681.9744509555319, 3.99984385397, 0.7071752369554193
    k, gain = math.tan(math.pi * min(shelf_hz / rate_hz, 0.49)), 10 ** (shelf_gain_db / 20)
    band = gain**0.499666774155
    norm = 1 + k / shelf_q + k * k
    shelf = [
        (gain + band * k / shelf_q + k * k) / norm, 2 * (k * k - gain) / norm,
        (gain - band * k / shelf_q + k * k) / norm, 2 * (k * k - 1) / norm, (1 - k / shelf_q + k * k) / norm,
    ]  # fmt: skip
    high_hz, high_q = 38.13547087613982, 0.5003270373253953
    k = math.tan(math.pi * high_hz / rate_hz)
    norm = 1 + k / high_q + k * k
    return np.array([*shelf, 1.0, -2.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / high_q + k * k) / norm])


def interpolation(factor: int) -> np.ndarray:
    """A windowed sinc that gives the values between samples, (factor - 1, taps) float64; none for factor 1."""
    half = TAPS_PER_PHASE // 2
    places = np.arange(TAPS_PER_PHASE) - (half - 1)
    rows = []
    for phase in range(1, factor):
        apart = places - phase / factor
        row = np.sinc(apart) * 0.5 * (1 + np.cos(np.pi * apart / half))
        rows.append(row / row.sum())
    return np.array(rows).reshape(-1, TAPS_PER_PHASE)
