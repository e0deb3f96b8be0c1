"""Makes it known to the calls that a handler makes whether the incoming one is a second try."""

import contextlib
from collections.abc import AsyncIterator

from grpc import aio

from chassis import attempts


@contextlib.asynccontextmanager
async def around(method: str, context: aio.ServicerContext) -> AsyncIterator[None]:
    """Holds what the caller said while the handler runs."""
    with attempts.within(context.invocation_metadata()):
        yield
