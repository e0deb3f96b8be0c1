"""What the job manager is told by its environment."""

from typing import Annotated, ClassVar, Literal

import pydantic
import pydantic_settings

from chassis import settings
from services.jobs import attempt, dispatch, notice, retry, room
from services.jobs import job as jobs
from services.jobs import spec as specs

SECRET_BYTES_MIN = 16  # what is shorter can be guessed
KindName = Literal["fetch", "probe", "analyze", "propose", "export", "images", "report", "timelines"]
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


class Need(pydantic.BaseModel):
    """What a step needs of the instance that runs it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    cpus: float = pydantic.Field(default=0.0, ge=0, le=10_000, description="Processors.")
    memory_bytes: float = pydantic.Field(default=0.0, ge=0, le=2**50, description="Memory, in bytes.")
    gpu_memory_bytes: float = pydantic.Field(default=0.0, ge=0, le=2**50, description="Memory of a card, in bytes.")


class Settings(settings.Settings):
    """Values of the job manager: `REELSMITH_JOBS_<FIELD>`."""

    model_config = pydantic_settings.SettingsConfigDict(
        **settings.config("jobs"),
        hide_input_in_errors=True,  # secrets may be among it
    )
    name: ClassVar[str] = "jobs"
    live: ClassVar[frozenset[str]] = settings.Settings.live | {
        f"{step}_limit" for step in ("fetch", "probe", "analyze", "propose", "export", "images", "report")
    }

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
    database_url: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""),
        description="PostgreSQL of several job managers, `postgresql://USER:PASSWORD@HOST/DATABASE`; they also share "
        "the folder of the sessions. Empty keeps one manager's jobs in a file of its state folder.",
    )
    leader_lease_s: float = pydantic.Field(
        default=5.0,
        ge=0.2,
        le=300,
        description="Seconds of silence after which another job manager on the same PostgreSQL takes the lead.",
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
    fetch_allow: str = settings.FETCH_ALLOW
    probe_limit: int = pydantic.Field(default=4, ge=1, le=1000, description="Probes that one analyzer runs at once.")
    fetch_limit: int = pydantic.Field(default=2, ge=1, le=1000, description="Fetches that one analyzer runs at once.")
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
    needs: dict[KindName, Need] = pydantic.Field(
        default={},
        description="What steps of a kind need of an instance that says what it has, as JSON: "
        '{"analyze": {"gpu_memory_bytes": 4e9}}.',
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
            needs={
                jobs.Kind(name.upper()): dispatch.Resources(**need.model_dump()) for name, need in self.needs.items()
            },
        )

    webhook_origins: frozenset[str] = pydantic.Field(
        default=frozenset(),
        description='Origins that may be told about jobs, as JSON: ["https://hooks.example.com"]; empty for none, and '
        "then jobs with a webhook are refused.",
    )
    webhook_secrets: dict[str, pydantic.SecretStr] = pydantic.Field(
        default={},
        description='What news is signed with, by name, as JSON: {"default": "whsec_..."}; base64 after `whsec_`, else '
        "the text itself; at least 16 bytes.",
    )

    @pydantic.field_validator("webhook_origins")
    @classmethod
    def _origins(cls, found: frozenset[str]) -> frozenset[str]:
        if wrong := [one for one in found if not one or notice.origin(one) != one]:
            raise ValueError(
                f"{wrong[0]!r} is not an origin such as https://hooks.example.com or http://127.0.0.1:9000"
            )
        return found

    @pydantic.field_validator("webhook_secrets")
    @classmethod
    def _secrets(cls, found: dict[str, pydantic.SecretStr]) -> dict[str, pydantic.SecretStr]:
        for name, secret in found.items():
            if not specs.NAME.fullmatch(name) or len(notice.key(secret.get_secret_value())) < SECRET_BYTES_MIN:
                raise ValueError(f"{name!r}: 1 to 64 of `a-z 0-9 _ -`, and {SECRET_BYTES_MIN} bytes at least")
        return found

    @property
    def targets(self) -> notice.Targets:
        """Where news of jobs may go."""
        secrets = {name: secret.get_secret_value() for name, secret in self.webhook_secrets.items()}
        return notice.Targets(self.webhook_origins, secrets)

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
            jobs.Kind.FETCH: self.fetch_limit,
            jobs.Kind.PROBE: self.probe_limit,
            jobs.Kind.ANALYZE: self.analyze_limit,
            jobs.Kind.PROPOSE: self.propose_limit,
            jobs.Kind.EXPORT: self.export_limit,
            jobs.Kind.IMAGES: self.images_limit,
            jobs.Kind.REPORT: self.report_limit,
            jobs.Kind.TIMELINES: self.report_limit,
        }
