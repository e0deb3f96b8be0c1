"""Stretches in which nothing is to be seen, or nothing changes: black and frozen pictures."""

import numpy as np

from services.analyzer import planes
from services.analyzer.kernels import pairs

BLACK_EXPOSURE = 0.02  # mean brightness up to which a picture may be black: noise of a dark camera is below it
BLACK_CELL = 48  # grey levels: a picture with a brighter cell shows something, be it a letter
BLACK_MIN_S = 0.5  # a shorter blink belongs to a fade or a cut
FROZEN_CELL = 3  # grey levels by which no cell may change: what a codec does to a picture that stands
FROZEN_MIN_S = 2.0  # as FFmpeg's `freezedetect`: people hold still for a second


class Stretches:
    """Gathers stretches of frames that are alike in something.

    Args:
        least_s: How long a stretch must last, in seconds.
    """

    def __init__(self, least_s: float) -> None:
        self._least_s = least_s
        self._start_s: float | None = None
        self.found: list[list[float]] = []

    def add(self, t_s: float, *, there: bool) -> None:
        """Says of the time from one frame on whether it belongs to a stretch; times come in order."""
        if there and self._start_s is None:
            self._start_s = t_s
        elif not there and self._start_s is not None:
            if t_s - self._start_s >= self._least_s:
                self.found.append([self._start_s, t_s])
            self._start_s = None


class Watch:
    """Takes frame by frame and says when the picture is black, and when it is frozen."""

    def __init__(self) -> None:
        self._black, self._frozen = Stretches(BLACK_MIN_S), Stretches(FROZEN_MIN_S)
        self._first: tuple[np.ndarray, float] | None = None  # cells and time of the frame that the last ones are like

    def add(self, look: planes.Look, blocks: pairs.Blocks | None, t_s: float) -> None:
        """Takes the next frame with its motion from the frame before."""
        luma = look.picture.luma
        self._black.add(t_s, there=look.exposure < BLACK_EXPOSURE and int(luma.max()) <= BLACK_CELL)
        stands = self._first is not None and blocks is not None and self._like_first(luma, blocks)
        if not stands:
            self._frozen.add(t_s, there=False)
            self._first = luma, t_s
        elif self._first is not None:
            self._frozen.add(self._first[1], there=True)

    def _like_first(self, luma: np.ndarray, blocks: pairs.Blocks) -> bool:
        if int(blocks.still.max()) > FROZEN_CELL * pairs.BLOCK**2 or self._first is None:
            return False
        apart = np.maximum(luma, self._first[0]) - np.minimum(luma, self._first[0])
        return int(apart.max()) <= FROZEN_CELL

    def finish(self, duration_s: float) -> tuple[list[list[float]], list[list[float]]]:
        """Black and frozen stretches, from start to end in seconds; no frame may follow."""
        for one in (self._black, self._frozen):
            one.add(duration_s, there=False)
        return self._black.found, self._frozen.found
