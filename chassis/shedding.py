"""How many calls of a method a process takes at once: as many as it answers about as fast as when it is idle. Pure.

A server that takes more calls than it can answer answers none of them in time. Where answers take longer than usual,
the limit shrinks in proportion; where they do not and the places are used, it grows by half the square root of itself.
What is over the limit is refused at once, calls that nobody waits for before those that somebody does.

What is usual is the fastest window of the last seconds. Where none was as fast lately, the limit is halved for a
moment, and what answers take then is usual: a queue that always stands would else be taken for the work.

Source: the gradient limit of Netflix's concurrency-limits, with the mean of a short window; the halving is BBR's.
"""

import dataclasses
import math
import time
from collections.abc import Callable

WINDOW_S = 0.1  # fast enough for a flood, slow enough for a mean
SAMPLES_MIN = 10  # in a window: fewer say nothing
SMOOTHING = 0.5  # weight of a window against what was before
SHRINK_MIN = 0.5  # no window halves the limit more than once
FRESH_S = 10.0  # how long the usual time holds; finding it anew costs a fiftieth of that
SAME = 1.1  # times the usual time that still confirm it
PROBES = 2  # windows at half the limit: the first one still has the queue of before
USED = 0.5  # share of the places that must have been used for more of them
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

    calls_min: int = 64
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
        self.limit = float(min(2 * rules.calls_min, rules.calls_max))
        self.running = 0
        self._rules, self._clock = rules, clock
        self._usual_s = math.inf
        self._begin_s = self._seen_s = clock()
        self._probes = 0  # windows left at half the limit
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
        if self._probes:
            self._probes -= 1
            if not self._probes:
                self._usual_s, self._seen_s = mean_s, now_s
        else:
            self._adapt(mean_s, now_s)
        self._begin_s, self._sum_s, self._samples, self._peak = now_s, 0.0, 0, self.running

    def _adapt(self, mean_s: float, now_s: float) -> None:
        if mean_s <= self._usual_s * SAME:
            self._usual_s, self._seen_s = min(self._usual_s, mean_s), now_s
        elif now_s - self._seen_s > FRESH_S:
            self._probes = PROBES
            self.limit = max(float(self._rules.calls_min), self.limit / 2)
            return
        gradient = min(1.0, max(SHRINK_MIN, self._rules.tolerance * self._usual_s / mean_s))
        used = self._peak >= USED * self.limit
        # Places that nobody used say nothing about what they would cost: the limit follows the use down.
        base = self.limit if used or gradient >= 1 else min(self.limit, max(self._peak / USED, self._rules.calls_min))
        wanted = base * gradient + (max(1.0, math.sqrt(base) / 2) if used else 0.0)
        limit = (1 - SMOOTHING) * base + SMOOTHING * wanted
        self.limit = min(float(self._rules.calls_max), max(float(self._rules.calls_min), limit))
