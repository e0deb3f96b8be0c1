"""Constant frame rate by rule: which source frame is shown in each frame of the clip."""

import dataclasses
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

STANDARD = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "120000/1001", "120")
)
FALLBACK = Fraction(25)  # a single frame has no rate of its own
DRIFT_MAX = 0.45  # slots: a frame that is farther from its own slot belongs to another one
NEAR = Fraction(1, 500)  # a mean this near to a standard rate is that rate; 23.976 and 24 are 1/1000 apart
CLAIMED = Fraction(1, 50)  # a claim that is farther from the mean is not believed
SHARE_FAST = 0.9  # share of the distances between frames that a chosen rate must not be slower than
FRAMES_MAX = 1 << 20  # five hours at 60: more than any preset takes, so a wild time stamp cannot ask for all memory


class Unpaced(ValueError):
    """The time stamps do not describe a video that can be paced."""


@dataclasses.dataclass(frozen=True, slots=True)
class Schedule:
    """The frames of a clip."""

    rate: Fraction
    """Frames per second of the clip."""
    source_rate: Fraction
    """Frames per second of the grid that the source's frames fall on."""
    constant: bool
    """Whether the source is of constant rate, so that no frame is repeated."""
    shown: np.ndarray
    """int64 (n,): for every frame of the clip, the index of the source's frame, counted from the first one shown."""

    @property
    def duration_s(self) -> Fraction:
        """Length of the clip in seconds."""
        return len(self.shown) / self.rate


def schedule(times: Iterable[Fraction], end: Fraction | None, nominal: Fraction | None, rate_max: float) -> Schedule:
    """Decides the rate of a clip and fills every frame.

    A source of constant rate keeps it, divided by a whole number where it is above the limit. A source of variable
    rate goes onto the slowest standard rate that loses nine tenths of its frames to no other; each frame of the clip
    shows what the source showed at that moment.

    Args:
        times: presentation times of the source's frames in seconds, ascending.
        end: when the last one stops being shown, or None where nothing tells.
        nominal: the rate that the container claims, if any.
        rate_max: highest rate of the clip.

    Returns:
        The schedule, at least one frame.

    Raises:
        Unpaced: there is no frame, or the clip would have more frames than any preset takes.
    """
    stamps = list(times)
    if not stamps:
        raise Unpaced("there is no frame to show")
    rate, slots = grid(stamps, nominal)
    constant = bool(np.array_equal(slots, np.arange(len(slots))))
    length = int(slots[-1]) + 1
    if not constant and end is not None:
        length = max(length, round((end - stamps[0]) * rate))
    if length > FRAMES_MAX:
        raise Unpaced(f"{len(stamps)} frames spread over {float(stamps[-1] - stamps[0]):.0f} s")
    divisor = max(1, -int(-(rate / Fraction(rate_max * 1.001)) // 1))
    moments = np.arange(0, length, divisor)
    shown = np.searchsorted(slots, moments, side="right") - 1
    return Schedule(rate=rate / divisor, source_rate=rate, constant=constant, shown=shown.astype(np.int64))


def grid(stamps: list[Fraction], nominal: Fraction | None) -> tuple[Fraction, np.ndarray]:
    """Finds the rate of a source, and the slot of each frame at that rate: int64 (n,), ascending."""
    if len(stamps) == 1:
        return (nominal if nominal and nominal <= STANDARD[-1] else FALLBACK), np.zeros(1, np.int64)
    offsets = np.array([float(stamp - stamps[0]) for stamp in stamps])
    for rate in candidates(stamps, nominal):
        ideal = offsets * float(rate)
        if np.max(np.abs(ideal - np.arange(len(ideal)))) < DRIFT_MAX:
            return rate, np.arange(len(ideal))
    rate = variable(offsets)
    return rate, np.floor(offsets * float(rate) + 0.5).astype(np.int64)


def candidates(stamps: list[Fraction], nominal: Fraction | None) -> list[Fraction]:
    """Constant rates that a source may have, the likeliest first; a standard rate goes before an odd one."""
    span = stamps[-1] - stamps[0]
    if span <= 0:
        return []
    mean = (len(stamps) - 1) / span
    near = sorted((rate for rate in STANDARD if abs(rate / mean - 1) < NEAR), key=lambda rate: abs(rate - mean))
    claimed = [nominal] if nominal and abs(nominal / mean - 1) < CLAIMED else []
    likely = [rate for rate in claimed if rate in STANDARD] + near + claimed + [mean.limit_denominator(1001)]
    return [rate for rate in likely if 0 < rate <= STANDARD[-1]]


def variable(offsets: np.ndarray) -> Fraction:
    """The slowest standard rate that nine tenths of the distances between frames are not shorter than."""
    steps = np.diff(offsets)
    steps = steps[steps > 0]
    if not len(steps):
        return FALLBACK
    fast = 1 / float(np.quantile(steps, 1 - SHARE_FAST))
    return next((rate for rate in STANDARD if float(rate) >= fast * 0.98), STANDARD[-1])
