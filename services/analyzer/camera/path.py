"""The path of the camera: how it moves from frame to frame, and what kind of move a shot is made with."""

import array
import dataclasses
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from services.analyzer import camera
from services.analyzer.camera import kernel
from services.analyzer.kernels import pairs

STEP_S = 0.05  # of the path that is kept: a hand trembles at up to ten times a second
STEPS_MAX = 1 << 21  # a day; what comes later has no path
PIECE_STEPS = 1 << 16  # that are worked on at once, so that long films take no more memory
PENDING_MAX = 256  # frames that are put on the path at once
BROKEN_MAX = 0.5  # share of broken blocks above which two frames show two things, and no camera went between them
BLOCKS_MIN = 6  # blocks with texture; fewer tell no zoom from a pan
AGREED_MIN = 0.2  # share of them that follows one motion; below it there is no telling who moves

PARTS = ("pan", "tilt", "zoom", "roll", "object_motion")  # of a step, in this order
NOTHING = (0.0,) * len(PARTS)
SHAKE_STEPS = 11  # over which the trembling is averaged: about half a second
SMOOTH_STEPS = 6  # on both sides of the one that is smoothed: what sways slower than once in a second is meant
ZOOM_TRAVEL = 0.3  # picture widths that the picture moves on average where it grows e-fold
TRAVEL_MIN = 0.04  # picture widths; a camera that goes less far has not left its place
SPEED_MIN = 0.008  # picture widths per second; what creeps slower is not seen
STRAIGHT_MIN = 0.5  # share of the way that leads somewhere; less is to and fro
SHAKE_MIN = 0.001  # picture widths: a pixel of a small video
KNOWN_MIN = 0.5  # share of a shot whose motion must be known


