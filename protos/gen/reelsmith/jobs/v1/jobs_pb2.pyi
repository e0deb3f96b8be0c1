import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from reelsmith.exporter.v1 import exporter_pb2 as _exporter_pb2
from reelsmith.media.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Job(_message.Message):
    __slots__ = ("id", "spec", "state", "steps", "clips", "artifacts", "fraction", "eta", "error", "create_time", "start_time", "end_time", "sequence", "trace_id", "tenant", "eta_low", "eta_high")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Job.State]
        STATE_PENDING: _ClassVar[Job.State]
        STATE_RUNNING: _ClassVar[Job.State]
        STATE_SUCCEEDED: _ClassVar[Job.State]
        STATE_PARTIAL: _ClassVar[Job.State]
        STATE_FAILED: _ClassVar[Job.State]
        STATE_CANCELLED: _ClassVar[Job.State]
    STATE_UNSPECIFIED: Job.State
    STATE_PENDING: Job.State
    STATE_RUNNING: Job.State
    STATE_SUCCEEDED: Job.State
    STATE_PARTIAL: Job.State
    STATE_FAILED: Job.State
    STATE_CANCELLED: Job.State
    ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ETA_LOW_FIELD_NUMBER: _ClassVar[int]
    ETA_HIGH_FIELD_NUMBER: _ClassVar[int]
    id: str
    spec: JobSpec
    state: Job.State
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    clips: _containers.RepeatedCompositeFieldContainer[Clip]
    artifacts: _containers.RepeatedCompositeFieldContainer[_media_pb2.Artifact]
    fraction: float
    eta: _duration_pb2.Duration
    error: _media_pb2.Failure
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    sequence: int
    trace_id: str
    tenant: str
    eta_low: _duration_pb2.Duration
    eta_high: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., spec: _Optional[_Union[JobSpec, _Mapping]] = ..., state: _Optional[_Union[Job.State, str]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., clips: _Optional[_Iterable[_Union[Clip, _Mapping]]] = ..., artifacts: _Optional[_Iterable[_Union[_media_pb2.Artifact, _Mapping]]] = ..., fraction: _Optional[float] = ..., eta: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., error: _Optional[_Union[_media_pb2.Failure, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sequence: _Optional[int] = ..., trace_id: _Optional[str] = ..., tenant: _Optional[str] = ..., eta_low: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., eta_high: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class JobSpec(_message.Message):
    __slots__ = ("source_uri", "title", "count", "duration_min_s", "duration_max_s", "aspect_ratio", "layout", "preset", "range", "keywords", "weights", "analyze_only", "priority", "labels", "clips", "transcript_uri", "genre", "diversity", "durations", "durations_apart", "gap_min_s", "exclusions", "explain", "evidence", "captions", "overlays", "mode", "video_codec", "edit", "manifest_uri", "language", "timelines", "start_time", "deadline", "webhook")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SOURCE_URI_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MIN_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_MAX_S_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    KEYWORDS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    ANALYZE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_URI_FIELD_NUMBER: _ClassVar[int]
    GENRE_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_APART_FIELD_NUMBER: _ClassVar[int]
    GAP_MIN_S_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIONS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    OVERLAYS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_CODEC_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_URI_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TIMELINES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    source_uri: str
    title: str
    count: int
    duration_min_s: float
    duration_max_s: float
    aspect_ratio: _exporter_pb2.AspectRatio
    layout: _exporter_pb2.Layout
    preset: str
    range: _media_pb2.TimeRange
    keywords: _containers.RepeatedScalarFieldContainer[str]
    weights: _containers.ScalarMap[str, float]
    analyze_only: bool
    priority: int
    labels: _containers.ScalarMap[str, str]
    clips: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    transcript_uri: str
    genre: str
    diversity: float
    durations: _containers.RepeatedCompositeFieldContainer[_media_pb2.ClipDuration]
    durations_apart: bool
    gap_min_s: float
    exclusions: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    explain: int
    evidence: bool
    captions: _exporter_pb2.CaptionOptions
    overlays: _exporter_pb2.Overlays
    mode: _exporter_pb2.ExportMode
    video_codec: _exporter_pb2.VideoCodec
    edit: _exporter_pb2.Edit
    manifest_uri: str
    language: str
    timelines: _containers.RepeatedScalarFieldContainer[_exporter_pb2.ExportTimelineRequest.Format]
    start_time: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    webhook: Webhook
    def __init__(self, source_uri: _Optional[str] = ..., title: _Optional[str] = ..., count: _Optional[int] = ..., duration_min_s: _Optional[float] = ..., duration_max_s: _Optional[float] = ..., aspect_ratio: _Optional[_Union[_exporter_pb2.AspectRatio, str]] = ..., layout: _Optional[_Union[_exporter_pb2.Layout, str]] = ..., preset: _Optional[str] = ..., range: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., keywords: _Optional[_Iterable[str]] = ..., weights: _Optional[_Mapping[str, float]] = ..., analyze_only: _Optional[bool] = ..., priority: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., clips: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., transcript_uri: _Optional[str] = ..., genre: _Optional[str] = ..., diversity: _Optional[float] = ..., durations: _Optional[_Iterable[_Union[_media_pb2.ClipDuration, _Mapping]]] = ..., durations_apart: _Optional[bool] = ..., gap_min_s: _Optional[float] = ..., exclusions: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., explain: _Optional[int] = ..., evidence: _Optional[bool] = ..., captions: _Optional[_Union[_exporter_pb2.CaptionOptions, _Mapping]] = ..., overlays: _Optional[_Union[_exporter_pb2.Overlays, _Mapping]] = ..., mode: _Optional[_Union[_exporter_pb2.ExportMode, str]] = ..., video_codec: _Optional[_Union[_exporter_pb2.VideoCodec, str]] = ..., edit: _Optional[_Union[_exporter_pb2.Edit, _Mapping]] = ..., manifest_uri: _Optional[str] = ..., language: _Optional[str] = ..., timelines: _Optional[_Iterable[_Union[_exporter_pb2.ExportTimelineRequest.Format, str]]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., webhook: _Optional[_Union[Webhook, _Mapping]] = ...) -> None: ...

class Webhook(_message.Message):
    __slots__ = ("url", "secret")
    URL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    url: str
    secret: str
    def __init__(self, url: _Optional[str] = ..., secret: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "kind", "state", "attempts", "fencing_token", "progress", "instance", "error", "depends_on", "start_time", "end_time", "retry_time", "worker_deaths", "note")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Step.Kind]
        KIND_PROBE: _ClassVar[Step.Kind]
        KIND_ANALYZE: _ClassVar[Step.Kind]
        KIND_PROPOSE: _ClassVar[Step.Kind]
        KIND_EXPORT: _ClassVar[Step.Kind]
        KIND_IMAGES: _ClassVar[Step.Kind]
        KIND_REPORT: _ClassVar[Step.Kind]
        KIND_TIMELINES: _ClassVar[Step.Kind]
        KIND_FETCH: _ClassVar[Step.Kind]
    KIND_UNSPECIFIED: Step.Kind
    KIND_PROBE: Step.Kind
    KIND_ANALYZE: Step.Kind
    KIND_PROPOSE: Step.Kind
    KIND_EXPORT: Step.Kind
    KIND_IMAGES: Step.Kind
    KIND_REPORT: Step.Kind
    KIND_TIMELINES: Step.Kind
    KIND_FETCH: Step.Kind
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Step.State]
        STATE_PENDING: _ClassVar[Step.State]
        STATE_READY: _ClassVar[Step.State]
        STATE_RUNNING: _ClassVar[Step.State]
        STATE_SUCCEEDED: _ClassVar[Step.State]
        STATE_FAILED: _ClassVar[Step.State]
        STATE_SKIPPED: _ClassVar[Step.State]
        STATE_QUARANTINED: _ClassVar[Step.State]
        STATE_CANCELLED: _ClassVar[Step.State]
    STATE_UNSPECIFIED: Step.State
    STATE_PENDING: Step.State
    STATE_READY: Step.State
    STATE_RUNNING: Step.State
    STATE_SUCCEEDED: Step.State
    STATE_FAILED: Step.State
    STATE_SKIPPED: Step.State
    STATE_QUARANTINED: Step.State
    STATE_CANCELLED: Step.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FENCING_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DEPENDS_ON_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    WORKER_DEATHS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: Step.Kind
    state: Step.State
    attempts: int
    fencing_token: int
    progress: _media_pb2.Progress
    instance: str
    error: _media_pb2.Failure
    depends_on: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    retry_time: _timestamp_pb2.Timestamp
    worker_deaths: int
    note: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[Step.Kind, str]] = ..., state: _Optional[_Union[Step.State, str]] = ..., attempts: _Optional[int] = ..., fencing_token: _Optional[int] = ..., progress: _Optional[_Union[_media_pb2.Progress, _Mapping]] = ..., instance: _Optional[str] = ..., error: _Optional[_Union[_media_pb2.Failure, _Mapping]] = ..., depends_on: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., worker_deaths: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class Clip(_message.Message):
    __slots__ = ("rank", "time", "score", "state", "video", "manifest", "thumbnail", "error", "step", "captions")
    RANK_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    rank: int
    time: _media_pb2.TimeRange
    score: float
    state: Step.State
    video: _media_pb2.Artifact
    manifest: _media_pb2.Artifact
    thumbnail: _media_pb2.Artifact
    error: _media_pb2.Failure
    step: str
    captions: _containers.RepeatedCompositeFieldContainer[_media_pb2.Artifact]
    def __init__(self, rank: _Optional[int] = ..., time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., score: _Optional[float] = ..., state: _Optional[_Union[Step.State, str]] = ..., video: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., manifest: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., thumbnail: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., error: _Optional[_Union[_media_pb2.Failure, _Mapping]] = ..., step: _Optional[str] = ..., captions: _Optional[_Iterable[_Union[_media_pb2.Artifact, _Mapping]]] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("sequence", "time", "job", "step", "message")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    job: Job
    step: str
    message: str
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., step: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class SubmitJobRequest(_message.Message):
    __slots__ = ("spec", "request_id", "tenant")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    spec: JobSpec
    request_id: str
    tenant: str
    def __init__(self, spec: _Optional[_Union[JobSpec, _Mapping]] = ..., request_id: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class SubmitBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SubmitJobRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SubmitJobRequest, _Mapping]]] = ...) -> None: ...

