"""The application: every binding a route, uploads, the page, and a problem document for whatever goes wrong."""

import asyncio
import dataclasses
import json
import logging
import pathlib
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf import message
from reelsmith.gateway.v1 import gateway_pb2 as pb
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis import errors
from gateway import settings as settings_module
from gateway.http import bindings, events, files, guard, loopback, openapi, problem, transcode, tus

logger = logging.getLogger(__name__)

SERVICE = pb.DESCRIPTOR.services_by_name["ClipService"]
FILE = "DownloadArtifact"  # the stream that is a file; any other stream is events
WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
API = "/v1/"
JSON = "application/json"
BODY_IDLE_S = 30.0  # for all of a JSON body: a few megabytes at most
CODES = {404: errors.NotFound, 405: errors.Unimplemented}  # of what Starlette itself refuses

Answer = Callable[[loopback.Loopback, bindings.Binding, message.Message, Request], Awaitable[Response]]


def build(settings: settings_module.Settings, loop: loopback.Loopback) -> Starlette:
    """The application.

    Args:
        settings: Limits, and who may ask.
        loop: Where calls go.
    """
    bounds = tus.Bounds(settings.upload_size_max_bytes, settings.upload_idle_max_s, settings.upload_keep_s)
    routes: list[BaseRoute] = tus.Uploads(loop, bounds).routes()
    found = bindings.of(SERVICE)
    description = json.dumps(openapi.Description(found).document())
    routes.append(Route(f"{API}openapi.json", _constant(description), methods=["GET"]))
    for binding in found:
        endpoint = Endpoint(loop, binding, settings.http_body_max_bytes)
        routes.append(Route(binding.pattern, endpoint.answer, methods=[binding.verb]))
    origins = settings.origins
    middleware = [Middleware(guard.Guard, hosts=_hosts(settings), origins=frozenset(origins))]
    if origins:
        middleware.insert(0, Middleware(CORSMiddleware, allow_origins=origins, **CORS))
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    if WEB.is_dir():
        app.router.default = _pages(Page(directory=WEB, html=True), app.router.default)
    return app


def _constant(document: str) -> Callable[[Request], Awaitable[Response]]:
    """An answer that never changes."""

    async def answer(request: Request) -> Response:
        return Response(document, 200, {"Cache-Control": "no-cache"}, JSON)

    return answer


class Page(StaticFiles):
    """The files of the page. A browser asks each time whether they changed: after an upgrade no old module is left."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        """A file, or word that it is the same."""
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _pages(page: ASGIApp, nothing: ASGIApp) -> ASGIApp:
    """The files of the page, for what no route wants and is none of the API."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (nothing if scope["path"].startswith(API) else page)(scope, receive, send)

    return answer


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One binding, served.

    Args:
        loop: Where its calls go.
        binding: The rule.
        body_max_bytes: Largest body.
    """

    loop: loopback.Loopback
    binding: bindings.Binding
    body_max_bytes: int

    async def answer(self, request: Request) -> Response:
        """Makes the call that the request stands for."""
        body = await self._body(request)
        said = transcode.request(self.binding, request.path_params, request.query_params.multi_items(), body)
        if not self.binding.method.server_streaming:
            answer = await self.loop.unary(self.binding, said, request)
            return Response(transcode.text(answer), 200, {"Cache-Control": "no-store"}, JSON)
        streamed: Answer = files.response if self.binding.method.name == FILE else events.response
        return await streamed(self.loop, self.binding, said, request)

    async def _body(self, request: Request) -> bytes:
        """The body, within its bounds.

        Raises:
            problem.Problem: It is too large, too slow or no JSON.
        """
        if self.binding.body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            # A page elsewhere can send a form without asking, but not this media type.
            raise problem.Problem(
                415, errors.InvalidArgument(f"the media type must be {JSON}", reason="BAD_MEDIA_TYPE")
            )
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_IDLE_S):
                async for data in request.stream():
                    body += data
                    if len(body) > self.body_max_bytes:
                        text = f"a body may have {self.body_max_bytes} bytes"
                        raise problem.Problem(413, errors.InvalidArgument(text, reason="TOO_LARGE"))
        except TimeoutError:
            error = errors.DeadlineExceeded(f"the body did not come within {BODY_IDLE_S:g} s", reason="BODY_LATE")
            raise problem.Problem(408, error) from None
        return bytes(body)


def _hosts(settings: settings_module.Settings) -> frozenset[str] | None:
    """Names under which the gateway may be asked; on an address for others any, unless some are listed."""
    if settings.hosts:
        return guard.LOCAL_HOSTS | frozenset(settings.hosts)
    return guard.LOCAL_HOSTS if settings.host in {"127.0.0.1", "::1", "localhost"} else None


async def _ours(request: Request, error: Exception) -> Response:
    return problem.response(problem.of(error))


async def _problem(request: Request, error: Exception) -> Response:
    return problem.response(error)


async def _starlette(request: Request, error: Exception) -> Response:
    kind = CODES.get(error.status_code, errors.InvalidArgument)
    said = {404: f"there is nothing at {request.url.path[:200]}"}.get(error.status_code, str(error.detail))
    reason = {404: "NO_SUCH_ROUTE", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "BAD_REQUEST")
    return problem.response(problem.Problem(error.status_code, kind(said, reason=reason), error.headers))


async def _left(request: Request, error: Exception) -> Response:
    return problem.response(problem.of(errors.Cancelled("the caller went away", reason="CALLER_LEFT")))


async def _bug(request: Request, error: Exception) -> Response:
    text = "the request failed; the log of the gateway has the details"
    return problem.response(problem.of(errors.Internal(text, reason="INTERNAL")))


HANDLERS = {
    errors.Error: _ours,
    problem.Problem: _problem,
    HTTPException: _starlette,
    ClientDisconnect: _left,
    Exception: _bug,  # Starlette answers, and raises it again for the server to log
}
CORS = {
    "allow_methods": sorted(guard.METHODS),
    "allow_headers": ["*"],
    "expose_headers": "ETag Location Retry-After Upload-Expires Upload-Length Upload-Offset X-Request-Id".split(),
    "max_age": 600,  # what browsers keep at least
}
