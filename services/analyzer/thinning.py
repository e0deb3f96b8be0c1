"""Plans which pictures to leave out, and decodes them later where they turn out to be needed.

Only pictures that nothing refers to are left out; of two neighbours at most one, and only between two that are decoded.
The packets since the key frames that may still matter are kept, so that a second decoder can give any picture that was
left out, exactly as the first would have given it. Whatever does not fit to that raises `Inexact`, and the source is
then read again, every frame.
"""

import bisect
import collections
import dataclasses
import enum
from collections.abc import Collection, Iterator

import av

from media import source
from services.analyzer import references

GROUP_PACKETS_MAX = 600  # after so many without a key frame all are decoded: a later look would have to start far back
WINDOW_PACKETS = 1280  # as many may be kept at once: what the detectors look at, and the group before it
WINDOW_BYTES_MAX = 96 << 20  # of so many packets; streams with more are decoded in full, for memory has other uses
SPARE_MIN = 0.2  # share of the packets so far that may be left out; a later look costs more than fewer save
SPARE_PACKETS = 120  # from when on that share says something
RECENT_MAX = 64  # time stamps among which neighbours are looked for; codecs reorder sixteen pictures


class Inexact(Exception):
    """It cannot be shown that leaving pictures out changes nothing."""


class Damaged(Inexact):
    """The source is damaged: decoders with several threads patch it differently each time."""


class Choice(enum.Enum):
    """What becomes of a packet: it is decoded, or decoded although it could be left out, or left out."""

    TAKE = enum.auto()
    ASIDE = enum.auto()
    LEAVE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A packet and what becomes of it.

    Attributes:
        packet: The packet; None at the end, for what the decoder still holds.
        choice: What becomes of it.
        opens: Whether nothing before it matters to what comes from here on.
    """

    packet: av.Packet | None
    choice: Choice = Choice.TAKE
    opens: bool = False


@dataclasses.dataclass(slots=True)
class Group:
    """A key frame and the packets up to the next one, in the order of the file."""

    key_pts: int
    packets: list[tuple[av.Packet, bool]] = dataclasses.field(default_factory=list)


class Thinning:
    """Plans each packet of a video, and keeps what is needed to change the mind.

    Args:
        opened: The open source, with a video.
        reader: Tells how packets relate to each other.
        threads: Threads of the second decoder.
        every_frame: Whether to decode even what could be left out, and only to say so: the control.
    """

    def __init__(
        self, opened: source.Source, reader: references.Reader, threads: int, *, every_frame: bool = False
    ) -> None:
        self._opened, self._reader, self._threads, self._every_frame = opened, reader, threads, every_frame
        self._packets = self._spares = 0
        self._groups: collections.deque[Group] = collections.deque()
        self._sizes: collections.deque[int] = collections.deque([0] * WINDOW_PACKETS)
        self._window_bytes = 0
        self._allowed = True
        self._recent: list[tuple[int, bool]] = []
        self._second: av.VideoCodecContext | None = None

    def plan(self, packet: av.Packet) -> Planned:
        """What becomes of the next packet; packets come in the order of the file.

        Raises:
            Damaged: The container marks it so.
            Inexact: It has no place of its own in time.
        """
        if packet.is_corrupt:
            raise Damaged("a packet that is marked as damaged")
        if packet.pts is None or packet.is_discard:
            raise Inexact("a packet without a time stamp, or not to be shown")
        relations = self._reader.read(packet)
        spare = self._kept(packet, spare=relations.spare)
        place = bisect.bisect_left(self._recent, (packet.pts, False))
        beside = self._recent[max(place - 1, 0) : place + 1]
        if any(pts == packet.pts for pts, _ in beside):
            raise Inexact("two packets with one time stamp")
        leave = spare and len(beside) == 2 and not any(left for _, left in beside)
        self._recent.insert(place, (packet.pts, leave))
        del self._recent[: max(len(self._recent) - RECENT_MAX, 0)]
        choice = Choice.TAKE if not leave else Choice.ASIDE if self._every_frame else Choice.LEAVE
        return Planned(packet, choice, relations.opens)

    def _kept(self, packet: av.Packet, *, spare: bool) -> bool:
        """Keeps a packet; returns whether it may be left out."""
        self._sizes.append(packet.size)
        self._window_bytes += packet.size - self._sizes.popleft()
        if packet.is_keyframe:
            self._groups.append(Group(packet.pts))
            self._allowed = True
        if not self._groups:
            raise Inexact("the first packet is no key frame")
        group = self._groups[-1]
        self._allowed &= len(group.packets) < GROUP_PACKETS_MAX and self._window_bytes <= WINDOW_BYTES_MAX
        if not self._allowed:
            return False
        spare = spare and packet.pts > group.key_pts  # earlier ones refer to the group before
        group.packets.append((packet, spare))
        self._packets += 1
        self._spares += spare
        return spare and (self._packets < SPARE_PACKETS or self._spares >= SPARE_MIN * self._packets)

    def pictures(self, stamps: Collection[int]) -> Iterator[av.VideoFrame]:
        """Decodes pictures by their time stamps, among those of the packets that are kept.

        Raises:
            Inexact: One of them does not come.
        """
        missing = set(stamps)
        for group in self._groups:
            wanted = missing & {packet.pts for packet, _ in group.packets}
            for frame in self._decoded(group.packets, wanted) if wanted else ():
                missing.discard(frame.pts)
                yield frame
        if missing:
            raise Inexact("a picture that cannot be decoded later")

    def _decoded(self, feed: list[tuple[av.Packet, bool]], wanted: set[int]) -> Iterator[av.VideoFrame]:
        """Wanted frames of some packets, the first of which is a key frame."""
        if self._second is None:
            self._second = self._opened.second_decoder(self._opened.video, self._threads)
        last = max(place for place, (packet, _) in enumerate(feed) if packet.pts in wanted)
        self._second.flush_buffers()
        for packet, spare in [*feed[: last + 1], (None, False)]:
            if not spare or packet.pts in wanted:
                try:
                    frames = self._second.decode(packet)
                except source.FAULTS as error:
                    raise Inexact("a damaged picture") from error
                if any(frame.is_corrupt for frame in frames):
                    raise Inexact("a patched picture")
                yield from (frame for frame in frames if frame.pts in wanted)

    def forget(self, pts: int) -> None:
        """Lets go of packets whose pictures come before the group of a time stamp."""
        while len(self._groups) > 1 and self._groups[1].key_pts <= pts:
            self._groups.popleft()
