"""What a caller asks to be laid over clips or to stand beside them, and what is wrong with it."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

STYLE = re.compile(r"[a-z0-9_-]{0,64}")
FORMATS = ("SRT", "VTT", "ASS")
CORNERS = ("", "TOP_LEFT", "TOP_RIGHT", "BOTTOM_LEFT", "BOTTOM_RIGHT")
TEXT_LENGTH_MAX = 300  # as the API says
SECONDS_MAX = 3600.0  # an hour is no short clip


@dataclasses.dataclass(frozen=True, slots=True)
class Captions:
    """What is said, as text: the style that is burned in, some of `FORMATS` beside the clip, a track inside."""

    style: str = ""
    formats: tuple[str, ...] = ()
    text_track: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Overlays:
    """What else is laid over a clip; zeros and empty texts are the exporter's defaults. The corner is of `CORNERS`."""

    title: str = ""
    title_s: float = 0.0
    hook: str = ""
    hook_s: float = 0.0
    progress_bar: bool = False
    logo_uri: str = ""
    logo_corner: str = ""
    logo_opacity: float = 0.0


def captions(data: Mapping[str, Any] | None) -> Captions | None:
    """Captions of plain data; None stays None."""
    return Captions(**{**data, "formats": tuple(data["formats"])}) if data else None


def overlays(data: Mapping[str, Any] | None) -> Overlays | None:
    """Overlays of plain data; None stays None."""
    return Overlays(**data) if data else None


def caption_violations(asked: Captions | None) -> Iterator[tuple[str, str]]:
    """What is wrong with captions, field by field."""
    if asked is None:
        return
    if not STYLE.fullmatch(asked.style):
        yield "captions.style", "must have 1 to 64 of `a-z 0-9 _ -`"
    for index, name in enumerate(asked.formats):
        if name not in FORMATS or name in asked.formats[:index]:
            yield f"captions.formats[{index}]", f"must be one of {', '.join(FORMATS)}, each once"


def overlay_violations(asked: Overlays | None) -> Iterator[tuple[str, str]]:
    """What is wrong with overlays, field by field, but for the place of the logo."""
    if asked is None:
        return
    for name, text in (("title", asked.title), ("hook", asked.hook)):
        if len(text) > TEXT_LENGTH_MAX or not text.isprintable() or (text and not text.strip()):
            yield f"overlays.{name}", f"must have 1 to {TEXT_LENGTH_MAX} printable characters"
    for name, seconds in (("title_s", asked.title_s), ("hook_s", asked.hook_s)):
        if not (math.isfinite(seconds) and 0 <= seconds <= SECONDS_MAX):
            yield f"overlays.{name}", f"must be 0 to {SECONDS_MAX:g} seconds, is {seconds:g}"
    if asked.logo_corner not in CORNERS:
        yield "overlays.logo_corner", f"{asked.logo_corner} is not known"
    if not 0 <= asked.logo_opacity <= 1:
        yield "overlays.logo_opacity", f"must be above 0 and at most 1, is {asked.logo_opacity:g}"
