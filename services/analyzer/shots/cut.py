"""Hard cuts: from one frame to the next everything is another picture, and stays so.

A frame is a candidate where the motion-compensated difference to the frame before it peaks. It is a cut when the
frames before it resemble none of those after it, while the frames on either side resemble each other: what is new
between must exceed what is new within. Three kinds of evidence are weighed:

* structure: the texture that neither block motion nor a change of brightness explains. A pan has as much of it within
  as between; a flash or an explosion leaves it where it was.
* tone and colour: distances of luma and chroma histograms, which no camera move changes at once. They count by the
  square of the share of blocks that broke, for light alone changes tones but breaks no structure.

Frames are compared at distances of one to four, so that doubled frames and strobing lights are seen through. A picture
that comes back within half a second was interrupted, not cut; and where things move so much that no structure is left
to compare, tones that come back were light.

Frames that were not decoded: a cut on one of them, or right after one, changes the picture across it, for the frames
around a cut differ at a distance of two as well: the decoded frames bound its evidence. What these leave open is asked
for by `doubts`.

Source: own; the comparison of within and between is that of linear discriminant analysis, and the weights are those of
a logistic regression on hand-checked films and on composed ones with flashes, explosions, pans and jump cuts.
"""

import math
from collections.abc import Iterable, Iterator

from services.analyzer.kernels import pairs
from services.analyzer.shots import evidence, window

REACH = 36  # frames on each side that a decision looks at: what returns after it, and other cuts beside
RESIDUAL_MIN = 3.0  # grey levels per cell: what less is, is coding noise
BROKEN_MIN = 0.12  # share of blocks: less is a thing that moves, not another picture
PEAK_SHARE = 0.7  # a strobe right after a cut makes neighbours nearly as large
APART_S = 0.2  # two cuts are at least this far apart: shorter is flicker
APART_MAX = 24  # frames within which others are looked for; 0.2 s at 120 frames per second
BEFORE, AFTER = (1, 2), (0, 1, 2, 3)
WITHIN_BEFORE = ((3, 1), (4, 2), (4, 1))
WITHIN_AFTER = ((0, 2), (0, 3), (1, 3), (1, 4), (2, 4))
RETURNS = (5, 7, 9, 11)
STRUCTURE_WEIGHT, TONE_WEIGHT, COLOUR_WEIGHT, BIAS = 6.65, 6.5, 11.7, -4.45
SURE = 2.0  # evidence beyond which the frames that were not decoded cannot turn a decision
CONTEXT = 12  # frames on each side that the evidence is taken from
STRONG_RESIDUAL, STRONG_BROKEN = 12.0, 0.5  # grey levels, share of blocks: of a change that a viewer takes note of
STRONG_APART = 6  # frames within which only the strongest change is looked at
LIT_MIN = 6.0  # grey levels of the mean: less is no light that goes on
AWAY_MAX = 100.0  # what is farther is not told apart; JSON knows no infinity
CURVE = 16  # frames on each side that the curve shows
RATIO_LOG_MAX = 1.0  # more than e times the usual change of tone is no better evidence


def find(frames: window.Window, start: int, end: int) -> list[window.Transition]:
    """Cuts whose first new frame lies in a range of frames.

    Args:
        frames: The window; holds REACH frames on each side of the range, as far as the film has them.
        start: First frame to decide about.
        end: The frame after the last one.
    """
    found = [(frame, score(frames, frame)) for frame in _decided(frames, start, end)]
    cuts = [(frame, value) for frame, value in found if value > 0]
    return [
        window.Transition("cut", frame, frame, frame, value)
        for frame, value in cuts
        if start <= frame < end and not any(_outdone(frames, (frame, value), other) for other in cuts)
    ]


def doubts(frames: window.Window, start: int, end: int) -> set[int]:
    """Guessed frames that must be decoded before `find` can be asked about a range.

    First those that a cut may lie on or right after, and when there are none, those around a frame whose evidence is
    weak or that has another cut beside it.
    """
    if not frames.guessed:
        return set()
    likely = [
        (frame, value)
        for frame in _decided(frames, start - CONTEXT, end + CONTEXT)
        if (value := score(frames, frame, -SURE)) > -SURE
    ]
    on = {near for frame, _ in likely for near in (frame - 1, frame)} & frames.guessed.keys()
    if on:
        return on
    weak = [
        frame
        for frame, value in likely
        if value < SURE or any(_near(frames, frame, other) for other, _ in likely if other != frame)
    ]
    around = {near for frame in weak for near in range(frame - CONTEXT, frame + CONTEXT + 1)}
    return around & frames.guessed.keys()


