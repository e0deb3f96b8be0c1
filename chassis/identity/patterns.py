"""What is unusual about callers: many refusals of one, and a key that is used from many addresses."""

import collections
import dataclasses
import time
from collections.abc import Callable

import prometheus_client

SUBJECTS_MAX = 10_000  # callers and addresses that are remembered; those that were seen longest ago are forgotten first
REFUSALS, ADDRESSES = "refusals", "addresses"

NOTICED = prometheus_client.Gauge(
    "reelsmith_identity_noticed_callers",
    "Callers about whom something unusual was noticed lately, by pattern.",
    ["pattern"],
)


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What is still usual.

    Args:
        refusals: Refusals of one caller, or one address, within `refusals_s`.
        addresses: Addresses of one key within `addresses_s`.
    """

    refusals: int = 20  # a person who tries several keys stays below, a program that guesses or was forgotten does not
    refusals_s: float = 600.0
    addresses: int = 10  # of a program on several machines, or a laptop that travels
    addresses_s: float = 3600.0


class Patterns:
    """Notices what is unusual, and tells it once until it has passed.

    Args:
        bounds: What is still usual.
        tell: Told about whom, and what.
        now: Tells the monotonic time.
    """

    def __init__(
        self, bounds: Bounds, tell: Callable[[str, str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._bounds, self._tell, self._now = bounds, tell, now
        self._refusals: collections.OrderedDict[str, collections.deque[float]] = collections.OrderedDict()
        self._addresses: collections.OrderedDict[str, dict[str, float]] = collections.OrderedDict()
        self._until: dict[str, dict[str, float]] = {REFUSALS: {}, ADDRESSES: {}}  # when a pattern has passed, by whom
        for pattern in self._until:
            NOTICED.labels(pattern).set_function(lambda pattern=pattern: len(self.noticed(pattern)))

    def noticed(self, pattern: str) -> list[str]:
        """Callers about whom a pattern was noticed and has not passed."""
        now_s = self._now()
        self._until[pattern] = {who: end_s for who, end_s in self._until[pattern].items() if end_s > now_s}
        return list(self._until[pattern])

    def refused(self, who: str) -> None:
        """Notes a refusal.

        Args:
            who: The caller, or the address of one that proved nothing.
        """
        bounds, now_s = self._bounds, self._now()
        times = _recent(self._refusals, who, lambda: collections.deque(maxlen=bounds.refusals + 1))
        times.append(now_s)
        if len(times) > bounds.refusals and now_s - times[0] <= bounds.refusals_s:
            self._notice(REFUSALS, who, bounds.refusals_s, f"more than {bounds.refusals} refusals")

    def used(self, key: str, address: str) -> None:
        """Notes where a key is used from."""
        bounds, now_s = self._bounds, self._now()
        seen = _recent(self._addresses, key, dict)
        seen[address] = now_s
        if len(seen) <= bounds.addresses:
            return
        for old in [one for one, seen_s in seen.items() if now_s - seen_s > bounds.addresses_s]:
            del seen[old]
        if len(seen) > bounds.addresses:
            self._notice(ADDRESSES, key, bounds.addresses_s, f"used from more than {bounds.addresses} addresses")
            del seen[min(seen, key=seen.__getitem__)]  # bounded: one more than is usual is all that has to be known

    def _notice(self, pattern: str, who: str, length_s: float, what: str) -> None:
        now_s = self._now()
        fresh = self._until[pattern].get(who, 0.0) <= now_s
        if fresh and len(self.noticed(pattern)) >= SUBJECTS_MAX:
            return  # so many are known already that one more is no news
        self._until[pattern][who] = now_s + length_s
        if fresh:
            self._tell(who, f"{what} in {length_s:g} s")


def _recent(table: collections.OrderedDict, who: str, make: Callable):
    """What is remembered of somebody, who is now the last to be forgotten."""
    if who not in table:
        if len(table) >= SUBJECTS_MAX:
            table.popitem(last=False)
        table[who] = make()
    table.move_to_end(who)
    return table[who]
