import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ArtifactRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARTIFACT_ROLE_UNSPECIFIED: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_MEDIA_INFO: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_ANALYSIS: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_PROPOSALS: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_CLIP: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_MANIFEST: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_THUMBNAIL: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_CONTACT_SHEET: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_REPORT: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_CAPTIONS: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_TIMELINE: _ClassVar[ArtifactRole]
    ARTIFACT_ROLE_SOURCE: _ClassVar[ArtifactRole]
ARTIFACT_ROLE_UNSPECIFIED: ArtifactRole
ARTIFACT_ROLE_MEDIA_INFO: ArtifactRole
ARTIFACT_ROLE_ANALYSIS: ArtifactRole
ARTIFACT_ROLE_PROPOSALS: ArtifactRole
ARTIFACT_ROLE_CLIP: ArtifactRole
ARTIFACT_ROLE_MANIFEST: ArtifactRole
ARTIFACT_ROLE_THUMBNAIL: ArtifactRole
ARTIFACT_ROLE_CONTACT_SHEET: ArtifactRole
ARTIFACT_ROLE_REPORT: ArtifactRole
ARTIFACT_ROLE_CAPTIONS: ArtifactRole
ARTIFACT_ROLE_TIMELINE: ArtifactRole
ARTIFACT_ROLE_SOURCE: ArtifactRole

class Rational(_message.Message):
    __slots__ = ("numerator", "denominator")
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    numerator: int
    denominator: int
    def __init__(self, numerator: _Optional[int] = ..., denominator: _Optional[int] = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("start_s", "end_s")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ...) -> None: ...

class FrameRange(_message.Message):
    __slots__ = ("start_frame", "end_frame")
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    END_FRAME_FIELD_NUMBER: _ClassVar[int]
    start_frame: int
    end_frame: int
    def __init__(self, start_frame: _Optional[int] = ..., end_frame: _Optional[int] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("session_id", "directory")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    directory: str
    def __init__(self, session_id: _Optional[str] = ..., directory: _Optional[str] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("path", "size_bytes", "sha256", "media_type", "role")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    size_bytes: int
    sha256: str
    media_type: str
    role: ArtifactRole
    def __init__(self, path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., role: _Optional[_Union[ArtifactRole, str]] = ...) -> None: ...

class ClipDuration(_message.Message):
    __slots__ = ("target_s", "count")
    TARGET_S_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    target_s: float
    count: int
    def __init__(self, target_s: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("fraction", "stage", "frames", "frames_per_second", "eta")
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    stage: str
    frames: int
    frames_per_second: float
    eta: _duration_pb2.Duration
    def __init__(self, fraction: _Optional[float] = ..., stage: _Optional[str] = ..., frames: _Optional[int] = ..., frames_per_second: _Optional[float] = ..., eta: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Capacity(_message.Message):
    __slots__ = ("workers", "busy_workers", "queued_calls", "queue_limit")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    BUSY_WORKERS_FIELD_NUMBER: _ClassVar[int]
    QUEUED_CALLS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    workers: int
    busy_workers: int
    queued_calls: int
    queue_limit: int
    def __init__(self, workers: _Optional[int] = ..., busy_workers: _Optional[int] = ..., queued_calls: _Optional[int] = ..., queue_limit: _Optional[int] = ...) -> None: ...

class Protection(_message.Message):
    __slots__ = ("name", "active", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    active: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., active: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "reason", "message", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: str
    reason: str
    message: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
