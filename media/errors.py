"""What can be wrong with media, files and workers: a closed list.

Every error has a `reason` (a short stable name), `metadata` (facts for programs) and a `code_name` (the gRPC status
code that fits), so that a server can report it without this package knowing about gRPC.

    MediaError
    ├── Unreadable      not media, or too damaged
    ├── Refused         against the rules for untrusted media
    ├── Unsupported     understood, but not handled
    ├── WorkerLost      the sandboxed child died, hung or ran out of memory
    ├── Busy            too much is waiting already
    ├── PathRefused     a name that leads out of its folder, or is no name
    ├── NotThere        no such file, session or upload
    ├── Conflict        an upload that stands elsewhere than the caller thinks
    ├── FetchFailed     a server that does not deliver a source
    ├── StorageFull     the disk took no more
    │   └── RoomTaken   by what was being written
    └── StorageFailed   the disk could not be read
"""

from collections.abc import Mapping
from typing import ClassVar


class MediaError(Exception):
    """Something about media, files or workers that the caller should know.

    Args:
        message: What is wrong and where, for people.
        reason: Short stable name, upper case; the class's own by default.
        metadata: Facts for programs.
    """

    code_name: ClassVar[str] = "INTERNAL"
    default_reason: ClassVar[str] = "MEDIA_ERROR"

    def __init__(self, message: str, *, reason: str = "", metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})


class Unreadable(MediaError):
    """The file is no media, or too damaged: EMPTY, NOT_MEDIA, NO_STREAMS, NO_FRAMES, DAMAGED."""

    code_name = "INVALID_ARGUMENT"
    default_reason = "NOT_MEDIA"


class Refused(MediaError):
    """Against the rules: FORMAT_NOT_ALLOWED, CODEC_NOT_ALLOWED, TOO_MANY_STREAMS, TOO_LONG, TOO_LARGE.

    Or a source that may not be fetched: BAD_SOURCE_URI, SOURCE_NOT_ALLOWED, TYPE_NOT_ALLOWED, TOO_MANY_REDIRECTS,
    FETCH_TOO_LONG, HTTP_STATUS.
    """

    code_name = "INVALID_ARGUMENT"
    default_reason = "NOT_ALLOWED"


class Unsupported(MediaError):
    """Understood, but not handled: NOT_ON_DEVICE where only the processor can; SUBJECT_LOST."""

    code_name = "FAILED_PRECONDITION"
    default_reason = "UNSUPPORTED"


class WorkerLost(MediaError):
    """The child that worked on the media is gone: CRASHED, DEADLINE, SILENT or OUT_OF_MEMORY.

    Or its device is: DEVICE_FAILED, or DEVICE_MEMORY where that has none left.
    """

    code_name = "UNAVAILABLE"
    default_reason = "CRASHED"


class Busy(MediaError):
    """Too many calls wait already."""

    code_name = "RESOURCE_EXHAUSTED"
    default_reason = "BUSY"


class PathRefused(MediaError):
    """A name that leads out of its folder, or is no name."""

    code_name = "INVALID_ARGUMENT"
    default_reason = "PATH_REFUSED"


class NotThere(MediaError):
    """No such file, session or upload."""

    code_name = "NOT_FOUND"
    default_reason = "NOT_FOUND"


class Conflict(MediaError):
    """An upload stands elsewhere than the caller thinks; metadata has the `offset`."""

    code_name = "ABORTED"
    default_reason = "OFFSET_MISMATCH"


class FetchFailed(MediaError):
    """A server could not be reached, or did not deliver; a later try may help."""

    code_name = "ABORTED"
    default_reason = "FETCH_FAILED"


class StorageFull(MediaError):
    """The disk took no more."""

    code_name = "RESOURCE_EXHAUSTED"
    default_reason = "STORAGE_FULL"


class RoomTaken(StorageFull):
    """What was being written took all the room there was; another try would take it again, so only few are made."""

    code_name = "ABORTED"


class StorageFailed(MediaError):
    """The disk could not be read: nothing is known about the media."""

    code_name = "UNAVAILABLE"
    default_reason = "STORAGE_FAILED"


KINDS = (MediaError, Unreadable, Refused, Unsupported, WorkerLost, Busy, PathRefused, NotThere, Conflict)
BY_NAME = {kind.__name__: kind for kind in (*KINDS, StorageFull, StorageFailed)}
