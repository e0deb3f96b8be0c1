"""How often something may happen: the arithmetic, with no clock and no store in it."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """So much in the long run, so much at once.

    Args:
        per_s: How much per second.
        burst: How much at once, after a quiet time.
    """

    per_s: float
    burst: float


def take(reached_s: float, now_s: float, cost: float, rate: Rate) -> tuple[float, float]:
    """Takes something, if there is enough; a bucket of tokens in one number.

    The number is the time until which all that was taken would last at the given rate. It runs ahead of the clock by
    as much as was taken too soon, and by no more than the burst.

    Args:
        reached_s: The number as it was; anything in the past for an unused bucket.
        now_s: The time.
        cost: How much is taken.
        rate: How much may be.

    Returns:
        The number as it is then, and the seconds to wait until there is enough: 0 where it was taken, infinity where
        there never will be.

    Source: the generic cell rate algorithm, ITU-T I.371.
    """
    if cost > rate.burst:
        return reached_s, math.inf
    # Differences first: beside the large number of a clock the last bit would refuse what fills the bucket exactly.
    wait_s = max(reached_s - now_s, 0.0) + (cost - rate.burst) / rate.per_s
    return (reached_s, wait_s) if wait_s > 0 else (max(reached_s, now_s) + cost / rate.per_s, 0.0)
