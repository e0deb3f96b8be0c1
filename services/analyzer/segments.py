"""Cuts a film where nothing before matters, and looks at the pieces side by side.

A film is cut at key frames that nothing after them reaches behind, a few seconds apart, at the same places whatever the
number of threads. Each piece is decoded by one thread, and what was seen is given in the order of the film: the result
is the same, bit for bit, with any number of them. As much is read ahead as keeps them busy, and no more.
"""

import collections
import concurrent.futures
import dataclasses
import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import thread  # by name, as the package would load it when a worker may open no file

import av

from media import source
from services.analyzer import clock, eye, planes, probe, stopwatch, thinning, viewer
from services.analyzer.kernels import pairs
from services.analyzer.subjects import finder, meter

SEGMENT_S = 4.0  # at least, from one cut to the next: each piece is searched for people anew
LONG_PACKETS = 512  # a piece that has so many and no end in sight is decoded by all threads, frames side by side
AHEAD_PACKETS = 512  # that are read ahead for each thread
AHEAD_BYTES = 128 << 20  # that they may have together

End = tuple[finder.Looks | None, Mapping[str, list[float]]]
MakeMeter = Callable[[int | None, bool], meter.Meter]  # from the turns of all frames, and whether the film begins here


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """What a thread says of its piece: how much it has taken since the last word, and what came of it."""

    packets: int
    size_bytes: int
    items: list[viewer.Item]
    said_by: viewer.Viewer


@dataclasses.dataclass(slots=True)
class Segment:
    """A piece of the film.

    Attributes:
        first_pts: Time stamp of its first packet.
        number: Frames of the film before it.
        packets: How many it has so far.
        inbox: The packets; None at the end.
        outbox: Words; None at the end.
        ended: What its thread ends with: what was seen of people, and where the time went; None before it begins.
    """

    first_pts: int
    number: int
    packets: int = 0
    inbox: queue.SimpleQueue[thinning.Planned | None] = dataclasses.field(default_factory=queue.SimpleQueue)
    outbox: queue.SimpleQueue[Word | None] = dataclasses.field(default_factory=queue.SimpleQueue)
    ended: concurrent.futures.Future[End] | None = None


