"""Cuts speech into what the model hears at once, and finds the words again in the time of the source.

The model hears half a minute. A window is filled with stretches of speech one after another: the silence between them
is left out, for the model makes up words for silence. Speech that goes on longer is cut at a pause.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from services.analyzer.transcript import cue

LONGEST_S = 30.0  # that the model hears at once
MARGIN_S = 0.2  # of sound that is kept around speech: words begin and end softly
SHORTEST_S = 0.1  # a cut so near to the beginning of a piece would leave no sound before it

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Stretches of a source that are heard as one, in seconds; in order, and never longer than LONGEST_S together.

    Attributes:
        pieces: The stretches.
        spoken: The part of each that is speech: all but a margin.
    """

    pieces: tuple[Span, ...]
    spoken: tuple[Span, ...]

    @property
    def duration_s(self) -> float:
        """How long it is heard."""
        return sum(end_s - start_s for start_s, end_s in self.pieces)

    def placed(self, start_s: float, end_s: float) -> Span:
        """When something is said in the source that is heard in the window between two times.

        What seems to reach over a pause belongs to the speech in which its middle lies, and ends with it.
        """
        ends_s = list(itertools.accumulate(piece_end_s - piece_start_s for piece_start_s, piece_end_s in self.pieces))
        index = min(bisect.bisect_right(ends_s, (start_s + end_s) / 2), len(ends_s) - 1)
        shift_s = self.pieces[index][1] - ends_s[index]
        first_s, last_s = self.spoken[index]
        return tuple(min(max(edge_s + shift_s, first_s), last_s) for edge_s in (start_s, max(start_s, end_s)))


def cut(speech: Sequence[Span], pauses_s: Sequence[float]) -> list[Window]:
    """The windows that cover speech.

    Args:
        speech: Stretches with speech in seconds, in order and apart.
        pauses_s: Quiet moments within them, sorted.
    """
    found: list[list[tuple[Span, Span]]] = [[]]
    room_s = LONGEST_S
    for piece, spoken in _pieces(speech, pauses_s):
        length_s = piece[1] - piece[0]
        if length_s > room_s:
            found.append([])
            room_s = LONGEST_S
        found[-1].append((piece, spoken))
        room_s -= length_s
    return [Window(*zip(*held, strict=True)) for held in found if held]


def aligned(window: Window, words: Sequence[cue.Word]) -> list[cue.Word]:
    """What was heard in a window, in the time of the source: words in order, none of them within a pause.

    Args:
        window: The window.
        words: In seconds since the window begins.
    """
    moved = []
    last_s = window.spoken[0][0]
    for word in words:
        start_s, end_s = window.placed(word.start_s, word.end_s)
        start_s = max(start_s, last_s)
        last_s = max(end_s, start_s)
        moved.append(dataclasses.replace(word, start_s=start_s, end_s=last_s))
    return moved


def _pieces(speech: Sequence[Span], pauses_s: Sequence[float]) -> Iterator[tuple[Span, Span]]:
    """Speech in pieces that fit into a window, with a margin, and without; what has margins that meet is one."""
    joined: list[Span] = []
    for start_s, end_s in speech:
        if joined and start_s - joined[-1][1] <= 2 * MARGIN_S:
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    for start_s, end_s in joined:
        for piece in _parts((max(start_s - MARGIN_S, 0.0), end_s + MARGIN_S), pauses_s):
            spoken = max(piece[0], start_s), min(piece[1], end_s)
            if spoken[0] < spoken[1]:
                yield piece, spoken


def _parts(piece: Span, pauses_s: Sequence[float]) -> Iterator[Span]:
    """A piece in parts that a window can hold: each ends at the last pause that it can, else where the window ends."""
    start_s, end_s = piece
    while end_s - start_s > LONGEST_S:  # ends, for each part is SHORTEST_S long or longer
        last = bisect.bisect_right(pauses_s, start_s + LONGEST_S) - 1
        paused = last >= 0 and pauses_s[last] >= start_s + SHORTEST_S
        until_s = pauses_s[last] if paused else start_s + LONGEST_S
        yield start_s, until_s
        start_s = until_s
    yield start_s, end_s
