"""Glyphs as coverage: how much of each pixel a sign, or its outline, fills."""

import ctypes
import dataclasses
import functools
from collections.abc import Sequence

import freetype
import numpy as np

from services.exporter.text import faces, shaping

GLYPHS_KEPT = 2048  # signs of one clip at its few sizes; about ten kilobytes each
FRACTION = 64  # FreeType counts in sixty-fourths of a pixel
PLAIN = freetype.FT_LOAD_NO_HINTING | freetype.FT_LOAD_NO_BITMAP  # hints would move stems by the size


@dataclasses.dataclass(frozen=True, slots=True)
class Stain:
    """One drawn sign around its origin.

    Attributes:
        left: Pixels from the origin to its left edge.
        top: Pixels from the baseline up to its top edge.
        coverage: float32 (h, w), 0 to 1.
        color: float32 (3, h, w), RGB from 0 to 1 times coverage, for signs that have colours; else None.
    """

    left: int
    top: int
    coverage: np.ndarray
    color: np.ndarray | None = None


@functools.lru_cache(maxsize=GLYPHS_KEPT)
def fill(face: faces.Face, number: int, size_px: int) -> Stain:
    """The sign itself."""
    font = face.outlines
    font.set_pixel_sizes(0, size_px)
    font.load_glyph(number, PLAIN | (freetype.FT_LOAD_COLOR if face.in_color else 0))
    font.glyph.render(freetype.FT_RENDER_MODE_NORMAL)
    bitmap = font.glyph.bitmap
    if bitmap.pixel_mode == freetype.FT_PIXEL_MODE_BGRA:
        pixels = _rows(bitmap, 4).reshape(bitmap.rows, bitmap.width, 4).astype(np.float32) / 255
        color = np.ascontiguousarray(pixels[..., 2::-1].transpose(2, 0, 1))
        return Stain(font.glyph.bitmap_left, font.glyph.bitmap_top, pixels[..., 3], color)
    return Stain(font.glyph.bitmap_left, font.glyph.bitmap_top, _rows(bitmap, 1).astype(np.float32) / 255)


@functools.lru_cache(maxsize=GLYPHS_KEPT)
def outline(face: faces.Face, number: int, size_px: int, width_px: float) -> Stain:
    """The sign grown by a width on all sides; signs that have colours get none and stay as they are."""
    if face.in_color:
        return fill(face, number, size_px)
    font = face.outlines
    font.set_pixel_sizes(0, size_px)
    font.load_glyph(number, PLAIN)
    stroker = freetype.Stroker()
    stroker.set(round(width_px * FRACTION), freetype.FT_STROKER_LINECAP_ROUND, freetype.FT_STROKER_LINEJOIN_ROUND, 0)
    glyph = font.glyph.get_glyph()
    glyph.stroke(stroker, True)
    drawn = glyph.to_bitmap(freetype.FT_RENDER_MODE_NORMAL, freetype.Vector(0, 0), True)
    return Stain(drawn.left, drawn.top, _rows(drawn.bitmap, 1).astype(np.float32) / 255)


def _rows(bitmap: freetype.Bitmap, channels: int) -> np.ndarray:
    """Rows of a bitmap without what pads them: uint8 (h, w * channels)."""
    width = bitmap.width * channels
    if not bitmap.rows or not width:
        return np.zeros((bitmap.rows, width), np.uint8)
    # The binding's own list of numbers takes thirty times as long.
    memory = ctypes.string_at(bitmap._FT_Bitmap.buffer, bitmap.rows * bitmap.pitch)
    return np.frombuffer(memory, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, :width]


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """Signs with their places in a picture: left and top edge in pixels, what is drawn, and whose it is."""

    left: int
    top: int
    stain: Stain
    owner: int


def place(line: shaping.Line, size_px: int, left: float, baseline: float, outline_px: float = 0.0) -> list[Placed]:
    """Puts a line into a picture.

    Args:
        line: What is drawn.
        size_px: Pixels of an em.
        left: Where the line begins, in pixels.
        baseline: Where it stands, in pixels from the top.
        outline_px: Draws the outline of this width instead of the signs; 0 draws the signs.
    """
    placed = []
    for glyph in line.glyphs:
        stain = (
            outline(glyph.face, glyph.number, size_px, outline_px)
            if outline_px
            else fill(glyph.face, glyph.number, size_px)
        )
        if stain.coverage.size:
            x, y = round(left + glyph.x * size_px), round(baseline - glyph.y * size_px)
            placed.append(Placed(x + stain.left, y - stain.top, stain, glyph.owner))
    return placed


def bounds(placed: Sequence[Placed]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of all that is drawn; None where nothing is."""
    if not placed:
        return None
    return (
        min(one.left for one in placed),
        min(one.top for one in placed),
        max(one.left + one.stain.coverage.shape[1] for one in placed),
        max(one.top + one.stain.coverage.shape[0] for one in placed),
    )
