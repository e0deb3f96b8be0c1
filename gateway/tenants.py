"""What belongs to whom: another tenant's job or upload is as if it were not there."""

from collections.abc import Iterator

from reelsmith.jobs.v1 import jobs_pb2

from chassis import errors
from chassis.identity import caller

FILES_ROLE = caller.Role.OPERATOR  # may name files of the machines; others upload what they have
ALL_TENANTS_ROLE = caller.Role.ADMIN  # knows how much work each tenant has
UPLOAD = "upload"
FROM_OUTSIDE = frozenset({UPLOAD, "http", "https"})  # kinds of sources that are no file of the machines


def mine() -> str:
    """The tenant of whoever is behind this call; empty where callers need not prove who they are."""
    who = caller.current()
    return who.tenant if who else ""


def owned(tenant: str) -> bool:
    """Whether whoever is behind this call may see what belongs to a tenant.

    Args:
        tenant: Empty for what was made before there were tenants.
    """
    return not mine() or mine() == (tenant or caller.DEFAULT_TENANT)


def check_job(job: jobs_pb2.Job) -> jobs_pb2.Job:
    """The job, if it may be seen.

    Raises:
        errors.NotFound: It may not; in the words of the job manager about a job that never was.
    """
    if owned(job.tenant):
        return job
    raise errors.NotFound(f"there is no job {job.id!r}", reason="JOB_NOT_FOUND", metadata={"job_id": job.id})


def seen(queue: jobs_pb2.QueueStats) -> jobs_pb2.QueueStats:
    """What whoever is behind this call may know of the queue: its own tenant, and all of the rest.

    How much work others have is for admins, and for those who need not prove anything.
    """
    who = caller.current()
    if who is None or who.role is None or who.role >= ALL_TENANTS_ROLE:
        return queue
    shown = jobs_pb2.QueueStats()
    shown.CopyFrom(queue)
    del shown.tenants[:]
    shown.tenants.extend(load for load in queue.tenants if owned(load.tenant))
    return shown


def check_files(spec: jobs_pb2.JobSpec) -> None:
    """Looks whether whoever is behind this call may name files of the machines.

    Raises:
        errors.PermissionDenied: A source is such a file, and its role is too low.
    """
    who = caller.current()
    if who is None or who.role is None or who.role >= FILES_ROLE:
        return
    for uri in _uris(spec):
        if uri.partition(":")[0] not in FROM_OUTSIDE:
            raise errors.PermissionDenied(
                f"files of the machines are for the role {FILES_ROLE.word} and above: upload {uri[:200]}",
                reason="SOURCE_NOT_ALLOWED",
                metadata={"needed": FILES_ROLE.word},
            )


def uploads(spec: jobs_pb2.JobSpec) -> Iterator[str]:
    """Identifiers of the uploads that a job would read."""
    kinds = (uri.partition(":") for uri in _uris(spec))
    return (name for kind, _, name in kinds if kind == UPLOAD)


def _uris(spec: jobs_pb2.JobSpec) -> Iterator[str]:
    """Everything that a job would read, by the names that callers gave."""
    return filter(None, (spec.source_uri, spec.transcript_uri, spec.manifest_uri, spec.overlays.logo_uri))
