"""Where music plays, alone or under speech.

Notes last: in the spectrum of music some frequencies stay louder than their neighbours for long, where those of a voice
glide and those of noise flicker. Each spectrum is reduced to which of its bins stand out of their surroundings; over
two and a half seconds, the share of the time that each bin stands out is a curve with steep peaks for music. The sum of
the heights of the five highest peaks is the measure: 5 for five notes that are held, near 2 for a voice.

Source: K. Seyerlehner et al., Automatic Music Detection in Television Productions (DAFx 2007).
"""

import array
import collections

import numpy as np

from services.analyzer.audio import frames

RATE_HZ = 16_000
WINDOW, HOP = 2048, 500
GROUP = 16  # spectra that make one value: half a second
STEP_S = GROUP * HOP / RATE_HZ
GROUPS = 5  # that one value looks at
AROUND = 10  # bins to both sides that one is compared with
OUT_DB = 6.0  # that a bin stands out by
LOWEST, HIGHEST = 10, 700  # bins that count: 80 Hz to 5.5 kHz
PEAKS = 5
QUIET = 1e-3  # magnitude that is added: what lies below the 16th bit stands out of nothing
MUSIC, NO_MUSIC = 3.0, 2.4  # the measure above which there is music, and below which there is none


class Meter:
    """Takes sound at 16 kHz, mono, piece by piece."""

    def __init__(self) -> None:
        self._spectra = frames.Spectra(WINDOW, HOP)
        self._waiting = np.empty((0, HIGHEST - LOWEST), bool)
        self._groups: collections.deque[np.ndarray] = collections.deque(maxlen=GROUPS)
        self._values = array.array("d")

    def add(self, samples: np.ndarray) -> None:
        """Takes the next samples."""
        self._waiting = np.concatenate([self._waiting, standing_out(self._spectra.add(samples))])
        while len(self._waiting) >= GROUP:  # ends, for it takes them away
            self._groups.append(self._waiting[:GROUP].sum(axis=0, dtype=np.int64))
            self._waiting = self._waiting[GROUP:]
            if len(self._groups) == GROUPS:
                self._values.append(steepness(sum(self._groups) / (GROUP * GROUPS)))

    def finish(self) -> np.ndarray:
        """The measure per STEP_S, each over the 2.5 s around it, (n,) float64; empty for shorter sound."""
        around = GROUPS // 2
        return np.pad(np.array(self._values), around, mode="edge") if self._values else np.empty(0)


def standing_out(magnitudes: np.ndarray) -> np.ndarray:
    """Which bins are louder than their surroundings, (frames, HIGHEST - LOWEST) bool."""
    levels = 20 * np.log10(magnitudes[:, : HIGHEST + AROUND].astype(np.float64) + QUIET)
    total = np.cumsum(np.pad(levels, ((0, 0), (1, 0))), axis=1)
    around = (total[:, 2 * AROUND + 1 :] - total[:, : -2 * AROUND - 1]) / (2 * AROUND + 1)
    return levels[:, LOWEST:HIGHEST] > around[:, LOWEST - AROUND :] + OUT_DB


def steepness(shares: np.ndarray) -> float:
    """Sum of the heights of the highest peaks of a curve, each above the higher of the valleys beside it."""
    changed = shares[np.concatenate([[True], np.diff(shares) != 0])]
    slopes = np.sign(np.diff(changed))
    turns = changed[np.concatenate([[True], slopes[1:] != slopes[:-1], [True]])] if changed.size > 1 else changed
    heights = np.minimum(turns[1:-1] - turns[:-2], turns[1:-1] - turns[2:])
    return float(np.sort(heights[heights > 0])[-PEAKS:].sum())


def judged(values: np.ndarray) -> np.ndarray:
    """1 where there is music, 0 where there is none, not a number where it cannot be told."""
    return np.where(values >= MUSIC, 1.0, np.where(values < NO_MUSIC, 0.0, np.nan))
