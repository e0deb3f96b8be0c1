"""Words in frames of the clip: what the source says while a frame is shown, whatever was cut, joined or slowed."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from services.exporter import pieces
from services.exporter.captions import words as words_module

PIECE_GAP_S = 2.0  # a leap of the source that is longer, or goes back, begins another page
HEARD = 0.5  # share of a word that must be in the clip for it to be shown


@dataclasses.dataclass(frozen=True, slots=True)
class Spoken:
    """A word and the frames of the clip in which it is said, end exclusive.

    Attributes:
        word: The word.
        start_frame: First frame.
        end_frame: Frame after the last one.
        piece: Number of the stretch of the source, without a leap, that it is in.
    """

    word: words_module.Word
    start_frame: int
    end_frame: int
    piece: int

    @property
    def text(self) -> str:
        """Of the word."""
        return self.word.text

    @property
    def glue(self) -> str:
        """What stands between it and the word before."""
        return self.word.glue


def moments(planned: Sequence[pieces.Piece], rate: Fraction) -> np.ndarray:
    """Time of the source at each frame of a clip: float64 (n,).

    Args:
        planned: The edit list.
        rate: Frames per second of the clip.
    """
    return np.concatenate(
        [piece.source_start_s + np.arange(piece.frames) * float(piece.speed / rate) for piece in planned]
    )


def spoken(
    found: Sequence[words_module.Word], at_s: np.ndarray, rate: Fraction, borders: Sequence[int] = (0,)
) -> list[Spoken]:
    """The words of a clip, in the order in which it says them.

    Args:
        found: Words of the source in the order of time.
        at_s: float64 (n,), from `moments`.
        rate: Frames per second of the clip.
        borders: First frame of each piece of the edit list.
    """
    said, number = [], 0
    for first, last in zip(borders, [*borders[1:], len(at_s)], strict=True):
        leap_s = float(at_s[first] - at_s[first - 1]) if first else 0.0
        number += leap_s < 0 or leap_s > PIECE_GAP_S
        said += _in_piece(found, at_s[first:last], first, number, 1 / float(rate))
    return said


def _in_piece(
    found: Sequence[words_module.Word], at_s: np.ndarray, first: int, number: int, step_s: float
) -> list[Spoken]:
    step_s = float(at_s[1] - at_s[0]) if len(at_s) > 1 else step_s
    begin_s, end_s = float(at_s[0]), float(at_s[-1]) + step_s
    inside = []
    for word in found:
        length_s = max(word.end_s - word.start_s, 1e-9)
        heard_s = min(word.end_s, end_s) - max(word.start_s, begin_s)
        within = begin_s <= word.start_s < end_s if length_s < 1e-6 else heard_s >= HEARD * length_s
        if within:
            start = max(int(np.searchsorted(at_s, word.start_s + 1e-9, side="right")) - 1, 0)
            end = max(int(np.searchsorted(at_s, word.end_s - 1e-9, side="left")), start + 1)
            inside.append(Spoken(word, first + start, first + min(end, len(at_s)), number))
    return sorted(inside, key=lambda one: one.start_frame)
