"""How much mouths move from frame to frame, against the rest of the face: a head that nods moves both."""

import dataclasses
from collections.abc import Callable, Sequence

import av
import numpy as np

from services.analyzer.kernels import cpu
from services.analyzer.subjects import detector, view

ROWS, COLUMNS = 6, 8  # cells of a region: coarse enough to be calm, fine enough to see lips part
WIDTH, HEIGHT = 0.5, 0.3  # of a region, as shares of the face: both lips and what moves around them


@dataclasses.dataclass(slots=True)
class Stir:
    """The motion of one face since it was seen.

    Attributes:
        mouth: Sum of the mean differences around the mouth, in grey levels.
        upper: The same around the eyes.
        pairs: Pairs of frames that were compared.
    """

    mouth: float = 0.0
    upper: float = 0.0
    pairs: int = 0


class Watch:
    """Compares the mouths of the known faces from frame to frame."""

    def __init__(self) -> None:
        self._regions: list[tuple[detector.Box, detector.Box]] = []
        self._last: list[tuple[np.ndarray, np.ndarray] | None] = []
        self.stirs: list[Stir] = []

    def start(self, faces: Sequence[detector.Face], coded: Callable[[detector.Box], detector.Box]) -> None:
        """Watches other faces from now on.

        Args:
            faces: The faces, in the picture as shown.
            coded: Turns a box of that picture into one of the frame as coded.
        """
        self._regions = [(coded(lips(face)), coded(eyes(face))) for face in faces]
        self._last = [None] * len(faces)
        self.stirs = [Stir() for _ in faces]

    def add(self, frame: av.VideoFrame) -> None:
        """Takes the next frame."""
        if not self._regions:
            return
        samples, pitch, shift = view.luma(frame)
        size = frame.width, frame.height
        for index, regions in enumerate(self._regions):
            now = tuple(_cells(samples, pitch, size, region, shift) for region in regions)
            last = self._last[index]
            if last is not None and all(item is not None for item in (*last, *now)):
                stir = self.stirs[index]
                stir.mouth += _difference(last[0], now[0])
                stir.upper += _difference(last[1], now[1])
                stir.pairs += 1
            self._last[index] = now

    def forget(self) -> None:
        """Forgets the last frame: the next one shows another picture."""
        self._last = [None] * len(self._last)


def lips(face: detector.Face) -> detector.Box:
    """The region around the mouth."""
    return _around(face.mouth[0], face.mouth[1], face)


def eyes(face: detector.Face) -> detector.Box:
    """A region of the same size in the upper half of the face."""
    left, top, right, bottom = face.box
    return _around((left + right) / 2, top + 0.35 * (bottom - top), face)


def _around(x: float, y: float, face: detector.Face) -> detector.Box:
    left, top, right, bottom = face.box
    half_x, half_y = (right - left) * WIDTH / 2, (bottom - top) * HEIGHT / 2
    return x - half_x, y - half_y, x + half_x, y + half_y


def _cells(samples: np.ndarray, pitch: int, size: tuple[int, int], box: detector.Box, shift: int) -> np.ndarray | None:
    """A region in cells, (ROWS, COLUMNS) int16; None where it has fewer pixels than cells or leaves the picture."""
    left, top, right, bottom = (round(share * side) for share, side in zip(box, size * 2, strict=True))
    rows, columns = (bottom - top) // ROWS, (right - left) // COLUMNS
    if rows < 1 or columns < 1 or left < 0 or top < 0 or right > size[0] or bottom > size[1]:
        return None
    out = np.empty((ROWS, COLUMNS), np.uint8)
    cpu.cell_means(samples[top * pitch + left :], pitch, rows, columns, shift, out)
    return out.astype(np.int16)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).sum()) / one.size
