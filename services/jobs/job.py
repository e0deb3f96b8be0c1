"""What a job is: its states, steps, clips, files and events, as plain values that nothing can change in place."""

import dataclasses
import enum
from collections.abc import Mapping

from services.jobs import spec as specs


class JobState(enum.StrEnum):
    """Where a job stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen unless someone asks for it."""
        return self not in (JobState.PENDING, JobState.RUNNING)


class StepState(enum.StrEnum):
    """Where a step stands."""

    PENDING = "PENDING"
    READY = "READY"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    QUARANTINED = "QUARANTINED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        """Whether the step will not run again by itself."""
        return self not in (StepState.PENDING, StepState.READY, StepState.RUNNING)


class Kind(enum.StrEnum):
    """What a step does."""

    PROBE = "PROBE"
    ANALYZE = "ANALYZE"
    PROPOSE = "PROPOSE"
    EXPORT = "EXPORT"
    IMAGES = "IMAGES"
    REPORT = "REPORT"
    TIMELINES = "TIMELINES"
    FETCH = "FETCH"


SERVICES: Mapping[Kind, str] = {
    Kind.FETCH: "analyzer",
    Kind.PROBE: "analyzer",
    Kind.ANALYZE: "analyzer",
    Kind.PROPOSE: "analyzer",
    Kind.EXPORT: "exporter",
    Kind.IMAGES: "exporter",
    Kind.REPORT: "exporter",
    Kind.TIMELINES: "exporter",
}  # who does what


class Role(enum.StrEnum):
    """What a file is for."""

    MEDIA_INFO = "MEDIA_INFO"
    ANALYSIS = "ANALYSIS"
    PROPOSALS = "PROPOSALS"
    CLIP = "CLIP"
    MANIFEST = "MANIFEST"
    THUMBNAIL = "THUMBNAIL"
    CONTACT_SHEET = "CONTACT_SHEET"
    REPORT = "REPORT"
    CAPTIONS = "CAPTIONS"
    TIMELINE = "TIMELINE"
    SOURCE = "SOURCE"


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, as it is kept."""

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of the source that becomes a clip; frames are absent where only times are known."""

    rank: int
    start_s: float
    end_s: float
    start_frame: int | None = None
    end_frame: int | None = None
    score: float | None = None
    proposal_json: str = ""

    @property
    def name(self) -> str:
        """Base name of the clip's files."""
        return f"clip-{self.rank:02d}"


@dataclasses.dataclass(frozen=True, slots=True)
class Artifact:
    """A committed file of the session, and the step that made it."""

    path: str
    size_bytes: int
    sha256: str
    media_type: str
    role: Role
    step: str

    @property
    def clip_name(self) -> str:
        """Base name of the clip that the file belongs to, for the roles that belong to one."""
        return self.path.rsplit("/", 1)[-1].split(".", 1)[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A piece of work that runs on one instance.

    Args:
        needs: Steps that must have succeeded before.
        follows: Steps that must have ended before, however they ended.
        needs_any: Whether at least one of `follows` must have succeeded.
        token: Fencing token of the last lease; grows with every lease.
        attempts: Leases given, for people to read.
        failures: Attempts that count against the limit of faults.
        outages: Attempts that an absent or busy instance cut short.
        retry_us: Wall time of the next attempt, kept so that a restart keeps the wait, be it back-off or a later start.
        retry_delay_us: Length of that wait, so that a jump of the wall clock cannot stretch it.
        carrier: Trace context of the last attempt that failed, for the link to it.
        note: What is worth knowing about how it was done.
        media_s: Length of the source in seconds, where the step is the probe that has found it.
    """

    name: str
    kind: Kind
    position: int
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    needs_any: bool = False
    clip: Clip | None = None
    state: StepState = StepState.PENDING
    token: int = 0
    attempts: int = 0
    failures: int = 0
    worker_deaths: int = 0
    outages: int = 0
    instance: str = ""
    error: Failure | None = None
    start_us: int | None = None
    end_us: int | None = None
    retry_us: int | None = None
    retry_delay_us: int = 0
    carrier: Mapping[str, str] = dataclasses.field(default_factory=dict)
    note: str = ""
    media_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job with its steps in the order of the plan and its committed files by path."""

    id: str
    number: int
    spec: specs.Spec
    state: JobState
    create_us: int
    carrier: Mapping[str, str]
    steps: tuple[Step, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    error: Failure | None = None
    start_us: int | None = None
    end_us: int | None = None
    sequence: int = 0
    tenant: str = specs.TENANT_DEFAULT

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            KeyError: The plan has no such step.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def artifact(self, role: Role, clip_name: str = "") -> Artifact | None:
        """The committed file of a role, of one clip where a name is given."""
        for artifact in self.artifacts:
            if artifact.role is role and clip_name in ("", artifact.clip_name):
                return artifact
        return None

    def artifacts_of(self, role: Role, clip_name: str) -> list[Artifact]:
        """The committed files of a role of one clip."""
        return [one for one in self.artifacts if one.role is role and one.clip_name == clip_name]

    @property
    def trace_id(self) -> str:
        """Trace that the job belongs to, 32 hexadecimal digits; empty without tracing."""
        parts = self.carrier.get("traceparent", "").split("-")
        return parts[1] if len(parts) == 4 else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Delta:
    """What an event changed: the head of the job, and every step and file that is new or different."""

    state: JobState
    error: Failure | None
    start_us: int | None
    end_us: int | None
    steps: tuple[Step, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something lasting that happened to a job; `step` is empty where the job as a whole changed."""

    sequence: int
    time_us: int
    step: str
    message: str
    delta: Delta


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a running attempt has come; `eta_s` is absent while it cannot be told."""

    fraction: float
    stage: str = ""
    frames: int = 0
    frames_per_second: float = 0.0
    eta_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one attempt at a step: good only while the store holds this very token for it."""

    job_id: str
    step: str
    token: int

    @property
    def folder(self) -> str:
        """Folder inside the session that this attempt alone writes to."""
        return f"video_clips/{self.step}.{self.token}"


def difference(old: Job | None, new: Job) -> Delta:
    """What must be written or told to turn one version of a job into the next."""
    steps = {step.name: step for step in old.steps} if old else {}
    artifacts = {artifact.path: artifact for artifact in old.artifacts} if old else {}
    return Delta(
        state=new.state,
        error=new.error,
        start_us=new.start_us,
        end_us=new.end_us,
        steps=tuple(step for step in new.steps if step != steps.get(step.name)),
        artifacts=tuple(item for item in new.artifacts if item != artifacts.get(item.path)),
    )


def merged(job: Job, event: Event) -> Job:
    """The job as it is after an event, given the job as it was before."""
    delta = event.delta
    steps = {step.name: step for step in (*job.steps, *delta.steps)}
    artifacts = {artifact.path: artifact for artifact in (*job.artifacts, *delta.artifacts)}
    return dataclasses.replace(
        job,
        state=delta.state,
        error=delta.error,
        start_us=delta.start_us,
        end_us=delta.end_us,
        steps=tuple(sorted(steps.values(), key=lambda step: step.position)),
        artifacts=tuple(artifacts[path] for path in sorted(artifacts)),
        sequence=event.sequence,
    )