def _decided(frames: window.Window, start: int, end: int) -> list[int]:
    """Frames that may be cuts in a range or beside it: those just outside may outdo those inside."""
    beside = range(max(start - APART_MAX, frames.first + 1), min(end + APART_MAX, frames.end))
    return [frame for frame in beside if not _calm(frames.step(frame))]


def _calm(step: pairs.Pair) -> bool:
    return step.residual < RESIDUAL_MIN or step.broken < BROKEN_MIN


def _near(frames: window.Window, one: int, other: int) -> bool:
    return abs(frames.times[one - frames.first] - frames.times[other - frames.first]) < APART_S


def _outdone(frames: window.Window, ours: tuple[int, float], other: tuple[int, float]) -> bool:
    return _near(frames, ours[0], other[0]) and (other[1], -other[0]) > (ours[1], -ours[0])


def score(frames: window.Window, frame: int, floor: float = 0.0) -> float:
    """Evidence that a frame is the first of a new shot: above zero where it outweighs the rest.

    Args:
        frames: The window.
        frame: Its number.
        floor: Evidence that is not above it is minus infinity.
    """
    if not _candidate(frames, frame):
        return -math.inf
    between, before, after = _spans(frames, frame)
    tone = _tone(frames, between, before, after)
    step = frames.step(frame)
    residual, unexplained, broken = step.residual, step.unexplained, step.broken
    within = 0.0
    for span in (before, after):
        if _weigh(unexplained, within, broken, tone) <= floor:
            return -math.inf  # what is found new on the other side can only take evidence away
        within = max(within, _within(frames, span))
    evidence = _weigh(unexplained, within, broken, tone)
    for pair in between:
        if evidence <= floor or residual < RESIDUAL_MIN or broken < BROKEN_MIN:
            return -math.inf  # each further pair can only take evidence away
        link = frames.pair(*pair)
        residual, broken = min(residual, link.residual), min(broken, link.broken)
        unexplained = min(unexplained, link.unexplained)
        evidence = _weigh(unexplained, within, broken, tone)
    if evidence <= floor or residual < RESIDUAL_MIN or broken < BROKEN_MIN:
        return -math.inf
    if _returns(frames, frame, unexplained, broken):
        return -math.inf
    lasting = _tone(frames, _far(frames, frame, between), before, after)
    evidence = min(evidence, _weigh(unexplained, within, broken, lasting))
    return evidence if evidence > floor else -math.inf


Span = list[tuple[int, int]]


def _within(frames: window.Window, span: Span) -> float:
    """The least that is new between some frames on one side of a border."""
    return min((frames.pair(*pair).unexplained for pair in span), default=0.0)


def _spans(frames: window.Window, frame: int) -> tuple[Span, Span, Span]:
    """Pairs of frames across a border, before it and after it, as far as the window has them."""
    spans = (
        [(frame - b, frame + a) for a in AFTER for b in BEFORE],
        [(frame - b, frame - a) for b, a in WITHIN_BEFORE],
        [(frame + a, frame + b) for a, b in WITHIN_AFTER],
    )
    between, before, after = (_decoded(frames, list(_known(frames, span))) for span in spans)
    return between, before, after


def _decoded(frames: window.Window, span: Span) -> Span:
    """The pairs without guessed frames; all where there are no others."""
    return [pair for pair in span if pair[0] not in frames.guessed and pair[1] not in frames.guessed] or span


def _tone(frames: window.Window, between: Span, before: Span, after: Span) -> float:
    """Weighed evidence of tone and colour, before it is weighed by the broken blocks."""
    tones = [[frames.tones(*pair) for pair in span] for span in (between, before, after)]
    least = [[min((pair[kind] for pair in span), default=0.0) for kind in (0, 1)] for span in tones]
    luma, chroma = (
        min(RATIO_LOG_MAX, math.log((least[0][kind] + 0.02) / (max(least[1][kind], least[2][kind]) + 0.02)))
        for kind in (0, 1)
    )
    return TONE_WEIGHT * luma + COLOUR_WEIGHT * chroma


def _weigh(unexplained: float, within: float, broken: float, tone: float) -> float:
    return STRUCTURE_WEIGHT * math.log((unexplained + 0.03) / (within + 0.05)) + broken**2 * tone + BIAS


def _candidate(frames: window.Window, frame: int) -> bool:
    step = frames.step(frame)
    if frame - 1 in frames.guessed or frame in frames.guessed:
        return True
    beside = [frames.pair(*pair) for pair in _known(frames, [(frame - 2, frame - 1), (frame, frame + 1)])]
    return any(
        getattr(step, kind) > PEAK_SHARE * max((getattr(link, kind) for link in beside), default=0.0)
        for kind in ("residual", "unexplained")
    )


