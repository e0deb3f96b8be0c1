"""Which packets of a stream no other picture refers to: leaving them out changes none of the others.

Source: ITU-T H.264, 7.3.1 and 7.4.1: `nal_ref_idc` is zero where nothing refers to the picture; annex B and ISO/IEC
14496-15 say how units are told apart.
"""

from collections.abc import Iterator

import av
import av.stream

START = b"\0\0\1"  # between units that have no lengths
SLICE = 1  # of a picture that is no key frame, not split over units
HARMLESS = frozenset({SLICE, 6, 9, 12})  # slice, supplementary information, delimiter, filler: no other needs them
CONFIGURED_MIN = 7  # bytes of the shortest configuration with lengths


class Reader:
    """Reads what the packets of one H.264 stream say about themselves.

    Args:
        length_bytes: Bytes of the length before each unit; 0 where start codes part them.
    """

    def __init__(self, length_bytes: int) -> None:
        self._length_bytes = length_bytes

    def spare(self, packet: av.Packet) -> bool:
        """Whether nothing refers to any part of the packet; False where it cannot be read."""
        sliced = False
        for header in self._headers(bytes(packet)):
            kind, referred = header & 31, header & 0x60
            if kind not in HARMLESS or (kind == SLICE and referred):
                return False
            sliced |= kind == SLICE
        return sliced

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
