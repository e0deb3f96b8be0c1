"""The edit list: stretches of the source in the order of the clip, and what each of them takes there.

A clip is made of takes, each a range of consecutive frames of the source; a take is shown in pieces, between which a
jump cut leaves frames out. Pieces meet at whole frames of the clip, so picture and sound change at the same moment.
"""

import bisect
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from services.exporter import asked, rate, survey, tightening

NEAR_S = 4  # seconds between stretches up to which decoding on is cheaper than seeking: about two key frames
NEAR_FRAMES = 100  # the same where only frame numbers are known
ASKED = "asked"  # why a piece begins where it does: the caller said so


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """A range of consecutive frames of the source, as the survey found it."""

    facts: Mapping[str, Any]
    pts: np.ndarray
    """int64 (n,), time stamps; frame numbers where the source has none."""

    @property
    def base(self) -> Fraction:
        """Unit of the time stamps in seconds."""
        return Fraction(self.facts["time_base"])

    @property
    def first_frame(self) -> int:
        """Number of the first frame in the source."""
        return int(self.facts["start_frame"])

    def times(self) -> list[Fraction]:
        """Times of all frames since the first frame of the source."""
        base, origin = self.base, int(self.facts["origin_pts"])
        return [(stamp - origin) * base for stamp in self.pts.tolist()]

    def seconds(self, index: int) -> Fraction:
        """Time of a frame since the first frame of the source; one after the last one is where the last one ends."""
        return (self.stamp(index) - int(self.facts["origin_pts"])) * self.base

    def stamp(self, index: int) -> int:
        """Time stamp of a frame, or of what follows the last one."""
        if index < len(self.pts):
            return int(self.pts[index])
        if self.facts["end_pts"] is not None:
            return int(self.facts["end_pts"])
        rate_, _ = rate.grid(self.times(), nominal(self))
        return int(self.pts[-1]) + round(1 / rate_ / self.base)

    def start_s(self, index: int) -> Fraction:
        """Time of a frame on the container's own clock, where its sound is found."""
        return self.seconds(index) if self.facts["counted"] else int(self.pts[index]) * self.base

    def index(self, edge: Fraction) -> int:
        """The first frame that begins at or after a time in seconds since the first frame of the source."""
        place = int(self.facts["origin_pts"]) + (edge - survey.SLACK) / self.base
        return bisect.bisect_left(self.pts, place)


