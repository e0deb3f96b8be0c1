"""Draws the pages of captions: one picture per page and highlight, kept as long as it is shown."""

import bisect
import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from services.exporter.captions import paging, timing
from services.exporter.text import block, plate, shaping, styles

RISE = 0.6  # share of a pop in which a page grows over its size; in the rest it settles
STEPS_PER_S = 60  # scales of a pop that are told apart
BLOCKS_KEPT, PLATES_KEPT = 4, 2  # what is shown now and just before; a large page has some megabytes


@dataclasses.dataclass(frozen=True, slots=True)
class Canvas:
    """The picture that is drawn over: pixels, frames per second, and where text may be."""

    width: int
    height: int
    rate: Fraction
    frames: int
    zone: block.Zone

    def size_px(self, style: styles.Style) -> int:
        """Pixels of an em."""
        return max(8, round(style.size * min(self.width, self.height)))


def written(text: str, style: styles.Style, language: str) -> str:
    """A word as the style writes it."""
    if not style.uppercase:
        return text
    return (text.replace("i", "\u0130") if language.split("-")[0] in {"tr", "az"} else text).upper()


def paged(spoken: Sequence[timing.Spoken], style: styles.Style, canvas: Canvas, language: str) -> list[paging.Page]:
    """The pages of a clip in a style."""
    edge = style.outline + (style.box.padding if style.box else 0.0)
    peak = style.pop.peak if style.pop else 1.0
    width = canvas.zone.width * style.width / peak / canvas.size_px(style) - 2 * edge
    room = paging.Room(style, width, canvas.rate, canvas.frames, language)
    widths = [shaping.line(written(one.text, style, language), language=language).width for one in spoken]
    return paging.pages(spoken, room, widths, shaping.line(" ").width)


class Burned:
    """Captions over the pictures of a clip.

    Args:
        spoken: Words of the clip.
        style: How they look.
        canvas: What they are drawn over.
        language: Of the words.
    """

    def __init__(self, spoken: Sequence[timing.Spoken], style: styles.Style, canvas: Canvas, language: str) -> None:
        self._spoken, self._style, self._canvas, self._language = spoken, style, canvas, language
        self.pages = paged(spoken, style, canvas, language)
        self._starts = [page.start_frame for page in self.pages]
        self._block = functools.lru_cache(BLOCKS_KEPT)(self._built)
        self._plate = functools.lru_cache(PLATES_KEPT)(self._drawn)
        self._size = functools.lru_cache(PLATES_KEPT)(self._fitted)
        self.missing: set[str] = set()
        self.shown: set[int] = set()

    def at(self, number: int) -> plate.Plate | None:
        """What lies over a frame of the clip."""
        index = bisect.bisect_right(self._starts, number) - 1
        if index < 0 or number >= self.pages[index].end_frame:
            return None
        page = self.pages[index]
        self.shown.update(page.words)
        said = [k for k in page.words if self._spoken[k].start_frame <= number]
        active = (said or page.words)[-1 if said else 0] if self._style.active else shaping.NOTHING
        return self._plate(index, active, self._scale(number - page.start_frame))

    def _scale(self, age: int) -> float:
        """How large a page of an age in frames is, in relation to its size."""
        pop = self._style.pop
        if pop is None:
            return 1.0
        passed = round(float(age / self._canvas.rate) * STEPS_PER_S) / STEPS_PER_S / pop.seconds
        if passed >= 1:
            return 1.0
        if passed < RISE:
            return pop.start + (pop.peak - pop.start) * passed / RISE
        return pop.peak + (1 - pop.peak) * (passed - RISE) / (1 - RISE)

    def _drawn(self, index: int, active: int, scale: float) -> plate.Plate:
        size_px = self._size(index)
        whole, drawn = self._block(index, size_px), self._block(index, max(1, round(size_px * scale)))
        left, top = whole.placed(self._canvas.zone, self._canvas.width / 2)
        x = left + (_width(whole) - _width(drawn)) // 2
        y = top + (_height(whole) - _height(drawn)) // 2
        zone = self._canvas.zone
        x = min(max(x, zone.left), zone.right - _width(drawn))
        y = min(max(y, zone.top), zone.bottom - _height(drawn))
        colors = {active: self._style.active} if self._style.active and active != shaping.NOTHING else {}
        return drawn.painted(x, y, colors)

    def _fitted(self, index: int) -> int:
        """Pixels of an em at which a page fits."""
        peak = self._style.pop.peak if self._style.pop else 1.0
        size_px = self._canvas.size_px(self._style)
        while size_px > 1:  # ends, for each round is smaller
            drawn = self._block(index, max(1, round(size_px * peak)))
            excess = max(_width(drawn) / self._canvas.zone.width, _height(drawn) / self._canvas.zone.height)
            if excess <= 1:
                break
            size_px = max(1, min(int(size_px / excess * 0.99), size_px - 1))
        return size_px

    def _built(self, index: int, size_px: int) -> block.Block:
        lines = [self._line(numbers) for numbers in self.pages[index].lines]
        self.missing.update("".join(line.missing for line in lines))
        return block.Block(lines, self._style, size_px)

    def _line(self, numbers: Sequence[int]) -> shaping.Line:
        text, owners = "", []
        for k in numbers:
            glue = self._spoken[k].glue if text else ""
            word = written(self._spoken[k].text, self._style, self._language)
            text += glue + word
            owners += [shaping.NOTHING] * len(glue) + [k] * len(word)
        return shaping.line(text, tuple(owners), self._language)


def _width(drawn: block.Block) -> int:
    return drawn.bounds[2] - drawn.bounds[0]


def _height(drawn: block.Block) -> int:
    return drawn.bounds[3] - drawn.bounds[1]


def lines(page: paging.Page, spoken: Sequence[timing.Spoken]) -> list[str]:
    """The lines of a page as text."""
    return [
        "".join((spoken[k].glue if index else "") + spoken[k].text for index, k in enumerate(numbers))
        for numbers in page.lines
    ]


def letters_per_s_max(pages: Sequence[paging.Page], spoken: Sequence[timing.Spoken], rate: Fraction) -> float:
    """How fast the fastest page has to be read."""
    speeds = [
        sum(len(line) for line in lines(page, spoken)) / float((page.end_frame - page.start_frame) / rate)
        for page in pages
    ]
    return round(max(speeds, default=0.0), 1)


def facts(pages: Sequence[paging.Page], spoken: Sequence[timing.Spoken]) -> list[dict[str, Any]]:
    """Pages as they stand in a manifest."""
    return [
        {"start_frame": page.start_frame, "end_frame": page.end_frame, "lines": lines(page, spoken)} for page in pages
    ]
