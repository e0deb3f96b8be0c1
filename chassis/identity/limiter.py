"""How much each key and each tenant may ask for, and who gets a place now."""

import collections
import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any

from chassis import errors
from chassis.identity import caller, ledger
from chassis.identity import rate as rates

DAY_S = 86_400.0
PLACE_RETRY_S = 1.0  # most calls end within a second
SMALLEST, LARGEST = 1e-9, 1e18  # once in a lifetime, and no limit: beyond both the arithmetic loses its sense
WORDS_MAX = 200  # characters of a complaint: what it quotes may be long


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What may be asked for; the names are those of the configuration.

    Args:
        calls_per_s: Calls per second in the long run.
        calls_burst: Calls at once, after a quiet time.
        concurrent_calls_max: Calls that run at once, in one process.
        upload_bytes_per_day: Bytes that may be uploaded in a day; 0 for any number.

    Raises:
        ValueError: One is no number that can be a limit.
    """

    calls_per_s: float
    calls_burst: float
    concurrent_calls_max: int
    upload_bytes_per_day: float = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "upload_bytes_per_day" else SMALLEST
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and least <= value <= LARGEST):
                raise ValueError(
                    f"access: {field.name} is {value!r}, which is no number above 0 that it can be"[:WORDS_MAX]
                )


# A page asks a few times per second and watches some jobs; a program that submits a thousand jobs has to wait a little.
OF_KEY = Limits(calls_per_s=50, calls_burst=200, concurrent_calls_max=64)
OF_TENANT = Limits(calls_per_s=200, calls_burst=800, concurrent_calls_max=256)


class Rules:
    """The limits of all keys and tenants.

    Args:
        access: The section `access` of the configuration.

    Raises:
        ValueError: It cannot be read.
    """

    def __init__(self, access: Mapping[str, Any]) -> None:
        try:
            given = access.get("limits", {})
            self.key = _changed(OF_KEY, given.get("key", {}))
            self._tenant = _changed(OF_TENANT, given.get("tenant", {}))
            self._tenants = {name: _changed(self._tenant, own) for name, own in access.get("tenants", {}).items()}
        except AttributeError as wrong:
            raise ValueError(f"access cannot be read: {wrong}"[:WORDS_MAX]) from wrong

    def tenant(self, name: str) -> Limits:
        """The limits of one tenant."""
        return self._tenants.get(name, self._tenant)


class Limiter:
    """Counts what callers ask for.

    Args:
        counted: Where it is kept how much was taken.
    """

    def __init__(self, counted: ledger.Ledger) -> None:
        self._ledger = counted
        self._running: collections.Counter[str] = collections.Counter()

    @contextlib.asynccontextmanager
    async def admitted(self, who: caller.Caller, rules: Rules) -> AsyncIterator[None]:
        """Holds a place for the time of a call.

        Raises:
            errors.ResourceExhausted: The key or its tenant has no place left, or calls too often.
        """
        key, tenant = rules.key, rules.tenant(who.tenant)
        subjects = ((who.name, key), (f"tenant:{who.tenant}", tenant))
        for name, limits in subjects:
            if self._running[name] >= limits.concurrent_calls_max:
                raise _refusal(name, f"has {self._running[name]} calls running", "TOO_MANY_CALLS", PLACE_RETRY_S)
        self._running.update(name for name, _ in subjects)
        try:
            for name, limits in subjects:
                wait_s = await self._ledger.take(name, 1, rates.Rate(limits.calls_per_s, limits.calls_burst))
                if wait_s:
                    raise _refusal(name, f"calls more than {limits.calls_per_s:g} times a second", "RATE", wait_s)
            yield
        finally:
            for name, _ in subjects:
                self._running[name] -= 1
                if not self._running[name]:
                    del self._running[name]

    async def uploaded(self, who: caller.Caller, rules: Rules, size_bytes: int) -> None:
        """Counts bytes that a tenant uploads.

        Raises:
            errors.ResourceExhausted: They are more than it may upload in a day.
        """
        allowed = rules.tenant(who.tenant).upload_bytes_per_day
        if not allowed:
            return
        name = f"tenant:{who.tenant}:uploads"
        wait_s = await self._ledger.take(name, size_bytes, rates.Rate(allowed / DAY_S, allowed))
        if wait_s:
            raise _refusal(f"tenant:{who.tenant}", f"uploads more than {allowed:g} bytes a day", "UPLOAD_QUOTA", wait_s)


def _refusal(name: str, what: str, reason: str, wait_s: float) -> errors.ResourceExhausted:
    return errors.ResourceExhausted(
        f"{name} {what}",
        reason=reason,
        metadata={"subject": name},
        retry_after_s=wait_s if math.isfinite(wait_s) else None,
    )


def _changed(limits: Limits, given: Mapping[str, Any]) -> Limits:
    try:
        return dataclasses.replace(limits, **given)
    except TypeError as wrong:
        raise ValueError(f"access: {wrong}") from wrong