def nominal(take: Take) -> Fraction | None:
    """The rate that the container claims."""
    return Fraction(take.facts["nominal"]) if take.facts["nominal"] else None


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a take: indices of its first frame and of the one after its last, speed, and why it begins there."""

    take: int
    first: int
    last: int
    speed: Fraction = Fraction(1)
    reason: str = ASKED
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the source in the clip."""

    take: int
    start_frame: int
    end_frame: int
    """Numbers in the source; the end is exclusive."""
    start_pts: int
    end_pts: int
    source_start_s: float
    source_end_s: float
    """Times since the first frame of the source."""
    sound_s: Fraction
    """Where its sound begins, on the container's clock."""
    speed: Fraction
    first: int
    """Number of its first frame in the clip."""
    frames: int
    """Frames in the clip."""
    reason: str
    text: str

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values, as it stands in a manifest."""
        return {
            **{name: getattr(self, name) for name in ("take", "start_frame", "end_frame", "start_pts", "end_pts")},
            "start_s": round(self.source_start_s, 6),
            "end_s": round(self.source_end_s, 6),
            "speed": str(self.speed),
            "clip_start_frame": self.first,
            "clip_frame_count": self.frames,
            "reason": self.reason,
            "text": self.text,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """Consecutive frames of the source that are decoded in one go."""

    pts: np.ndarray
    """int64 (n,), their time stamps."""
    places: np.ndarray
    """int64 (n,), place of each among the frames that are shown; -1 where it is left out."""
    counted: bool
    certain: bool

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"pts": self.pts.tolist(), "places": self.places.tolist(), "counted": self.counted,
                "certain": self.certain}  # fmt: skip

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Span":
        """Reads what `to_value` wrote."""
        return cls(np.array(value["pts"], np.int64), np.array(value["places"], np.int64), value["counted"],
                   value["certain"])  # fmt: skip


def groups(ranges: Sequence[asked.Range]) -> Iterator[tuple[survey.Wanted, tuple[asked.Range, ...]]]:
    """Ranges that follow each other closely, with the range that holds them all: it is surveyed and decoded once."""
    held: list[asked.Range] = []
    for one in ranges:
        if held and not _neighbours(held[-1].wanted, one.wanted):
            yield _hull(held), tuple(held)
            held = []
        held.append(one)
    yield _hull(held), tuple(held)


def _neighbours(before: survey.Wanted, after: survey.Wanted) -> bool:
    if before.frames is not None and after.frames is not None:
        return 0 <= after.frames[0] - before.frames[1] <= NEAR_FRAMES
    if before.seconds is not None and after.seconds is not None:
        return 0 <= after.seconds[0] - before.seconds[1] <= NEAR_S
    return False


def _hull(held: Sequence[asked.Range]) -> survey.Wanted:
    first, last = held[0].wanted, held[-1].wanted
    if first.frames is not None:
        return survey.Wanted(frames=(first.frames[0], last.frames[1]))
    return survey.Wanted(seconds=(first.seconds[0], last.seconds[1]))


def cuts(number: int, take: Take, ranges: Sequence[asked.Range]) -> list[Cut]:
    """The asked ranges as stretches of the take that holds them; one without a frame is left out."""
    found = []
    for one in ranges:
        if one.wanted.frames is not None:
            edges = (min(max(edge - take.first_frame, 0), len(take.pts)) for edge in one.wanted.frames)
        else:
            edges = (take.index(edge) for edge in one.wanted.seconds)
        first, last = edges
        if first < last:
            found.append(Cut(number, first, last, one.speed))
    return found


def tightened(take: Take, cut: Cut, removed: Sequence[tightening.Removal]) -> Iterator[Cut]:
    """What is left of a stretch; every piece begins and ends with a whole frame, so that no word is touched."""
    first, reason, text = cut.first, cut.reason, cut.text
    for one in removed:
        last = min(max(take.index(Fraction(one.start_s)), first), cut.last)
        after = min(max(take.index(Fraction(one.end_s)), last), cut.last)
        if after > last and after < cut.last and take.seconds(after) > Fraction(one.end_s):
            after -= 1  # the frame that shows while sound comes again
        if after <= last:
            continue
        if last > first:
            yield dataclasses.replace(cut, first=first, last=last, reason=reason, text=text)
        first, reason, text = after, one.reason, one.text
    if cut.last > first:
        yield dataclasses.replace(cut, first=first, last=cut.last, reason=reason, text=text)


@dataclasses.dataclass(frozen=True, slots=True)
class Paced:
    """Pieces at the rate of the clip."""

    schedule: rate.Schedule
    pieces: tuple[Piece, ...]
    times_s: np.ndarray
    """float64 (n,): for each frame that is decoded, its time on the time line of the clip; a plain clip keeps the
    times of the source."""


def paced(takes: Sequence[Take], stretches: Sequence[Cut], rate_max: float) -> Paced:
    """Puts stretches on the time line of the clip.

    All takes share one rate: that of the longest where it fits all, else the highest of them. A speed leaves out
    frames or shows them longer, it makes no new ones.

    Raises:
        rate.Unpaced: the time stamps describe nothing that can be paced.
    """
    stamps = [take.times() for take in takes]
    grids = [rate.grid(times, nominal(take)) for times, take in zip(stamps, takes, strict=True)]
    source_rate, slots, constant = _common(stamps, grids)
    divisor = max(1, -int(-(source_rate / Fraction(rate_max * 1.001)) // 1))
    pieces, shown, times, first, decoded = [], [], [], 0, 0
    offset_s = takes[stretches[0].take].seconds(stretches[0].first)
    for cut in stretches:
        take = takes[cut.take]
        places = slots[cut.take][cut.first : cut.last] - slots[cut.take][cut.first]
        chosen = _shown(places, _length(take, slots[cut.take], cut, source_rate, constant), divisor * cut.speed)
        own = stamps[cut.take][cut.first : cut.last]
        times += [float(offset_s + (one - own[0]) / cut.speed) for one in own]
        pieces.append(_piece(take, cut, first, len(chosen)))
        shown.append(chosen + decoded)
        first, decoded = first + len(chosen), decoded + cut.last - cut.first
        offset_s += len(chosen) * divisor / source_rate
        if first > rate.FRAMES_MAX:
            raise rate.Unpaced(f"the clip would have more than {rate.FRAMES_MAX} frames")
    schedule = rate.Schedule(source_rate / divisor, source_rate, constant, np.concatenate(shown))
    return Paced(schedule, tuple(pieces), np.array(times))


def _common(
    stamps: Sequence[Sequence[Fraction]], grids: Sequence[tuple[Fraction, np.ndarray]]
) -> tuple[Fraction, list[np.ndarray], bool]:
    """The rate of all takes, the slots of each at it, and whether it is constant.

    A short take tells its rate less surely than a long one: where the rate of the longest fits all, it is taken.
    """
    longest = max(range(len(stamps)), key=lambda number: len(stamps[number]))
    for common in (grids[longest][0], max(own for own, _ in grids)):
        slots = [_slots(times, *grid, common) for times, grid in zip(stamps, grids, strict=True)]
        constant = all(np.array_equal(one, np.arange(len(one))) for one in slots)
        if constant:
            break
    return common, slots, constant


def _slots(times: Sequence[Fraction], own_rate: Fraction, slots: np.ndarray, source_rate: Fraction) -> np.ndarray:
    """Slots of a take's frames at the common rate."""
    if own_rate == source_rate:
        return slots
    return np.array([round((time - times[0]) * source_rate) for time in times], np.int64)


