"""Measures the frames of a video one by one: shots, motion, sharpness, exposure and focus."""

import dataclasses
import math

import av
import numpy as np

from services.analyzer import eye, focus, planes, timeline
from services.analyzer.kernels import cpu, pairs
from services.analyzer.shots import scanner, window


@dataclasses.dataclass(frozen=True, slots=True)
class Pictures:
    """What was measured in the frames.

    Attributes:
        frame_count: Frames that were seen.
        duration_s: From the first frame to the end of the last one, in seconds.
        transitions: Borders between shots.
        borders_s: Times of the borders' frames, in seconds.
        motion: Per interval, mean block motion in picture widths per second.
        sharpness: Per interval, mean absolute gradient in grey levels.
        exposure: Per interval, mean luma from 0 to 1.
        first_frame: Per interval, the number of the first frame at or after its beginning.
        focus: The focus track, as coded.
    """

    frame_count: int
    duration_s: float
    transitions: list[window.Transition]
    borders_s: list[float]
    motion: np.ndarray
    sharpness: np.ndarray
    exposure: np.ndarray
    first_frame: np.ndarray
    focus: list[focus.Sample]


class Meter:
    """Takes decoded frames in presentation order.

    Args:
        shots: Whether to look for borders between shots.
        interval_s: Length of the intervals of the curves, in seconds.
        looking: What looks at the frames; the processor by default.
    """

    def __init__(self, *, shots: bool, interval_s: float, looking: eye.Eye | None = None) -> None:
        self._eye: eye.Eye = looking or eye.Processor()
        self._scanner = scanner.Scanner() if shots else None
        self._focus = focus.Tracker()
        self._curves = timeline.Means(("motion", "sharpness", "exposure"), interval_s)
        self._frames = timeline.Firsts(interval_s)
        self._last_s = 0.0
        self.frame_count = 0

    def add(self, frame: av.VideoFrame, t_s: float) -> None:
        """Takes the next frame.

        Args:
            frame: As the decoder gave it.
            t_s: When it is shown, in seconds since the first frame; later than the frame before.
        """
        for seen in self._eye.add(frame, t_s):
            self._take(seen.t_s, seen.look, seen.blocks)

    def _take(self, t_s: float, look: planes.Look, blocks: pairs.Blocks | None) -> None:
        pair = pairs.compare(blocks) if blocks is not None else None
        if self._scanner is not None:
            self._scanner.add(look.picture, t_s, pair)
        self._focus.add(look.picture, blocks, pair, t_s)
        motion = _speed(blocks, self._eye.grid, t_s - self._last_s) if blocks is not None else math.nan
        self._curves.add(t_s, (motion, look.sharpness, look.exposure))
        self._frames.add(t_s, self.frame_count)
        self._last_s = t_s
        self.frame_count += 1

    def finish(self, duration_s: float) -> Pictures:
        """Decides what is left to decide; no frame may follow.

        Args:
            duration_s: From the first frame to the end of the last one.
        """
        for seen in self._eye.finish():
            self._take(seen.t_s, seen.look, seen.blocks)
        found = self._scanner.finish() if self._scanner is not None else []
        curves = self._curves.finish(duration_s)
        return Pictures(
            frame_count=self.frame_count,
            duration_s=duration_s,
            transitions=[item for item, _ in found],
            borders_s=[time_s for _, time_s in found],
            first_frame=self._frames.finish(duration_s, self.frame_count),
            focus=focus.smoothed(self._focus.samples, [time_s for _, time_s in found]),
            **curves,
        )


def _speed(blocks: pairs.Blocks, grid: planes.Grid, step_s: float) -> float:
    """Mean motion of the blocks in picture widths per second."""
    width = grid.columns * grid.cell_columns
    return cpu.travel(blocks.moves, grid.cell_rows, grid.cell_columns) / width / max(step_s, 1e-3)
