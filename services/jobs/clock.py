"""The two clocks: one for people, one that only ever goes forward."""

import dataclasses
import time
from collections.abc import Callable


def _wall_us() -> int:
    return time.time_ns() // 1000


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Clock:
    """Where times come from.

    Args:
        wall_us: Microseconds since 1970. May jump: it is shown and stored, and decides nothing.
        monotonic_us: Microseconds since some moment. Never jumps: it decides leases and back-off.
    """

    wall_us: Callable[[], int] = _wall_us
    monotonic_us: Callable[[], int] = _monotonic_us