def _length(take: Take, slots: np.ndarray, cut: Cut, source_rate: Fraction, constant: bool) -> int:
    """Slots that a stretch takes: to the next frame, or to where the last frame of the take stops being shown."""
    length = int(slots[cut.last] if cut.last < len(slots) else slots[-1] + 1)
    if cut.last == len(slots) and not constant and take.facts["end_pts"] is not None:
        length = max(length, round((take.seconds(cut.last) - take.seconds(0)) * source_rate))
    length = max(length - int(slots[cut.first]), 1)
    if length > rate.FRAMES_MAX:
        raise rate.Unpaced(f"{cut.last - cut.first} frames spread over {float(length / source_rate):.0f} s")
    return length


def _shown(slots: np.ndarray, length: int, step: Fraction) -> np.ndarray:
    """Index of the frame that is shown in each frame of the clip, which are `step` slots apart: int64 (n,)."""
    moments = np.arange(math.ceil(length / step)) * step.numerator // step.denominator
    return (np.searchsorted(slots, moments, side="right") - 1).astype(np.int64)


def _piece(take: Take, cut: Cut, first: int, frames: int) -> Piece:
    return Piece(
        take=cut.take,
        start_frame=take.first_frame + cut.first,
        end_frame=take.first_frame + cut.last,
        start_pts=take.stamp(cut.first),
        end_pts=take.stamp(cut.last),
        source_start_s=float(take.seconds(cut.first)),
        source_end_s=float(take.seconds(cut.last)),
        sound_s=take.start_s(cut.first),
        speed=cut.speed,
        first=first,
        frames=frames,
        reason=cut.reason,
        text=cut.text,
    )


def spans(takes: Sequence[Take], stretches: Sequence[Cut]) -> list[Span]:
    """How the stretches are decoded: near ones of a take in one go, with the frames between them left out."""
    found: list[tuple[int, list[Cut]]] = []
    for cut in stretches:
        held = found[-1][1] if found and found[-1][0] == cut.take else []
        take = takes[cut.take]
        if held and held[-1].last <= cut.first and take.seconds(cut.first) - take.seconds(held[-1].last) <= NEAR_S:
            held.append(cut)
        else:
            found.append((cut.take, [cut]))
    made, place = [], 0
    for number, held in found:
        take = takes[number]
        places = np.full(held[-1].last - held[0].first, -1, np.int64)
        for cut in held:
            count = cut.last - cut.first
            places[cut.first - held[0].first : cut.last - held[0].first] = np.arange(place, place + count)
            place += count
        pts = take.pts[held[0].first : held[-1].last]
        made.append(Span(pts, places, bool(take.facts["counted"]), bool(take.facts["decoded"])))
    return made
