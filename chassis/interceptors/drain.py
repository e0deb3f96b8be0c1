"""Ends the streams that would never end by themselves when the process is about to stop."""

import asyncio
import types

from grpc import aio

from chassis import errors, methods


class Drain:
    """Knows the running calls that only read, and ends them on request.

    A watch of another process would hold a drain to its last second, so it is ended at once, and none is begun any
    more. Other calls that only read, downloads among them, end by themselves; those that do not are ended with the
    last of the time. All these have no side effects, so their clients can ask again elsewhere, and are told so by
    UNAVAILABLE with reason DRAINING.
    """

    def __init__(self) -> None:
        self.draining = False
        self.watches: set[asyncio.Task[object]] = set()
        self.reads: set[asyncio.Task[object]] = set()  # the watches among them

    def begin(self) -> None:
        """Ends every watch, and takes no more of them."""
        self.draining = True
        for task in self.watches:
            task.cancel()

    def end(self) -> None:
        """Ends every call that only reads."""
        for task in self.reads:
            task.cancel()

    def around(self, method: str, context: aio.ServicerContext) -> "_Held":
        """Keeps the call known while it runs."""
        return _Held(self, method)


class _Held:
    def __init__(self, drain: Drain, method: str) -> None:
        self._drain = drain
        self._watch = methods.is_watch(method)
        self._known = methods.is_infrastructure(method) or methods.effect(method) is methods.Effect.NONE
        self._task = asyncio.current_task()

    async def __aenter__(self) -> None:
        if self._watch and self._drain.draining:
            raise _elsewhere()
        if self._known and self._task:
            self._drain.reads.add(self._task)
        if self._watch and self._task:
            self._drain.watches.add(self._task)

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self._drain.reads.discard(self._task)
        self._drain.watches.discard(self._task)
        if self._known and self._drain.draining and isinstance(failure, asyncio.CancelledError):
            raise _elsewhere() from failure


def _elsewhere() -> errors.Unavailable:
    return errors.Unavailable("this instance is stopping: call another one", reason="DRAINING")
