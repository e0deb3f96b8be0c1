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

from services.analyzer.kernels import mixing
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
    small = np.stack(frames.small, axis=1)
    found: list[window.Transition] = []
    for candidate in sorted(_candidates(frames, small), key=lambda item: (item.mixed, item.middle)):
        known = any(item.start_frame <= candidate.middle <= item.end_frame for item in found)
        transition = None if known else _measured(frames, small, candidate)
        if transition is not None and not any(_overlap(transition, item) for item in found):
            found.append(transition)
    return sorted((item for item in found if start <= item.frame < end), key=lambda item: item.frame)


def _overlap(one: window.Transition, other: window.Transition) -> bool:
    return one.start_frame <= other.end_frame and other.start_frame <= one.end_frame


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


def _measured(frames: window.Window, small: np.ndarray, candidate: Candidate) -> window.Transition | None:
    """The dissolve around a candidate, or None where a closer look refutes it.

    The stretch that is looked at grows on each side where the change reaches its end, until both ends lie outside; and
    on both sides where that is no dissolve, for a part of one among things that move may look complete.
    """
    before, after = candidate.middle - candidate.span // 2 - 1, candidate.middle + candidate.span // 2 + 1
    while True:  # bounded by `mixing.climb`: the stretch grows every turn
        stretch = (before - frames.first, after - frames.first, REACH)
        edges = mixing.climb(small, stretch, CLIMB_RANGE, (CLIMB_FRAMES_MIN, FLASH_FRAMES), LINE_ERROR_MAX)
        if edges[0] < 0:
            return None
        before, start, end, after = (edge + frames.first for edge in edges)
        found = _checked(frames, (before, start, end, after))
        if found is not None:
            return found
        grown = max((after - before) // 4, 2)
        before, after = before - grown, after + grown


def _checked(frames: window.Window, edges: tuple[int, int, int, int]) -> window.Transition | None:
    """The dissolve with these edges: a frame before it, its first and last one, a frame after it."""
    before, start, end, after = edges
    if not LENGTH_MIN <= end - start + 1 <= LENGTH_MAX:
        return None
    changed = np.abs(frames.small[end - frames.first] - frames.small[start - 1 - frames.first]) > CHANGED_LEVELS
    if np.count_nonzero(changed) < CHANGED_MIN * changed.size:
        return None
    if min(frames.deviation[frame - frames.first] for frame in (before, after)) < FADE_DEVIATION:
        return None
    if not DIP_MIN <= _dip(frames, start, end) <= DIP_MAX:
        return None
    beside = (max(start - BESIDE, frames.first), min(end + BESIDE, frames.end - 1))
    if any(frames.pair(*ends).broken < BROKEN_MIN for ends in (beside, (start - 1, end))):
        return None
    if _burns_out(frames, start, end):
        return None
    return window.Transition("dissolve", (start + end) // 2, start, end, 1.0)


def _dip(frames: window.Window, start: int, end: int) -> float:
    """How much contrast is lost between two pictures, as a share of what mixing them loses."""
    ends = (frames.pictures[frame - frames.first].luma for frame in (start - 1, end))
    deviation = np.array(frames.deviation[start - frames.first : end - frames.first])
    return mixing.dip(*ends, deviation, *DIP_RANGE)


def _burns_out(frames: window.Window, start: int, end: int) -> bool:
    """Whether the change begins with a blow, as fire and flashes do that then fade away."""
    blow, within = (
        [frames.pair(frame - 1, frame).residual for frame in range(max(first, frames.first + 1), last)]
        for first, last in ((start - BLOW_FRAMES, start + 1), (start + 1, end))
    )
    return max(blow, default=0.0) > BLOW_FACTOR * float(np.median(within)) + BLOW_MIN