class Fitter:
    """Fits the motion of the camera between pictures, of one stream."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None

    def step(
        self, picture: pairs.Picture, blocks: pairs.Blocks | None, pair: pairs.Pair | None, tall: float
    ) -> tuple[float, ...] | None:
        """The motion from the picture that was given last to this one.

        Args:
            picture: The picture.
            blocks: How its blocks moved since the last one; None for the first one.
            pair: What these say about both.
            tall: Height of a cell to its width.

        Returns:
            Five numbers: camera to the right and down in cells, growth of the picture as a natural logarithm, clockwise
            turn of the camera in radians, and cells that the blocks move by themselves; None where it cannot be told.
        """
        after = np.empty((3, *picture.luma.shape), np.int16)
        kernel.fields(picture.luma, after)
        before, self._before = self._before, after
        if blocks is None or pair is None or before is None or pair.broken > BROKEN_MAX:
            return None
        found = np.empty(7)
        kernel.camera(before, after, blocks.moves, blocks.structure, blocks.texture, *pair.camera, tall, found)
        down, across, shrunk, turned, told, agreed, own = found.tolist()
        if told < BLOCKS_MIN or agreed < AGREED_MIN or shrunk <= -1:
            return None
        return across, down, -math.log1p(shrunk), turned, own


class Path:
    """Motion per step of time, gathered frame by frame: ten bytes per step, whatever the rate of the frames."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []  # time, whether the motion is known, motion; the first one only begins
        self._steps = 0
        self._kept = array.array("B")

    def add(self, t_s: float, moved: tuple[float, ...] | None) -> None:
        """Adds a frame at a time in seconds, with the motion since the one before; frames come in order."""
        self._rows.append((t_s, 0.0, *NOTHING) if moved is None else (t_s, 1.0, *moved))
        if len(self._rows) > PENDING_MAX:
            self._settle(int(t_s / STEP_S))

    def _settle(self, end: int) -> None:
        """Turns what was gathered into steps, up to one of them."""
        end = min(end, STEPS_MAX)
        if end <= self._steps or len(self._rows) < 2:
            del self._rows[:-1]
            return
        rows = np.array(self._rows)
        times = rows[:, 0]
        rows[:, 1] *= np.diff(times, prepend=times[0])
        rows[0, 1:] = 0
        path = np.cumsum(rows[:, 1:], axis=0).T
        while self._steps < end:
            edges = np.arange(self._steps, min(end, self._steps + PIECE_STEPS) + 1) * STEP_S
            known_s, *moved = (np.diff(np.interp(edges, times, column)) for column in path)
            with np.errstate(invalid="ignore", divide="ignore"):
                speeds = np.where(known_s > STEP_S / 2, np.array(moved) / known_s, np.nan)
            self._kept.frombytes(speeds.T.astype(np.float16).tobytes())
            self._steps += len(edges) - 1
        first = int(np.searchsorted(times, end * STEP_S, side="right")) - 1
        del self._rows[: max(first, 0)]

    def finish(self, duration_s: float) -> np.ndarray:
        """Motion per second in each step, (steps, 5) float32, as `Fitter.step` has it; no number where unknown."""
        self._settle(math.ceil(duration_s / STEP_S - 1e-9))
        return np.frombuffer(self._kept, np.float16).reshape(-1, len(PARTS)).astype(np.float32)


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """How the samples of a picture as coded lie in the picture as shown.

    Attributes:
        column: Width of a sample, in widths of the picture as shown.
        row: Height of a sample, in the same unit.
        rotation: Clockwise turn from the coded to the shown picture, in degrees.
    """

    column: float
    row: float
    rotation: int

    @classmethod
    def of(cls, size: tuple[int, int], aspect: Fraction, rotation: int) -> "View":
        """The view of a picture of so many samples across and down, of some shape each."""
        shown = size[1] if rotation % 180 else size[0] * float(aspect)
        return cls(float(aspect) / max(shown, 1), 1 / max(shown, 1), rotation)

    def shown(self, speeds: np.ndarray) -> np.ndarray:
        """The motion in widths of the picture as shown, and in degrees, per second; for `Path.finish`."""
        across, down = speeds[:, 0] * self.column, speeds[:, 1] * self.row
        pan, tilt = {
            0: (across, down),
            90: (-down, across),
            180: (-across, -down),
            270: (down, -across),
        }[self.rotation]
        own = speeds[:, 4] * math.sqrt(self.column * self.row)
        return np.stack([pan, tilt, speeds[:, 2], np.degrees(speeds[:, 3]), own], axis=1, dtype=np.float32)


def smoothed(path: np.ndarray) -> np.ndarray:
    """A path without what trembles: each point that of a parabola through its neighbourhood.

    Args:
        path: (steps, axes) float64.

    Source: Savitzky and Golay, "Smoothing and Differentiation of Data", 1964. At its ends the path is continued as it
    came, turned about the last point.
    """
    reach = min(SMOOTH_STEPS, len(path) - 1)
    if reach < 2:
        return path.copy()
    places = np.arange(-reach, reach + 1)
    weights = np.linalg.pinv(np.stack([places**0, places, places**2], axis=1))[0]
    before, after = 2 * path[0] - path[reach:0:-1], 2 * path[-1] - path[-2 : -reach - 2 : -1]
    whole = np.concatenate([before, path, after])
    return np.stack([np.convolve(column, weights, "valid") for column in whole.T], axis=1)


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """How the camera moves in a shot, on average.

    Attributes:
        kind: `static`, `pan_left`, `pan_right`, `tilt_up`, `tilt_down`, `zoom_in`, `zoom_out` or `handheld`; None where
            too little of it is known.
        pan: To the right, in picture widths per second.
        tilt: Down, in picture widths per second.
        zoom: Growth of the picture per second, as a natural logarithm.
        roll: Clockwise turn of the camera in degrees per second.
        shake: How far the picture usually stands from its smoothed path, in picture widths.
        object_motion: What moves against the camera, on average over the picture, in picture widths per second.
    """

    kind: str | None
    pan: float | None
    tilt: float | None
    zoom: float | None
    roll: float | None
    shake: float | None
    object_motion: float | None


UNKNOWN = Move(None, None, None, None, None, None, None)


