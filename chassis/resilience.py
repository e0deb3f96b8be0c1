"""Budgets and measures that keep second tries rare: the arithmetic, with no gRPC in it."""

import bisect
import collections

SAMPLES_MAX = 200  # the last calls of one method: enough for a 95th percentile, few enough to follow a change
SAMPLES_MIN = 20  # below that a 95th percentile is the slowest call


class Budget:
    """A bucket that every first try fills a little and every second try empties by one.

    Args:
        ratio: Second tries per first try, in the long run.
        burst: Second tries that may be spent at once, after a quiet time.
    """

    def __init__(self, ratio: float, burst: float) -> None:
        self._ratio = ratio
        self._burst = burst
        self._tokens = burst

    def earn(self) -> None:
        """Notes a first try."""
        self._tokens = min(self._burst, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Takes one second try out, if there is one."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Latency:
    """The recent latencies of one method, kept sorted."""

    def __init__(self) -> None:
        self._recent: collections.deque[float] = collections.deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        """Notes one call."""
        self._recent.append(seconds)
        bisect.insort(self._sorted, seconds)
        if len(self._recent) > SAMPLES_MAX:
            del self._sorted[bisect.bisect_left(self._sorted, self._recent.popleft())]

    def percentile(self, share: float) -> float | None:
        """Seconds that the given share of calls stay under; None while too few are known.

        Args:
            share: Between 0 and 1.
        """
        if len(self._sorted) < SAMPLES_MIN:
            return None
        return self._sorted[min(len(self._sorted) - 1, int(share * len(self._sorted)))]
