"""What the packets of a stream say, kept in a few numbers however many there are."""

import bisect
import collections
import dataclasses
import heapq
import itertools

import av
import av.stream

REORDER_MAX = 64  # packets that may come out of order; codecs allow sixteen pictures
KEY_FRAMES_MAX = 10_000  # as the API says
STEPS_MAX = 4096  # different frame durations that are told apart; more are variable in any case
JITTER_S = 0.002  # time stamps rounded to milliseconds, and then again, vary by as much
JITTER_SHARE = 0.25  # of a frame, where frames are so short that the above would hide everything
UNEVEN_SHARE = 0.005  # of the frames that must have another duration to make the rate variable


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """A stream as its packets show it.

    Attributes:
        packets: How many there are.
        start_s: Smallest time stamp; None where there is none.
        end_s: Largest time stamp with its duration; None where there is none.
        step_s: Usual time from one frame to the next; None where there are fewer than two.
        variable: Whether frames have different durations.
        key_frames_s: Time stamps of the key frames, the first 10,000.
        key_frames: How many key frames there are.
        misplaced: Key frames in the container's index, within what was read, that are none.
        corrupt: Packets that the container marks as damaged.
    """

    packets: int
    start_s: float | None
    end_s: float | None
    step_s: float | None
    variable: bool
    key_frames_s: tuple[float, ...]
    key_frames: int
    misplaced: int
    corrupt: int


class Ledger:
    """Takes the packets of one stream in the order of the file.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: av.stream.Stream) -> None:
        self._time_base = float(stream.time_base or 0) or 1.0
        self._index = _index(stream)
        self._waiting: list[int] = []
        self._last: int | None = None
        self._steps: collections.Counter[int] = collections.Counter()
        self._keys: list[float] = []
        self._start: int | None = None
        self._end: int | None = None
        self.packets = self.key_frames = self.corrupt = 0

    def add(self, packet: av.Packet) -> None:
        """Takes a packet."""
        self.packets += 1
        self.corrupt += packet.is_corrupt
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return
        self._start = stamp if self._start is None else min(self._start, stamp)
        end = stamp + max(packet.duration or 0, 0)
        self._end = end if self._end is None else max(self._end, end)
        if packet.is_keyframe:
            self.key_frames += 1
            bisect.insort(self._keys, stamp * self._time_base)
            del self._keys[KEY_FRAMES_MAX:]
            self._index -= {packet.dts, packet.pts}
        heapq.heappush(self._waiting, stamp)
        if len(self._waiting) > REORDER_MAX:
            self._pass(heapq.heappop(self._waiting))

    def _pass(self, stamp: int) -> None:
        if self._last is not None and stamp > self._last and len(self._steps) < STEPS_MAX:
            self._steps[stamp - self._last] += 1
        self._last = stamp

    def finish(self) -> Track:
        """What was seen; no packet may follow."""
        while self._waiting:
            self._pass(heapq.heappop(self._waiting))
        step = _usual(self._steps)
        seconds = [None if value is None else value * self._time_base for value in (self._start, self._end, step)]
        return Track(
            packets=self.packets,
            start_s=seconds[0],
            end_s=seconds[1],
            step_s=seconds[2],
            variable=step is not None and self._variable(step),
            key_frames_s=tuple(self._keys),
            key_frames=self.key_frames,
            misplaced=sum(stamp <= (self._last or 0) for stamp in self._index),
            corrupt=self.corrupt,
        )

    def _variable(self, step: int) -> bool:
        jitter = max(1.01, min(JITTER_S / self._time_base, JITTER_SHARE * step))
        uneven = sum(count for value, count in self._steps.items() if abs(value - step) > jitter)
        return uneven > max(UNEVEN_SHARE * self._steps.total(), 1)


def _index(stream: av.stream.Stream) -> set[int]:
    """Time stamps that the container's own index marks as key frames, the first 10,000."""
    if stream.type != "video":
        return set()
    marked = (entry.timestamp for entry in stream.index_entries if entry.is_keyframe)
    return set(itertools.islice(marked, KEY_FRAMES_MAX))


def _usual(steps: collections.Counter[int]) -> int | None:
    """The median step."""
    passed = 0
    for value in sorted(steps):
        passed += steps[value]
        if 2 * passed >= steps.total():
            return value
    return None
