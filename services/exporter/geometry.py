"""Sizes: the picture as it is stored, as it is shown, and the window that is delivered."""

import dataclasses
import math
from fractions import Fraction

MARGIN = 4  # pixels beside the window that are scaled too, so that it can move by less than a source pixel


@dataclasses.dataclass(frozen=True, slots=True)
class Canvas:
    """The delivered picture, in square pixels, both even."""

    width: int
    height: int


@dataclasses.dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a stored picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def shares(self, size: tuple[int, int], rotation: int) -> tuple[float, float, float, float]:
        """Left, top, width and height as shares of the picture as shown.

        Args:
            size: width and height of the stored picture in pixels.
            rotation: degrees by which the picture is to be turned anticlockwise, a multiple of 90.
        """
        left, width = self.left / size[0], self.width / size[0]
        top, height = self.top / size[1], self.height / size[1]
        return {
            0: (left, top, width, height),
            90: (top, 1 - left - width, height, width),
            180: (1 - left - width, 1 - top - height, width, height),
            270: (1 - top - height, left, height, width),
        }[rotation % 360]


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture after it was turned upright. Its pixels need not be square."""

    width: int
    height: int
    pixel_aspect: Fraction

    @property
    def aspect(self) -> Fraction:
        """Width to height as shown."""
        return Fraction(self.width, self.height) * self.pixel_aspect

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as shown, in square pixels: the height is kept."""
        return max(1, round(self.width * self.pixel_aspect)), self.height


def upright(width: int, height: int, pixel_aspect: Fraction | None, rotation: int) -> Picture:
    """The picture after turning.

    Args:
        width: stored width in pixels.
        height: stored height in pixels.
        pixel_aspect: width to height of one stored pixel; None or nonsense means square.
        rotation: degrees by which the picture is to be turned, any multiple of 90.
    """
    aspect = Fraction(pixel_aspect) if pixel_aspect else Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:
        aspect = Fraction(1)  # no camera makes such pixels: a damaged header does
    if rotation % 180:
        return Picture(height, width, 1 / aspect)
    return Picture(width, height, aspect)


def window(picture: Picture, canvas: Canvas) -> tuple[float, float]:
    """Largest window of the canvas's shape: width and height as shares of the picture, one of them 1."""
    share = Fraction(canvas.width, canvas.height) / picture.aspect
    return (float(share), 1.0) if share < 1 else (1.0, float(1 / share))


def even(number: float) -> int:
    """The nearest even number, at least 2: 4:2:0 pictures have no odd sizes."""
    return max(2, 2 * round(number / 2))


def fitted(picture: Picture, canvas: Canvas) -> tuple[int, int]:
    """Largest even size that shows the whole picture inside the canvas."""
    factor = min(Fraction(canvas.width) / (picture.height * picture.aspect), Fraction(canvas.height, picture.height))
    width = even(picture.height * picture.aspect * factor)
    return min(width, canvas.width), min(even(picture.height * factor), canvas.height)


@dataclasses.dataclass(frozen=True, slots=True)
class Slide:
    """How a window slides along one axis: coarsely in source pixels, then finely in delivered ones.

    Scaling a whole frame to move a window by less than a pixel would be slow; cutting whole source pixels would
    jump. So a stretch a little longer than the window is cut at an even pixel, scaled, and cut again.
    """

    length: int
    """Source pixels along the axis."""
    cut: int
    """Source pixels of the first cut."""
    scaled: int
    """Delivered pixels of the first cut after scaling."""
    delivered: int
    """Delivered pixels of the window."""

    @property
    def fixed(self) -> bool:
        """Whether there is nowhere to slide."""
        return self.cut == self.length and self.scaled == self.delivered

    def offsets(self, middle: float) -> tuple[int, int]:
        """Offsets of both cuts.

        Args:
            middle: middle of the window as a share of the axis.

        Returns:
            Offset of the first cut in source pixels, even, and of the second one in delivered pixels.
        """
        scale = self.scaled / self.cut
        start = middle * self.length - self.delivered / scale / 2
        first = min(max(2 * math.floor(start / 2), 0), (self.length - self.cut) // 2 * 2)
        second = round((start - first) * scale)
        return first, min(max(second, 0), self.scaled - self.delivered)


def slide(length: int, share: float, delivered: int) -> Slide:
    """The slide of a window.

    Args:
        length: source pixels along the axis.
        share: size of the window as a share of the axis.
        delivered: delivered pixels along the axis.
    """
    if share >= 1:
        return Slide(length, length, delivered, delivered)
    size = length * share
    cut = min(2 * math.ceil(size / 2) + MARGIN, length)
    return Slide(length, cut, max(even(cut * delivered / size), delivered), delivered)
