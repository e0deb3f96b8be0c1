"""Reads a decoded frame where the decoder left it, and reduces it to cells."""

import dataclasses
from collections.abc import Sequence

import av
import av.video.plane
import numpy as np

from services.analyzer.kernels import cpu, pairs

CELLS_MAX = 128  # cells along the longer side: small enough to be cheap, large enough to see a face
CELLS_MIN = 8  # one block: what is smaller cannot be matched
SIDE_MIN = 16  # pixels: smaller pictures are enlarged, so that chroma has a block as well
SAMPLED_ROWS = 45  # rows that sharpness looks at: more tell no more, and every row costs a read of memory
NEUTRAL = 128  # chroma of grey
BYTE_BITS = 8
FULL_RANGE = 2  # FFmpeg's number of the JPEG range
PLANAR = frozenset(
    f"yuv{'j' * full}{sampling}p{depth}"
    for full in (0, 1)
    for sampling in ("420", "422", "444", "440")
    for depth in ("", "9le", "10le", "12le", "14le", "16le")
) | {"gray", "gray10le", "gray12le"}  # formats whose planes the kernels read; others are converted first


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """How a picture is divided.

    Attributes:
        cell_rows: Height of a cell in luma samples.
        cell_columns: Width of a cell in luma samples.
        rows: Cells from top to bottom.
        columns: Cells from left to right.
    """

    cell_rows: int
    cell_columns: int
    rows: int
    columns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a frame looks like.

    Attributes:
        picture: The frame in cells.
        sharpness: Mean absolute gradient in grey levels of 8 bits.
        exposure: Mean luma from black (0) to white (1).
    """

    picture: pairs.Picture
    sharpness: float
    exposure: float


def grid(width: int, height: int) -> Grid:
    """The division of a picture of some size, in pixels."""
    side = max(1, -(-max(width, height) // CELLS_MAX))
    rows, columns = (min(side, max(1, size // CELLS_MIN)) for size in (height, width))
    return Grid(rows, columns, height // rows, width // columns)


def row_step(height: int) -> int:
    """Rows from one that sharpness looks at to the next."""
    return max(1, height // SAMPLED_ROWS)


class Reader:
    """Reads the frames of one stream; all are reduced to the grid of the first, whatever size later ones have."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._grid = Grid(1, 1, 1, 1)

    @property
    def grid(self) -> Grid:
        """The division of the pictures."""
        return self._grid

    def fit(self, width: int, height: int) -> None:
        """Reduces frames to the grid of those of some size from now on, in pixels."""
        self._size = (max(width, SIDE_MIN), max(height, SIDE_MIN))
        self._grid = grid(*self._size)

    def read(self, frame: av.VideoFrame) -> Look:
        """Reduces a frame to cells, reading its luma once and its chroma once."""
        if self._size is None:
            self.fit(frame.width, frame.height)
        frame = self._readable(frame)
        planes = frame.planes  # made anew each time they are asked for
        bits = frame.format.components[0].bits
        shift = max(bits - BYTE_BITS, 0)
        luma = np.empty((self._grid.rows, self._grid.columns), np.uint8)
        luma_samples, pitch = samples(planes[0], bits)
        cpu.cell_means(luma_samples, pitch, self._grid.cell_rows, self._grid.cell_columns, shift, luma)
        energy, count = cpu.gradient(luma_samples, pitch, frame.width, frame.height, row_step(frame.height))
        sharpness = energy / max(count, 1) / (1 << shift)
        chroma = self._chroma(planes, bits)
        level = exposure(cpu.moments(luma)[0] / luma.size, full=full_range(frame))
        return Look(pairs.picture(luma, chroma), sharpness, level)

    def _readable(self, frame: av.VideoFrame) -> av.VideoFrame:
        same = (frame.width, frame.height) == self._size
        if same and frame.format.name in PLANAR and all(plane.line_size > 0 for plane in frame.planes):
            return frame
        width, height = self._size or (frame.width, frame.height)
        return frame.reformat(width=width, height=height, format="yuv420p", interpolation="AREA")

    def _chroma(self, planes: Sequence[av.video.plane.VideoPlane], bits: int) -> np.ndarray:
        out = np.full((2, self._grid.rows // 2, self._grid.columns // 2), NEUTRAL, np.uint8)
        for plane, cells in zip(planes[1:3], out, strict=False):  # grey pictures have one plane
            chroma, pitch = samples(plane, bits)
            cell_rows, cell_columns = plane.height // cells.shape[0], plane.width // cells.shape[1]
            cpu.cell_means(chroma, pitch, cell_rows, cell_columns, max(bits - BYTE_BITS, 0), cells)
        return out


def samples(plane: av.video.plane.VideoPlane, bits: int) -> tuple[np.ndarray, int]:
    """The samples of a plane, flat, and the samples from one row to the next."""
    found = np.frombuffer(plane, np.uint8 if bits <= BYTE_BITS else np.uint16)
    return found, plane.line_size // found.itemsize


def full_range(frame: av.VideoFrame) -> bool:
    """Whether black is 0 and white 255, and not 16 and 235."""
    return frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")


def exposure(level: float, *, full: bool) -> float:
    """A mean luma of 8 bits, from black (0) to white (1).

    Args:
        level: The mean.
        full: Whether black is 0 and white 255, and not 16 and 235.
    """
    black, white = (0, 255) if full else (16, 235)
    return min(max((level - black) / (white - black), 0.0), 1.0)
