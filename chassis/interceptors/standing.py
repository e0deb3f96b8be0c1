"""Ends streams whose caller may not call any more: its key was revoked, its token has ended, its role is another."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable

from chassis import errors

LOOK_S = 5.0  # how long a stream outlives its key at most; one look is a hash, or the check of a signature


@contextlib.asynccontextmanager
async def kept(look: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Looks again and again, while the block runs, whether its caller may still call.

    Args:
        look: Raises what speaks against the caller. That it cannot be told now speaks against nobody.

    Raises:
        errors.Error: What was found; the block was cancelled for it.
    """
    task, found = asyncio.current_task(), asyncio.get_running_loop().create_future()

    async def watch() -> None:
        while not found.done():  # as long as the block
            await asyncio.sleep(LOOK_S)
            try:
                await look()
            except errors.Unavailable:
                continue
            except errors.Error as refusal:
                found.set_result(refusal)
                task.cancel()

    # In a context of its own: what is found out again is no news about the call.
    watching = asyncio.create_task(watch(), name="standing", context=contextvars.Context())
    try:
        yield
    except asyncio.CancelledError:
        if not found.done() or task.uncancel():  # somebody else cancelled it too, and is to be obeyed
            raise
        raise found.result() from None
    finally:
        watching.cancel()
