"""How many calls of a method a process takes at once: as many as it answers about as fast as when it is idle. Pure.

A server that takes more calls than it can answer answers none of them in time. Where answers take longer than usual,
the limit shrinks in proportion; where they do not and the places are used, it grows by half the square root of itself.
What is over the limit is refused at once, calls that nobody waits for before those that somebody does.

What is usual is the fastest window of the last seconds. Now and then, while all places are used, the least that is
always let in is let in for a moment, and what answers take then is usual: a queue that always stands would else be
taken for the work.

Source: the gradient limit of Netflix's concurrency-limits, with the mean of a short window; the look with less is
BBR's.
"""

import dataclasses
import math
import time
from collections.abc import Callable

WINDOW_S = 0.1  # fast enough for a flood, slow enough for a mean
SAMPLES_MIN = 10  # in a window: fewer say nothing
SMOOTHING = 0.5  # weight of a window against what was before
SHRINK_MIN = 0.5  # no window halves the limit more than once
FRESH_S = 10.0  # between two looks at what is usual; each costs some tenths of a second of a part of the calls
USED = 0.5  # share of the places that must have been used for more of them
FIRST = 8  # times the least, to begin with
LATENCY_MIN_S = 0.001  # below that everything is fast, and ratios are noise


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How much is let in.

    Attributes:
        calls_min: Calls at once that are always let in.
        calls_max: Calls at once that are never exceeded.
        tolerance: How many times the usual time an answer may take before the limit shrinks.
        batch_share: Share of the limit that calls may use that nobody waits for.
    """

    calls_min: int = 256
    calls_max: int = 1000
    tolerance: float = 1.5
    batch_share: float = 0.5


class Limiter:
    """The limit of one method.

    Args:
        rules: How much is let in.
        clock: Monotonic seconds.
    """

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = float(min(FIRST * rules.calls_min, rules.calls_max))
        self.running = 0
        self._rules, self._clock = rules, clock
        self._usual_s = math.inf
        self._begin_s = clock()
        self._looked_s = -math.inf
        self._before: float | None = None  # the limit before a look at what is usual; None outside of one
        self._drained = False  # whether the calls from before the look have ended
        self._sum_s, self._samples, self._peak = 0.0, 0, 0

    def admit(self, *, batch: bool) -> bool:
        """Takes a place, if there is one for a call of this kind."""
        limit = self.limit * self._rules.batch_share if batch else self.limit
        if self.running >= max(limit, self._rules.calls_min * (self._rules.batch_share if batch else 1.0)):
            return False
        self.running += 1
        self._peak = max(self._peak, self.running)
        return True

    def ended(self, seconds: float | None) -> None:
        """Gives the place back.

        Args:
            seconds: How long the answer took; None where that says nothing.
        """
        self.running -= 1
        if seconds is not None:
            self._sum_s += max(seconds, LATENCY_MIN_S)
            self._samples += 1
        if self._samples >= SAMPLES_MIN and self._clock() - self._begin_s >= WINDOW_S:
            self._learn(self._sum_s / self._samples)

    def _learn(self, mean_s: float) -> None:
        now_s = self._clock()
        if self._before is None:
            self._adapt(mean_s, now_s)
        elif not self._drained:
            self._drained = self.running <= self._rules.calls_min
        else:
            self._usual_s, self.limit, self._before, self._looked_s = mean_s, self._before, None, now_s
        self._begin_s, self._sum_s, self._samples, self._peak = now_s, 0.0, 0, self.running

    def _adapt(self, mean_s: float, now_s: float) -> None:
        self._usual_s = min(self._usual_s, mean_s)
        used = self._peak >= USED * self.limit
        if used and now_s - self._looked_s > FRESH_S:
            self._before, self._drained, self.limit = self.limit, False, float(self._rules.calls_min)
            return
        gradient = min(1.0, max(SHRINK_MIN, self._rules.tolerance * self._usual_s / mean_s))
        # Places that nobody used say nothing about what they would cost: the limit follows the use down.
        base = self.limit if used or gradient >= 1 else min(self.limit, max(self._peak / USED, self._rules.calls_min))
        wanted = base * gradient + (max(1.0, math.sqrt(base) / 2) if used else 0.0)
        limit = (1 - SMOOTHING) * base + SMOOTHING * wanted
        self.limit = min(float(self._rules.calls_max), max(float(self._rules.calls_min), limit))
