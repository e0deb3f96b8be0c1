"""Which frames of a range are copied and which are encoded, and in what order and when they are decoded."""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from services.exporter.smart import keys

EDGE_FRAMES_MAX = 1200  # frames of one edge; a source with farther places to begin is better rendered as a whole
COPIED_SHARE_MIN = 0.25  # of the frames: below it, copying saves too little to be worth two kinds of picture


class Uncuttable(ValueError):
    """The range has nothing that can be copied."""


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """A packet of the source, in the order of decoding."""

    pts: int
    entry: keys.Entry


@dataclasses.dataclass(frozen=True, slots=True)
class Spans:
    """A range in three parts; frames are counted from its first one."""

    first: int
    """Frames before it are encoded."""
    last: int
    """Frames from it on are encoded; those between are copied."""
    packets: tuple[int, int]
    """Packets, in the order of decoding, among which the copied ones are."""
    end: bool
    """Whether a sequence has to be ended before the copied part."""

    def copies(self, index: int, pts: int, start_pts: int) -> bool:
        """Whether a packet is copied: pictures that are shown before the copied part are not."""
        return self.packets[0] <= index < self.packets[1] and pts >= start_pts


def spans(read: Sequence[Read], pts: np.ndarray) -> Spans:
    """Finds the longest part that can be copied.

    It begins where decoding may begin, and all that was decoded before is shown before. It ends where the pictures
    decoded so far leave no gap in what is shown, so that none that is left out is missed.

    Args:
        read: packets from before the range to behind it.
        pts: int64 (n,), time stamps of the frames of the range, ascending.

    Raises:
        Uncuttable: there is no such part, or it is too short.
    """
    wanted = pts.tolist()
    latest = -1 << 62
    for index, packet in enumerate(read):
        begins = packet.entry != keys.Entry.NONE and packet.pts > latest
        latest = max(latest, packet.pts)
        if not begins or not wanted[0] <= packet.pts <= wanted[-1]:
            continue
        first = bisect.bisect_left(wanted, packet.pts)
        if first > (1 - COPIED_SHARE_MIN) * len(wanted):
            break
        last, stop = _reach(read, index, wanted, first)
        if first > EDGE_FRAMES_MAX or len(wanted) - last > EDGE_FRAMES_MAX:
            break
        if wanted[first] == packet.pts and (last - first) >= COPIED_SHARE_MIN * len(wanted):
            return Spans(first, last, (index, stop), packet.entry == keys.Entry.OPEN and first > 0)
    raise Uncuttable("too little of the range lies between places where decoding may begin")


def _reach(read: Sequence[Read], start: int, wanted: list[int], first: int) -> tuple[int, int]:
    """Frame behind the last one that a copy from a packet on shows without a gap, and packet behind its last one."""
    last, stop, count, highest = first, start, 0, first
    for index in range(start, len(read)):
        stamp = read[index].pts
        if stamp < wanted[first]:
            continue
        if stamp > wanted[-1]:
            break  # decoded before what is left, so that would be missing
        place = bisect.bisect_left(wanted, stamp)
        if wanted[place] != stamp:
            break
        count, highest = count + 1, max(highest, place + 1)
        if highest - first == count:
            last, stop = highest, index + 1
    return last, stop


def decoding_times(pts: Sequence[int]) -> list[int]:
    """When packets are decoded, so that none is decoded after it is shown.

    Args:
        pts: time stamps in the order of decoding.

    Returns:
        Ascending times, each at most its time stamp, with the smallest lead that does it.
    """
    ordered = sorted(pts)
    rank = {stamp: place for place, stamp in enumerate(ordered)}
    lead = max((index - rank[stamp] for index, stamp in enumerate(pts)), default=0)
    step = min((after - before for before, after in itertools.pairwise(ordered)), default=1)
    early = [ordered[0] - step * (lead - index) for index in range(min(lead, len(ordered)))]
    return early + ordered[: len(ordered) - lead]
