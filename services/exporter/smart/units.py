"""NAL units of H.264 and HEVC: split, joined, told apart, and given identifiers that collide with no others.

A clip that is copied in the middle and encoded at its edges has two or three sets of parameters. They stand side by
side in the header of the file, each under identifiers of its own, so that no copied byte changes and a player may
begin anywhere. x264 takes an identifier as an option; x265 does not, so its units are rewritten.

Source: ITU-T H.264, sections 7.3.1, 7.3.2 and B.1; ITU-T H.265, sections 7.3.1, 7.3.2, 7.3.6 and B.2.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

START = b"\0\0\0\1"
SEPARATOR = re.compile(b"\0\0\1")
ESCAPED = re.compile(b"\0\0(?=[\0-\3])")
# Identifiers that x265's units get. Their codes are eight bits longer than that of 0, so that all that follows keeps
# its place within bytes: nothing behind a header has to be touched.
HEVC_SET = 15
HEVC_PICTURE_SETS = range(15, 31)
H264_SETS = range(1, 32)  # as far as x264 counts
PROFILE_BITS = 96  # profile, tier and level of a stream without temporal layers
H264_KINDS = {7: "sequence", 8: "picture", 13: "extension"}
HEVC_KINDS = {32: "video", 33: "sequence", 34: "picture"}
HEVC_END = bytes((36 << 1, 1))  # end of sequence: what follows begins anew


class Unusual(ValueError):
    """A stream whose parameters cannot stand beside others."""


def split(data: bytes, length_bytes: int) -> list[bytes]:
    """The units of a packet.

    Args:
        data: the packet.
        length_bytes: bytes of the length before each unit; 0 where start codes separate them.

    Raises:
        Unusual: a length leads out of the packet.
    """
    if not length_bytes:
        parts = (part.rstrip(b"\0") for part in SEPARATOR.split(data)[1:])  # a unit never ends in a zero
        return [part for part in parts if part]
    found, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + length_bytes], "big")
        place += length_bytes
        if not 0 < size <= len(data) - place:
            raise Unusual("a unit is longer than its packet")
        found.append(data[place : place + size])
        place += size
    return found


def joined(units: Iterable[bytes]) -> bytes:
    """Units with start codes between them, which muxers turn into what their container wants."""
    return b"".join(START + unit for unit in units)


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What a container says ahead of the packets."""

    length_bytes: int
    """Bytes of the length before each unit; 0 for start codes."""
    sets: tuple[bytes, ...]


def header(extradata: bytes, codec: str) -> Header:
    """Reads the header of a stream: ISO/IEC 14496-15's records, or units between start codes.

    Raises:
        Unusual: it is neither.
    """
    if not extradata:
        return Header(0, ())
    if extradata[0] != 1:
        return Header(0, tuple(unit for unit in split(extradata, 0) if is_set(unit, codec)))
    try:
        return _h264_record(extradata) if codec == "h264" else _hevc_record(extradata)
    except IndexError as error:
        raise Unusual("the header of the stream is cut short") from error


def _h264_record(data: bytes) -> Header:
    sets, place = [], 5
    for mask in (31, 255):
        count, place = data[place] & mask, place + 1
        for _ in range(count):
            unit, place = _sized(data, place)
            sets.append(unit)
    return Header((data[4] & 3) + 1, tuple(unit for unit in sets if is_set(unit, "h264")))


def _hevc_record(data: bytes) -> Header:
    sets, place = [], 23
    for _ in range(data[22]):
        count, place = int.from_bytes(data[place + 1 : place + 3], "big"), place + 3
        for _ in range(count):
            unit, place = _sized(data, place)
            sets.append(unit)
    return Header((data[21] & 3) + 1, tuple(unit for unit in sets if is_set(unit, "hevc")))


def _sized(data: bytes, place: int) -> tuple[bytes, int]:
    size = data[place] << 8 | data[place + 1]
    return data[place + 2 : place + 2 + size], place + 2 + size


def kind(unit: bytes, codec: str) -> int:
    """Type of a unit."""
    return unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63


def is_set(unit: bytes, codec: str) -> bool:
    """Whether a unit holds parameters and no picture."""
    return bool(unit) and kind(unit, codec) in (H264_KINDS if codec == "h264" else HEVC_KINDS)


