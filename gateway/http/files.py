"""Finished files with ranges, entity tags and media types, out of the stream that gRPC callers download."""

import dataclasses
import logging
import re
import urllib.parse
from collections.abc import AsyncGenerator

from google.protobuf import message
from grpc import aio
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.media.v1 import media_pb2
from starlette.requests import Request
from starlette.responses import Response

from chassis import errors
from gateway.http import bindings, live, loopback, problem

logger = logging.getLogger(__name__)

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")  # 18 digits fit into 64 bits; several ranges are answered by all
# The report brings its own style and script. It runs as a stranger: it can read nothing from here and send nothing.
POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'none'; img-src 'self' data:; media-src 'self' data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file.

    Args:
        start: First byte.
        end: The byte after the last.
    """

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A file that can be opened at any place, by one request."""

    loop: loopback.Loopback
    binding: bindings.Binding
    said: pb.DownloadArtifactRequest
    request: Request

    async def open(self, offset: int) -> tuple[aio.UnaryStreamCall, pb.DownloadArtifactResponse]:
        """The stream from a place on, and its first piece, which says what the file is.

        Raises:
            errors.Error: There is no such file or place.
        """
        said = pb.DownloadArtifactRequest(session_id=self.said.session_id, path=self.said.path, offset=offset)
        call = self.loop.stream(self.binding, said, self.request)
        async with loopback.translated():
            first = await call.read()
        if first is aio.EOF:
            raise errors.Internal("a download ended without a piece", reason="INTERNAL")
        return call, first

    async def reopen(
        self, offset: int, artifact: media_pb2.Artifact
    ) -> tuple[aio.UnaryStreamCall, pb.DownloadArtifactResponse]:
        """The stream of the same file from another place on.

        Raises:
            errors.Aborted: It is another file by now.
        """
        call, first = await self.open(offset)
        if first.artifact.sha256 != artifact.sha256:
            call.cancel()
            raise errors.Aborted("the file was replaced meanwhile", reason="FILE_CHANGED", retry_after_s=0)
        return call, first


async def response(
    loop: loopback.Loopback, binding: bindings.Binding, said: message.Message, request: Request
) -> Response:
    """The answer to a request for a file.

    Raises:
        errors.Error: There is no such file.
        problem.Problem: It has no such range.
    """
    source = Source(loop, binding, said, request)
    call, first = await source.open(said.offset)
    artifact, headers = first.artifact, _headers(first.artifact)
    if _known(request.headers.get("if-none-match", ""), headers["ETag"]):
        call.cancel()
        return Response(None, 304, headers)
    whole = Span(said.offset, artifact.size_bytes)
    try:
        span = _wanted(request, artifact, headers["ETag"]) or whole
    except problem.Problem:
        call.cancel()
        raise
    if span.start != said.offset:
        call.cancel()
        call, first = await source.reopen(span.start, artifact)
    status = 200 if span is whole else 206
    if status == 206:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{artifact.size_bytes}"
    if request.method == "HEAD":
        call.cancel()
        return Response(None, status, {**headers, "Content-Length": str(span.size)})
    return live.Live(_bytes(call, first, span.size), status, headers, span.size)


def _headers(artifact: media_pb2.Artifact) -> dict[str, str]:
    name = urllib.parse.quote(artifact.path.rpartition("/")[2])
    return {
        "Content-Type": artifact.media_type or "application/octet-stream",
        "ETag": f'"{artifact.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"inline; filename*=UTF-8''{name}",
        "Cache-Control": "private, no-cache",  # a clip that is made again keeps its name: ask, by tag
        "Content-Security-Policy": POLICY,
    }


def _known(tags: str, tag: str) -> bool:
    return tags == "*" or tag in (each.strip().removeprefix("W/") for each in tags.split(","))


def _wanted(request: Request, artifact: media_pb2.Artifact, tag: str) -> Span | None:
    """The range that a request names; None for the whole file.

    Raises:
        problem.Problem: The file has no such bytes.
    """
    match = RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-" or request.headers.get("if-range", tag) != tag:
        return None
    size = artifact.size_bytes
    if not match[1]:
        span = Span(max(0, size - int(match[2])), size)
    else:
        span = Span(int(match[1]), min(size, int(match[2]) + 1) if match[2] else size)
        if match[2] and int(match[2]) < int(match[1]):
            return None  # no range at all, says RFC 9110
    if span.size <= 0 or span.start >= size:
        error = errors.OutOfRange(f"{artifact.path} has {size} bytes", reason="RANGE_NOT_SATISFIABLE")
        raise problem.Problem(416, error, {"Content-Range": f"bytes */{size}"})
    return span


async def _bytes(
    call: aio.UnaryStreamCall, first: pb.DownloadArtifactResponse, size_bytes: int
) -> AsyncGenerator[bytes, None]:
    """So many bytes of a download; fewer where it breaks off, which the caller is shown by the cut connection."""
    left, piece = size_bytes, first
    try:
        async with loopback.translated():
            while left > 0 and piece is not aio.EOF:
                data = piece.data[:left]
                left -= len(data)
                yield data
                if left > 0:
                    piece = await call.read()
    except errors.Error as error:
        logger.warning("a download broke off with %d bytes to go: %s", left, error)
    finally:
        call.cancel()
