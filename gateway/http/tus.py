"""Uploads by the tus protocol, version 1.0: a broken upload goes on where it stopped.

The address of an upload says how long it will be (`?length=N`), so nothing needs to be remembered beside the bytes.
"""

import asyncio
import base64
import binascii
import contextlib
import dataclasses
import email.utils
import time
import weakref
from collections.abc import AsyncIterator

from grpc import aio
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis import errors
from gateway.http import loopback, problem

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
PATH = "/v1/uploads"
PIECE_BYTES = 1 << 20  # as the API allows: each piece is on disk before the next one is taken, so large ones are fast
MEDIA_TYPE = "application/offset+octet-stream"
DIGITS_MAX = 18  # fits into 64 bits
TURN_S = 10.0  # one piece is written to disk in less, by the request that is to stop


class _Turn:
    """Whose turn an upload is."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.over = asyncio.Event()


class Turns:
    """One request at a time works on an upload. A new one ends the one before, whose caller may have vanished silently:
    it keeps what has arrived and stops reading."""

    def __init__(self) -> None:
        self._turns: weakref.WeakValueDictionary[str, _Turn] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def take(self, upload_id: str) -> AsyncIterator[asyncio.Event]:
        """Holds an upload for the block; the event is set when another request wants it.

        Raises:
            problem.Problem: The request before does not let go.
        """
        turn = self._turns.setdefault(upload_id, _Turn())
        turn.over.set()
        try:
            async with asyncio.timeout(TURN_S):
                await turn.lock.acquire()
        except TimeoutError:
            error = errors.Aborted("another request works on this upload", reason="LOCKED", retry_after_s=TURN_S)
            raise problem.Problem(423, error) from None
        try:
            turn.over = asyncio.Event()
            yield turn.over
        finally:
            turn.lock.release()


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken, and for how long.

    Args:
        size_max_bytes: Largest upload.
        idle_max_s: Seconds without a byte after which a request is put aside.
        keep_s: Seconds without a byte after which an upload that is not whole is deleted.
    """

    size_max_bytes: int
    idle_max_s: float
    keep_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Uploads:
    """The requests of the protocol.

    Args:
        loop: Where the calls go.
        bounds: How much is taken, and for how long.
        turns: Who works on which upload.
    """

    loop: loopback.Loopback
    bounds: Bounds
    turns: Turns = dataclasses.field(default_factory=Turns)

    def routes(self) -> list[Route]:
        """Its routes; reading an upload as JSON is transcoded like any other call."""
        one = f"{PATH}/{{id}}"
        return [
            Route(PATH, self.options, methods=["OPTIONS"]),
            Route(one, self.options, methods=["OPTIONS"]),
            Route(PATH, self.create, methods=["POST"]),
            Route(one, self.patch, methods=["PATCH"]),
            Route(one, self.head, methods=["HEAD"]),
            Route(one, self.terminate, methods=["DELETE"]),
        ]

    async def options(self, request: Request) -> Response:
        """Says what is spoken here."""
        said = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(self.bounds.size_max_bytes)}
        return Response(None, 204, self._headers(said))

    async def create(self, request: Request) -> Response:
        """Begins an upload and says where it is."""
        _spoken(request)
        length = _number(request.headers.get("upload-length", ""), "Upload-Length")
        if length > self.bounds.size_max_bytes:
            raise self._too_large()
        name = _file_name(request.headers.get("upload-metadata", ""))
        upload = await self._sent(request, pb.UploadSourceRequest(file_name=name, finish=length == 0))
        headers = {"Location": f"{PATH}/{upload.id}?length={length}", "Upload-Offset": str(upload.size_bytes)}
        return Response(None, 201, self._headers({**headers, **self._expires(upload)}))

    async def head(self, request: Request) -> Response:
        """Says how far an upload is."""
        _spoken(request)
        await self._upload(request)  # whose it is not ends nobody's turn
        async with self.turns.take(request.path_params["id"]):
            upload = await self._upload(request)  # as it is when the request before has let go
        headers = {"Upload-Offset": str(upload.size_bytes), "Cache-Control": "no-store"}
        if upload.finished:
            headers["Upload-Length"] = str(upload.size_bytes)
        elif "length" in request.query_params:
            headers["Upload-Length"] = str(_length(request))
        return Response(None, 200, self._headers(headers))

    async def terminate(self, request: Request) -> Response:
        """Deletes an upload; answers as tus has it, or as any other call where tus is not spoken."""
        speaks = "tus-resumable" in request.headers
        if speaks:
            _spoken(request)
        stub, options = self.loop.sending(rpc.ClipServiceStub, request)
        async with loopback.translated():
            await stub.DeleteUpload(pb.DeleteUploadRequest(id=request.path_params["id"]), **options)
        return Response(None, 204, self._headers({})) if speaks else JSONResponse({})

    async def patch(self, request: Request) -> Response:
        """Takes the next bytes; what has arrived is kept, however the request ends."""
        _spoken(request)
        if request.headers.get("content-type", "") != MEDIA_TYPE:
            error = errors.InvalidArgument(f"the media type must be {MEDIA_TYPE}", reason="BAD_MEDIA_TYPE")
            raise problem.Problem(415, error)
        offset = _number(request.headers.get("upload-offset", ""), "Upload-Offset")
        length = _length(request)
        if length > self.bounds.size_max_bytes:
            raise self._too_large()
        await self._upload(request)  # whose it is not ends nobody's turn
        async with self.turns.take(request.path_params["id"]) as over:
            upload = await self._upload(request)
            if upload.size_bytes != offset:
                text = f"the upload stands at {upload.size_bytes} bytes, not at {offset}"
                raise errors.Aborted(text, reason="OFFSET_MISMATCH", metadata={"offset": str(upload.size_bytes)})
            upload = await self._streamed(request, offset, length, over)
        headers = {"Upload-Offset": str(upload.size_bytes), **self._expires(upload)}
        return Response(None, 204, self._headers(headers))

    async def _streamed(self, request: Request, offset: int, length: int, over: asyncio.Event) -> pb.Upload:
        """Passes the body of a request on.

        Raises:
            errors.Error: How the call ended.
        """
        first = pb.UploadSourceRequest(upload_id=request.path_params["id"], offset=offset)
        stub, options = self.loop.sending(rpc.ClipServiceStub, request)
        try:
            async with loopback.translated():
                call = stub.UploadSource(**options)
                try:
                    await self._send(call, first, self._pieces(request, over), length)
                    return (await call).upload
                finally:
                    call.cancel()  # for one that was cut: its pieces are kept
        except errors.Internal as error:
            if error.reason:
                raise
            # gRPC makes this up when a call ends while a message is on its way, and forgets how it really ended.
            raise errors.Unavailable("the upload broke off", reason="UPLOAD_BROKEN", retry_after_s=1) from error

    async def _send(
        self, call: aio.StreamUnaryCall, first: pb.UploadSourceRequest, pieces: AsyncIterator[bytes], length: int
    ) -> None:
        offset = first.offset
        with contextlib.suppress(asyncio.InvalidStateError):  # the call has ended: awaiting it says why
            await call.write(first)
            async for data in pieces:
                if offset + len(data) > length:
                    error = errors.InvalidArgument(f"the upload was announced with {length} bytes", reason="TOO_LARGE")
                    raise problem.Problem(413, error)
                await call.write(pb.UploadSourceRequest(offset=offset, data=data))
                offset += len(data)
            if offset == length:
                await call.write(pb.UploadSourceRequest(offset=offset, finish=True))
            await call.done_writing()

    async def _pieces(self, request: Request, over: asyncio.Event) -> AsyncIterator[bytes]:
        """The body in large pieces; what has come of it where the caller went away, fell silent or came anew."""
        buffer = bytearray()
        async with contextlib.aclosing(self._body(request, over)) as body:
            async for data in body:
                buffer += data
                while len(buffer) >= PIECE_BYTES:
                    yield bytes(buffer[:PIECE_BYTES])
                    del buffer[:PIECE_BYTES]
        if buffer:
            yield bytes(buffer)

    async def _body(self, request: Request, over: asyncio.Event) -> AsyncIterator[bytes]:
        stream, ending = request.stream(), asyncio.create_task(over.wait())
        try:
            while True:  # ended by the body, by silence, or by the next request
                reading = asyncio.ensure_future(anext(stream, None))
                await asyncio.wait(
                    {reading, ending}, timeout=self.bounds.idle_max_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not reading.done():
                    reading.cancel()
                    return
                data = reading.result()
                if data is None:
                    return
                yield data
        except ClientDisconnect:
            return  # tus: what has arrived is kept; the caller asks where it stands and goes on
        finally:
            ending.cancel()

    async def _sent(self, request: Request, message: pb.UploadSourceRequest) -> pb.Upload:
        async def one() -> AsyncIterator[pb.UploadSourceRequest]:
            yield message

        stub, options = self.loop.sending(rpc.ClipServiceStub, request)
        async with loopback.translated():
            return (await stub.UploadSource(one(), **options)).upload

    async def _upload(self, request: Request) -> pb.Upload:
        stub, options = self.loop.sending(rpc.ClipServiceStub, request)
        async with loopback.translated():
            return await stub.GetUpload(pb.GetUploadRequest(id=request.path_params["id"]), **options)

    def _expires(self, upload: pb.Upload) -> dict[str, str]:
        """When an upload to which something was added just now is deleted; one that is whole stays."""
        if upload.finished:
            return {}
        return {"Upload-Expires": email.utils.formatdate(time.time() + self.bounds.keep_s, usegmt=True)}

    def _too_large(self) -> problem.Problem:
        text = f"an upload may have {self.bounds.size_max_bytes} bytes"
        return problem.Problem(413, errors.InvalidArgument(text, reason="TOO_LARGE"))

    def _headers(self, further: dict[str, str]) -> dict[str, str]:
        return {"Tus-Resumable": VERSION, **further}


def _spoken(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        error = errors.FailedPrecondition(f"Tus-Resumable must be {VERSION}", reason="TUS_VERSION")
        raise problem.Problem(412, error, {"Tus-Version": VERSION, "Tus-Resumable": VERSION})


def _length(request: Request) -> int:
    return _number(request.query_params.get("length", ""), "length")


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise errors.InvalidArgument(
            f"{name} is no number of bytes", reason="INVALID_FIELD", fields=[errors.Field(name, "is no number")]
        )
    return int(text)


def _file_name(metadata: str) -> str:
    """The file name that a client tells in `Upload-Metadata`: pairs of a key and a Base64 text."""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key in {"filename", "name"}:
            try:
                return base64.b64decode(value, validate=True).decode("utf-8")
            except (binascii.Error, ValueError):
                raise errors.InvalidArgument("Upload-Metadata is not Base64", reason="INVALID_FIELD") from None
    return ""
