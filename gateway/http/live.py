"""Answers that are sent while they come about, and stop when the caller leaves."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send


class Live(Response):
    """An answer whose body is a stream.

    The stream is closed as soon as the caller is gone. If it ends before `length` bytes, the connection is cut, so that
    nobody takes a part for the whole.

    Args:
        body: The stream.
        status: HTTP status.
        headers: Headers, the media type among them.
        length: Bytes of the body; None where it is not known.
    """

    def __init__(
        self, body: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str], length: int | None = None
    ) -> None:
        super().__init__(None, status, headers)
        self._stream = body
        self._length = length
        if length is None:
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the stream until it ends or the caller leaves."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finished = sending.done()
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if finished:
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sent = 0
        try:
            async for data in self._stream:
                sent += len(data)
                await send({"type": "http.response.body", "body": data, "more_body": True})
        finally:
            await self._stream.aclose()
        if self._length is None or sent == self._length:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":  # ended by the caller, or cancelled when all is sent
        message = await receive()