class SubmitBatchResponse(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states", "labels", "tenant")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[Job.State]
    labels: _containers.ScalarMap[str, str]
    tenant: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[Job.State, str]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., tenant: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("id", "after_sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RetryJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetQueueStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PauseQueueRequest(_message.Message):
    __slots__ = ("drain", "reason")
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    drain: bool
    reason: str
    def __init__(self, drain: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ResumeQueueRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueueStats(_message.Message):
    __slots__ = ("jobs", "ready_steps", "running_steps", "job_limit", "oldest_ready_age", "version", "flow", "pause_reason", "pause_time", "spec_bytes", "spec_bytes_limit", "tenants", "notices_waiting", "notices_given_up", "waiting_steps")
    class Flow(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FLOW_UNSPECIFIED: _ClassVar[QueueStats.Flow]
        FLOW_OPEN: _ClassVar[QueueStats.Flow]
        FLOW_PAUSED: _ClassVar[QueueStats.Flow]
        FLOW_DRAINING: _ClassVar[QueueStats.Flow]
    FLOW_UNSPECIFIED: QueueStats.Flow
    FLOW_OPEN: QueueStats.Flow
    FLOW_PAUSED: QueueStats.Flow
    FLOW_DRAINING: QueueStats.Flow
    JOBS_FIELD_NUMBER: _ClassVar[int]
    READY_STEPS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_STEPS_FIELD_NUMBER: _ClassVar[int]
    JOB_LIMIT_FIELD_NUMBER: _ClassVar[int]
    OLDEST_READY_AGE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PAUSE_REASON_FIELD_NUMBER: _ClassVar[int]
    PAUSE_TIME_FIELD_NUMBER: _ClassVar[int]
    SPEC_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPEC_BYTES_LIMIT_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_WAITING_FIELD_NUMBER: _ClassVar[int]
    NOTICES_GIVEN_UP_FIELD_NUMBER: _ClassVar[int]
    WAITING_STEPS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[StateCount]
    ready_steps: int
    running_steps: int
    job_limit: int
    oldest_ready_age: _duration_pb2.Duration
    version: str
    flow: QueueStats.Flow
    pause_reason: str
    pause_time: _timestamp_pb2.Timestamp
    spec_bytes: int
    spec_bytes_limit: int
    tenants: _containers.RepeatedCompositeFieldContainer[TenantLoad]
    notices_waiting: int
    notices_given_up: int
    waiting_steps: int
    def __init__(self, jobs: _Optional[_Iterable[_Union[StateCount, _Mapping]]] = ..., ready_steps: _Optional[int] = ..., running_steps: _Optional[int] = ..., job_limit: _Optional[int] = ..., oldest_ready_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., version: _Optional[str] = ..., flow: _Optional[_Union[QueueStats.Flow, str]] = ..., pause_reason: _Optional[str] = ..., pause_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., spec_bytes: _Optional[int] = ..., spec_bytes_limit: _Optional[int] = ..., tenants: _Optional[_Iterable[_Union[TenantLoad, _Mapping]]] = ..., notices_waiting: _Optional[int] = ..., notices_given_up: _Optional[int] = ..., waiting_steps: _Optional[int] = ...) -> None: ...

class TenantLoad(_message.Message):
    __slots__ = ("tenant", "jobs", "spec_bytes", "job_limit")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    SPEC_BYTES_FIELD_NUMBER: _ClassVar[int]
    JOB_LIMIT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    jobs: int
    spec_bytes: int
    job_limit: int
    def __init__(self, tenant: _Optional[str] = ..., jobs: _Optional[int] = ..., spec_bytes: _Optional[int] = ..., job_limit: _Optional[int] = ...) -> None: ...

class StateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: Job.State
    count: int
    def __init__(self, state: _Optional[_Union[Job.State, str]] = ..., count: _Optional[int] = ...) -> None: ...
