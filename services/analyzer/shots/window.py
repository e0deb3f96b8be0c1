"""A window of consecutive frames that detectors look at, bounded in memory for any length of film."""

import dataclasses
import functools
import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from services.analyzer.kernels import blending, cpu, mixing, pairs, spec

Kind = Literal["cut", "fade", "dissolve"]
SMALL = 8  # cells along the side of the blocks that mixing is looked for in
COARSE = 4  # cells along the side of the blocks that are correlated: what moves a little is still the same picture


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
        small: Means of SMALL by SMALL cells of each, (values,) float32.
        contrasts: Variances of large regions of each, `spec.variances`.
        averages: Means of large blocks of each, `spec.means`.
        steps: How each relates to the one before it, across the guessed one where one of them is; None if unknown yet.
        guessed: Frames that were not decoded but guessed from those beside them, and how these two relate.
    """

    def __init__(self) -> None:
        self.first = 0
        self.pictures: list[pairs.Picture] = []
        self.times: list[float] = []
        self.mean: list[float] = []
        self.deviation: list[float] = []
        self.small: list[np.ndarray] = []
        self.contrasts: list[np.ndarray] = []
        self.averages: list[np.ndarray] = []
        self.steps: list[pairs.Pair | None] = []
        self.guessed: dict[int, pairs.Pair] = {}
        self._histograms: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._coarse: dict[int, tuple[np.ndarray, float]] = {}
        self._pairs: dict[tuple[int, int], pairs.Pair] = {}
        self._tones: dict[tuple[int, int], tuple[float, float]] = {}

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
        self._extend(picture, time_s, step)

    def _extend(self, picture: pairs.Picture, time_s: float, step: pairs.Pair | None) -> None:
        self.pictures.append(picture)
        self.times.append(time_s)
        self.steps.append(step)
        for column, value in zip(self._looks(), _look(picture), strict=True):
            column.append(value)

    def _looks(self) -> tuple[list, ...]:
        """The columns of what a frame alone says."""
        return self.mean, self.deviation, self.small, self.contrasts, self.averages

    def append_after_guess(self, picture: pairs.Picture, times_s: tuple[float, float], across: pairs.Pair) -> None:
        """Adds a frame that was not decoded, and then the one after it.

        Args:
            picture: The second frame.
            times_s: When both are shown, in seconds.
            across: How the second frame relates to the one before the first.
        """
        self._pairs[self.end - 1, self.end + 1] = self.guessed[self.end] = across
        self.pictures.append(pairs.between(self.pictures[-1], picture))
        self.times.append(times_s[0])
        self.steps.append(across)
        for column, value in zip(self._looks(), _look(picture), strict=True):
            column += [(column[-1] + value) / 2, value]  # of the guess itself, contrast would be that of a blur
        self.pictures.append(picture)
        self.times.append(times_s[1])
        self.steps.append(across)

    def replace(self, decoded: Iterable[tuple[int, pairs.Picture]]) -> None:
        """Puts frames that were decoded after all, by their numbers, in the place of their guesses."""
        changed = set()
        for frame, picture in decoded:
            place = frame - self.first
            self.pictures[place] = picture
            for column, value in zip(self._looks(), _look(picture), strict=True):
                column[place] = value
            self.steps[place : place + 2] = [None, None]  # the frame after a guess is there, and no guess
            del self.guessed[frame]
            self._histograms.pop(frame, None)
            self._coarse.pop(frame, None)
            changed.add(frame)
        self._pairs = {key: value for key, value in self._pairs.items() if changed.isdisjoint(key)}
        self._tones = {key: value for key, value in self._tones.items() if changed.isdisjoint(key)}

    def drop_before(self, frame: int) -> None:
        """Forgets the frames before one."""
        count = frame - self.first
        for column in (self.pictures, self.times, self.steps, *self._looks()):
            del column[:count]
        self.first = frame
        self.guessed = {key: value for key, value in self.guessed.items() if key >= frame}
        self._pairs = {key: value for key, value in self._pairs.items() if key[0] >= frame}
        self._tones = {key: value for key, value in self._tones.items() if key[0] >= frame}
        self._histograms = {key: value for key, value in self._histograms.items() if key >= frame}
        self._coarse = {key: value for key, value in self._coarse.items() if key >= frame}

    def pair(self, before: int, after: int) -> pairs.Pair:
        """How two frames relate, by their numbers."""
        known = self._pairs.get((before, after))
        if known is None:
            blocks = pairs.match(self.pictures[before - self.first], self.pictures[after - self.first])
            known = self._pairs[before, after] = pairs.compare(blocks)
        return known

    def step(self, frame: int) -> pairs.Pair:
        """How a frame relates to the one before it; across the guessed one where one of them is."""
        known = self.steps[frame - self.first]
        if known is None:
            known = self.steps[frame - self.first] = self.pair(frame - 1, frame)
        return known

    def tones(self, before: int, after: int) -> tuple[float, float]:
        """Distances of the luma and the chroma histograms of two frames, each 0 to 1."""
        known = self._tones.get((before, after))
        if known is None:
            luma, chroma = mixing.tones_apart(*self._histograms_of(before), *self._histograms_of(after))
            picture = self.pictures[after - self.first]
            known = luma / (8 * picture.luma.size), chroma / (2 * picture.chroma[0].size)
            self._tones[before, after] = known
        return known

    def correlation(self, one: int, other: int) -> float:
        """How alike two frames are at whatever strength, by means of COARSE by COARSE cells: 1 for the same."""
        (ours, ours_power), (theirs, theirs_power) = self._coarse_of(one), self._coarse_of(other)
        return float(ours @ theirs) / math.sqrt(ours_power * theirs_power + 1.0)

    def _coarse_of(self, frame: int) -> tuple[np.ndarray, float]:
        known = self._coarse.get(frame)
        if known is None:
            means = _means(self.pictures[frame - self.first].luma, COARSE)
            means -= means.mean()
            known = self._coarse[frame] = (means, float(means @ means))
        return known

    def _histograms_of(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        known = self._histograms.get(frame)
        if known is None:
            picture = self.pictures[frame - self.first]
            luma, chroma = np.zeros(spec.LUMA_BINS, np.int64), np.zeros(spec.CHROMA_BINS**2, np.int64)
            cpu.histograms(picture.luma, picture.chroma, luma, chroma)
            known = self._histograms[frame] = (luma, chroma)
        return known


def _look(picture: pairs.Picture) -> tuple[float, float, np.ndarray, np.ndarray, np.ndarray]:
    """What a frame alone says: mean, deviation, small picture, contrasts, averages."""
    contrasts, averages = np.empty(blending.REGIONS + 2), np.empty(3 * blending.MEANS)
    nothing = _nothing(picture.luma.shape, picture.chroma.shape)
    blending.variances(*nothing, picture.luma, picture.chroma, contrasts)
    blending.means(picture.luma, picture.chroma, averages)
    return *_moments(picture), _means(picture.luma, SMALL), contrasts, averages


@functools.cache
def _nothing(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros(shape, np.uint8) for shape in shapes)


def _moments(picture: pairs.Picture) -> tuple[float, float]:
    """Mean and standard deviation of the luma."""
    total, squares = cpu.moments(picture.luma)
    count = picture.luma.size
    return total / count, math.sqrt(max(squares * count - total * total, 0)) / count


def _means(luma: np.ndarray, side: int) -> np.ndarray:
    """Means of blocks of so many cells along each side, (values,) float32."""
    out = np.empty(max(luma.shape[0] // side, 1) * max(luma.shape[1] // side, 1), np.float32)
    mixing.block_means(luma, side, out)
    return out
