"""Dissolves: one picture mixed into another.

In the middle of a dissolve of any length the frame is a weighted mean of a frame before and a frame after it, which no
camera move, zoom or moving thing produces; and the two ends are different pictures. Both are tested at several lengths
on small pictures, for all frames at once. What passes is then looked at in full: the weight of the new picture must
climb from nothing to all along one straight line, whose ends are the first and the last mixed frame, and on the way the
contrast must sink as it does where two pictures are mixed.

Where much moves, the weights of small blocks follow no line. What motion hardly changes is looked at there: the
contrast of large regions, which sinks and rises as that of a mixture, and means of a few large blocks, which go over
from one picture's to the other's in a straight line.

Source: own; the mixing model is that of Lienhart, "Reliable Transition Detection in Videos" (2001), the loss of
contrast that of Alattar, "Detecting and Compressing Dissolve Regions in Video Sequences" (1993).
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from services.analyzer.kernels import blending, mixing
from services.analyzer.shots import evidence, window

SPANS = (5, 8, 12, 18, 27, 40, 60, 90)  # frames from end to end that are tried; each half as long again
REACH = 2 * SPANS[-1]  # frames on each side that a decision looks at
CHANGE_MIN = 9.0  # grey levels per block between the two ends: less is no other picture
MIXED_MAX = 0.5  # what the mean of both ends leaves open, as a share of what the nearer end does
WEIGHT_RANGE = (0.25, 0.75)  # of the new picture in the middle frame
BROKEN_MIN = 0.4  # share of textured blocks whose structure differs between the ends
CHANGED_LEVELS, CHANGED_MIN = 5.0, 0.65  # grey levels, and the share of the picture: titles that appear change less
BESIDE = 6  # frames beyond each end that must differ too: an explosion that burns out leaves the old picture
LINE_ERROR_MAX = 0.1  # root mean square of the weights around their line
CLIMB_RANGE = (0.12, 0.88)  # weights that the line is drawn through: moving pictures blur its ends
CLIMB_FRAMES_MIN = 3  # frames on the line: fewer are a blended cut
FLASH_FRAMES = 3  # frames that may leave the line
DIP_MIN, DIP_MAX = 0.5, 1.6  # of the loss of contrast that mixing two pictures means; motion has none
DIP_RANGE = (0.2, 0.8)  # weights of the new picture between which it is looked for: elsewhere it is small
LENGTH_MIN, LENGTH_MAX = 7, 75  # frames: shorter may be smoke and fire that burn out, longer a camera that moves on
LENGTHS = np.array([4, 5, 6, 7, 9, 11, 13, 16, 19, 22, 26, 30, 35, 41, 48, 57, 66, LENGTH_MAX])  # tried everywhere
MOVED_MIN = 0.5  # as BROKEN_MIN: motion alone breaks some
SHORT, SHORT_SAG_MIN, SHORT_STEADY_MIN = 10, 0.85, 0.75  # frames, shares: fire burns out along no line
SAG_MIN = 0.6  # share of the loss of contrast that mixing explains, region by region
STEADY_MIN = 0.4  # share of the change of large blocks that a straight line explains
STRAY_MAX = 0.1  # root mean square of what the weights of large blocks leave open
BLOW_FRAMES, BLOW_FACTOR, BLOW_MIN = 3, 2.0, 2.0  # frames before, and how far above the usual change of a frame
CURVE = 12  # frames on each side that the curve shows
FADE_DEVIATION = 8.0  # grey levels: an end with less contrast makes it a fade
REASONS = {
    "changed": "title", "dip": "motion", "broken_beside": "same_picture", "broken": "same_picture", "blow": "flash",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may be the middle of a dissolve.

    Attributes:
        middle: Its frame.
        span: Frames between the ends that were compared.
        mixed: What mixing leaves open, 0 to 1.
    """

    middle: int
    span: int
    mixed: float


def find(frames: window.Window, start: int, end: int) -> list[window.Transition]:
    """Dissolves whose middle lies in a range of frames; see `cut.find`."""
    found = [_transition(*stretch) for stretch in _found(frames)]
    return sorted((item for item in found if start <= item.frame < end), key=lambda item: item.frame)


Stretch = tuple[int, int, int, int]  # first and last mixed frame, a frame before and after


