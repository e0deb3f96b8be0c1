"""A window of consecutive frames that detectors look at, bounded in memory for any length of film."""

import dataclasses
import math
from typing import Literal

import numpy as np

from services.analyzer.kernels import cpu, pairs, spec

Kind = Literal["cut", "fade", "dissolve"]
COARSE = 4  # cells along the side of the blocks that are correlated: what moves a little is still the same picture
SMOOTHING = np.array([0.25, 0.5, 0.25], np.float32)  # a grey level on the border of a bin belongs to both


@dataclasses.dataclass(frozen=True, slots=True)
class Transition:
    """A border between two shots.

    Attributes:
        kind: How one shot becomes the next.
        frame: First frame of the new shot; for a gradual change its middle, or the first full frame.
        start_frame: First changed frame.
        end_frame: Last changed frame.
        score: Strength of the evidence; above zero.
    """

    kind: Kind
    frame: int
    start_frame: int
    end_frame: int
    score: float = 0.0


class Window:
    """The last frames, reduced to cells, with what is known about each and about pairs of them.

    Attributes:
        first: Number of the first frame.
        pictures: The frames.
        times: When they are shown, in seconds.
        mean: Their mean luma.
        deviation: Standard deviation of their luma.
        guessed: Frames that were not decoded but guessed from those beside them, and how these two relate.
    """

    def __init__(self) -> None:
        self.first = 0
        self.pictures: list[pairs.Picture] = []
        self.times: list[float] = []
        self.mean: list[float] = []
        self.deviation: list[float] = []
        self.guessed: dict[int, pairs.Pair] = {}
        self._histograms: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._small: dict[int, np.ndarray] = {}
        self._coarse: dict[int, np.ndarray] = {}
        self._pairs: dict[tuple[int, int], pairs.Pair] = {}

    @property
    def end(self) -> int:
        """Number of the frame after the last one."""
        return self.first + len(self.pictures)

    def append(self, picture: pairs.Picture, time_s: float, step: pairs.Pair | None) -> None:
        """Adds the next frame.

        Args:
            picture: The frame.
            time_s: When it is shown, in seconds.
            step: How it relates to the frame before it; None for the first one.
        """
        if step is not None:
            self._pairs[self.end - 1, self.end] = step
        mean, deviation = _moments(picture)
        self.pictures.append(picture)
        self.times.append(time_s)
        self.mean.append(mean)
        self.deviation.append(deviation)

    def append_after_guess(self, picture: pairs.Picture, times_s: tuple[float, float], across: pairs.Pair) -> None:
        """Adds a frame that was not decoded, and then the one after it.

        Args:
            picture: The second frame.
            times_s: When both are shown, in seconds.
            across: How the second frame relates to the one before the first.
        """
        self._pairs[self.end - 1, self.end + 1] = self.guessed[self.end] = across
        self.append(pairs.between(self.pictures[-1], picture), times_s[0], None)
        self.append(picture, times_s[1], None)

    def replace(self, frame: int, picture: pairs.Picture) -> None:
        """Puts a frame that was decoded after all in the place of its guess."""
        place = frame - self.first
        self.pictures[place] = picture
        self.mean[place], self.deviation[place] = _moments(picture)
        del self.guessed[frame]
        self._pairs = {key: value for key, value in self._pairs.items() if frame not in key}
        self._histograms.pop(frame, None)
        self._small.pop(frame, None)
        self._coarse.pop(frame, None)

    def drop_before(self, frame: int) -> None:
        """Forgets the frames before one."""
        count = frame - self.first
        for column in (self.pictures, self.times, self.mean, self.deviation):
            del column[:count]
        self.first = frame
        self.guessed = {key: value for key, value in self.guessed.items() if key >= frame}
        self._pairs = {key: value for key, value in self._pairs.items() if key[0] >= frame}
        self._histograms = {key: value for key, value in self._histograms.items() if key >= frame}
        self._small = {key: value for key, value in self._small.items() if key >= frame}
        self._coarse = {key: value for key, value in self._coarse.items() if key >= frame}

    def pair(self, before: int, after: int) -> pairs.Pair:
        """How two frames relate, by their numbers."""
        known = self._pairs.get((before, after))
        if known is None:
            blocks = pairs.match(self.pictures[before - self.first], self.pictures[after - self.first])
            known = self._pairs[before, after] = pairs.compare(blocks)
        return known

    def tones(self, before: int, after: int) -> tuple[float, float]:
        """Distances of the luma and the chroma histograms of two frames, each 0 to 1."""
        ours, theirs = self._tones_of(before), self._tones_of(after)
        return float(np.abs(ours[0] - theirs[0]).sum() / 2), float(np.abs(ours[1] - theirs[1]).sum() / 2)

    def small(self, frame: int) -> np.ndarray:
        """Means of eight by eight cells of a frame, (values,) float32."""
        if frame not in self._small:
            self._small[frame] = _means(self.pictures[frame - self.first].luma, 8)
        return self._small[frame]

    def coarse(self, frame: int) -> np.ndarray:
        """Means of COARSE by COARSE cells of a frame less their mean, (values,) float32."""
        if frame not in self._coarse:
            means = _means(self.pictures[frame - self.first].luma, COARSE)
            self._coarse[frame] = means - means.mean()
        return self._coarse[frame]

    def _tones_of(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        known = self._histograms.get(frame)
        if known is None:
            picture = self.pictures[frame - self.first]
            luma, chroma = np.zeros(spec.LUMA_BINS, np.int64), np.zeros(spec.CHROMA_BINS**2, np.int64)
            cpu.histograms(picture.luma, picture.chroma, luma, chroma)
            smooth = np.convolve(luma / picture.luma.size, SMOOTHING, "same")
            known = self._histograms[frame] = (smooth, chroma / picture.chroma[0].size)
        return known


def _moments(picture: pairs.Picture) -> tuple[float, float]:
    """Mean and standard deviation of the luma."""
    total, squares = cpu.moments(picture.luma)
    count = picture.luma.size
    return total / count, math.sqrt(max(squares * count - total * total, 0)) / count


def _means(luma: np.ndarray, side: int) -> np.ndarray:
    """Means of blocks of so many cells along each side, (values,) float32."""
    rows, columns = (max(size // side, 1) for size in luma.shape)
    used = luma[: rows * side, : columns * side]
    blocks = used.reshape(rows, used.shape[0] // rows, columns, used.shape[1] // columns)
    return blocks.mean(axis=(1, 3), dtype=np.float32).ravel()
