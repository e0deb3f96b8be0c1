"""One unary call: tries that follow or overtake each other until there is one answer."""

import asyncio
import dataclasses
import time
from typing import Any

from grpc import aio

from chassis import errors, member, outgoing, route


@dataclasses.dataclass(frozen=True, slots=True)
class Try:
    """A request on its way to one member.

    Args:
        chosen: The member.
        order: Its number among the tries of the call.
        start_s: Monotonic time.
    """

    chosen: member.Member
    order: int
    start_s: float


class Race:
    """Sends a request, again where that helps, and returns the first answer.

    Args:
        way: The route of the service.
        call: The call.
        request: The message, or the iterator of messages.
    """

    def __init__(self, way: route.Route, call: outgoing.Outgoing, request: Any) -> None:
        self.winner: aio.Call | None = None  # the gRPC call behind the answer
        self._way = way
        self._call = call
        self._request = request
        self._running: dict[asyncio.Task[Any], Try] = {}
        self._tried: list[member.Member] = []

    async def run(self) -> Any:
        """The response message.

        Raises:
            errors.Error: No try brought an answer.
        """
        permit = await self._way.admit(self._call)
        try:
            answer = await self._first_answer()
        except BaseException as failure:
            permit.end(route.broken(self._call, failure))
            raise
        permit.end(False)
        return answer

    async def _first_answer(self) -> Any:
        try:
            await self._start("first")
            while True:  # bounded: every turn ends a try or starts one, and tries are bounded by count and deadline
                done = await self._wait()
                for task in done:
                    attempt = self._running.pop(task)
                    error = _error(task, attempt)
                    if error is None:
                        return self._won(task, attempt)
                    await self._lost(attempt, error)
                if not done:
                    await self._start("hedge")
        finally:
            for task in self._running:
                task.cancel()

    async def _wait(self) -> set[asyncio.Task[Any]]:
        """Tries that ended; none where the running ones are slow enough for another."""
        while True:  # bounded: every try ends with the deadline of the call
            delay_s = self._way.hedge_delay_s(self._call, self._tried)
            done, _ = await asyncio.wait(self._running, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
            if done or self._way.may_hedge(self._call, [attempt.chosen for attempt in self._running.values()]):
                return done

    async def _start(self, kind: str) -> None:
        chosen = await self._way.pick(self._call, self._tried)
        self._call.tried(kind, chosen.instance.address)
        task = asyncio.create_task(self._try(chosen))
        task.add_done_callback(_retrieve)
        self._running[task] = Try(chosen, len(self._tried), time.monotonic())
        self._tried.append(chosen)

    async def _try(self, chosen: member.Member) -> tuple[Any, aio.Call]:
        with chosen.busy():
            try:
                await route.connect(chosen, self._call)
                call = route.try_callable(chosen, self._call.method)(self._request, **self._call.arguments)
                return await call, call
            except aio.AioRpcError as failure:
                raise route.translate(failure, chosen) from failure
            except aio.UsageError as closed:  # gRPC's way to say that the channel was closed meanwhile
                raise route.NeverSent(str(closed), reason="INSTANCE_LEFT") from closed

    def _won(self, task: asyncio.Task[Any], attempt: Try) -> Any:
        self._way.answered(self._call, attempt.chosen, time.monotonic() - attempt.start_s)
        for other in self._running.values():
            if other.order < attempt.order:
                self._way.overtaken(other.chosen)
        response, self.winner = task.result()
        return response

    async def _lost(self, attempt: Try, error: errors.Error) -> None:
        """Starts over after a failed try, unless another one still runs.

        Raises:
            errors.Error: There is no further try.
        """
        self._way.failed(attempt.chosen, error)
        if error.code not in route.RETRIABLE:
            raise error
        if self._running:
            return
        if not self._way.may_retry(self._call, error, len(self._tried)):
            raise error
        await self._way.pause(self._call, self._tried, error)
        await self._start("retry")


def _error(task: asyncio.Task[Any], attempt: Try) -> errors.Error | None:
    """How a try failed; None where it did not."""
    if task.cancelled():  # not by the race, which forgets what it cancels: the connection was closed
        return route.interrupted(attempt.chosen)
    failure = task.exception()
    if failure is None or isinstance(failure, errors.Error):
        return failure
    raise failure


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Takes the outcome of a try that nobody waits for any more, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
