"""Looks for faces in some of the frames, and watches the mouths of those it knows in all of them.

A whole picture is searched every SCAN_LOOKS looks and where it has changed; in between, faces are looked for where they
were a moment ago. Which frames come does not matter: every look belongs to a moment, not to a frame number.
"""

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from services.analyzer.subjects import detector, mouth, mtcnn, sightings, view

SAMPLE_S = 0.5  # from one look to the next: a head does not leave its own place in that time
SCAN_LOOKS = 4  # looks from one search of the whole picture to the next: whoever walks in is seen within two seconds
LOOK_MIN_S = 0.25  # flickering pictures change at once all the time, and a search costs as much as decoding a second
CHANGED = 18.0  # grey levels: mean difference between frames above which another picture is shown
POINTS = (18, 32)  # pixels, down and across, that tell whether the picture has changed
TRIES = 3  # searches after a change for as long as nobody is found: the first picture of a shot is often blurred
PATIENCE = 2  # looks that a face may be missed before it is no longer looked for: heads turn and hands pass
SAME = 0.35  # share of the union above which two boxes are one face


class Meter:
    """Takes the frames of one stream in the order of time; any subset of them will do.

    Args:
        aspect: Shape of a pixel, width to height.
        find: Finds the faces.
        turns: Clockwise quarter turns that show the frames upright; None where each says it.
        tries: Searches at the beginning for as long as nobody is found.
    """

    def __init__(
        self, aspect: Fraction, find: detector.Detector | None = None, turns: int | None = None, tries: int = TRIES
    ) -> None:
        self._find: detector.Detector = find if find is not None else mtcnn.Detector()
        self._view = view.View(aspect, turns)
        self._watch = mouth.Watch()
        self._seen = sightings.Sightings()
        self._known: list[tuple[detector.Face, int]] = []  # with the looks since it was seen
        self._points: np.ndarray | None = None
        self._searched: np.ndarray | None = None  # the points of the last picture that was searched whole
        self._changed = False
        self._tries = tries
        self._look = -1
        self._last_s = -np.inf

    def add(self, frame: av.VideoFrame, t_s: float, number: int) -> None:
        """Takes the next frame.

        Args:
            frame: As the decoder gave it.
            t_s: When it is shown, in seconds; later than the frame before.
            number: Its number.
        """
        points = _thinned(frame)
        if self._points is not None and _apart(points, self._points) > CHANGED:
            self._changed = True
            self._watch.forget()
        self._points = points
        self._watch.add(frame)
        look = int(t_s / SAMPLE_S + 1e-9)
        if (self._changed or look > self._look) and t_s - self._last_s >= LOOK_MIN_S:
            due = look // SCAN_LOOKS > self._look // SCAN_LOOKS or _apart(points, self._searched) > CHANGED
            self._tries = TRIES if self._changed else self._tries
            self._sample(frame, t_s, number, due or self._tries > 0)
            self._look, self._last_s, self._changed = look, t_s, False

    def _sample(self, frame: av.VideoFrame, t_s: float, number: int, whole: bool) -> None:
        picture = self._view.picture(frame)
        found = self._find.scan(picture) if whole else []
        self._searched = self._points if whole else self._searched
        self._tries = 0 if found else self._tries - 1
        lost = [face for face, _ in self._known if all(overlap(face.box, other.box) < SAME for other in found)]
        found = distinct([*found, *self._find.follow(picture, lost)])[: sightings.FACES_MAX]
        missed = [
            (face, looks + 1)
            for face, looks in self._known
            if looks < PATIENCE and all(overlap(face.box, other.box) < SAME for other in found)
        ]
        self._known = [(face, 0) for face in found] + missed
        self._seen.stirred(self._watch.stirs)
        self._seen.add(t_s, number, found)
        self._watch.start(found, self._view.coded)
        self._watch.add(frame)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """What was seen; see `sightings.Sightings.finish`. No frame may follow."""
        self._seen.stirred(self._watch.stirs)
        self._watch.start([], self._view.coded)
        return self._seen.finish()


def distinct(faces: Sequence[detector.Face]) -> list[detector.Face]:
    """The faces without those that overlap one before them."""
    kept: list[detector.Face] = []
    for face in faces:
        if all(overlap(face.box, other.box) < SAME for other in kept):
            kept.append(face)
    return kept


def overlap(one: detector.Box, other: detector.Box) -> float:
    """Share of the union of two boxes that is in both."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (sum(areas) - width * height)


def _thinned(frame: av.VideoFrame) -> np.ndarray:
    """A few pixels spread over the frame, as numbers of 8 bits."""
    samples, pitch, shift = view.luma(frame)
    rows = samples[: samples.size // pitch * pitch].reshape(-1, pitch)[: frame.height, : frame.width]
    step_y, step_x = max(frame.height // POINTS[0], 1), max(frame.width // POINTS[1], 1)
    return (rows[step_y // 2 :: step_y, step_x // 2 :: step_x] >> shift).astype(np.int16)


def _apart(one: np.ndarray, other: np.ndarray | None) -> float:
    """Mean difference in grey levels; infinite where there is nothing to compare with."""
    return float(np.abs(one - other).mean()) if other is not None and one.shape == other.shape else np.inf