def shakes(speeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the picture stands from its smoothed path, and the speed along that, (steps, 2)."""
    path = np.cumsum(np.nan_to_num(speeds[:, :2]).astype(np.float64) * STEP_S, axis=0)
    smooth = smoothed(path)
    around = np.ones(min(SHAKE_STEPS, len(path)))
    squares, counts = (
        np.convolve(values, around, "same") for values in (((path - smooth) ** 2).sum(axis=1), path[:, 0] ** 0)
    )
    apart = np.where(np.isnan(speeds[:, 0]), np.nan, np.sqrt(squares / counts))
    return apart, np.diff(smooth, axis=0, prepend=smooth[:1]) / STEP_S


def judged(speeds: np.ndarray) -> tuple[Move, np.ndarray]:
    """The move of a shot, and its shake per step.

    Args:
        speeds: (steps, 5), see `View.shown`; the steps of one shot.
    """
    known = ~np.isnan(speeds[:, 0])
    if known.sum() < max(KNOWN_MIN * known.size, 2):
        return UNKNOWN, np.full(known.size, np.nan)
    apart, way = np.empty(known.size, np.float32), 0.0
    for first in range(0, known.size, PIECE_STEPS):
        piece = slice(first, first + PIECE_STEPS)
        apart[piece], steady = shakes(speeds[piece])
        way += float(np.hypot(*steady[known[piece]].T).sum()) * STEP_S
    pan, tilt, zoom, roll, own = speeds[known].mean(axis=0, dtype=np.float64).tolist()
    shake = float(np.median(apart[known]))
    length_s = float(known.sum()) * STEP_S
    travels = {
        "pan_right" if pan > 0 else "pan_left": abs(pan) * length_s,
        "tilt_down" if tilt > 0 else "tilt_up": abs(tilt) * length_s,
        "zoom_in" if zoom > 0 else "zoom_out": abs(zoom) * length_s * ZOOM_TRAVEL,
    }
    way += float(np.abs(speeds[known, 2]).sum(dtype=np.float64)) * ZOOM_TRAVEL * STEP_S
    kind = max(travels, key=lambda name: travels[name])
    if travels[kind] < max(TRAVEL_MIN, SPEED_MIN * length_s, STRAIGHT_MIN * way):
        kind = "handheld" if shake > SHAKE_MIN else "static"
    return Move(kind, pan, tilt, zoom, roll, shake, own), apart


def finished(speeds: np.ndarray, borders_s: Sequence[float]) -> tuple[list[Move], np.ndarray]:
    """The move of each shot, and the speeds with the shake per step as a sixth column, in the order of camera.CURVES.

    Args:
        speeds: (steps, 5), see `View.shown`.
        borders_s: Times of the borders between shots.
    """
    places = np.array([0.0, *borders_s, math.inf]) / STEP_S
    moves, apart = [], np.full(len(speeds), np.nan, np.float32)
    for start, end in itertools.pairwise(places):  # a step that both shots share belongs to neither
        first, last = math.ceil(start - 1e-6), int(min(end + 1e-6, len(speeds)))
        move, apart[first:last] = judged(speeds[first:last]) if last > first else (UNKNOWN, apart[first:last])
        moves.append(move)
    return moves, np.column_stack([speeds[:, :4], apart, speeds[:, 4]])


def curves(steps: np.ndarray, interval_s: float, count: int) -> dict[str, np.ndarray]:
    """The means per interval by the names in camera.CURVES; no number where nothing is known.

    Args:
        steps: As `finished` gives them.
        interval_s: Length of an interval.
        count: Number of intervals.
    """
    each = round(interval_s / STEP_S)
    whole = np.full((count * each, len(camera.CURVES)), np.nan, np.float32)
    whole[: len(steps)] = steps[: len(whole)]
    parts = whole.reshape(count, each, len(camera.CURVES))
    known = (~np.isnan(parts)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(known > 0, np.nansum(parts, axis=1, dtype=np.float64) / known, np.nan)
    return dict(zip(camera.CURVES, means.T, strict=True))
