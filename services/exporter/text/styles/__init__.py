"""How text looks and how it is parted into pages: data files, one a style."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

FOLDER = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A rounded box behind the text: colour, coverage from 0 to 1, distances in ems."""

    color: str
    opacity: float
    padding: float
    radius: float


@dataclasses.dataclass(frozen=True, slots=True)
class Shadow:
    """A soft shadow: how far it falls and how far it spreads in ems, coverage from 0 to 1."""

    x: float
    y: float
    blur: float
    opacity: float


@dataclasses.dataclass(frozen=True, slots=True)
class Pop:
    """How a page comes in: from one scale over another to its own, in so many seconds."""

    seconds: float
    start: float
    peak: float


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """A style. Colours are `#RRGGBB`, times are in seconds.

    Attributes:
        name: File name without its ending.
        description: What it is for.
        captions: Whether captions may have it; the others are for titles and cards.
        size: Height of an em as a share of the picture's shorter side.
        leading: Distance of lines in ems.
        width: Share of the safe zone's width that lines may take.
        lines: Most lines of a page.
        words: Most words of a page.
        place: Where the lower edge of a page stands in the safe zone: 0 its upper edge, 1 its lower one.
        uppercase: Whether letters are made capitals.
        text: Colour of the text.
        active: Colour of the word that is spoken; None where it stays as it is.
        outline: Width in ems.
        outline_color: Colour of the outline.
        shadow: None for none.
        box: None for none.
        pop: None where pages just appear.
        pause_s: A silence that ends a page.
        shown_min_s: Shortest time on screen, where the next page leaves as much.
        shown_max_s: Longest time on screen.
        linger_s: How long a page stays after its last word.
        letters_per_s_max: Reading speed that pages are held longer for.
    """

    name: str
    description: str
    captions: bool
    size: float
    leading: float
    width: float
    lines: int
    words: int
    place: float
    uppercase: bool
    text: str
    active: str | None
    outline: float
    outline_color: str
    shadow: Shadow | None
    box: Box | None
    pop: Pop | None
    pause_s: float
    shown_min_s: float
    shown_max_s: float
    linger_s: float
    letters_per_s_max: float


@functools.cache
def catalogue() -> Mapping[str, Style]:
    """Every style, by name."""
    return {path.stem: _style(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))}


def for_captions() -> tuple[str, ...]:
    """Names of the styles that captions may have."""
    return tuple(name for name, style in catalogue().items() if style.captions)


def _style(name: str, fields: Mapping[str, Any]) -> Style:
    parts = {"shadow": Shadow, "box": Box, "pop": Pop}
    built = {key: kind(**fields[key]) if fields[key] else None for key, kind in parts.items()}
    return Style(name=name, **{**fields, **built})


def rgb(color: str) -> tuple[float, float, float]:
    """Red, green and blue from 0 to 1 of `#RRGGBB`."""
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue
