"""Words in frames of the clip: what the source says while a frame is shown, whatever was cut, joined or slowed."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from services.exporter.captions import words as words_module

PIECE_GAP_S = 0.5  # a leap of the source between two frames that is longer, or goes back, begins another piece
HEARD = 0.5  # share of a word that must be in the clip for it to be shown


@dataclasses.dataclass(frozen=True, slots=True)
class Spoken:
    """A word and the frames of the clip in which it is said, end exclusive.

    Attributes:
        word: The word.
        start_frame: First frame.
        end_frame: Frame after the last one.
        piece: Number of the uncut stretch of the source that it is in.
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


def moments(times_s: np.ndarray, shown: np.ndarray, rate: Fraction) -> np.ndarray:
    """Time of the source at each frame of a clip.

    Args:
        times_s: float64 (m,), times of the source's frames.
        shown: int64 (n,), index of the source's frame for each frame of the clip.
        rate: Frames per second of the clip.

    Returns:
        float64 (n,): the time of the frame that is shown; while it stands, time goes on up to that of the next one.
    """
    begins = np.flatnonzero(np.diff(shown, prepend=shown[0] - 1))
    since = np.arange(len(shown)) - np.repeat(begins, np.diff([*begins, len(shown)]))
    following = np.append(times_s, np.inf)[shown + 1]
    limit = np.where(following > times_s[shown], following, np.inf)
    return np.minimum(times_s[shown] + since / float(rate), limit)


def spoken(found: Sequence[words_module.Word], at_s: np.ndarray, rate: Fraction) -> list[Spoken]:
    """The words of a clip, in the order in which it says them.

    Args:
        found: Words of the source in the order of time.
        at_s: float64 (n,), from `moments`.
        rate: Frames per second of the clip.
    """
    steps = np.diff(at_s)
    cuts = np.flatnonzero((steps < -1e-9) | (steps > PIECE_GAP_S)) + 1
    pieces = list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(at_s)], strict=True))
    return [
        one
        for number, (first, last) in enumerate(pieces)
        for one in _in_piece(found, at_s[first:last], first, number, 1 / float(rate))
    ]


def _in_piece(
    found: Sequence[words_module.Word], at_s: np.ndarray, first: int, number: int, step_s: float
) -> list[Spoken]:
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