class Straight:
    """Looks at a film in one piece, or at a part of it.

    Args:
        opened: The open source.
        plan: Plans the packets; None to take all as they come.
        looking: What looks at the frames.
        part: What is looked at.
        ticking: Says when frames are shown.
        people: Makes what looks for people; None where nobody does.
        watch: Where the time goes.
    """

    def __init__(
        self,
        opened: source.Source,
        plan: thinning.Thinning | None,
        looking: eye.Eye,
        part: viewer.Part,
        ticking: clock.Clock,
        people: MakeMeter | None,
        watch: stopwatch.Stopwatch,
    ) -> None:
        self._opened, self._plan = opened, plan
        self._seen_by = viewer.Viewer(
            self._decoded, looking, ticking.time, part,
            planned=plan is not None, people=people(None, True) if people is not None else None, watch=watch,
        )  # fmt: skip

    def __enter__(self) -> "Straight":
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to end."""

    def take(self, packet: av.Packet | None) -> list[viewer.Item]:
        """Takes the next packet, None at the end; gives what is known."""
        plain = packet is None or self._plan is None
        return self._seen_by.take(thinning.Planned(packet) if plain else self._plan.plan(packet))

    def _decoded(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        faults = self._opened.faults.total()
        frames = self._opened.decode(self._opened.video, packet)
        if self._plan is not None and self._opened.faults.total() > faults:
            raise thinning.Damaged("a packet that cannot be decoded, or a picture that was patched")
        return frames

    def finish(self) -> list[viewer.Item]:
        """Gives the rest; no packet may follow."""
        return self._seen_by.finish()

    @property
    def first(self) -> av.VideoFrame | None:
        """The first frame."""
        return self._seen_by.first

    @property
    def frames(self) -> int:
        """How many came, those before the part included."""
        return self._seen_by.frames

    @property
    def before(self) -> int:
        """How many came before the part."""
        return self._seen_by.before

    @property
    def done(self) -> bool:
        """Whether the end of the part was seen."""
        return self._seen_by.done

    def looks(self) -> list[finder.Looks] | None:
        """What was seen of people; None where nobody looked."""
        return [self._seen_by.people.finish()] if self._seen_by.people is not None else None

    def stages(self) -> dict[str, list[float]]:
        """Where the time of other threads went."""
        return {}


class Segments:
    """Looks at a film in pieces, and is the eye for pictures that were left out. A context, which ends its threads.

    Args:
        opened: The open source, with a video.
        plan: Plans the packets.
        threads: How many threads work, the caller's included; there are two at least.
        ticking: Says when frames are shown.
        people: Makes what looks for people; None where nobody does.
    """

    before = 0  # frames that come before the part that is looked at
    done = False  # whether its end was seen

    def __init__(
        self,
        opened: source.Source,
        plan: thinning.Thinning,
        threads: int,
        ticking: clock.Clock,
        people: MakeMeter | None,
    ) -> None:
        self._opened, self._plan, self._ticking, self._people = opened, plan, ticking, people
        self._helpers = max(threads - 1, 1)
        self._threads = threads
        self._executor = thread.ThreadPoolExecutor(self._helpers, thread_name_prefix="segment")
        self._decoders: dict[int, queue.SimpleQueue[av.VideoCodecContext]] = {
            count: queue.SimpleQueue() for count in {1, threads}
        }
        self._segments: collections.deque[Segment] = collections.deque()
        self._ahead_packets = self._ahead_bytes = 0
        self._given_up = False
        self._reader = planes.Reader()
        self._looks: list[finder.Looks] = []
        self._stages = stopwatch.Stopwatch()
        self.first: av.VideoFrame | None = None
        self.frames = 0

    def __enter__(self) -> "Segments":
        return self

    def __exit__(self, *exception: object) -> None:
        self._given_up = True
        for segment in self._segments:
            segment.inbox.put(None)
        self._executor.shutdown(cancel_futures=True)

    def finish(self) -> list[viewer.Item]:
        """Gives the rest; all was given with the last packet."""
        return []

    def looks(self) -> list[finder.Looks] | None:
        """What was seen of people; None where nobody looked."""
        return self._looks if self._people is not None else None

    def stages(self) -> dict[str, list[float]]:
        """Where the time of other threads went."""
        return self._stages.stages

    @property
    def grid(self) -> planes.Grid:
        """The division of the pictures; known once one was seen."""
        return self._reader.grid

    def picture(self, frame: av.VideoFrame) -> pairs.Picture:
        """A frame that was left out before, reduced to cells."""
        return self._reader.read(frame).picture

    def take(self, packet: av.Packet | None) -> Iterator[viewer.Item]:
        """Takes the next packet, None at the end; gives what is known, in the order of the film.

        Raises:
            thinning.Inexact: It cannot be shown that this is what one decoder would have given.
        """
        if packet is None:
            if len(self._segments) == 1:  # nothing else is left for the other threads
                self._start(self._open, self._threads)
            self._close()
            while self._segments:
                yield from self._heard(wait=True)
            return
        planned = self._plan.plan(packet)
        if self.first is None:
            self._sample(packet)
        if not self._segments or (planned.opens and self._seconds(packet.pts - self._open.first_pts) >= SEGMENT_S):
            self._begin(packet.pts)
        self._hand_over(planned, packet.size)
        yield from self._heard(wait=False)
        while self._full or len(self._segments) > self._helpers + 2:
            yield from self._heard(wait=True)

    @property
    def _open(self) -> Segment:
        """The piece that packets are added to."""
        return self._segments[-1]

    def _sample(self, packet: av.Packet) -> None:
        """Decodes the first picture: only the container's own decoder puts on it what the container says."""
        video = self._opened.video
        frames = [frame for part in (packet, None) for frame in self._opened.decode(video, part)]
        if len(frames) != 1 or self._opened.faults.total():
            raise thinning.Damaged("the first packet gives no whole picture")
        self.first = frames[0]
        self._reader.fit(self.first.width, self.first.height)
        self._turns = probe.rotation_of(self.first) // 90
        self._origin_s = self._seconds(packet.pts)

    def _seconds(self, units: int) -> float:
        return clock.stamp(units, self._opened.video.time_base)

    def _begin(self, first_pts: int) -> None:
        self._segments.append(Segment(first_pts, self._close()))

    def _hand_over(self, planned: thinning.Planned, size_bytes: int) -> None:
        self._open.packets += 1
        self._open.inbox.put(planned)
        self._ahead_packets += 1
        self._ahead_bytes += size_bytes
        if self._open.packets >= LONG_PACKETS or self._full:
            self._start(self._open, self._threads)

    def _start(self, segment: Segment, threads: int) -> None:
        """Has a piece decoded with some threads, unless it is being decoded: whole ones need no more than one each."""
        if segment.ended is None:
            segment.ended = self._executor.submit(self._work, segment, threads)
            segment.ended.add_done_callback(lambda _: segment.outbox.put(None))

    @property
    def _full(self) -> bool:
        """Whether as many packets were read ahead as may be."""
        return self._ahead_packets > AHEAD_PACKETS * (self._helpers + 1) or self._ahead_bytes > AHEAD_BYTES

    def _close(self) -> int:
        """Ends the open piece; returns the frames of the film before the next one."""
        if not self._segments:
            return 0
        self._open.inbox.put(None)
        self._start(self._open, 1)
        return self._open.number + self._open.packets

    def _heard(self, *, wait: bool) -> Iterator[viewer.Item]:
        """What the first piece has said by now; one word more, if need be waited for."""
        segment = self._segments[0]
        while wait or not segment.outbox.empty():
            word = segment.outbox.get()
            if word is None:
                self._end(self._segments.popleft())
                return
            wait = False
            self._ahead_packets -= word.packets
            self._ahead_bytes -= word.size_bytes
            self._check(word)
            yield from word.items

    def _check(self, word: Word) -> None:
        """Makes sure that the pieces fit together."""
        frame = word.said_by.first
        if frame is not None and (frame.width, frame.height) != (self.first.width, self.first.height):
            raise thinning.Inexact("the pictures change their size")
        for item in word.items:
            if self._ticking.time(item.pts) != item.t_s:
                raise thinning.Inexact("time stamps that are repaired, or a piece that begins in another")
        self.frames += len(word.items)

    def _end(self, segment: Segment) -> None:
        found, stages = segment.ended.result()
        self._stages.add(stages)
        if found is not None:
            self._looks.append(found)

    def _work(self, segment: Segment, threads: int) -> End:
        """Decodes and looks at one piece, in a thread of its own and perhaps more for the decoder."""
        watch = stopwatch.Stopwatch()
        decoder = self._decoder(threads)
        people = self._people(self._turns, segment.number == 0) if self._people is not None else None
        seen_by = viewer.Viewer(
            lambda packet: decoded(decoder, packet),
            eye.Processor(),
            lambda pts: self._seconds(pts) - self._origin_s,
            viewer.Part(number=segment.number),
            people=people,
            watch=watch,
        )
        self._view(segment, seen_by, watch)
        self._decoders[threads].put(decoder)
        return people.finish() if people is not None else None, watch.stages

    def _view(self, segment: Segment, seen_by: viewer.Viewer, watch: stopwatch.Stopwatch) -> None:
        while (planned := segment.inbox.get()) is not None:
            if self._given_up:
                return
            watch.start()
            segment.outbox.put(Word(1, planned.packet.size, seen_by.take(planned), seen_by))
        items = [*seen_by.take(thinning.Planned(None)), *seen_by.finish()]
        segment.outbox.put(Word(0, 0, items, seen_by))

    def _decoder(self, threads: int) -> av.VideoCodecContext:
        """One that no other thread uses, and that knows no packet."""
        try:
            decoder = self._decoders[threads].get_nowait()
        except queue.Empty:
            return self._opened.second_decoder(self._opened.video, threads)
        decoder.flush_buffers()
        return decoder


def decoded(decoder: av.VideoCodecContext, packet: av.Packet | None) -> list[av.VideoFrame]:
    """The frames of a packet, or the last ones for None.

    Raises:
        thinning.Damaged: It is damaged: how such pictures are patched depends on what was decoded before.
    """
    try:
        frames = decoder.decode(packet)
    except source.FAULTS as error:
        raise thinning.Damaged("a packet that cannot be decoded") from error
    if any(frame.is_corrupt for frame in frames):
        raise thinning.Damaged("a picture that was patched")
    return frames
