"""Measures the frames of a video one by one: shots, motion, the camera, sharpness, exposure and focus."""

import dataclasses
import math
from collections.abc import Collection, Iterator

import numpy as np

from services.analyzer import bars, blank, eye, gaze, planes, thinning, timeline
from services.analyzer.camera import path
from services.analyzer.kernels import cpu, pairs
from services.analyzer.shots import evidence, scanner, window


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
        focus: The focus track, as coded, (n, 6) as `focus.Sample`.
        evidence: Why each border is there, where that was asked for.
        rejected: What looks like a border and is none, where that was asked for.
        black: Stretches in which the picture is black, in seconds.
        frozen: Stretches in which it does not change.
        content: What lies between black bars; None where it is unknown.
        contents: The same in each shot.
        camera: Motion of the camera per step of its path, in samples of the picture as coded; see `path.Path.finish`.
    """

    frame_count: int
    duration_s: float
    transitions: list[window.Transition]
    borders_s: list[float]
    motion: np.ndarray
    sharpness: np.ndarray
    exposure: np.ndarray
    first_frame: np.ndarray
    focus: np.ndarray
    evidence: list[evidence.Evidence]
    rejected: list[evidence.Rejected]
    camera: np.ndarray
    black: list[list[float]]
    frozen: list[list[float]]
    content: bars.Content | None
    contents: list[bars.Content | None]


class Meter:
    """Takes decoded frames in presentation order.

    Frames that were left out are announced by `skip`: the curves and the focus are those of the others. The borders are
    looked for in those others too, and settled on all frames around them. Frames that could have been left out are kept
    aside until they are asked for, so that it makes no difference whether they were decoded.

    Args:
        shots: Whether to look for borders between shots.
        explain: Whether to keep why there is a border, or none.
        interval_s: Length of the intervals of the curves, in seconds.
        looking: What looks at the frames.
        left_out: What decides about frames to leave out, and decodes them later; None where none are.
    """

    def __init__(
        self,
        *,
        shots: bool,
        explain: bool = False,
        interval_s: float,
        looking: eye.Looking,
        left_out: thinning.Thinning | None = None,
    ) -> None:
        self._explain = explain
        self._eye = looking
        self._left_out = left_out
        self._skipped_s: float | None = None
        self._stamps: dict[int, int] = {}  # of the frames that were left out and may be asked for, by number
        self._aside: dict[int, pairs.Picture] = {}  # those of them that are there
        self._scanner = scanner.Scanner(refine=self._refined, explain=explain) if shots else None
        self._focus = gaze.Tracker()
        self._fitter, self._path = path.Fitter(), path.Path()
        self._bars, self._blank = bars.Watch(), blank.Watch()
        self._curves = timeline.Means(("motion", "sharpness", "exposure"), interval_s)
        self._frames = timeline.Firsts(interval_s)
        self._last: pairs.Picture | None = None
        self._last_s = 0.0
        self.frame_count = 0

    def add(self, seen: eye.Seen) -> None:
        """Takes the next frame."""
        if seen.aside:
            self._aside[self.frame_count] = seen.look.picture
            self.skip(seen.pts, seen.t_s)
            return
        blocks = seen.blocks
        if self._last is not None and (blocks is None or self.frame_count - 1 in self._aside):
            blocks = pairs.match(self._last, seen.look.picture)  # its eye saw another one before, or none
        self._count(seen.look, seen.t_s, blocks)
        self._bars.add(seen.edges, seen.t_s)
        self._frames.add(seen.t_s, self.frame_count)
        self.frame_count += 1
        if self._left_out is not None:
            self._forget(self._left_out, seen.pts)

    def _count(self, look: planes.Look, t_s: float, blocks: pairs.Blocks | None) -> None:
        """Adds a frame, and how it relates to the one before, to all measures."""
        pair = pairs.compare(blocks) if blocks is not None else None
        self._scan(look.picture, t_s, pair)
        self._focus.add(look.picture, blocks, pair, t_s)
        self._blank.add(look, blocks, t_s)
        grid = self._eye.grid
        self._path.add(t_s, self._fitter.step(look.picture, blocks, pair, grid.cell_rows / grid.cell_columns))
        motion = _speed(blocks, grid, t_s - self._last_s) if blocks is not None else math.nan
        self._curves.add(t_s, (motion, look.sharpness, look.exposure))
        self._last, self._last_s = look.picture, t_s

    def skip(self, pts: int, t_s: float) -> None:
        """Takes note of the next frame, which was left out; the one after it will be there.

        Args:
            pts: Its time stamp.
            t_s: When it is shown, in seconds, as for the others.
        """
        self._frames.add(t_s, self.frame_count)
        self._stamps[self.frame_count] = pts
        self._skipped_s = t_s
        self.frame_count += 1

    def _scan(self, picture: pairs.Picture, t_s: float, pair: pairs.Pair | None) -> None:
        skipped_s, self._skipped_s = self._skipped_s, None
        if self._scanner is None:
            return
        if skipped_s is None or pair is None:
            self._scanner.add(picture, t_s, pair)
        else:
            self._scanner.add_after_guess(picture, (skipped_s, t_s), pair)

    def _forget(self, left_out: thinning.Thinning, pts: int) -> None:
        """Lets go of frames that nobody will ask for any more."""
        first = self._scanner.first if self._scanner is not None else self.frame_count
        while (oldest := next(iter(self._stamps), first)) < first:
            del self._stamps[oldest]
            self._aside.pop(oldest, None)
        left_out.forget(next(iter(self._stamps.values()), pts))

    def _refined(self, frames: Collection[int]) -> Iterator[tuple[int, pairs.Picture]]:
        """Frames that were left out, by their numbers."""
        yield from ((frame, self._aside[frame]) for frame in frames if frame in self._aside)
        numbers = {self._stamps[frame]: frame for frame in frames if frame not in self._aside}
        if self._left_out is not None and numbers:
            for frame in self._left_out.pictures(numbers):
                yield numbers[frame.pts], self._eye.picture(frame)

    def finish(self, duration_s: float) -> Pictures:
        """Decides what is left to decide; no frame may follow.

        Args:
            duration_s: From the first frame to the end of the last one.
        """
        found = self._scanner.finish() if self._scanner is not None else []
        transitions = [item for item, _ in found]
        why = self._scanner.explained(transitions) if self._scanner is not None and self._explain else ([], [])
        curves = self._curves.finish(duration_s)
        borders_s = [time_s for _, time_s in found]
        content, contents = self._bars.finish(borders_s)
        black, frozen = self._blank.finish(duration_s)
        return Pictures(
            frame_count=self.frame_count,
            duration_s=duration_s,
            transitions=transitions,
            evidence=why[0],
            rejected=why[1],
            borders_s=borders_s,
            black=black,
            frozen=frozen,
            content=content,
            contents=contents,
            first_frame=self._frames.finish(duration_s, self.frame_count),
            camera=self._path.finish(duration_s) * _samples(self._eye.grid),
            focus=gaze.smoothed(self._focus.finish(), borders_s),
            **curves,
        )


def _samples(grid: planes.Grid) -> np.ndarray:
    """Samples per unit of each part of the motion of the camera, (5,)."""
    return np.array(
        [grid.cell_columns, grid.cell_rows, 1, 1, math.sqrt(grid.cell_columns * grid.cell_rows)], np.float32
    )


def _speed(blocks: pairs.Blocks, grid: planes.Grid, step_s: float) -> float:
    """Mean motion of the blocks in picture widths per second."""
    width = grid.columns * grid.cell_columns
    return cpu.travel(blocks.moves, grid.cell_rows, grid.cell_columns) / width / max(step_s, 1e-3)
