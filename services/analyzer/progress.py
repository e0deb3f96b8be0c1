"""How far an analysis has come, and how long it will take."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

TRUSTED = 0.03  # share before which no time to the end is told: it would be a guess
NEARLY = 0.99  # the last hundredth is deciding and writing


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """A moment of an analysis; `eta_s` is None while it cannot be told."""

    fraction: float = 0.0
    stage: str = "measure"
    frames: int = 0
    frames_per_second: float = 0.0
    eta_s: float | None = None


class Meter:
    """Turns reports of workers into progress that never goes back.

    Args:
        share: Of the first task in the whole, where another may follow.
        clock: Gives the time in seconds.
    """

    def __init__(self, share: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done, self._share = 0.0, share
        self._begin_s = clock()
        self._fraction = 0.0

    def next(self) -> None:
        """From now on the reports are those of the second task, which is the rest."""
        self._done, self._share = self._share, 1.0 - self._share

    def take(self, report: Mapping[str, Any]) -> Progress:
        """The progress after a report of a task."""
        fraction = self._done + self._share * min(float(report.get("fraction", 0.0)), 1.0)
        self._fraction = max(self._fraction, min(fraction, NEARLY))
        past_s = self._clock() - self._begin_s
        return Progress(
            fraction=self._fraction,
            stage=str(report.get("stage", "measure")),
            frames=int(report.get("frames", 0)),
            frames_per_second=float(report.get("frames_per_second", 0.0)),
            eta_s=past_s * (1 - self._fraction) / self._fraction if self._fraction > TRUSTED else None,
        )
