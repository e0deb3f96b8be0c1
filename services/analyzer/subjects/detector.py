"""What a detector of faces is, whichever network it runs."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture


@dataclasses.dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes:
        box: Its edges, as shares of the picture's width and height, from 0 to 1.
        score: How sure the detector is, from 0 to 1.
        mouth: Centre of the mouth, x and y, as shares of the picture.
    """

    box: Box
    score: float
    mouth: tuple[float, float]


class Detector(Protocol):
    """Finds faces; reads no file and keeps nothing from one picture to the next."""

    def scan(self, picture: np.ndarray) -> list[Face]:
        """All faces of a picture, (rows, columns, 3) uint8 RGB, upright, its pixels square; the surest first."""
        ...

    def follow(self, picture: np.ndarray, known: Sequence[Face]) -> list[Face]:
        """The faces of a picture that are near to those of the picture before; much cheaper than `scan`."""
        ...
