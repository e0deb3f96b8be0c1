"""Blends a picture with transparency over frames of a clip, only where it is, straight on the planes."""

import dataclasses

import av
import numpy as np

WEIGHTS = np.array((0.2126, 0.7152, 0.0722), np.float32)  # of red, green and blue in luma, BT.709
BLUE_SCALE, RED_SCALE = 1.8556, 1.5748  # twice one minus the weight of blue, and of red
LUMA_BLACK, LUMA_SPAN, CHROMA_MIDDLE, CHROMA_SPAN = 16, 219, 128, 224  # limited range, 8 bit
ONE = 256  # full coverage, so that blending ends with a shift
SEEN = 8 / 255  # coverage below which nobody sees anything


@dataclasses.dataclass(frozen=True, slots=True)
class Plane:
    """What one plane gets: `(old * kept + added + 128) >> 8`, both uint16 (h, w)."""

    kept: np.ndarray
    added: np.ndarray

    def blend(self, plane: np.ndarray, left: int, top: int) -> None:
        """Blends into a plane, uint8 (h, w)."""
        height, width = self.kept.shape
        part = plane[top : top + height, left : left + width]
        mixed = part * self.kept
        mixed += self.added
        mixed += ONE // 2
        mixed >>= 8
        part[...] = mixed

    def faded(self, share: int) -> "Plane":
        """With coverage times `share / 256`."""
        kept = ONE - ((ONE - self.kept.astype(np.uint32)) * share >> 8)
        return Plane(kept.astype(np.uint16), (self.added.astype(np.uint32) * share >> 8).astype(np.uint16))


@dataclasses.dataclass(frozen=True, slots=True)
class Plate:
    """A picture ready to be blended, at an even place.

    Attributes:
        left: Of its left edge in the frame, in pixels.
        top: Of its top edge.
        planes: What each plane of yuv420p gets.
        bounds: Left, top, right and bottom in the frame of what can be seen of it; None where nothing can.
    """

    left: int
    top: int
    planes: tuple[Plane, Plane, Plane]
    bounds: tuple[int, int, int, int] | None

    def faded(self, share: int) -> "Plate":
        """The same with less coverage: `share` of 256."""
        return dataclasses.replace(self, planes=tuple(one.faded(share) for one in self.planes))


def of(rgba: np.ndarray, left: int, top: int) -> Plate:
    """Makes a plate.

    Args:
        rgba: float32 (4, h, w): red, green and blue from 0 to 1, each times the coverage, and the coverage.
        left: Where it goes, in pixels; its size and place are made even.
        top: The same.
    """
    pixels = _even(rgba, left % 2, top % 2)
    left, top = left - left % 2, top - top % 2
    small = sum(pixels[:, y::2, x::2] for y in (0, 1) for x in (0, 1)) * np.float32(0.25)
    (red, _, blue), covered = small[:3], small[3] * CHROMA_MIDDLE
    luma, small_luma = _luma(pixels), _luma(small)
    planes = (
        _plane(pixels[3], pixels[3] * LUMA_BLACK + luma * LUMA_SPAN),
        _plane(small[3], covered + (blue - small_luma) * np.float32(CHROMA_SPAN / BLUE_SCALE)),
        _plane(small[3], covered + (red - small_luma) * np.float32(CHROMA_SPAN / RED_SCALE)),
    )
    return Plate(left, top, planes, _seen(pixels[3], left, top))


def _even(rgba: np.ndarray, left: int, top: int) -> np.ndarray:
    """The picture with empty margins, so that its place and its size are even."""
    _, height, width = rgba.shape
    below, right = (top + height) % 2, (left + width) % 2
    if not (left or top or below or right):
        return rgba
    pixels = np.zeros((4, top + height + below, left + width + right), np.float32)
    pixels[:, top : top + height, left : left + width] = rgba
    return pixels


def _luma(pixels: np.ndarray) -> np.ndarray:
    return pixels[0] * WEIGHTS[0] + pixels[1] * WEIGHTS[1] + pixels[2] * WEIGHTS[2]


def _plane(alpha: np.ndarray, value: np.ndarray) -> Plane:
    """A plane of coverage (0 to 1) and value (0 to 255, times the coverage)."""
    covered = np.rint(alpha * np.float32(ONE)).astype(np.uint16)
    added = np.rint(value * np.float32(ONE))
    # What is kept and what is added never exceed a byte together.
    return Plane(ONE - covered, np.clip(added, 0, covered * np.float32(255)).astype(np.uint16))


def _seen(alpha: np.ndarray, left: int, top: int) -> tuple[int, int, int, int] | None:
    visible = alpha > SEEN
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    if not len(rows):
        return None
    return left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1


def blend(frame: av.VideoFrame, plates: list[Plate]) -> av.VideoFrame:
    """A copy of a yuv420p frame with plates over it, the first one undermost; the frame itself may be shown again."""
    copy = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for index in range(3):
        target = _pixels(copy, index)
        target[...] = _pixels(frame, index)
        for plate in plates:
            divisor = 2 if index else 1
            plate.planes[index].blend(target, plate.left // divisor, plate.top // divisor)
    for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(copy, name, getattr(frame, name))
    return copy


def _pixels(frame: av.VideoFrame, index: int) -> np.ndarray:
    plane = frame.planes[index]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
