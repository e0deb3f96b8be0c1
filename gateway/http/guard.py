"""What stands around every HTTP request: whom it is for, where it comes from, what the answer forbids a browser."""

import dataclasses
import time
import urllib.parse

import prometheus_client
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import errors, telemetry
from gateway.http import loopback, problem

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SAME = frozenset({"same-origin", "none"})  # what a browser says of a request of this very page, or typed by a person
# The page brings everything along: nothing from elsewhere, nothing inline, nobody around it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
}

HANDLED = prometheus_client.Counter(
    "reelsmith_http_handled_total", "HTTP requests that ended, by route and status.", ["method", "route", "status"]
)
DURATION = prometheus_client.Histogram(
    "reelsmith_http_duration_seconds",
    "How long HTTP requests took.",
    ["method", "route"],
    buckets=telemetry.DURATION_BUCKETS_S,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Guard:
    """Middleware around the whole application.

    Args:
        app: What is guarded.
        hosts: Host names under which it may be asked; None for any.
        origins: Origins of other pages that browsers may let in.
    """

    app: ASGIApp
    hosts: frozenset[str] | None
    origins: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or refuses it, and counts it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = loopback.request_id(scope["headers"])
        others = [pair for pair in scope["headers"] if pair[0] != b"x-request-id"]
        scope["headers"] = [*others, (b"x-request-id", identifier.encode())]
        start_s, statuses = time.perf_counter(), []

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = identifier
            await send(message)

        try:
            refused = self._refused(Request(scope))
            await (problem.response(refused) if refused else self.app)(scope, receive, dressed)
        finally:
            labels = (scope["method"] if scope["method"] in METHODS else "other", _route(scope))
            DURATION.labels(*labels).observe(time.perf_counter() - start_s)
            HANDLED.labels(*labels, str(statuses[0]) if statuses else "none").inc()

    def _refused(self, request: Request) -> problem.Problem | None:
        """Why a request is not let in: a page elsewhere must not steer a suite through somebody's browser."""
        headers = request.headers
        if self.hosts is not None and _name(headers.get("host", "")) not in self.hosts:
            # A name that somebody points at this machine would make their page one of ours (DNS rebinding).
            return problem.Problem(421, _denied("this host name is not one of the gateway's", "HOST_REFUSED"))
        origin = headers.get("origin", "")
        if request.method in SAFE or origin in self.origins:
            return None
        site = headers.get("sec-fetch-site", "")  # browsers that do not say it still name the origin
        if site not in SAME if site else origin and urllib.parse.urlsplit(origin).netloc != headers.get("host", ""):
            return problem.Problem(403, _denied("requests of other pages are not let in", "ORIGIN_REFUSED"))
        return None


METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}  # any other word would be a label of the caller's choice


def _denied(message: str, reason: str) -> errors.PermissionDenied:
    return errors.PermissionDenied(message, reason=reason)


def _name(host: str) -> str:
    """The host of a `Host` header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def _route(scope: Scope) -> str:
    """The pattern of the route that matched: a path itself would be a label without bound."""
    return getattr(scope.get("route"), "path", "other")
