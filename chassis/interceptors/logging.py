"""One log line per served call, with its outcome."""

import logging
import time
import types
import urllib.parse

from grpc import aio

from chassis import errors, methods
from chassis.identity import caller
from chassis.interceptors import outcome

REQUEST_ID, PEER = "x-request-id", "x-forwarded-for"  # what a door in front of the server, in its process, says
INSIDE = "unix:"  # how gRPC names whoever calls over a socket file, which is nobody but such a door

logger = logging.getLogger(__name__)


class Around:
    """Writes the line when the call has ended."""

    def __init__(self, method: str, context: aio.ServicerContext) -> None:
        self._method = method
        self._context = context
        self._start = 0.0

    async def __aenter__(self) -> None:
        self._start = time.perf_counter()

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        if methods.is_infrastructure(self._method):
            return
        code = outcome.code_of(failure, self._context)
        fields = {
            "rpc_method": self._method,
            "rpc_code": code.name,
            "duration_ms": round(1000 * (time.perf_counter() - self._start), 1),
            **_origin(self._context),
        }
        if who := caller.current():
            fields["caller"], fields["tenant"] = who.name, who.tenant
        if isinstance(failure, errors.Error):
            fields["reason"], fields["error"] = failure.reason, failure.message
        level = logging.WARNING if code in outcome.SERVER_FAULTS else logging.INFO
        logger.log(level, "%s %s", self._method, code.name, extra=fields)


def address(context: aio.ServicerContext) -> str:
    """The address that a call comes from, without its port; of one that came through a door, as that says."""
    found = urllib.parse.unquote(_origin(context)["peer"])
    kind, _, rest = found.partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else found


def _origin(context: aio.ServicerContext) -> dict[str, str]:
    """Where a call comes from; in the words of a door for those that came through it, and for no others."""
    peer = context.peer()
    if not peer.startswith(INSIDE):
        return {"peer": peer}
    said = {key: str(value) for key, value in context.invocation_metadata() or () if key in (REQUEST_ID, PEER)}
    named = {"request_id": said[REQUEST_ID]} if REQUEST_ID in said else {}
    return {"peer": said.get(PEER, peer), **named}
