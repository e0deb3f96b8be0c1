"""Every face that was seen, as rows of numbers: a hundred bytes each, however long the source is."""

import array
from collections.abc import Sequence

import numpy as np

from services.analyzer.subjects import detector, mouth

COLUMNS = ("t_s", "frame", "left", "top", "right", "bottom", "score", "mouth", "upper", "pairs")
BOX = slice(2, 6)
FACES_MAX = 16  # of one picture, the surest: more are a crowd, of which nobody is the subject


class Sightings:
    """Gathers the faces of looked-at frames, in the order of time."""

    def __init__(self) -> None:
        self._rows = array.array("d")
        self._times = array.array("d")

    def add(self, t_s: float, frame: int, faces: Sequence[detector.Face]) -> None:
        """Adds what was seen in a frame, perhaps nobody."""
        self._times.append(t_s)
        for face in faces:
            self._rows.extend((t_s, frame, *face.box, face.score, 0.0, 0.0, 0.0))

    def stirred(self, stirs: Sequence[mouth.Stir]) -> None:
        """Adds how the mouths of the faces that were added last have moved since."""
        width = len(COLUMNS)
        first = len(self._rows) - width * len(stirs)
        for index, stir in enumerate(stirs):
            end = first + (index + 1) * width
            self._rows[end - 3 : end] = array.array("d", (stir.mouth, stir.upper, stir.pairs))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows, (n, 10) float64 as COLUMNS names them, and the times that were looked at, (m,) in seconds."""
        return np.array(self._rows).reshape(-1, len(COLUMNS)), np.array(self._times)
