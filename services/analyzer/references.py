"""Which packets of a stream no other picture refers to, and where it can be begun anew.

Leaving the former out changes none of the others; from the latter on, nothing before matters.

Source: ITU-T H.264, 7.3.1 and 7.4.1: `nal_ref_idc` is zero where nothing refers to the picture; ITU-T H.265, 7.4.2.2:
the kinds whose names end with `_N`. Annex B of both and ISO/IEC 14496-15 say how units are told apart.
"""

import dataclasses
from collections.abc import Iterator

import av
import av.stream

START = b"\0\0\1"  # between units that have no lengths


@dataclasses.dataclass(frozen=True, slots=True)
class Coding:
    """What the first byte of a unit says.

    Attributes:
        kind: Its bits that tell the kind.
        shift: Bits below those.
        spare: First bytes, but for bits of no meaning here, of slices that nothing refers to.
        spare_bits: The bits that these are told by.
        harmless: Kinds of which no other unit needs to know.
        refresh: Kinds of slices after which nothing refers to what came before.
        sets: Kinds of parameters that slices need, and that may come along.
    """

    kind: int
    shift: int
    spare: frozenset[int]
    spare_bits: int
    harmless: frozenset[int]
    refresh: frozenset[int]
    sets: frozenset[int]


# Slices of H.264 that are not split over units; supplementary information, delimiter, filler; sequence and picture.
H264 = Coding(0x1F, 0, frozenset({0x01}), 0x7F, frozenset({6, 9, 12}), frozenset({5}), frozenset({7, 8, 13, 15}))
# Of HEVC, pictures that no other of their layer refers to: trailing ones, and leading ones that are shown before a key
# frame. Then delimiter, filler and information, and video, sequence and picture.
HEVC = Coding(
    0x3F,
    1,
    frozenset({0x00, 0x0C, 0x10}),
    0x7E,
    frozenset({35, 38, 39, 40}),
    frozenset({19, 20}),
    frozenset({32, 33, 34}),
)
NEEDED_SETS = {H264: frozenset({7, 8}), HEVC: frozenset({33, 34})}  # all that a decoder needs to begin
H264_CONFIGURED_MIN, HEVC_CONFIGURED_MIN = 7, 23  # bytes of the shortest configuration with lengths


@dataclasses.dataclass(frozen=True, slots=True)
class Relations:
    """How a packet relates to the others.

    Attributes:
        spare: Whether nothing refers to any part of it; False where it cannot be read.
        opens: Whether it and all that come after it can be decoded without those before.
    """

    spare: bool
    opens: bool


class Reader:
    """Reads what the packets of one stream say about themselves, in the order of the file.

    Args:
        coding: What its units look like.
        length_bytes: Bytes of the length before each unit; 0 where start codes part them.
    """

    def __init__(self, coding: Coding, length_bytes: int) -> None:
        self._coding, self._length_bytes = coding, length_bytes
        self._sets_inside = False  # whether packets have brought parameters, which later ones may need

    def read(self, packet: av.Packet) -> Relations:
        """How the next packet relates to the others."""
        coding, kinds, spare, others = self._coding, set(), False, False
        for header in self._headers(bytes(packet)):
            kind = header >> coding.shift & coding.kind
            kinds.add(kind)
            slices = header & coding.spare_bits in coding.spare
            spare |= slices
            others |= not slices and kind not in coding.harmless
        self._sets_inside |= not kinds.isdisjoint(coding.sets)
        begins = not kinds.isdisjoint(coding.refresh)
        return Relations(spare and not others, begins and (kinds >= NEEDED_SETS[coding] or not self._sets_inside))

    def _headers(self, data: bytes) -> Iterator[int]:
        """The first byte of each unit; ones in every bit, which means no kind, where the lengths do not fit."""
        if not self._length_bytes:
            place = data.find(START)
            while 0 <= place < len(data) - len(START):
                yield data[place + len(START)]
                place = data.find(START, place + len(START))
            return
        place = 0
        while place < len(data):
            begin = place + self._length_bytes
            place = begin + int.from_bytes(data[place:begin], "big")
            yield data[begin] if begin < place <= len(data) else -1


def of(stream: av.stream.Stream) -> Reader | None:
    """A reader for a stream; None where its coding does not say what is referred to, or not in a way known here."""
    context = stream.codec_context
    extra = bytes(context.extradata or b"")
    if context.name == "h264" and len(extra) >= H264_CONFIGURED_MIN:
        if extra[0] == 1:
            return Reader(H264, (extra[4] & 3) + 1)
        return Reader(H264, 0) if extra.startswith((START, b"\0" + START)) else None
    if context.name == "hevc" and len(extra) >= HEVC_CONFIGURED_MIN and extra[0] == 1 and extra[21] >> 3 & 7 == 1:
        return Reader(HEVC, (extra[21] & 3) + 1)  # one layer in time: whatever nothing of it refers to is spare
    return None
