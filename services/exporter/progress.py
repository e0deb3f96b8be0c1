"""How far an export has come: one share for all stages, frames per second over the last seconds, time to the end."""

import collections
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

WINDOW_S = 3.0  # span over which the speed is an average
SAMPLES_MAX = 512  # points in the window: a fast encoder reports 150 times in a second
# Where each stage begins and ends as a share of the whole; measured on clips of 10 to 60 s.
STAGES: Mapping[str, tuple[float, float]] = {
    "survey": (0.0, 0.02),
    "sound": (0.02, 0.08),
    "encode": (0.08, 0.88),
    "check": (0.88, 0.99),
    "done": (1.0, 1.0),
}
TRUSTED = 0.04  # share before which no time to the end is told: it would be a guess


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """A moment of an export."""

    fraction: float
    stage: str
    frames: int
    frames_per_second: float
    eta_s: float | None


class Meter:
    """Turns reports of workers into progress that never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._window: collections.deque[tuple[float, int]] = collections.deque(maxlen=SAMPLES_MAX)
        self._stage = "survey"
        self._total = 0
        self._fraction = 0.0
        self._frames = 0

    def expect(self, frames: int) -> None:
        """Says how many frames the clip has."""
        self._total = frames

    def take(self, report: Mapping[str, Any]) -> Progress:
        """Takes a report: `stage` and `frames` of that stage."""
        stage, frames = str(report["stage"]), int(report["frames"])
        now = self._clock()
        if stage != self._stage:
            self._stage = stage
            self._window.clear()
        if frames:
            self._window.append((now, frames))
            self._frames = frames
        low, high = STAGES.get(stage, (self._fraction, self._fraction))
        share = min(frames / self._total, 1.0) if self._total else 0.0
        self._fraction = max(self._fraction, low + (high - low) * share)
        return self.now()

    def now(self) -> Progress:
        """The current moment."""
        elapsed_s = self._clock() - self._started
        known = self._fraction > TRUSTED
        return Progress(
            fraction=self._fraction,
            stage=self._stage,
            frames=self._frames,
            frames_per_second=self._speed(),
            eta_s=elapsed_s * (1 - self._fraction) / self._fraction if known else None,
        )

    def _speed(self) -> float:
        while len(self._window) > 2 and self._window[-1][0] - self._window[0][0] > WINDOW_S:
            self._window.popleft()
        if len(self._window) < 2:
            return 0.0
        (begin, first), (end, last) = self._window[0], self._window[-1]
        return (last - first) / (end - begin) if end > begin else 0.0
