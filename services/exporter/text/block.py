"""A few lines of text in a style, drawn once and coloured as often as a highlight moves."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from services.exporter.text import ink, plate, shaping, styles

NOMINAL = 1.362  # ascent and descent of the typeface for most text: lines of taller scripts stand farther apart
TALL_MAX = 1.2  # how much farther at most: typefaces leave room for marks that hardly ever meet
CAPITAL, TAIL = 0.75, 0.25  # height of capitals and depth of tails in ems: what a box holds even where a line has none
BLURS = 3  # boxes in a row that look like a Gaussian
SPREAD = 2.0  # standard deviations beyond which a shadow is not seen


@dataclasses.dataclass(frozen=True, slots=True)
class Zone:
    """Where text may be: edges in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


class Block:
    """Lines of text, centred, that stand around a point.

    Args:
        lines: From top to bottom.
        style: How they look.
        size_px: Pixels of an em.
    """

    def __init__(self, lines: Sequence[shaping.Line], style: styles.Style, size_px: int) -> None:
        self._style, self._size = style, size_px
        self._strokes: list[ink.Placed] = []
        self._fills: list[ink.Placed] = []
        baseline = last = 0.0
        for line in lines:
            left = -line.width * size_px / 2
            if style.outline:
                self._strokes += ink.place(line, size_px, left, baseline, style.outline * size_px)
            self._fills += ink.place(line, size_px, left, baseline)
            last = baseline
            baseline += style.leading * size_px * min(max(1.0, (line.ascent + line.descent) / NOMINAL), TALL_MAX)
        inked = ink.bounds(self._strokes or self._fills) or (0, 0, 0, 0)
        self._inner = (inked[0], min(inked[1], round(-CAPITAL * size_px)),
                       inked[2], max(inked[3], round(last + TAIL * size_px)))  # fmt: skip
        self.bounds = self._outer()
        self._base: np.ndarray | None = None

    def _outer(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of all that is drawn, around the point."""
        left, top, right, bottom = self._inner
        style, size = self._style, self._size
        if style.box:
            pad = math.ceil(style.box.padding * size)
            return left - pad, top - pad, right + pad, bottom + pad
        if style.shadow:
            spread = math.ceil(SPREAD * style.shadow.blur * size)
            x, y = round(style.shadow.x * size), round(style.shadow.y * size)
            return (min(left, left + x - spread), min(top, top + y - spread),
                    max(right, right + x + spread), max(bottom, bottom + y + spread))  # fmt: skip
        return left, top, right, bottom

    def placed(self, zone: Zone, middle_x: float) -> tuple[int, int]:
        """Where the block's left and upper edge go: centred on the picture where the zone allows, else inside of it."""
        left, top, right, bottom = self.bounds
        width, height = right - left, bottom - top
        x = min(max(round(middle_x - width / 2), zone.left), zone.right - width)
        y = round(zone.top + self._style.place * zone.height - (height if self._style.place > 0 else 0))
        if not self._style.captions and self._style.place == 0.5:
            y = round(zone.top + (zone.height - height) / 2)
        return x, min(max(y, zone.top), zone.bottom - height)

    def painted(self, left: int, top: int, colors: Mapping[int, str]) -> plate.Plate:
        """The block at a place, with words in colours of their own by owner; the others in that of the style."""
        if self._base is None:
            self._base = self._drawn_base()
        pixels = self._base.copy()
        for one in self._fills:
            color = styles.rgb(colors.get(one.owner, self._style.text))
            self._over(pixels, one, color)
        return plate.of(pixels, left, top)

    def _over(self, pixels: np.ndarray, one: ink.Placed, color: tuple[float, float, float]) -> None:
        height, width = one.stain.coverage.shape
        y, x = one.top - self.bounds[1], one.left - self.bounds[0]
        part, coverage = pixels[:, y : y + height, x : x + width], one.stain.coverage
        part *= 1 - coverage
        plain = coverage * np.array(color, np.float32)[:, None, None]
        part[:3] += plain if one.stain.color is None else one.stain.color
        part[3] += coverage

    def _drawn_base(self) -> np.ndarray:
        """Box, shadow and outline: float32 (4, h, w), colours times coverage, and coverage."""
        left, top, right, bottom = self.bounds
        pixels = np.zeros((4, bottom - top, right - left), np.float32)
        if box := self._style.box:
            _cover(pixels, rounded(pixels.shape[1:], box.radius * self._size) * np.float32(box.opacity), box.color)
        if shadow := self._style.shadow:
            mask = self._mask(pixels.shape[1:], (round(shadow.x * self._size), round(shadow.y * self._size)))
            _cover(pixels, blurred(mask, shadow.blur * self._size) * np.float32(shadow.opacity), "#000000")
        if self._strokes:
            _cover(pixels, self._mask(pixels.shape[1:], (0, 0)), self._style.outline_color)
        return pixels

    def _mask(self, shape: tuple[int, int], offset: tuple[int, int]) -> np.ndarray:
        """The union of all outlines, or of all signs where there are none."""
        mask = np.zeros(shape, np.float32)
        for one in self._strokes or self._fills:
            height, width = one.stain.coverage.shape
            y, x = one.top - self.bounds[1] + offset[1], one.left - self.bounds[0] + offset[0]
            part = mask[y : y + height, x : x + width]
            np.maximum(part, one.stain.coverage, out=part)
        return mask


def _cover(pixels: np.ndarray, coverage: np.ndarray, color: str) -> None:
    pixels *= 1 - coverage
    for channel, value in enumerate(styles.rgb(color)):
        if value:
            pixels[channel] += coverage * np.float32(value)
    pixels[3] += coverage


def rounded(shape: tuple[int, int], radius: float) -> np.ndarray:
    """Coverage of a rectangle with round corners that fills a picture: float32 (h, w)."""
    height, width = shape
    radius = min(radius, height / 2, width / 2)
    y = np.abs(np.arange(height, dtype=np.float32) + 0.5 - height / 2) - (height / 2 - radius)
    x = np.abs(np.arange(width, dtype=np.float32) + 0.5 - width / 2) - (width / 2 - radius)
    away = np.hypot(np.maximum(y, 0)[:, None], np.maximum(x, 0)[None, :])
    return np.clip(radius - away + 0.5, 0, 1).astype(np.float32)


def blurred(mask: np.ndarray, sigma: float) -> np.ndarray:
    """A mask, float32 (h, w), softened by boxes in a row that together come near to a Gaussian."""
    radius = max(1, round((math.sqrt(12 * sigma * sigma / BLURS + 1) - 1) / 2))
    for axis in (0, 1):
        for _ in range(BLURS):
            padded = np.zeros([size + 2 * radius + 1 if axis == side else size for side, size in enumerate(mask.shape)],
                              np.float32)  # fmt: skip
            inside, high, low = [slice(None)] * 2, [slice(None)] * 2, [slice(None)] * 2
            inside[axis] = slice(radius + 1, radius + 1 + mask.shape[axis])
            high[axis], low[axis] = slice(2 * radius + 1, None), slice(None, -2 * radius - 1)
            padded[tuple(inside)] = mask
            np.cumsum(padded, axis=axis, out=padded)
            mask = (padded[tuple(high)] - padded[tuple(low)]) * np.float32(1 / (2 * radius + 1))
    return np.clip(mask, 0, 1)
