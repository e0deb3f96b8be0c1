"""Captions as a text track inside the clip, in the timed text of MP4 (3GPP TS 26.245)."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import av.container

from services.exporter.captions import files

CODEC = "mov_text"
BASE = Fraction(1, 1000)
TEXT_MAX_BYTES = 0xFFFF  # the length before each text has two bytes
PER_ENTRY = 64  # bytes of the index for a text and the gap after it
# The encoder describes its track by the header of a subtitle file; ours is fixed and holds no text of anybody.
HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Sans,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
THREE_LETTERS = {"en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld",
                 "ja": "jpn", "zh": "zho", "ko": "kor", "th": "tha", "ar": "ara", "he": "heb", "hi": "hin",
                 "ru": "rus", "tr": "tur"}  # fmt: skip


def reserve(entries: Sequence[files.Entry]) -> int:
    """Bytes to keep free for the track in the index of the file."""
    return PER_ENTRY * len(entries)


def beside(
    container: av.container.OutputContainer,
    entries: Sequence[files.Entry],
    language: str,
    write: Callable[[av.Packet | None], None],
) -> Callable[[av.Packet | None], None]:
    """Adds a text track, and gives a function that writes packets with the texts that belong before them.

    Args:
        container: The file.
        entries: Texts in the order of time; none of them adds no track.
        language: As BCP 47 has it; empty where unknown.
        write: Writes packets of picture and sound; None writes the rest.
    """
    if not entries:
        return write
    stream = container.add_stream(CODEC)
    stream.codec_context.subtitle_header = HEADER
    stream.codec_context.time_base = stream.time_base = BASE
    base = language.split("-")[0]
    stream.metadata["language"] = THREE_LETTERS.get(base, base if len(base) == 3 else "und")
    waiting = list(entries)

    def written(packet: av.Packet | None) -> None:
        edge = None if packet is None else packet.dts * packet.time_base
        while waiting and (edge is None or waiting[0].start_s <= edge):
            text = _packet(waiting.pop(0))
            text.stream = stream
            container.mux(text)
        write(packet)

    return written


def _packet(entry: files.Entry) -> av.Packet:
    text = "\n".join(entry.text).encode()[:TEXT_MAX_BYTES].decode(errors="ignore").encode()
    packet = av.Packet(struct.pack(">H", len(text)) + text)
    packet.pts = packet.dts = round(entry.start_s / BASE)
    packet.duration, packet.time_base = round((entry.end_s - entry.start_s) / BASE), BASE
    return packet
