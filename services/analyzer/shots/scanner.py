"""Runs the detectors over a film of any length, a window of frames at a time."""

from collections.abc import Callable, Collection, Iterable
from typing import NoReturn

from services.analyzer.kernels import pairs
from services.analyzer.shots import catalogue, cut, window

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
    """

    def __init__(self, core: int = CORE, refine: Refine = _nothing) -> None:
        self._core, self._refine = core, refine
        self._frames = window.Window()
        self._decided = 0
        self._found: list[window.Transition] = []
        self._times_s: dict[int, float] = {}

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

    def _decide(self, end: int) -> None:
        found = self._sure(end)
        self._times_s |= {item.frame: self._frames.times[item.frame - self._frames.first] for item in found}
        self._found += found
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
