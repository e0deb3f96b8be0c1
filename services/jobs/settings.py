"""What the job manager is told by its environment."""

from typing import Annotated, ClassVar, Literal

import pydantic

from chassis import settings
from services.jobs import attempt, dispatch, retry, room
from services.jobs import job as jobs
from services.jobs import spec as specs

KindName = Literal["probe", "analyze", "propose", "export", "images", "report", "timelines"]
TenantName = Annotated[str, pydantic.StringConstraints(pattern=f"^{specs.TENANT.pattern}$")]
CodeName = Literal[
    "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "DATA_LOSS", "UNAUTHENTICATED",
]  # fmt: skip
Count = Annotated[int, pydantic.Field(ge=1, le=100_000)]
Weight = Annotated[float, pydantic.Field(ge=0.01, le=1000)]  # beyond that one would wait for days for the other


class Retry(pydantic.BaseModel):
    """How a kind of step is tried again after faults; deaths of workers and outages keep their own rules."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    attempts: int = pydantic.Field(default=5, ge=1, le=100, description="Faults after which the step fails.")
    growth: retry.Growth = pydantic.Field(
        default=retry.Growth.EXPONENTIAL, description="How waits grow: exponential, linear, fibonacci or fixed."
    )
    first_s: float = pydantic.Field(default=1.0, gt=0, le=3600, description="Wait after the first fault, in seconds.")
    cap_s: float = pydantic.Field(default=60.0, gt=0, le=86400, description="Longest wait, in seconds.")
    jitter: float = pydantic.Field(default=0.5, ge=0, le=1, description="Part of each wait that is left to chance.")
    codes: frozenset[CodeName] | None = pydantic.Field(
        default=None, description="gRPC codes that are tried again; by default all but those of a wrong request."
    )

    @property
    def policy(self) -> retry.Policy:
        """The policy that says so."""
        backoff = retry.Backoff(self.first_s, self.cap_s, self.growth, self.jitter)
        return retry.Policy(faults_max=self.attempts, fault_backoff=backoff, codes=self.codes)


class Settings(settings.Settings):
    """Values of the job manager: `REELSMITH_JOBS_<FIELD>`."""

    model_config = settings.config("jobs")
    name: ClassVar[str] = "jobs"

    port: int = pydantic.Field(default=50053, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    job_limit: int = pydantic.Field(
        default=10_000, ge=1, le=1_000_000, description="Unfinished jobs that are taken at most; more are refused."
    )
    spec_bytes_limit: int = pydantic.Field(
        default=256 << 20,
        ge=1 << 20,
        description="Bytes that the specifications of unfinished jobs may take up; more are refused.",
    )
    tenant_job_limit: int = pydantic.Field(
        default=0, ge=0, le=1_000_000, description="Unfinished jobs that are taken of one tenant; 0 for no own limit."
    )
    tenant_job_limits: dict[TenantName, Count] = pydantic.Field(
        default={}, description='The same for tenants by name, as JSON: {"acme": 500}.'
    )
    lease_s: float = pydantic.Field(
        default=10.0,
        ge=0.2,
        le=3600,
        description="Seconds that an attempt may be silent before it runs again elsewhere.",
    )
    attempt_max_s: float = pydantic.Field(
        default=6 * 3600.0, gt=0, le=86400, description="Seconds that one attempt at a step may take."
    )
    free_bytes_min: int = pydantic.Field(
        default=64 << 20,
        ge=0,
        description="Free bytes on the disks of state and sessions below which it does not serve.",
    )
    probe_limit: int = pydantic.Field(default=4, ge=1, le=1000, description="Probes that one analyzer runs at once.")
    analyze_limit: int = pydantic.Field(
        default=2, ge=1, le=1000, description="Analyses that one analyzer runs at once."
    )
    propose_limit: int = pydantic.Field(
        default=4, ge=1, le=1000, description="Proposals that one analyzer runs at once."
    )
    export_limit: int = pydantic.Field(default=2, ge=1, le=1000, description="Exports that one exporter runs at once.")
    images_limit: int = pydantic.Field(
        default=2, ge=1, le=1000, description="Image steps that one exporter runs at once."
    )
    report_limit: int = pydantic.Field(
        default=2, ge=1, le=1000, description="Reports, and timelines, that one exporter runs at once."
    )

    retries: dict[KindName, Retry] = pydantic.Field(
        default={},
        description="How kinds of steps are tried again after faults, as JSON: "
        '{"export": {"growth": "fibonacci", "attempts": 3, "first_s": 2}}.',
    )
    retries_per_s: float = pydantic.Field(
        default=20.0,
        gt=0,
        le=10_000,
        description="Steps of one service that are tried again in a second, on average.",
    )
    retries_burst: int = pydantic.Field(
        default=100, ge=1, le=100_000, description="Steps of one service that are tried again without waiting for that."
    )
    kind_limits: dict[KindName, Count] = pydantic.Field(
        default={}, description='Steps of a kind that run at once over all instances, as JSON: {"export": 8}.'
    )
    tenant_limit: int = pydantic.Field(
        default=0, ge=0, le=100_000, description="Steps of one tenant that run at once; 0 for no limit."
    )
    tenant_limits: dict[TenantName, Count] = pydantic.Field(
        default={}, description='The same for tenants by name, as JSON: {"acme": 4}.'
    )
    tenant_weights: dict[TenantName, Weight] = pydantic.Field(
        default={},
        description='Shares of tenants that wait for the same instances, 1 by default, as JSON: {"acme": 3}.',
    )
    ageing_s: float = pydantic.Field(
        default=600.0, ge=0, le=86400, description="Seconds of waiting that a point of priority is worth; 0 ignores it."
    )

    @property
    def rules(self) -> dispatch.Rules:
        """How the queue is served."""
        return dispatch.Rules(
            ageing_s=self.ageing_s,
            weights=self.tenant_weights,
            kinds={jobs.Kind(name.upper()): count for name, count in self.kind_limits.items()},
            tenant=self.tenant_limit,
            tenants=self.tenant_limits,
        )

    @property
    def attempts(self) -> attempt.Rules:
        """How long attempts may last, and what follows when they fail."""
        return attempt.Rules(
            self.lease_s,
            self.attempt_max_s,
            policies={jobs.Kind(name.upper()): one.policy for name, one in self.retries.items()},
            budgets={name: retry.Budget(self.retries_per_s, self.retries_burst) for name in jobs.SERVICES.values()},
        )

    @property
    def bounds(self) -> room.Bounds:
        """How much the queue takes."""
        return room.Bounds(self.spec_bytes_limit, self.tenant_job_limit, self.tenant_job_limits)

    @property
    def limits(self) -> dict[jobs.Kind, int]:
        """Steps of each kind that one instance runs at once."""
        return {
            jobs.Kind.PROBE: self.probe_limit,
            jobs.Kind.ANALYZE: self.analyze_limit,
            jobs.Kind.PROPOSE: self.propose_limit,
            jobs.Kind.EXPORT: self.export_limit,
            jobs.Kind.IMAGES: self.images_limit,
            jobs.Kind.REPORT: self.report_limit,
            jobs.Kind.TIMELINES: self.report_limit,
        }
