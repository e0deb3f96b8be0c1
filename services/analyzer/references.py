"""Which packets of a stream no other picture refers to, and where it can be begun anew.

Leaving the former out changes none of the others; from the latter on, nothing before matters.

Source: ITU-T H.264, 7.3.1 and 7.4.1: `nal_ref_idc` is zero where nothing refers to the picture; annex B and ISO/IEC
14496-15 say how units are told apart.
"""

import dataclasses
from collections.abc import Iterator

import av
import av.stream

START = b"\0\0\1"  # between units that have no lengths
SLICE = 1  # of a picture that is no key frame, not split over units
HARMLESS = frozenset({SLICE, 6, 9, 12})  # slice, supplementary information, delimiter, filler: no other needs them
REFRESH = 5  # slice of a picture after which nothing refers to what came before
SETS = frozenset({7, 8})  # of parameters: of sequences and of pictures
SET_PARTS = SETS | {13, 15}
CONFIGURED_MIN = 7  # bytes of the shortest configuration with lengths


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
    """Reads what the packets of one H.264 stream say about themselves, in the order of the file.

    Args:
        length_bytes: Bytes of the length before each unit; 0 where start codes part them.
    """

    def __init__(self, length_bytes: int) -> None:
        self._length_bytes = length_bytes
        self._sets_inside = False  # whether packets have brought parameters, which later ones may need

    def read(self, packet: av.Packet) -> Relations:
        """How the next packet relates to the others."""
        headers = set(self._headers(bytes(packet)))
        kinds = {header & 31 for header in headers}
        spare = SLICE in kinds and kinds <= HARMLESS and not any(h & 31 == SLICE and h & 0x60 for h in headers)
        self._sets_inside |= not kinds.isdisjoint(SET_PARTS)
        return Relations(spare, REFRESH in kinds and (kinds >= SETS or not self._sets_inside))

    def _headers(self, data: bytes) -> Iterator[int]:
        """The first byte of each unit; an invalid one where the lengths do not fit."""
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
            yield data[begin] if begin < place <= len(data) else 0


def of(stream: av.stream.Stream) -> Reader | None:
    """A reader for a stream; None where its coding does not say what is referred to, or not in a way known here."""
    context = stream.codec_context
    extra = bytes(context.extradata or b"")
    if context.name != "h264" or len(extra) < CONFIGURED_MIN:
        return None
    if extra[0] == 1:
        return Reader((extra[4] & 3) + 1)
    return Reader(0) if extra.startswith((START, b"\0" + START)) else None
