"""How a call ended, as a status code, before gRPC itself has said so."""

import asyncio

import grpc
from grpc import aio

from chassis import errors

CODES = {code.value[0]: code for code in grpc.StatusCode}
SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)  # of OpenTelemetry's RPC conventions: what marks a server span as failed; the rest is the caller's doing


def code_of(failure: BaseException | None, context: aio.ServicerContext) -> grpc.StatusCode:
    """The code that the caller will see.

    Args:
        failure: What the handler raised, if anything.
        context: The call.
    """
    if isinstance(failure, errors.Error):
        return failure.code
    if isinstance(failure, asyncio.CancelledError):
        left = context.time_remaining()
        return grpc.StatusCode.DEADLINE_EXCEEDED if left is not None and left <= 0 else grpc.StatusCode.CANCELLED
    if failure is None or isinstance(failure, aio.AbortError):
        return _said(context, aborted=failure is not None)
    return grpc.StatusCode.INTERNAL


def _said(context: aio.ServicerContext, *, aborted: bool) -> grpc.StatusCode:
    """The code that the handler itself gave to gRPC."""
    said = context.code()
    code = said if isinstance(said, grpc.StatusCode) else CODES.get(said or 0, grpc.StatusCode.UNKNOWN)
    return grpc.StatusCode.UNKNOWN if aborted and code is grpc.StatusCode.OK else code
