"""What the job manager is told by its environment."""

from typing import ClassVar

import pydantic

from chassis import settings
from services.jobs import job as jobs


class Settings(settings.Settings):
    """Values of the job manager: `REELSMITH_JOBS_<FIELD>`."""

    model_config = settings.config("jobs")
    name: ClassVar[str] = "jobs"
    live: ClassVar[frozenset[str]] = settings.Settings.live | {
        f"{step}_limit" for step in ("probe", "analyze", "propose", "export", "images", "report")
    }

    port: int = pydantic.Field(default=50053, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    job_limit: int = pydantic.Field(
        default=10_000, ge=1, le=1_000_000, description="Unfinished jobs that are taken at most; more are refused."
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