def _found(frames: window.Window) -> list[Stretch]:
    small = np.stack(frames.small, axis=1)
    found: list[Stretch] = []
    for candidate in sorted(_candidates(frames, small), key=lambda item: (item.mixed, item.middle)):
        known = any(first <= candidate.middle <= last for first, last, *_ in found)
        stretch = None if known else _measured(frames, small, candidate)
        if stretch is not None and not any(_overlap(stretch, other) for other in found):
            found.append(stretch)
    for before, after, _ in sorted(set(map(tuple, _blends(frames).tolist())), key=lambda item: (-item[2], item)):
        stretch = int(before) + 1, int(after) - 1, int(before), int(after)
        if any(_overlap(stretch, other) for other in found):
            continue
        if all(test.holds for test in _moving(frames, *stretch)):
            found.append(stretch)
    return found


def _blends(frames: window.Window) -> np.ndarray:
    """Stretches in which one picture seems to be blended into another while both move: frames beside, and how well."""
    averages, contrasts = np.stack(frames.averages, axis=1), np.stack(frames.contrasts, axis=1)
    found = blending.blends(averages, contrasts, LENGTHS, (SAG_MIN - 0.1, STEADY_MIN, STRAY_MAX))
    found[:, :2] += frames.first
    return found


def _moving(frames: window.Window, start: int, end: int, *beyond: int) -> Iterator[evidence.Measure]:
    """What is asked of a stretch among moving things, where weights of small blocks follow no line."""
    before, after = (frames.pictures[frame - frames.first] for frame in beyond)
    apart = np.empty(blending.REGIONS + 2)
    blending.variances(before.luma, before.chroma, after.luma, after.chroma, apart)
    seen = slice(beyond[0] - frames.first, beyond[1] + 1 - frames.first)
    averages, contrasts = (np.stack(column[seen], axis=1) for column in (frames.averages, frames.contrasts))
    sag, steady, stray = blending.blend(averages, contrasts, apart, 0, beyond[1] - beyond[0])
    short = end - start + 1 < SHORT
    yield evidence.Measure("sag", sag, SHORT_SAG_MIN if short else SAG_MIN)
    yield evidence.Measure("steady", steady, SHORT_STEADY_MIN if short else STEADY_MIN)
    yield evidence.Measure("stray", stray, high=STRAY_MAX)
    yield from _ends(frames, start, end, MOVED_MIN, *beyond)


