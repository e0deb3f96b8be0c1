"""Runs the detectors over a film of any length, a window of frames at a time."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NoReturn

from services.analyzer.kernels import pairs
from services.analyzer.shots import catalogue, cut, evidence, window

CORE = 256  # frames that are decided at once; a compromise of memory and of looking at frames again

Refine = Callable[[Collection[int]], Iterable[tuple[int, pairs.Picture]]]


def _nothing(frames: Collection[int]) -> NoReturn:
    raise LookupError(f"frames {sorted(frames)} were left out and nothing can decode them")


class Scanner:
    """Takes frames one by one and gives the borders at the end.

    Every decision looks at frames at most `catalogue.REACH` away, and the window holds as many on both sides of what
    is decided: the result does not depend on where windows begin.

    Args:
        core: Frames that are decided at once.
        refine: Decodes frames that were left out, by their numbers; not needed where none are.
        explain: Whether to keep why there is a border, or none.
    """

    def __init__(self, core: int = CORE, refine: Refine = _nothing, *, explain: bool = False) -> None:
        self._core, self._refine, self._explain = core, refine, explain
        self._frames = window.Window()
        self._decided = 0
        self._found: list[window.Transition] = []
        self._times_s: dict[int, float] = {}
        self._evidence: dict[window.Transition, evidence.Evidence] = {}
        self._rejected: list[evidence.Rejected] = []

    @property
    def first(self) -> int:
        """The first frame that may still be asked for."""
        return self._frames.first

    def add(self, picture: pairs.Picture, time_s: float, step: pairs.Pair | None) -> None:
        """Takes the next frame; see `Window.append`."""
        self._frames.append(picture, time_s, step)
        self._advance()

    def add_after_guess(self, picture: pairs.Picture, times_s: tuple[float, float], across: pairs.Pair) -> None:
        """Takes a frame that comes after one that was left out; see `Window.append_after_guess`."""
        self._frames.append_after_guess(picture, times_s, across)
        self._advance()

    def _advance(self) -> None:
        if self._frames.end - self._decided >= self._core + catalogue.REACH:
            self._decide(self._decided + self._core)
            self._frames.drop_before(max(self._decided - catalogue.REACH, 0))

    def finish(self) -> list[tuple[window.Transition, float]]:
        """Decides about the rest; returns all borders in order, each with the time of its frame in seconds."""
        if self._decided < self._frames.end:
            self._decide(self._frames.end)
        return [(item, self._times_s[item.frame]) for item in catalogue.settle(self._found)]

    def explained(self, items: Sequence[window.Transition]) -> tuple[list[evidence.Evidence], list[evidence.Rejected]]:
        """Why the borders that `finish` gave are there, and what else was looked at and refused."""
        lost = [
            evidence.Rejected(item.frame, item.start_frame, item.end_frame, "overlap", 1.0, self._evidence[item])
            for item in self._found
            if item.score > 0 and item not in items
        ]
        beside = [
            other
            for other in self._rejected
            if not any(item.start_frame - 1 <= other.end and other.start <= item.end_frame + 1 for item in items)
        ]
        return [self._evidence[item] for item in items], evidence.strongest([*beside, *lost])

    def _decide(self, end: int) -> None:
        found = self._sure(end)
        self._times_s |= {item.frame: self._frames.times[item.frame - self._frames.first] for item in found}
        self._found += found
        if self._explain:
            self._evidence |= catalogue.explained(self._frames, found)
            rejected = catalogue.rejected(self._frames, self._decided, end)
            self._rejected = evidence.strongest([*self._rejected, *rejected])
        self._decided = end

    def _sure(self, end: int) -> list[window.Transition]:
        """What the detectors find once no frame is guessed that matters to them."""
        while True:
            while doubts := cut.doubts(self._frames, self._decided, end):
                self._settle(doubts)
            found = catalogue.found(self._frames, self._decided, end)
            doubts = catalogue.doubts(self._frames, found)
            if not doubts:
                return found
            self._settle(doubts)

    def _settle(self, doubts: set[int]) -> None:
        self._frames.replace(self._refine(doubts))
