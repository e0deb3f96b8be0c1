"""How much the queue takes before it refuses: jobs, bytes, and jobs of one tenant. Pure."""

import dataclasses
from collections.abc import Mapping

from chassis import errors

RETRY_AFTER_S = 5.0  # hint to callers that are refused: jobs last minutes, so room comes in seconds where several run


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """Unfinished jobs of a tenant, and the bytes of what they ask for."""

    tenant: str
    jobs: int
    spec_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Unfinished jobs of all tenants, the bytes of what they ask for, and the jobs of the tenant whose job comes."""

    jobs: int
    spec_bytes: int
    own_jobs: int


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """What the unfinished jobs may take up; jobs of all tenants are bounded by the call.

    Args:
        spec_bytes: Bytes of all their specifications.
        tenant: Jobs of one tenant; 0 for no bound of its own.
        tenants: The same for tenants by name.
    """

    spec_bytes: int = 256 << 20
    tenant: int = 0
    tenants: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def limit(self, tenant: str) -> int:
        """Unfinished jobs of a tenant that are taken at most; 0 for no bound of its own."""
        return self.tenants.get(tenant, self.tenant)

    def require_room(self, usage: Usage, tenant: str, spec_bytes: int, job_limit: int) -> None:
        """Makes sure that there is room for one more job.

        Args:
            usage: What is there.
            tenant: Whose job comes.
            spec_bytes: How large its specification is.
            job_limit: Unfinished jobs that may be there at most.

        Raises:
            errors.ResourceExhausted: There is none; the reason says which bound it was.
        """
        if usage.jobs >= job_limit:
            raise _refused(f"{job_limit} unfinished jobs are waiting or running", "QUEUE_FULL", "job_limit", job_limit)
        if usage.spec_bytes + spec_bytes > self.spec_bytes:
            what = f"the specifications of unfinished jobs take up their {self.spec_bytes} bytes"
            raise _refused(what, "QUEUE_BYTES_FULL", "spec_bytes_limit", self.spec_bytes)
        limit = self.limit(tenant)
        if limit and usage.own_jobs >= limit:
            what = f"{limit} unfinished jobs of tenant {tenant} are waiting or running"
            raise _refused(what, "TENANT_QUEUE_FULL", "tenant_job_limit", limit)


def _refused(what: str, reason: str, name: str, limit: int) -> errors.ResourceExhausted:
    return errors.ResourceExhausted(
        f"{what}: try again later", reason=reason, metadata={name: str(limit)}, retry_after_s=RETRY_AFTER_S
    )
