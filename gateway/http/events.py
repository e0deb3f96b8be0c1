"""Streams of a call as server-sent events, which a browser opens again by itself where they broke off."""

import asyncio
import json
from collections.abc import AsyncGenerator

from google.protobuf import message
from grpc import aio
from starlette.requests import Request
from starlette.responses import Response

from chassis import errors
from gateway.http import bindings, live, loopback, problem, transcode

SETTLE_S = 0.5  # within this time a refused stream has been refused: then the answer is a problem, not a stream
KEEP_ALIVE_S = 15.0  # proxies cut what is silent for a minute, some after half of that
RETRY_MS = 1000  # what a browser waits before it opens a broken stream again
RESUME, SEQUENCE = "after_sequence", "sequence"  # fields by which a stream goes on, in the request and in its messages
LAST_ID = "last-event-id"
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def resumed(said: message.Message, request: Request) -> message.Message:
    """The request as it goes on after the last event that the caller has seen.

    Raises:
        errors.InvalidArgument: What the caller says is no sequence number.
    """
    last = request.headers.get(LAST_ID, "")
    if last and RESUME in said.DESCRIPTOR.fields_by_name:
        if not (last.isascii() and last.isdigit() and len(last) <= 18):  # 18 digits fit into 64 bits
            transcode.invalid("Last-Event-ID", "is no sequence number")
        setattr(said, RESUME, int(last))
    return said


async def response(
    loop: loopback.Loopback, binding: bindings.Binding, said: message.Message, request: Request
) -> Response:
    """The answer to a request for events.

    Raises:
        errors.Error: The stream was refused before it began.
    """
    if request.method == "HEAD":
        return Response(None, 200, HEADERS)
    call = loop.stream(binding, resumed(said, request), request)
    first = asyncio.create_task(call.read())
    try:
        async with loopback.translated():
            await asyncio.wait({first}, timeout=SETTLE_S)
            if first.done():
                first.result()
    except BaseException:
        call.cancel()
        raise
    return live.Live(_events(call, first), 200, HEADERS)


async def _events(call: aio.UnaryStreamCall, first: asyncio.Task[message.Message]) -> AsyncGenerator[bytes, None]:
    reading = first
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with loopback.translated():
            while True:  # ended by the call, which has a deadline
                done, _ = await asyncio.wait({reading}, timeout=KEEP_ALIVE_S)
                if not done:
                    yield b": still here\n\n"
                    continue
                answer = reading.result()
                if answer is aio.EOF:
                    break
                yield _event(answer)
                reading = asyncio.create_task(call.read())
        yield b"event: end\ndata: {}\n\n"
    except errors.Error as error:
        if not loopback.passing(error):  # otherwise the connection just ends, and the browser opens it again
            yield f"event: problem\ndata: {json.dumps(problem.document(problem.of(error)))}\n\n".encode()
    finally:
        reading.cancel()
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _event(answer: message.Message) -> bytes:
    mark = f"id: {answer.sequence}\n" if SEQUENCE in answer.DESCRIPTOR.fields_by_name else ""
    return f"{mark}data: {transcode.text(answer)}\n\n".encode()
