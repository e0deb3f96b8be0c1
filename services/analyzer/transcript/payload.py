"""The text in a packet of a text track, read by ourselves: no decoder of FFmpeg ever sees it.

Each of these codings is a few bytes around plain text. Codings that are pictures or control codes (PGS, DVB, teletext,
CEA-608) are not read, and tracks of theirs are no transcript.
"""

import re
from collections.abc import Callable, Mapping

BYTES_MAX = 64 << 10  # of one packet; a screen of text has a few hundred
BIG_ENDIAN_MARK = b"\xfe\xff"
ASS_FIELDS = 8  # before the text of an event in Matroska: order, layer, style, name, three margins, effect
DRAWING = re.compile(r"\{[^{}]{0,200}\\p[1-9]")  # shapes drawn with what looks like text


class Damaged(ValueError):
    """The packet does not hold what its coding says."""


def lines(codec: str, content: bytes) -> tuple[str, ...]:
    """The lines of a packet, with their markup; none for a packet that clears the screen.

    Raises:
        Damaged: It is too large, cut off, or its text is no Unicode.
    """
    if len(content) > BYTES_MAX:
        raise Damaged(f"a packet of text has {len(content)} bytes, {BYTES_MAX} are allowed")
    try:
        return tuple(CODECS[codec](content).rstrip("\0").splitlines())
    except UnicodeDecodeError as error:
        raise Damaged(f"a packet of text is no Unicode: {error.reason}") from error


def _mov_text(content: bytes) -> str:
    size = int.from_bytes(content[:2])
    if len(content) < 2 + size:
        raise Damaged(f"a packet of text has {len(content)} bytes and says that {size} follow")
    text = content[2 : 2 + size]  # styles follow
    return text[2:].decode("utf-16-be") if text.startswith(BIG_ENDIAN_MARK) else text.decode()


def _ass(content: bytes) -> str:
    fields = content.decode().split(",", ASS_FIELDS)
    if len(fields) <= ASS_FIELDS:
        raise Damaged(f"an event has {len(fields)} fields")
    text = fields[ASS_FIELDS]
    return "" if DRAWING.search(text) else text.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")


# By FFmpeg's names.
CODECS: Mapping[str, Callable[[bytes], str]] = {
    "mov_text": _mov_text,
    "subrip": bytes.decode,
    "srt": bytes.decode,
    "text": bytes.decode,
    "webvtt": bytes.decode,
    "ass": _ass,
    "ssa": _ass,
}
