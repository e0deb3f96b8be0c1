"""Runs the detectors over a film of any length, a window of frames at a time."""

from services.analyzer.kernels import pairs
from services.analyzer.shots import catalogue, window

CORE = 256  # frames that are decided at once; a compromise of memory and of looking at frames again


class Scanner:
    """Takes frames one by one and gives the borders at the end.

    Every decision looks at frames at most `catalogue.REACH` away, and the window holds as many on both sides of what
    is decided: the result does not depend on where windows begin.
    """

    def __init__(self, core: int = CORE) -> None:
        self._core = core
        self._frames = window.Window()
        self._decided = 0
        self._found: list[window.Transition] = []
        self._times_s: dict[int, float] = {}

    def add(self, picture: pairs.Picture, time_s: float, step: pairs.Pair | None) -> None:
        """Takes the next frame; see `Window.append`."""
        self._frames.append(picture, time_s, step)
        if self._frames.end - self._decided >= self._core + catalogue.REACH:
            self._decide(self._decided + self._core)
            self._frames.drop_before(max(self._decided - catalogue.REACH, 0))

    def finish(self) -> list[tuple[window.Transition, float]]:
        """Decides about the rest; returns all borders in order, each with the time of its frame in seconds."""
        if self._decided < self._frames.end:
            self._decide(self._frames.end)
        return [(item, self._times_s[item.frame]) for item in catalogue.settle(self._found)]

    def _decide(self, end: int) -> None:
        for detector in catalogue.DETECTORS.values():
            found = detector.find(self._frames, self._decided, end)
            self._times_s |= {item.frame: self._frames.times[item.frame - self._frames.first] for item in found}
            self._found += found
        self._decided = end
