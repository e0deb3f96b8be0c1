"""Refuses calls beyond what the process can hold: a full house says so at once, it does not queue."""

import contextlib
from collections.abc import AsyncIterator

from grpc import aio

from chassis import errors, methods

RETRY_AFTER_S = 1.0  # most calls end within a second


class Limit:
    """Counts the calls that run and refuses one too many; health and reflection are never refused.

    Args:
        calls_max: Calls that may run at once.
    """

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._running = 0

    @contextlib.asynccontextmanager
    async def around(self, method: str, context: aio.ServicerContext) -> AsyncIterator[None]:
        """Takes a place for the time of the call.

        Raises:
            errors.ResourceExhausted: All places are taken.
        """
        if methods.is_infrastructure(method):
            yield
            return
        if self._running >= self._calls_max:
            raise errors.ResourceExhausted(
                f"{self._calls_max} calls are running already", reason="TOO_MANY_CALLS", retry_after_s=RETRY_AFTER_S
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
