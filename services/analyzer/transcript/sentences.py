"""Where sentences begin and end: by punctuation, by pauses, and by what is heard.

Times inside a cue are estimates, and subtitles come early and stay long. So an edge moves to the nearest edge of heard
speech, and where speech goes on, to the quietest moment nearby.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from services.analyzer.transcript import cue

PAUSE_S = 0.8  # a longer gap between words ends a sentence, for speech recognisers often write no stops
STOPS = (".", "!", "?", *"\u2026\u061f\u0964\u0589", *cue.WIDE_STOPS)  # ellipsis, Arabic, Hindi, Armenian, wide ones
OPENERS = "\"'([{\u201c\u2018\u00ab"
SHORTENED = frozenset("mr mrs ms dr prof st jr sr vs no e.g i.e z.b bzw ca".split())  # their stops end no sentence
HEARD_S = 0.6  # an edge of heard speech as near as this is the edge of the sentence
QUIET_S = 0.3  # else the quietest moment as near as this
SMOOTH_STEPS = 5  # that a quiet moment is an average over: a stop consonant is shorter

Span = tuple[float, float]


def spans(cues: Sequence[cue.Cue]) -> list[Span]:
    """The sentences, in seconds, as the text has them; they do not overlap."""
    found: list[Span] = []
    first: cue.Word | None = None
    last: cue.Word | None = None
    for word in _words(cues):
        if first is not None and last is not None and word.start_s - last.end_s >= PAUSE_S:
            found.append((first.start_s, last.end_s))
            first = None
        first, last = first or word, word
        if ends(word.text):
            found.append((first.start_s, last.end_s))
            first = None
    if first is not None and last is not None:
        found.append((first.start_s, last.end_s))
    return _apart(found)


def heard(found: Sequence[Span], speech: Sequence[Span], energies: np.ndarray, step_s: float) -> list[Span]:
    """Sentences with their edges where speech is heard to begin and end.

    Args:
        found: The sentences, in seconds.
        speech: Stretches with speech, in seconds.
        energies: Mean squares of the sound, one per step.
        step_s: Length of a step in seconds.
    """
    around = np.full(SMOOTH_STEPS, 1 / SMOOTH_STEPS, energies.dtype)
    smooth = np.convolve(energies, around, "same") if energies.size else energies
    starts, ends = np.array([start_s for start_s, _ in speech]), np.array([end_s for _, end_s in speech])
    placed = [(_edge(start_s, starts, smooth, step_s), _edge(end_s, ends, smooth, step_s)) for start_s, end_s in found]
    return _apart(placed)


def ends(text: str) -> bool:
    """Whether a word ends a sentence, by what follows its letters."""
    bare = text.rstrip(cue.CLOSERS)
    if not bare.endswith(STOPS):
        return False
    name = bare.rstrip(".").lstrip(OPENERS).lower()
    return not (bare.endswith(".") and (name in SHORTENED or (len(name) == 1 and name.isalpha() and name != "i")))


def _words(cues: Sequence[cue.Cue]) -> Iterator[cue.Word]:
    for one in cues:
        yield from cue.words(one)


def _edge(time_s: float, edges: np.ndarray, smooth: np.ndarray, step_s: float) -> float:
    if edges.size:
        place = int(np.searchsorted(edges, time_s))
        near = min(edges[max(place - 1, 0) : place + 1].tolist(), key=lambda edge: abs(edge - time_s))
        if abs(near - time_s) <= HEARD_S:
            return near
    first, last = (max(round((time_s + shift_s) / step_s), 0) for shift_s in (-QUIET_S, QUIET_S))
    part = smooth[first : last + 1]
    return (first + int(part.argmin()) + 0.5) * step_s if part.size else time_s


def _apart(found: Sequence[Span]) -> list[Span]:
    """The spans without those that are empty, each beginning where the one before has ended or later."""
    kept: list[Span] = []
    for start_s, end_s in found:
        begin_s = max(start_s, kept[-1][1]) if kept else start_s
        if begin_s < end_s:
            kept.append((begin_s, end_s))
    return kept
