"""Describes copied sound for Matroska: what plays before the clip begins is the delay of its codec.

The library that writes files takes that delay from the description of another file alone, so one is made here: a
Matroska file in memory with one packet, which is opened like any other.

Source: RFC 8794 (EBML), RFC 9559 (Matroska, CodecDelay), RFC 7845 (the head of Opus, whose pre-skip is the same).
"""

import io
import struct

from services.exporter.smart import units

NAMES = {"aac": "A_AAC", "mp3": "A_MPEG/L3", "mp3float": "A_MPEG/L3", "ac3": "A_AC3", "eac3": "A_EAC3",
         "opus": "A_OPUS", "libopus": "A_OPUS", "flac": "A_FLAC"}  # fmt: skip
FLAC_MARK = b"fLaC\x80\0\0\x22"  # ahead of the 34 bytes that describe the stream
OPUS_PREROLL_NS = 80_000_000
OPUS_HEAD_BYTES, PRE_SKIP_MAX = 19, 65_535


def matroska(codec: str, header: bytes, rate_hz: int, channels: int, delay: int, packet: bytes) -> io.BytesIO:
    """A file that describes a stream of sound.

    Args:
        codec: FFmpeg's name of its decoder, of NAMES.
        header: what containers say ahead of the packets.
        rate_hz: samples per second.
        channels: channels.
        delay: samples at the beginning that are decoded and not heard.
        packet: the first one.

    Raises:
        units.Unusual: the header of Opus is none, or the delay does not fit into it.
    """
    opus = NAMES[codec] == "A_OPUS"
    if opus:
        if len(header) < OPUS_HEAD_BYTES or delay > PRE_SKIP_MAX:
            raise units.Unusual("the sound has no head of Opus, or too long a beginning")
        header = header[:10] + struct.pack("<H", delay) + header[12:]
    if codec == "flac":
        header = FLAC_MARK + header
    entry = [
        _number("d7", 1),
        _number("73c5", 1),
        _number("83", 2),
        _element("86", NAMES[codec].encode()),
        _number("56aa", delay * 1_000_000_000 // rate_hz),
        _number("56bb", OPUS_PREROLL_NS if opus else 0),
        _element("63a2", header) if header else b"",
        _element("e1", _element("b5", struct.pack(">d", rate_hz)), _number("9f", channels)),
    ]
    cluster = _element("1f43b675", _number("e7", 0), _element("a3", b"\x81\0\0\x80", packet))
    info, tracks = _element("1549a966", _number("2ad7b1", 1_000_000)), _element("1654ae6b", _element("ae", *entry))
    head = _element("1a45dfa3", _element("4282", b"matroska"), _number("4287", 4), _number("4285", 2))
    return io.BytesIO(head + _element("18538067", info, tracks, cluster))


def _element(name: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return bytes.fromhex(name) + b"\x01" + len(data).to_bytes(7, "big") + data


def _number(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))
