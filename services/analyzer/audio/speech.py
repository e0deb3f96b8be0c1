"""Stretches with speech and stretches without sound.

The voice detector tells speech from music and noise, but its edges are as coarse as its pieces of 32 ms and a little
late. So edges are moved outwards for as long as the sound stays clearly above the quiet around it.
"""

from collections.abc import Sequence

import numpy as np

from services.analyzer.audio import silero

STEP_S = 0.01  # energies are kept per hundredth of a second
ENTER, LEAVE = 0.5, 0.35  # probabilities: speech begins above the first and lasts while above the second
GAP_MIN_S = 0.15  # shorter pauses belong to the speech around them
SPEECH_MIN_S = 0.1  # shorter sounds are no speech
WIDEN_MAX_S = 0.3  # farthest that an edge is moved
ABOVE_QUIET_DB = 8.0  # what is as far above the quiet at the edge still belongs to the word
SILENCE_DBFS = -50.0  # below it nothing is heard under normal listening
SILENCE_MIN_S = 0.25  # shorter silences are part of speech and music

PAUSE_STEPS = 5  # steps that a pause is an average over: a stop consonant is shorter
PAUSE_EDGE_S = 1.0  # no pause so near to an end of speech: that end is the better place
PAUSE_WINDOW_S = 2.0  # of speech, in which the quietest place is taken

Span = tuple[float, float]


def speech(probabilities: np.ndarray, energies: np.ndarray) -> list[Span]:
    """Stretches with speech, in seconds.

    Args:
        probabilities: Of speech, one per silero.CHUNK_S.
        energies: Mean squares, one per STEP_S.
    """
    levels = decibels(energies)
    spans = [_widened(span, levels) for span in _runs(_talking(probabilities), silero.CHUNK_S)]
    return [span for span in _joined(spans, GAP_MIN_S) if span[1] - span[0] >= SPEECH_MIN_S]


def _talking(probabilities: np.ndarray) -> np.ndarray:
    """Whether somebody talks in each piece: what was passed last, the upper threshold upwards or the lower one down."""
    place = np.arange(1, probabilities.size + 1, dtype=np.int32)
    begun, over = (
        np.maximum.accumulate(np.where(passed, place, 0)) for passed in (probabilities > ENTER, probabilities <= LEAVE)
    )
    return begun > over


def silence(energies: np.ndarray) -> list[Span]:
    """Stretches without sound, in seconds, from mean squares per STEP_S."""
    spans = _runs(decibels(energies) < SILENCE_DBFS, STEP_S)
    return [span for span in spans if span[1] - span[0] >= SILENCE_MIN_S - STEP_S / 2]


def pauses(spans: Sequence[Span], energies: np.ndarray) -> list[float]:
    """Where long speech is quietest, in seconds: the best places to cut where nobody stops to breathe.

    Args:
        spans: Stretches with speech, in seconds.
        energies: Mean squares, one per STEP_S.
    """
    found = []
    around = np.full(PAUSE_STEPS, 1 / PAUSE_STEPS, energies.dtype)
    smooth = np.convolve(energies, around, "same") if energies.size else energies
    for start, end in spans:
        place = start + PAUSE_EDGE_S
        while place + PAUSE_WINDOW_S < end - PAUSE_EDGE_S:  # ends, for it moves on by a window
            first, last = (round(edge / STEP_S) for edge in (place, place + PAUSE_WINDOW_S))
            part = smooth[first:last]
            if part.size:
                found.append((first + int(part.argmin()) + 0.5) * STEP_S)
            place += PAUSE_WINDOW_S
    return found


def decibels(energies: np.ndarray) -> np.ndarray:
    """Levels in dBFS; silence is -120."""
    return 10 * np.log10(np.maximum(energies, 1e-12))


def _runs(active: np.ndarray, step_s: float) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(float(start * step_s), float(end * step_s)) for start, end in edges.reshape(-1, 2)]


def _joined(spans: list[Span], gap_s: float) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start - joined[-1][1] < gap_s:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _widened(span: Span, levels: np.ndarray) -> Span:
    reach = round(WIDEN_MAX_S / STEP_S)
    start, end = (min(round(edge / STEP_S), levels.size) for edge in span)
    before, after = levels[max(start - reach, 0) : start][::-1], levels[end : end + reach]
    return (start - _loud(before)) * STEP_S, (end + _loud(after)) * STEP_S


def _loud(levels: np.ndarray) -> int:
    """Steps from an edge outwards that are well above the quietest of them."""
    if not levels.size:
        return 0
    quiet = np.flatnonzero(levels < max(levels.min() + ABOVE_QUIET_DB, SILENCE_DBFS))
    return int(quiet[0]) if quiet.size else 0