class Bits:
    """Reads the payload of a unit bit by bit."""

    def __init__(self, payload: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in payload[:128])  # identifiers stand in the first bytes
        self.place = 0

    def skip(self, count: int) -> None:
        """Passes over bits."""
        self.place += count

    def number(self, count: int) -> int:
        """An unsigned number of so many bits.

        Raises:
            Unusual: the unit ends before.
        """
        part = self._bits[self.place : self.place + count]
        self.place += count
        if len(part) < count:
            raise Unusual("a set of parameters is cut short")
        return int(part or "0", 2)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number."""
        zeros = 0
        while not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)


def identity(unit: bytes, codec: str) -> tuple[str, int]:
    """Kind and identifier of a set of parameters.

    Raises:
        Unusual: it is cut short.
    """
    if codec == "h264":
        name, bits = H264_KINDS[kind(unit, codec)], Bits(plain(unit[1:]))
        bits.skip(24 if name == "sequence" else 0)  # profile, constraints, level
        return name, bits.golomb()
    name, bits = HEVC_KINDS[kind(unit, codec)], Bits(plain(unit[2:]))
    if name == "video":
        return name, bits.number(4)
    if name == "sequence":
        bits.skip(4)
        layers = bits.number(3)
        bits.skip(1 + PROFILE_BITS)
        _skip_layers(bits, layers)
    return name, bits.golomb()


def _skip_layers(bits: Bits, layers: int) -> None:
    """Passes over profiles and levels of temporal layers: 88 and 8 bits, each where a flag says so."""
    if layers:
        flags = [bits.number(2) for _ in range(8)][:layers]  # always room for eight
        bits.skip(sum(88 * (flag >> 1) + 8 * (flag & 1) for flag in flags))


def merged(*groups: Sequence[bytes], codec: str) -> dict[tuple[str, int], bytes]:
    """Sets of parameters by identity; a set may come again, but not another one under its identifier.

    Raises:
        Unusual: two sets claim one identifier.
    """
    found: dict[tuple[str, int], bytes] = {}
    for unit in (unit for group in groups for unit in group):
        known = found.setdefault(identity(unit, codec), unit)
        if known != unit:
            raise Unusual("the parameters of the stream change on the way")
    return found


def free(taken: Mapping[tuple[str, int], bytes], codec: str) -> list[int]:
    """Identifiers that an encoder's sets may use, in order.

    Raises:
        Unusual: none is left.
    """
    used = {number for _, number in taken}
    if codec == "h264":
        left = [number for number in H264_SETS if number not in used]
    elif {("video", HEVC_SET), ("sequence", HEVC_SET)} & set(taken):
        left = []
    else:
        left = [number for number in HEVC_PICTURE_SETS if ("picture", number) not in taken]
    if len(left) < 2:  # one for each edge
        raise Unusual("the stream uses all identifiers of parameters")
    return left


def renamed(unit: bytes, number: int) -> bytes:
    """A unit of x265 whose identifiers are moved from 0: to `number` for pictures, to `HEVC_SET` for the others.

    Raises:
        Unusual: an identifier is not 0.
    """
    found, payload = kind(unit, "hevc"), plain(unit[2:])
    if found == 32:
        return unit[:2] + escaped(bytes((payload[0] & 15 | HEVC_SET << 4,)) + payload[1:])
    if found == 33:
        payload = bytes((payload[0] & 15 | HEVC_SET << 4,)) + payload[1:]
        return unit[:2] + escaped(_inserted(payload, 8 + PROFILE_BITS, HEVC_SET))
    if found == 34:
        return unit[:2] + escaped(_inserted(_inserted(payload, 0, number), 9, HEVC_SET))
    if found < 32:
        return unit[:2] + escaped(_inserted(payload, 2 if 16 <= found <= 23 else 1, number))
    return unit


def _inserted(payload: bytes, place: int, number: int) -> bytes:
    """Replaces the Exp-Golomb code of 0, one bit at a place, by the nine bits of a number from 15 to 30."""
    below = len(payload) * 8 - place - 1
    value = int.from_bytes(payload, "big")
    if not value >> below & 1:
        raise Unusual("an encoder's identifier is not 0")
    head, tail = value >> below + 1, value & (1 << below) - 1
    return ((head << 9 | number + 1) << below | tail).to_bytes(len(payload) + 1, "big")


def plain(payload: bytes) -> bytes:
    """A payload without the bytes that keep start codes out of it."""
    return payload.replace(b"\0\0\3", b"\0\0")


def escaped(payload: bytes) -> bytes:
    """A payload with the bytes that keep start codes out of it."""
    return ESCAPED.sub(b"\0\0\3", payload)
