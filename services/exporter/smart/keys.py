"""Where decoding may begin, by the word of the bitstream: the flags of containers lie.

Source: ITU-T H.264, table 7-1; ITU-T H.265, table 7-1; VP9 bitstream specification, section 6.2; AV1 bitstream
specification, sections 5.3 and 5.9.
"""

import enum

from services.exporter.smart import units

CODECS = ("h264", "hevc", "vp9", "av1")
IDR = 5
HEVC_RANDOM_ACCESS, HEVC_CLEAN = range(16, 24), 21  # all that begin; the one that does not say so itself
AV1_SEQUENCE, AV1_HEADERS = 1, (3, 6)
AV1_DELIMITER = b"\x12\0"  # begins a temporal unit where no container says so
OBUS_MAX = 64  # of a temporal unit that are looked at: the header of the frame comes after five at most


class Entry(enum.IntEnum):
    """What a packet is to a decoder that begins with it."""

    NONE = 0
    """No place to begin."""
    CLEAN = 1
    """Forgets all that was before."""
    OPEN = 2
    """Begins, but not a new sequence: pictures that are shown before it may need what was before."""


def entry(codec: str, data: bytes, length_bytes: int) -> Entry:
    """Whether decoding may begin with a packet.

    Args:
        codec: of CODECS.
        data: the packet.
        length_bytes: for H.264 and HEVC; see `units.split`.
    """
    if codec == "vp9":
        return Entry.CLEAN if _vp9(data) else Entry.NONE
    if codec == "av1":
        return Entry.CLEAN if _av1(data) else Entry.NONE
    kinds = [units.kind(unit, codec) for unit in units.split(data, length_bytes)]
    if codec == "h264":
        return Entry.CLEAN if IDR in kinds else Entry.NONE
    first = next((found for found in kinds if found < 32), 0)
    if first not in HEVC_RANDOM_ACCESS:
        return Entry.NONE
    return Entry.OPEN if first == HEVC_CLEAN else Entry.CLEAN


def _vp9(data: bytes) -> bool:
    bits = units.Bits(data[:2])
    bits.skip(2)
    low, high = bits.number(1), bits.number(1)
    bits.skip(1 if low and high else 0)
    return not bits.number(1) and not bits.number(1)  # no frame shown again, and no inter frame


def _av1(data: bytes) -> bool:
    """A key frame that is shown, behind a sequence header of its own."""
    place, sequence = 0, False
    for _ in range(OBUS_MAX):
        if place + 2 > len(data):
            return False
        head = data[place]
        found, place = head >> 3 & 15, place + 1 + (head >> 2 & 1)
        size, place = _size(data, place) if head >> 1 & 1 else (len(data) - place, place)
        if found in AV1_HEADERS:  # not shown again, of type key, shown
            return sequence and place < len(data) and data[place] >> 4 == 0b0001
        sequence = sequence or found == AV1_SEQUENCE
        place += size
    return False


def _size(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it."""
    value = 0
    for index, byte in enumerate(data[place : place + 8]):
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            return value, place + index + 1
    return len(data), place