def _transition(start: int, end: int, *beyond: int) -> window.Transition:
    return window.Transition("dissolve", (start + end) // 2, start, end, 1.0)


def _overlap(one: Sequence[int], other: Sequence[int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _candidates(frames: window.Window, small: np.ndarray) -> list[Candidate]:
    found = []
    for span in SPANS:
        if len(frames.pictures) <= span:
            break
        share = mixing.mixtures(small, span, CHANGE_MIN, MIXED_MAX, *WEIGHT_RANGE)
        for k in np.flatnonzero(np.isfinite(share)).tolist():
            if share[k] == share[max(k - span // 4, 0) : k + span // 4 + 1].min():
                found.append(Candidate(k + span // 2 + frames.first, span, float(share[k])))
    return found


def _measured(frames: window.Window, small: np.ndarray, candidate: Candidate) -> Stretch | None:
    """The dissolve around a candidate, or None where a closer look refutes it."""
    stretches = _stretches(frames, small, candidate)
    return next((item for item in stretches if all(test.holds for test in _tests(frames, *item))), None)


def _stretches(frames: window.Window, small: np.ndarray, candidate: Candidate) -> Iterator[Stretch]:
    """Stretches around a candidate along which the weight of the new picture climbs.

    The stretch that is looked at grows on each side where the change reaches its end, until both ends lie outside; and
    on both sides where that is no dissolve, for a part of one among things that move may look complete.
    """
    before, after = candidate.middle - candidate.span // 2 - 1, candidate.middle + candidate.span // 2 + 1
    while True:  # bounded by `mixing.climb`: the stretch grows every turn
        stretch = (before - frames.first, after - frames.first, REACH)
        edges = mixing.climb(small, stretch, CLIMB_RANGE, (CLIMB_FRAMES_MIN, FLASH_FRAMES), LINE_ERROR_MAX)
        if edges[0] < 0:
            return
        before, start, end, after = (edge + frames.first for edge in edges)
        yield start, end, before, after
        grown = max((after - before) // 4, 2)
        before, after = before - grown, after + grown


def _tests(frames: window.Window, start: int, end: int, *beyond: int) -> Iterator[evidence.Measure]:
    """What is asked of a stretch along which the weights of small blocks climb, cheapest first."""
    yield evidence.Measure("length", end - start + 1, LENGTH_MIN, LENGTH_MAX)
    yield from _ends(frames, start, end, BROKEN_MIN, *beyond)


def _ends(frames: window.Window, start: int, end: int, broken_min: float, *beyond: int) -> Iterator[evidence.Measure]:
    """What is asked of the two pictures at the ends, and of the contrast between, cheapest first."""
    apart = np.abs(frames.small[end - frames.first] - frames.small[start - 1 - frames.first])
    yield evidence.Measure("changed", int(np.count_nonzero(apart > CHANGED_LEVELS)) / apart.size, CHANGED_MIN)
    contrast = min(frames.deviation[frame - frames.first] for frame in beyond)
    yield evidence.Measure("contrast", contrast, FADE_DEVIATION)
    yield evidence.Measure("dip", _dip(frames, start, end), DIP_MIN, DIP_MAX)
    beside = (max(start - BESIDE, frames.first), min(end + BESIDE, frames.end - 1))
    yield evidence.Measure("broken_beside", frames.pair(*beside).broken, broken_min)
    yield evidence.Measure("broken", frames.pair(start - 1, end).broken, broken_min)
    blow, usual = _blow(frames, start, end)
    yield evidence.Measure("blow", blow, high=BLOW_FACTOR * usual + BLOW_MIN)


def _dip(frames: window.Window, start: int, end: int) -> float:
    """How much contrast is lost between two pictures, as a share of what mixing them loses."""
    ends = (frames.pictures[frame - frames.first].luma for frame in (start - 1, end))
    deviation = np.array(frames.deviation[start - frames.first : end - frames.first])
    return mixing.dip(*ends, deviation, *DIP_RANGE)


def _blow(frames: window.Window, start: int, end: int) -> tuple[float, float]:
    """The largest change of a frame where a change begins, as fire and flashes have it, and the usual one within."""
    blow, within = (
        [frames.pair(frame - 1, frame).residual for frame in range(max(first, frames.first + 1), last)]
        for first, last in ((start - BLOW_FRAMES, start + 1), (start + 1, end))
    )
    return max(blow, default=0.0), float(np.median(within))


def explained(frames: window.Window, item: window.Transition) -> evidence.Evidence:
    """What speaks for a dissolve."""
    stretch = next(stretch for stretch in _found(frames) if _transition(*stretch) == item)
    tests = tuple(_tests(frames, *stretch))
    return _evidence(frames, stretch, tests if all(test.holds for test in tests) else tuple(_moving(frames, *stretch)))


def _evidence(frames: window.Window, stretch: Stretch, measures: tuple[evidence.Measure, ...]) -> evidence.Evidence:
    first, last = max(stretch[0] - CURVE, frames.first), min(stretch[1] + CURVE, frames.end - 1)
    weights = mixing.weights(np.stack(frames.small, axis=1), first - frames.first, last - frames.first)
    return evidence.Evidence("dissolve", measures, evidence.Curve("weight", first, weights.tolist(), CLIMB_RANGE[0]))


def rejected(frames: window.Window, start: int, end: int) -> list[evidence.Rejected]:
    """Stretches in the middle of a range along which one picture seems to become another, and that are no dissolves."""
    small = np.stack(frames.small, axis=1)
    found: list[evidence.Rejected] = []
    for candidate in sorted(_candidates(frames, small), key=lambda item: (item.mixed, item.middle)):
        if not start <= candidate.middle < end:
            continue
        tried = [(item, tuple(_tests(frames, *item))) for item in _stretches(frames, small, candidate)]
        for stretch, measures in sorted(tried, key=lambda item: sum(not test.holds for test in item[1]))[:1]:
            reason = next((REASONS.get(test.name) for test in measures if not test.holds), None)
            if reason is None or any(_overlap(stretch, (item.start, item.end)) for item in found):
                continue  # a dissolve; or too short, too long or too faint to be taken for one
            changed = next(test.value for test in measures if test.name == "changed")
            seen, frame = _evidence(frames, stretch, measures), (stretch[0] + stretch[1]) // 2
            found.append(evidence.Rejected(frame, stretch[0], stretch[1], reason, changed, seen))
    return found
