"""Decodes the packets of a video, or of a stretch of it, and looks at the frames that come."""

import dataclasses
import heapq
import math
from collections.abc import Callable, Iterator

import av

from services.analyzer import eye, stopwatch, thinning
from services.analyzer.subjects import meter


@dataclasses.dataclass(frozen=True, slots=True)
class Skipped:
    """A frame that was left out; the one after it is there.

    Attributes:
        pts: Its time stamp.
        t_s: When it is shown, in seconds.
    """

    pts: int
    t_s: float


Item = eye.Seen | Skipped
Decode = Callable[[av.Packet | None], list[av.VideoFrame]]
Time = Callable[[int | None], float]


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What is looked at.

    Attributes:
        start_s: Frames before it are decoded, and no more.
        end_s: Nothing from here on is.
        number: Frames of the source before the first one that comes.
    """

    start_s: float = 0.0
    end_s: float = math.inf
    number: int = 0


class Viewer:
    """Takes packets as they were planned, and gives frames in the order of presentation.

    Args:
        decode: Decodes a packet, or what is left for None.
        looking: What looks at the frames.
        time: When a frame with some time stamp is shown, in seconds; asked once for each, in order.
        part: What is looked at.
        planned: Whether the packets were planned: then every picture must be the one that was announced.
        people: What looks for people; None where nobody does.
        watch: Where the time goes.
    """

    def __init__(
        self,
        decode: Decode,
        looking: eye.Eye,
        time: Time,
        part: Part | None = None,
        *,
        planned: bool = True,
        people: meter.Meter | None = None,
        watch: stopwatch.Stopwatch | None = None,
    ) -> None:
        self._decode, self._time, self._planned = decode, time, planned
        self._part = part or Part()
        self._watch = watch or stopwatch.Stopwatch()
        self._awaited: list[tuple[int, bool]] = []
        self._left: list[int] = []
        self.eye, self.people = looking, people
        self.first: av.VideoFrame | None = None
        self.frames = self._part.number
        self.before = 0  # frames before the part
        self.done = False

    def take(self, planned: thinning.Planned) -> list[Item]:
        """Takes the next packet; gives what is known now.

        Raises:
            thinning.Inexact: What comes is not what was planned.
        """
        packet = planned.packet
        if self._planned and packet is not None:
            if planned.choice is thinning.Choice.LEAVE:
                heapq.heappush(self._left, packet.pts)
                return []
            heapq.heappush(self._awaited, (packet.pts, planned.choice is thinning.Choice.ASIDE))
        frames = self._decode(packet)
        self._watch.lap("decode")
        return [item for frame in frames for item in self._shown(frame)]

    def _shown(self, frame: av.VideoFrame) -> Iterator[Item]:
        if self.done:
            return
        aside = False
        if self._planned:
            pts, aside = heapq.heappop(self._awaited) if self._awaited else (None, False)
            if pts is None or pts != frame.pts:
                raise thinning.Inexact("a picture that no packet announced, or a packet that gave none")
            yield from self._left_before(frame.pts)
        self.first = self.first or frame
        t_s = self._time(frame.pts)
        if t_s >= self._part.end_s:
            self.done = True
            return
        self.frames += 1
        if t_s < self._part.start_s:
            self.before = self.frames
            return
        yield from self.eye.add(frame, t_s - self._part.start_s, aside=aside)
        self._watch.lap("picture")
        if self.people is not None and not aside:
            self.people.add(frame, t_s - self._part.start_s, self.frames - 1)
            self._watch.lap("subjects")

    def _left_before(self, pts: int) -> Iterator[Skipped]:
        while self._left and self._left[0] < pts:
            if self.first is None:
                raise thinning.Inexact("pictures before the first one")
            self.frames += 1
            left = heapq.heappop(self._left)
            yield Skipped(left, self._time(left))

    def finish(self) -> list[Item]:
        """Gives the rest; no packet may follow.

        Raises:
            thinning.Inexact: Some packets gave no picture.
        """
        if self._awaited or self._left:
            raise thinning.Inexact("packets that gave no picture")
        return list(self.eye.finish())
