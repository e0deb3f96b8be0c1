"""Makes every failure of a handler one of our errors; what is none becomes INTERNAL, with its traceback in the log."""

import asyncio
import logging
import types

from grpc import aio

from chassis import errors

logger = logging.getLogger(__name__)

PASSED_ON = (errors.Error, asyncio.CancelledError, aio.AbortError)


class Around:
    """Translates what the handler raises."""

    def __init__(self, method: str, context: aio.ServicerContext) -> None:
        self._method = method

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        if isinstance(failure, PASSED_ON) or not isinstance(failure, Exception):
            return
        if isinstance(failure, errors.Coded):
            raise errors.from_coded(failure) from failure
        logger.error("%s failed: this is a bug", self._method, exc_info=failure)
        raise errors.Internal(
            f"{self._method} failed; the log of the service has the details", reason="INTERNAL"
        ) from failure
