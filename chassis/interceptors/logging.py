"""One log line per served call, with its outcome."""

import logging
import time
import types

from grpc import aio

from chassis import errors, methods
from chassis.identity import caller
from chassis.interceptors import outcome

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
            "peer": self._context.peer(),
        }
        if who := caller.current():
            fields["caller"], fields["tenant"] = who.name, who.tenant
        if isinstance(failure, errors.Error):
            fields["reason"], fields["error"] = failure.reason, failure.message
        level = logging.WARNING if code in outcome.SERVER_FAULTS else logging.INFO
        logger.log(level, "%s %s", self._method, code.name, extra=fields)
