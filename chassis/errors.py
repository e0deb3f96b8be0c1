"""The errors that services raise and clients receive, and the one table between them and gRPC.

    Error
    ├── Cancelled            ├── Unauthenticated        ├── Unimplemented
    ├── Unknown              ├── ResourceExhausted      ├── Internal
    ├── InvalidArgument      ├── FailedPrecondition     ├── Unavailable
    ├── DeadlineExceeded     ├── Aborted                └── DataLoss
    ├── NotFound             ├── OutOfRange
    └── AlreadyExists        └── PermissionDenied

A handler raises one of them, the server sends it as `google.rpc.Status`, and a stub over a chassis channel raises the
same class with the same reason, metadata and fields on the other side.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import grpc
from google.protobuf import message
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_status import rpc_status

from chassis import attempts

DOMAIN = "reelsmith"
MESSAGE_LENGTH_MAX = 4096  # characters; details travel in an HTTP/2 header, which gRPC limits to 8 KiB by default


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A field of the request that is wrong.

    Args:
        name: Path of the field, such as `spec.count`.
        description: What is wrong with it.
    """

    name: str
    description: str


class Error(Exception):
    """An outcome that a caller can act on.

    Args:
        message: What went wrong and where, for a person.
        reason: Stable word in UPPER_SNAKE_CASE, for a program.
        metadata: Values that belong to the reason.
        fields: Fields of the request that are wrong.
        retry_after_s: Seconds after which a retry may help; None where it would not.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        fields: Sequence[Field] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.fields = tuple(fields)
        self.retry_after_s = retry_after_s
        self.spent = False  # whether second tries were made already, or cannot be afforded: nobody above makes more

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, reason={self.reason!r}, metadata={self.metadata!r})"


class Cancelled(Error):
    """The operation was cancelled."""

    code = grpc.StatusCode.CANCELLED


class Unknown(Error):
    """Something failed and nobody said what."""

    code = grpc.StatusCode.UNKNOWN


class InvalidArgument(Error):
    """The request is wrong, whatever the state of the system."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class DeadlineExceeded(Error):
    """The time was up before the answer."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class NotFound(Error):
    """The thing asked for does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(Error):
    """The thing to create exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class PermissionDenied(Error):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhausted(Error):
    """A limit or a quota is reached."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class FailedPrecondition(Error):
    """The system is not in the state that the request needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(Error):
    """Another change came first."""

    code = grpc.StatusCode.ABORTED


class OutOfRange(Error):
    """The request reaches beyond what there is."""

    code = grpc.StatusCode.OUT_OF_RANGE


class Unimplemented(Error):
    """The operation is not offered."""

    code = grpc.StatusCode.UNIMPLEMENTED


class Internal(Error):
    """A bug of ours."""

    code = grpc.StatusCode.INTERNAL


class Unavailable(Error):
    """The service cannot answer now; another instance, or a later call, may."""

    code = grpc.StatusCode.UNAVAILABLE


class DataLoss(Error):
    """Stored data is lost or damaged."""

    code = grpc.StatusCode.DATA_LOSS


class Unauthenticated(Error):
    """The caller did not prove who it is."""

    code = grpc.StatusCode.UNAUTHENTICATED


CLASSES: dict[grpc.StatusCode, type[Error]] = {
    kind.code: kind
    for kind in (
        Cancelled,
        Unknown,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        OutOfRange,
        Unimplemented,
        Internal,
        Unavailable,
        DataLoss,
        Unauthenticated,
    )
}
BY_NUMBER: dict[int, type[Error]] = {code.value[0]: kind for code, kind in CLASSES.items()}
BY_NAME: dict[str, type[Error]] = {code.name: kind for code, kind in CLASSES.items()}


@runtime_checkable
class Coded(Protocol):
    """An exception of a package that does not know gRPC, yet says which code it means."""

    code_name: str
    reason: str
    metadata: Mapping[str, str]


def from_coded(coded: Coded) -> Error:
    """The error that an exception with a code name stands for; an unknown name is Internal."""
    return BY_NAME.get(coded.code_name, Internal)(str(coded), reason=coded.reason, metadata=coded.metadata)


def from_code(code: grpc.StatusCode, message: str, *, reason: str = "") -> Error:
    """The error of a status code."""
    return CLASSES.get(code, Unknown)(message, reason=reason)


def to_status(error: Error) -> status_pb2.Status:
    """The wire form of an error: ErrorInfo always, BadRequest and RetryInfo where they apply."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message[:MESSAGE_LENGTH_MAX])
    metadata = {key: str(value) for key, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason or error.code.name, domain=DOMAIN, metadata=metadata)
    status.details.add().Pack(info)
    if error.fields:
        bad = error_details_pb2.BadRequest()
        for field in error.fields:
            bad.field_violations.add(field=field.name, description=field.description)
        status.details.add().Pack(bad)
    if error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        status.details.add().Pack(retry)
    return status


def from_status(status: status_pb2.Status) -> Error:
    """The error that a status carries, with whatever details it has."""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    retry_after_s = None
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
    return BY_NUMBER.get(status.code, Unknown)(
        status.message,
        reason=info.reason,
        metadata=info.metadata,
        fields=[Field(item.field, item.description) for item in bad.field_violations],
        retry_after_s=retry_after_s,
    )


def from_rpc(failure: aio.AioRpcError) -> Error:
    """The error behind a failed call, whether one of our servers sent it or gRPC itself did."""
    try:
        status = rpc_status.from_call(failure)
    except (ValueError, message.DecodeError) as mismatch:
        # A proxy between us rewrote the code or the details: the code that gRPC reports is what counts.
        error = from_code(failure.code(), f"{failure.details()} (details unreadable: {mismatch})")
    else:
        error = from_status(status) if status else from_code(failure.code(), failure.details() or failure.code().name)
    error.spent = attempts.spent(failure.trailing_metadata())
    return error
