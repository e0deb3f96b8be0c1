"""Captions as text: SubRip, WebVTT and ASS beside a clip, in the times of the clip."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.exporter.text import styles

FORMATS = ("srt", "vtt", "ass")


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, what stands before it, and when it is said, in seconds of the clip."""

    text: str
    glue: str
    start_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """Text that is shown at once; times in seconds of the clip, lines from top to bottom."""

    start_s: float
    end_s: float
    lines: tuple[tuple[Word, ...], ...]

    @property
    def text(self) -> list[str]:
        """Its lines."""
        return [
            "".join((word.glue if index else "") + word.text for index, word in enumerate(line)) for line in self.lines
        ]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Entry":
        """Reads what `to_value` wrote."""
        lines = tuple(tuple(Word(*word) for word in line) for line in value["lines"])
        return cls(float(value["start_s"]), float(value["end_s"]), lines)

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        lines = [[[word.text, word.glue, word.start_s] for word in line] for line in self.lines]
        return {"start_s": self.start_s, "end_s": self.end_s, "lines": lines}


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What ASS wants to know: size of the picture, where text may be (left, top, right, bottom), style, timed words."""

    width: int
    height: int
    zone: tuple[int, int, int, int]
    style: styles.Style
    timed: bool


def write(kind: str, entries: Sequence[Entry], look: Look) -> bytes:
    """The file of a format, UTF-8."""
    return _WRITERS[kind](entries, look).encode()


def _srt(entries: Sequence[Entry], look: Look) -> str:
    blocks = []
    for number, entry in enumerate(entries, 1):
        text = "\n".join(line.replace("-->", "\u2192") for line in entry.text)
        blocks.append(f"{number}\n{_stamp(entry.start_s, ',')} --> {_stamp(entry.end_s, ',')}\n{text}\n")
    return "\n".join(blocks)


def _vtt(entries: Sequence[Entry], look: Look) -> str:
    blocks = ["WEBVTT\n"]
    for entry in entries:
        text = "\n".join(_vtt_line(line, entry, look.timed) for line in entry.lines)
        blocks.append(f"{_stamp(entry.start_s, '.')} --> {_stamp(entry.end_s, '.')}\n{text}\n")
    return "\n".join(blocks)


def _vtt_line(line: Sequence[Word], entry: Entry, timed: bool) -> str:
    parts = []
    for index, word in enumerate(line):
        text = word.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        stamp = f"<{_stamp(word.start_s, '.')}>" if timed and entry.start_s < word.start_s < entry.end_s else ""
        parts.append((word.glue if index else "") + stamp + text)
    return "".join(parts)


def _ass(entries: Sequence[Entry], look: Look) -> str:
    style, size_px = look.style, round(look.style.size * min(look.width, look.height))
    margins = look.zone[0], look.width - look.zone[2], look.height - look.zone[3]
    outline, back = (style.box.padding, style.box.color) if style.box else (style.outline, "#000000")
    clear = round(255 * (1 - style.box.opacity)) if style.box else 0x80
    edge = f"&H{clear:02X}{_bgr(back)}" if style.box else f"&H00{_bgr(style.outline_color)}"
    head = f"""[Script Info]
ScriptType: v4.00+
PlayResX: {look.width}
PlayResY: {look.height}
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: {style.name},Noto Sans,{size_px},&H00{_bgr(style.active or style.text)},&H00{_bgr(style.text)},{edge},\
&H80000000,-1,0,0,0,100,100,0,0,{3 if style.box else 1},{outline * size_px:.1f},0,2,{margins[0]},{margins[1]},\
{margins[2]},1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
    events = [
        f"Dialogue: 0,{_short(entry.start_s)},{_short(entry.end_s)},{style.name},,0,0,0,,{_ass_text(entry, look)}\n"
        for entry in entries
    ]
    return head + "".join(events)


def _ass_text(entry: Entry, look: Look) -> str:
    """Text with the time of each word in hundredths, where the style colours the word that is said."""
    follows = look.timed and look.style.active is not None
    flat = [word for line in entry.lines for word in line]
    ends = [word.start_s for word in flat[1:]] + [entry.end_s]
    lengths = iter([max(0, round((end_s - word.start_s) * 100)) for word, end_s in zip(flat, ends, strict=True)])
    lines = []
    for line in entry.lines:
        parts = []
        for index, word in enumerate(line):
            mark = f"{{\\k{next(lengths)}}}" if follows else ""
            parts.append((word.glue if index else "") + mark + _plain(word.text))
        lines.append("".join(parts))
    return "\\N".join(lines)


def _plain(text: str) -> str:
    """Text that ASS takes as it is: a brace would open a command, a backslash begin one."""
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def _stamp(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def _short(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 360_000}:{hundredths // 6000 % 60:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def _bgr(color: str) -> str:
    return color[5:7] + color[3:5] + color[1:3]


_WRITERS: Mapping[str, Callable[[Sequence[Entry], Look], str]] = {"srt": _srt, "vtt": _vtt, "ass": _ass}
