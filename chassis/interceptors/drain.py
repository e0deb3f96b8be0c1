"""Ends the streams that would never end by themselves when the process is about to stop."""

import asyncio
import types

from grpc import aio

from chassis import errors, methods


class Drain:
    """Knows the running calls that only read, and ends them on request.

    A watch of another process would hold a drain to its last second. Such a method has no side effects, so its client
    can open it again elsewhere, and is told so by UNAVAILABLE with reason DRAINING.
    """

    def __init__(self) -> None:
        self.draining = False
        self.tasks: set[asyncio.Task[object]] = set()

    def begin(self) -> None:
        """Ends every call that only reads."""
        self.draining = True
        for task in self.tasks:
            task.cancel()

    def around(self, method: str, context: aio.ServicerContext) -> "_Held":
        """Keeps the call known while it runs."""
        return _Held(self, method)


class _Held:
    def __init__(self, drain: Drain, method: str) -> None:
        self._drain = drain
        self._known = methods.is_infrastructure(method) or methods.effect(method) is methods.Effect.NONE
        self._task = asyncio.current_task()

    async def __aenter__(self) -> None:
        if self._known and self._task:
            self._drain.tasks.add(self._task)

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self._drain.tasks.discard(self._task)
        if self._known and self._drain.draining and isinstance(failure, asyncio.CancelledError):
            raise errors.Unavailable("this instance is stopping: call another one", reason="DRAINING") from failure
