"""Makes the deadline of the incoming call known to the calls that the handler makes."""

import contextlib
from collections.abc import AsyncIterator

from grpc import aio

from chassis import deadlines


@contextlib.asynccontextmanager
async def around(method: str, context: aio.ServicerContext) -> AsyncIterator[None]:
    """Holds the caller's deadline while the handler runs."""
    with deadlines.within(context.time_remaining()):
        yield
