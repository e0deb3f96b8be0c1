"""The small upright colour picture that faces are looked for in."""

from fractions import Fraction

import av
import numpy as np

from services.analyzer import planes, probe
from services.analyzer.subjects import detector

SIDE = 640  # pixels along the longer side: a face that fills a twentieth of it is still looked at closely
DARK = 128  # grey levels: where the brightest hundredth is darker, faces are lifted out of the dark
GAIN_MAX = 4.0  # beyond it noise looks like faces
BRIGHTEST = 99.0  # percentile
THINNED = 6  # every n-th pixel along each side tells how bright a picture is
BYTE_BITS = 8


class View:
    """How frames of one stream are shown.

    Args:
        aspect: Shape of a pixel, width to height.
        turns: Clockwise quarter turns to its upright; None where the frames say it.
    """

    def __init__(self, aspect: Fraction, turns: int | None = None) -> None:
        self._aspect, self._told = aspect, turns
        self._turns = turns or 0

    def picture(self, frame: av.VideoFrame) -> np.ndarray:
        """The frame as people see it: pixels square, turned upright, (rows, columns, 3) uint8 RGB."""
        width, height = float(frame.width * self._aspect), float(frame.height)
        scale = SIDE / max(width, height)
        small = frame.reformat(
            width=max(round(width * scale), 1), height=max(round(height * scale), 1), format="rgb24",
            interpolation="AREA",
        )  # fmt: skip
        self._turns = probe.rotation_of(frame) // 90 if self._told is None else self._told
        return lifted(np.ascontiguousarray(np.rot90(small.to_ndarray(), -self._turns)))

    def coded(self, box: detector.Box) -> detector.Box:
        """Where a box of the last picture lies in the frame as coded, as shares of it."""
        return turned_back(box, self._turns)


def turned_back(box: detector.Box, turns: int) -> detector.Box:
    """A box in the picture as coded, from one in the picture after clockwise quarter turns."""
    left, top, right, bottom = box
    for _ in range(turns):
        left, top, right, bottom = top, 1 - right, bottom, 1 - left
    return left, top, right, bottom


def lifted(picture: np.ndarray) -> np.ndarray:
    """A picture with its brightness raised where all of it is dark; any other as it is."""
    bright = float(np.percentile(picture[::THINNED, ::THINNED].max(axis=2), BRIGHTEST))
    if bright >= DARK:
        return picture
    table = np.minimum(np.arange(256) * min(255 / max(bright, 1.0), GAIN_MAX), 255).astype(np.uint8)
    return table[picture]


def luma(frame: av.VideoFrame) -> tuple[np.ndarray, int, int]:
    """The luma of a frame where the decoder left it: flat samples, samples per row, and bits above eight."""
    if frame.format.name not in planes.PLANAR or frame.planes[0].line_size <= 0:
        frame = frame.reformat(format="gray")
    plane, bits = frame.planes[0], frame.format.components[0].bits
    samples = np.frombuffer(plane, np.uint8 if bits <= BYTE_BITS else np.uint16)
    return samples, plane.line_size // samples.itemsize, max(bits - BYTE_BITS, 0)
