"""Dissolves: one picture mixed into another.

In the middle of a dissolve of any length the frame is a weighted mean of a frame before and a frame after it, which no
camera move, zoom or moving thing produces; and the two ends are different pictures. Both are tested at several lengths
on small pictures, for all frames at once. What passes is then looked at in full: the weight of the new picture must
climb from nothing to all along one straight line, whose ends are the first and the last mixed frame, and on the way the
contrast must sink as it does where two pictures are mixed.

Source: own; the mixing model is that of Lienhart, "Reliable Transition Detection in Videos" (2001), the loss of
contrast that of Alattar, "Detecting and Compressing Dissolve Regions in Video Sequences" (1993).
"""

import dataclasses

import numpy as np

from services.analyzer.shots import window

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
BLOW_FRAMES, BLOW_FACTOR, BLOW_MIN = 3, 2.0, 2.0  # frames before, and how far above the usual change of a frame
FADE_DEVIATION = 8.0  # grey levels: an end with less contrast makes it a fade


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
    small = _small(frames)
    found: list[window.Transition] = []
    for candidate in sorted(_candidates(frames, small), key=lambda item: (item.mixed, item.middle)):
        known = any(item.start_frame <= candidate.middle <= item.end_frame for item in found)
        transition = None if known else _measured(frames, small, candidate)
        if transition is not None and not any(_overlap(transition, item) for item in found):
            found.append(transition)
    return sorted((item for item in found if start <= item.frame < end), key=lambda item: item.frame)


def _overlap(one: window.Transition, other: window.Transition) -> bool:
    return one.start_frame <= other.end_frame and other.start_frame <= one.end_frame


def _small(frames: window.Window) -> np.ndarray:
    """Every frame as means of eight by eight cells, (frames, values)."""
    return np.stack([frames.small(frame) for frame in range(frames.first, frames.end)])


def _candidates(frames: window.Window, small: np.ndarray) -> list[Candidate]:
    found = []
    for span in SPANS:
        if len(small) <= span:
            break
        before, after, middle = small[:-span], small[span:], small[span // 2 : len(small) - span + span // 2]
        change = after - before
        power = (change * change).sum(axis=1) + 1e-6
        weight = ((middle - before) * change).sum(axis=1) / power
        mixed = np.abs(middle - before - weight[:, None] * change).mean(axis=1)
        nearer = np.minimum(np.abs(middle - before).mean(axis=1), np.abs(middle - after).mean(axis=1)) + 1e-6
        fits = (np.abs(change).mean(axis=1) > CHANGE_MIN) & (mixed < MIXED_MAX * nearer)
        fits &= (weight > WEIGHT_RANGE[0]) & (weight < WEIGHT_RANGE[1])
        share = np.where(fits, mixed / nearer, np.inf)
        best = [k for k in np.flatnonzero(fits) if share[k] == share[max(k - span // 4, 0) : k + span // 4 + 1].min()]
        found += [Candidate(int(k) + span // 2 + frames.first, span, float(share[k])) for k in best]
    return found


def _measured(frames: window.Window, small: np.ndarray, candidate: Candidate) -> window.Transition | None:
    """The dissolve around a candidate, or None where a closer look refutes it.

    The stretch that is looked at grows on each side where the change reaches its end, until both ends lie outside; and
    on both sides where that is no dissolve, for a part of one among things that move may look complete.
    """
    before, after = candidate.middle - candidate.span // 2 - 1, candidate.middle + candidate.span // 2 + 1
    while frames.first <= before and after < frames.end and after - before <= REACH:  # bounded: it grows every turn
        line = _line(small[before - frames.first : after + 1 - frames.first])
        if line is None:
            return None
        start, end = before + line[0], before + line[1]
        inside = start > before + 1, end < after
        found = _checked(frames, small, (before, start, end, after), line[2]) if all(inside) else None
        if found is not None:
            return found
        grown = max((after - before) // 4, 2)
        before -= grown if all(inside) or not inside[0] else 0
        after += grown if all(inside) or not inside[1] else 0
    return None


def _line(stack: np.ndarray) -> tuple[int, int, float] | None:
    """First and last mixed picture of a stack if the weight of its last picture climbs along a line, and its height."""
    weights = _weights(stack)
    climbing = np.flatnonzero((weights > CLIMB_RANGE[0]) & (weights < CLIMB_RANGE[1]))
    if climbing.size < CLIMB_FRAMES_MIN or climbing[-1] - climbing[0] >= climbing.size + FLASH_FRAMES:
        return None
    slope, offset = np.polyfit(climbing, weights[climbing], 1)
    error = np.sort((weights[climbing] - slope * climbing - offset) ** 2)
    if slope <= 0 or np.sqrt(np.mean(error)) > LINE_ERROR_MAX:
        return None
    return round(-offset / slope) + 1, round((1 - offset) / slope), float(weights[-1] - weights[0])


def _checked(
    frames: window.Window, small: np.ndarray, edges: tuple[int, int, int, int], score: float
) -> window.Transition | None:
    """The dissolve with these edges: a frame before it, its first and last one, a frame after it."""
    before, start, end, after = edges
    changed = np.abs(small[end - frames.first] - small[start - 1 - frames.first]) > CHANGED_LEVELS
    if not LENGTH_MIN <= end - start + 1 <= LENGTH_MAX or changed.mean() < CHANGED_MIN:
        return None
    if min(frames.deviation[frame - frames.first] for frame in (before, after)) < FADE_DEVIATION:
        return None
    beside = (max(start - BESIDE, frames.first), min(end + BESIDE, frames.end - 1))
    if min(frames.pair(*ends).broken for ends in (beside, (start - 1, end))) < BROKEN_MIN:
        return None
    if not DIP_MIN <= _dip(frames, start, end) <= DIP_MAX or _burns_out(frames, start, end):
        return None
    return window.Transition("dissolve", (start + end) // 2, start, end, score)


def _dip(frames: window.Window, start: int, end: int) -> float:
    """How much contrast is lost between two pictures, as a share of what mixing them loses.

    A mix with weight w has the variance (1 - w) a + w b - w (1 - w) d, where a and b are the variances of the two
    pictures and d that of their difference; a picture that moves from one to the other keeps to the first two terms.
    """
    ends = [frames.pictures[frame - frames.first].luma.astype(np.float64) for frame in (start - 1, end)]
    before, after, between = ends[0].var(), ends[1].var(), (ends[1] - ends[0]).var()
    weights = (np.arange(start, end) - start + 1) / (end - start + 1)
    seen = np.array(frames.deviation[start - frames.first : end - frames.first]) ** 2
    middle = (weights >= DIP_RANGE[0]) & (weights <= DIP_RANGE[1])
    weights, seen = weights[middle], seen[middle]
    lost = (1 - weights) * before + weights * after - seen
    return float(np.median(lost / (weights * (1 - weights) * between + 1e-6)))


def _burns_out(frames: window.Window, start: int, end: int) -> bool:
    """Whether the change begins with a blow, as fire and flashes do that then fade away."""
    blow, within = (
        [frames.pair(frame - 1, frame).residual for frame in range(max(first, frames.first + 1), last)]
        for first, last in ((start - BLOW_FRAMES, start + 1), (start + 1, end))
    )
    return max(blow, default=0.0) > BLOW_FACTOR * float(np.median(within)) + BLOW_MIN


def _weights(stack: np.ndarray) -> np.ndarray:
    """Share of the last picture in every one of a stack of small pictures, the first and the last included."""
    change = stack[-1] - stack[0]
    return (stack - stack[0]) @ change / float(change @ change + 1e-6)