def _known(frames: window.Window, span: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    return (pair for pair in span if frames.first <= pair[0] and pair[1] < frames.end)


def _returns(frames: window.Window, frame: int, unexplained: float, broken: float) -> bool:
    """Whether the old picture comes back soon, or the new one was there shortly before."""
    return any(_away(frames, span, unexplained, broken) < 1 for span in _later(frame))


def _far(frames: window.Window, frame: int, between: Span) -> Span:
    """Pairs of frames across a border, those farther apart too: light that comes and goes leaves no lasting change."""
    return [*between, *(pair for span in _later(frame) for pair in _known(frames, span))]


def _later(frame: int) -> tuple[Span, Span]:
    """Pairs that show whether the old picture comes back, or the new one was there before."""
    return [(frame - 1, frame + apart) for apart in RETURNS], [(frame - 1 - apart, frame) for apart in RETURNS]


def _away(frames: window.Window, span: Span, unexplained: float, broken: float) -> float:
    """How far frames half a second away are from being the same picture again: below one they are."""
    links = [frames.pair(*pair) for pair in _known(frames, span)]
    if not links:
        return math.inf
    shares = min(link.broken for link in links) / (0.5 * broken), min(link.unexplained for link in links) / unexplained
    return max(shares[0], shares[1] / 0.6)


def explained(frames: window.Window, item: window.Transition) -> evidence.Evidence:
    """What speaks for a cut."""
    return _evidence(frames, item.frame)


def _evidence(frames: window.Window, frame: int) -> evidence.Evidence:
    """What speaks for a cut on a frame, and what against it."""
    between, before, after = _spans(frames, frame)
    links = [frames.step(frame), *(frames.pair(*pair) for pair in between)]
    residual, unexplained, broken = (
        min(getattr(link, kind) for link in links) for kind in ("residual", "unexplained", "broken")
    )
    within = max(_within(frames, before), _within(frames, after))
    tone = broken**2 * min(_tone(frames, span, before, after) for span in (between, _far(frames, frame, between)))
    away = min(_away(frames, span, max(unexplained, 1e-6), max(broken, 1e-6)) for span in _later(frame))
    measures = (
        evidence.Measure("residual", residual, RESIDUAL_MIN),
        evidence.Measure("broken", broken, BROKEN_MIN),
        evidence.Measure("new_across", unexplained),
        evidence.Measure("new_within", within),
        evidence.Measure("structure", _weigh(unexplained, within, 0.0, 0.0)),
        evidence.Measure("tone", tone),
        evidence.Measure("evidence", _weigh(unexplained, within, 0.0, 0.0) + tone, 0.0),
        evidence.Measure("away", min(away, AWAY_MAX), 1.0),
    )
    first, last = max(frame - CURVE, frames.first + 1), min(frame + CURVE + 1, frames.end)
    steps = [frames.step(near).residual for near in range(first, last)]
    return evidence.Evidence("cut", measures, evidence.Curve("residual", first, steps, RESIDUAL_MIN))


def rejected(frames: window.Window, start: int, end: int) -> list[evidence.Rejected]:
    """Frames of a range on which much changes at once, and that are no cuts."""
    cuts = {item.frame for item in find(frames, start, end)}
    found = []
    for frame in range(max(start, frames.first + 1), min(end, frames.end)):
        step = frames.step(frame)
        if step.residual < STRONG_RESIDUAL and step.broken < STRONG_BROKEN:
            continue
        near = range(max(frame - STRONG_APART, frames.first + 1), min(frame + STRONG_APART + 1, frames.end))
        strongest = max(near, key=lambda other: (_strength(frames, other), -other))
        if strongest == frame and cuts.isdisjoint(near):
            seen = _evidence(frames, frame)
            reason = _reason(frames, frame, seen)
            found.append(evidence.Rejected(frame, frame, frame, reason, _strength(frames, frame), seen))
    return found


def _strength(frames: window.Window, frame: int) -> float:
    step = frames.step(frame)
    return max(min(step.residual / STRONG_RESIDUAL, 2.0) / 2, min(step.broken, 1.0))


def _reason(frames: window.Window, frame: int, seen: evidence.Evidence) -> str:
    """Why a strong change is no cut: the first thing that speaks against one."""
    found = {item.name: item for item in seen.measures}
    back = not (found["residual"].holds and found["broken"].holds and found["away"].holds)
    if back:
        place = frame - frames.first
        return "flash" if abs(frames.mean[place] - frames.mean[place - 1]) >= LIT_MIN else "interruption"
    if not found["evidence"].holds:
        return "motion" if found["structure"].value < 0 else "tones"
    return "flicker"  # no peak, or a stronger change beside it
