"""Tells a real change of a list from the confusion of a registry that has just come back."""

import dataclasses
from collections.abc import Sequence

from chassis.discovery import instance as instance_module

HOLD_S = 10.0  # instances register again within 5 s (+20 %); until then a shorter list may only be a partial one
SUDDEN_SHARE = 0.5  # losing more than half at once is more often the registry's trouble than the instances'


@dataclasses.dataclass(slots=True)
class Steady:
    """Holds on to instances that vanished under suspicious circumstances.

    An empty list is never believed. A shorter one is believed at once, for that is how a drain looks, unless it came
    soon after an outage of the registry or lost more than half: then the old instances stay for some seconds.
    """

    current: tuple[instance_module.Instance, ...] = ()
    held_until_s: float = 0.0
    suspicious_until_s: float = 0.0

    def outage(self, now_s: float) -> None:
        """Notes that the registry did not answer, or forgot where it was.

        Args:
            now_s: Monotonic time.
        """
        self.suspicious_until_s = now_s + HOLD_S

    def update(self, listed: Sequence[instance_module.Instance], now_s: float) -> tuple[instance_module.Instance, ...]:
        """The instances to believe in.

        Args:
            listed: What the registry says.
            now_s: Monotonic time.
        """
        if not listed:
            return self.current
        lost = [item for item in self.current if item not in listed]
        if not lost:
            self.held_until_s = 0.0
        elif not self.held_until_s and (
            now_s < self.suspicious_until_s or len(lost) > SUDDEN_SHARE * len(self.current)
        ):
            self.held_until_s = now_s + HOLD_S
        holding = now_s < self.held_until_s
        if not holding:
            self.held_until_s = 0.0
        self.current = tuple(sorted({*listed, *(lost if holding else ())}, key=lambda item: item.id))
        return self.current

    def left_s(self, now_s: float) -> float | None:
        """Seconds until the next list must be looked at even without a change; None where it need not."""
        return max(0.0, self.held_until_s - now_s) if self.held_until_s else None
