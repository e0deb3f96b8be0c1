"""How well a clip is framed: how much of the subject is shown, and how calmly the window moves."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.exporter import geometry, layouts
from services.exporter import people as persons
from services.exporter.layouts import stack
from services.exporter.staging import Scene, Take

TURN_PX = 2.0  # delivered pixels that a window has to go before the way back counts as a reversal


@dataclasses.dataclass(frozen=True, slots=True)
class Framing:
    """Measures of one clip; what could not be measured is None.

    Attributes:
        subject_inside: Share of the frames with a known subject that show it fully: face, head room and shoulders.
        face_inside: Share of those frames that show at least the whole face.
        subject_known: Share of all frames with a known subject.
        reversals_per_s: Changes of direction per second of both axes of all windows, cuts left out.
        travel_px_per_s: Delivered pixels per second that the windows move over the source.
        jerk_max: Greatest jerk, in windows per second cubed.
    """

    subject_inside: float | None
    face_inside: float | None
    subject_known: float
    reversals_per_s: float
    travel_px_per_s: float
    jerk_max: float

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values = dataclasses.asdict(self).items()
        return {name: None if value is None else round(float(value), 4) for name, value in values}


def measure(
    scenes: Sequence[Scene],
    takes: Sequence[Take],
    picture: geometry.Picture,
    canvas: geometry.Canvas,
    rate: float,
    shown: np.ndarray,
) -> Framing:
    """Measures a clip.

    Args:
        scenes: How it is shown.
        takes: What it shows.
        picture: The used part of the source's picture.
        canvas: The delivered one.
        rate: Frames per second of the clip.
        shown: int64 (n,), index of the source's frame in each frame of the clip.
    """
    count = len(shown)
    seen = [look(take, scenes) for take in takes]
    known, bare, full = (np.concatenate([part[kind] for part in seen])[shown] for kind in range(3))
    there = int(known.sum())
    times_s = np.concatenate([take.times_s for take in takes])
    moves = [_moves(scene, picture, canvas, times_s, shown) for scene in scenes]
    seconds = max(count / rate, 1e-9)
    return Framing(
        subject_inside=float(full.sum() / there) if there else None,
        face_inside=float(bare.sum() / there) if there else None,
        subject_known=there / max(count, 1),
        reversals_per_s=float(sum(turns for turns, _, _ in moves) / seconds),
        travel_px_per_s=float(sum(travel for _, travel, _ in moves) / seconds),
        jerk_max=max((jerk for _, _, jerk in moves), default=0.0),
    )


def look(take: Take, scenes: Sequence[Scene]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which frames of a take, (n,), have a known leader, show the leader's face, and show the leader fully.

    The last array is how many of those who matter but do not lead are there and not shown in each frame.
    """
    count = take.last - take.first
    known, bare, full, left = (np.zeros(count, kind) for kind in (bool, bool, bool, np.int64))
    nearest = np.rint((take.times_s - take.moments[0]) / take.step_s).astype(np.int64)
    for person in take.people:
        leads, seen = person.leads[nearest] & person.seen[nearest], person.seen[nearest]
        boxes = np.stack([np.interp(take.times_s, take.moments, person.boxes[:, edge]) for edge in range(4)], axis=1)
        one = dataclasses.replace(person, boxes=boxes, seen=seen, leads=leads)
        face, whole = (np.zeros(count, bool) for _ in range(2))
        for scene in scenes:
            frames = slice(max(scene.first - take.first, 0), min(scene.last - take.first, count))
            if scene.first < take.last and take.first < scene.last:
                _in_scene(one, scene, take.first, frames, face, whole)
        known |= leads
        bare |= leads & face
        full |= leads & whole
        if any(person is other for other in take.mattering):
            left += seen & ~leads & ~face
    return known, bare, full, left


def _in_scene(
    person: persons.Person, scene: Scene, first: int, frames: slice, face: np.ndarray, whole: np.ndarray
) -> None:
    if not layouts.crops(scene.layout) or scene.layout == stack.NAME:  # which shows the whole picture beside
        face[frames] = whole[frames] = True
    boxes = person.boxes[frames]
    for window, middles in zip(scene.windows, scene.middles, strict=True):
        path = middles[first + frames.start - scene.first : first + frames.stop - scene.first]
        face[frames] |= within(boxes, path, window)
        part = dataclasses.replace(person, boxes=boxes, seen=person.seen[frames], leads=person.leads[frames])
        whole[frames] |= within(persons.needed([part], window), path, window) & persons.fits([part], window)


def within(boxes: np.ndarray, middles: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Whether boxes (n, 4) lie in a window around middles (n, 2), all shares of the picture: bool (n,)."""
    half = np.array(window) / 2 + 1e-9
    return ((boxes[:, :2] >= middles - half) & (boxes[:, 2:] <= middles + half)).all(axis=1)


def _moves(
    scene: Scene, picture: geometry.Picture, canvas: geometry.Canvas, times_s: np.ndarray, shown: np.ndarray
) -> tuple[int, float, float]:
    """Reversals, delivered pixels of travel, and greatest jerk in windows per second cubed, of one scene."""
    inside = shown[(shown >= scene.first) & (shown < scene.last)] - scene.first
    turns, travel, jerk = 0, 0.0, 0.0
    panes = layouts.CATALOGUE[scene.layout].panes(picture, canvas)
    for pane, window, middles in zip(panes, scene.windows, scene.middles, strict=True):
        path = middles[inside] / np.array(window)
        pixels = path * (pane.width, pane.height)
        travel += float(np.hypot(*np.diff(pixels, axis=0).T).sum())
        turns += sum(reversals(pixels[:, axis]) for axis in (0, 1))
        jerk = max(jerk, peak_jerk(middles / np.array(window), times_s[scene.first : scene.last]))
    return turns, travel, jerk


def peak_jerk(path: np.ndarray, times_s: np.ndarray) -> float:
    """Greatest third derivative of a path (n, 2) seen at times (n,), by divided differences."""
    steps = path
    for order in (1, 2, 3):
        if len(steps) < 2:
            return 0.0
        steps = order * np.diff(steps, axis=0) / (times_s[order:] - times_s[:-order])[:, None]
    return float(np.abs(steps).max())


def reversals(path: np.ndarray) -> int:
    """How often a path (n,) turns back by more than `TURN_PX`."""
    turns, direction, peak = 0, 0, float(path[0]) if len(path) else 0.0
    for place in path.tolist():
        ahead = (place - peak) * direction
        if direction == 0:
            if abs(place - peak) > TURN_PX:
                direction, peak = (1 if place > peak else -1), place
        elif ahead > 0:
            peak = place
        elif ahead < -TURN_PX:
            turns, direction, peak = turns + 1, -direction, place
    return turns
