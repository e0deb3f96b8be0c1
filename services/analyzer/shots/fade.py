"""Fades: a picture that grows out of one plain colour, or sinks into it.

While a picture fades, its contrast shrinks towards zero, steadily, and its structure stays where it is. So the plain
stretches of the film are found first, and from each the contrast is followed outwards for as long as it grows and the
pictures on the way are the same one at another strength.

A plain stretch shorter than a second between two fades is one transition; a longer one is a shot of its own. A film
that opens out of less than a second of black has no border there, for nothing comes before.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from services.analyzer.shots import evidence, window

REACH = 192  # frames on each side that a decision looks at; longer fades are cut off there
PLAIN_DEVIATION = 6.0  # grey levels: below it there is no picture
SETTLED_SHARE = 0.25  # of the pace of the fade: plain frames that change slower are at rest
CONTRAST_MIN = 12.0  # grey levels that a fade must reach to have been one
FAINT_SHARE = 0.5  # of the final contrast: a fade begins fainter than this, a cut does not
LENGTH_MIN = 4  # frames: what is faster is a cut to black
SAME_MIN = 0.7  # correlation of a faint frame and the next: one picture at another strength
GROWN_MIN = 0.8  # correlation of a half grown frame and the full one
STEADY_ERROR_MAX = 0.03  # of the final contrast: root mean square distance of the growth from a straight line
AHEAD = 8  # frames over which the growth ahead is looked at
STALL_SHARE = 0.3  # of the growth so far per frame: slower is the picture's own life
CURVE = 8  # frames on each side that the curve shows
SLUG_S = 1.0  # plain stretches at least as long are shots of their own


def find(frames: window.Window, start: int, end: int) -> list[window.Transition]:
    """Fades whose place lies in a range of frames; see `cut.find`."""
    plains = [(first, last) for first, last in _plains(frames) if first < end and last >= start]
    found = [fade for plain in plains for fade in _around(frames, *plain)]
    return [fade for fade in found if start <= fade.frame < end]


def _plains(frames: window.Window) -> list[tuple[int, int]]:
    """Stretches of plain frames: the first, and the one after the last."""
    plain = np.concatenate([[False], np.array(frames.deviation) < PLAIN_DEVIATION, [False]])
    edges = np.flatnonzero(plain[1:] != plain[:-1]) + frames.first
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _around(frames: window.Window, begin: int, end: int) -> list[window.Transition]:
    """The fades on both sides of a plain stretch; one that opens the film has no score."""
    plainest = _plainest(frames, begin, end)
    level = frames.mean[plainest - frames.first]
    sinks, grows = _length(frames, begin - 1, -1, level), _length(frames, end, 1, level)
    full = _settled(frames, begin, plainest, 1, begin - sinks) if sinks else begin
    first = _settled(frames, end, plainest, -1, end + grows - 1) if grows else end
    slug = frames.times[max(first, full + 1) - 1 - frames.first] - frames.times[full - frames.first] >= SLUG_S
    if sinks and grows and not slug:  # out and in again is one change
        return [_transition(first, begin - sinks + 1, end + grows - 1)]
    found = []
    if sinks:
        found.append(_transition(full, begin - sinks + 1, full))
    if grows:
        opening = begin == 0 and not slug
        found.append(_transition(first, first, end + grows - 1, 0.0 if opening else None))
    return found


def _plainest(frames: window.Window, begin: int, end: int) -> int:
    return begin + int(np.argmin(frames.deviation[begin - frames.first : end - frames.first]))


def _transition(frame: int, start: int, end: int, score: float | None = None) -> window.Transition:
    return window.Transition("fade", frame, start, end, math.log(max(end - start, 2)) if score is None else score)


def _settled(frames: window.Window, edge: int, plainest: int, step: int, full: int) -> int:
    """How far a fade goes on among plain frames: while they change as fast as the picture did."""
    pace = SETTLED_SHARE * _change(frames, full, edge) / max(abs(edge - full), 1)
    while edge != plainest:
        change = _change(frames, edge, edge + 1) if step > 0 else _change(frames, max(edge - 2, frames.first), edge - 1)
        if change <= pace:
            break
        edge += step
    return edge


def _change(frames: window.Window, one: int, other: int) -> float:
    ours, theirs = one - frames.first, other - frames.first
    return math.hypot(frames.mean[ours] - frames.mean[theirs], frames.deviation[ours] - frames.deviation[theirs])


def _length(frames: window.Window, edge: int, step: int, level: float) -> int:
    """Frames from the faint edge of a picture to where it is at full strength, both counted; 0 where none fades."""
    further = _strengths(frames, edge, step, level)
    strength = list(itertools.islice(further, LENGTH_MIN - 1 + AHEAD))
    for index in range(LENGTH_MIN - 1, REACH):
        strength += itertools.islice(further, 1)
        if index >= len(strength):
            return 0
        ahead = min(index + AHEAD, len(strength) - 1)
        growth = (strength[index] - strength[0]) / index
        if ahead > index and strength[ahead] - strength[index] > STALL_SHARE * growth * (ahead - index):
            continue
        knee = _knee(strength[: ahead + 1])
        faint = strength[0] < FAINT_SHARE * strength[knee] and strength[knee] >= CONTRAST_MIN
        half = edge + step * next(k for k, value in enumerate(strength) if value >= strength[knee] / 2)
        alike = frames.correlation(half, edge + step * knee) >= GROWN_MIN
        grown = alike or _unsteady(strength[: knee + 1]) <= STEADY_ERROR_MAX
        return knee + 1 if faint and grown and knee + 1 >= LENGTH_MIN else 0
    return 0


def _unsteady(strength: list[float]) -> float:
    """How far growth lies from a straight line, as a share of what it reaches: things that move into a picture do."""
    frames = np.arange(len(strength))
    slope, offset = np.polyfit(frames, strength, 1)
    error = np.sqrt(np.mean((np.array(strength) - slope * frames - offset) ** 2))
    return float(error / strength[-1])


def _knee(strength: list[float]) -> int:
    """Where a growing curve bends: the point farthest above the chord from its begin to its end."""
    values = np.array(strength)
    return int((values - np.linspace(values[0], values[-1], values.size)).argmax())


def _strengths(frames: window.Window, edge: int, step: int, level: float) -> Iterator[float]:
    """Root mean square distance from the plain colour, from an edge outwards, as far as one picture is shown."""
    first = edge
    while frames.first <= edge < frames.end and abs(edge - first) < REACH:
        if edge != first and frames.correlation(edge - step, edge) < SAME_MIN:
            return
        yield math.hypot(frames.deviation[edge - frames.first], frames.mean[edge - frames.first] - level)
        edge += step


def explained(frames: window.Window, item: window.Transition) -> evidence.Evidence:
    """What speaks for a fade: how plain it gets, and for each side how the picture grows."""
    within = range(item.start_frame - 1, item.end_frame + 2)
    begin, end = next(plain for plain in _plains(frames) if plain[0] < within.stop and plain[1] > within.start)
    plainest = _plainest(frames, begin, end)
    level = frames.mean[plainest - frames.first]
    measures = [evidence.Measure("plain", frames.deviation[plainest - frames.first], high=PLAIN_DEVIATION)]
    for name, edge, full in (("out", begin - 1, item.start_frame - 1), ("in", end, item.end_frame)):
        if abs(full - edge) + 1 < LENGTH_MIN or (full > edge) != (name == "in"):
            continue  # one side of a long plain stretch
        step = 1 if full > edge else -1
        strength = list(itertools.islice(_strengths(frames, edge, step, level), abs(full - edge) + 1))
        half = edge + step * next(k for k, value in enumerate(strength) if value >= strength[-1] / 2)
        grown = evidence.Measure(f"{name}_grown", frames.correlation(half, full), GROWN_MIN)
        measures += [
            evidence.Measure(f"{name}_contrast", strength[-1], CONTRAST_MIN),
            evidence.Measure(f"{name}_faint", strength[0] / strength[-1], high=FAINT_SHARE),
            grown if grown.holds else evidence.Measure(f"{name}_unsteady", _unsteady(strength), high=STEADY_ERROR_MAX),
        ]
    first, last = max(item.start_frame - CURVE, frames.first), min(item.end_frame + CURVE, frames.end - 1)
    contrast = frames.deviation[first - frames.first : last + 1 - frames.first]
    return evidence.Evidence("fade", tuple(measures), evidence.Curve("contrast", first, contrast, PLAIN_DEVIATION))


def rejected(frames: window.Window, start: int, end: int) -> list[evidence.Rejected]:
    """Fades of a range that are no borders: one that opens the film has nothing before it."""
    return [
        evidence.Rejected(item.frame, item.start_frame, item.end_frame, "opening", 1.0, explained(frames, item))
        for item in find(frames, start, end)
        if item.score <= 0
    ]
