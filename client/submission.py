"""Submits a recording under a key that is its own, so that it becomes clips once, however often it is told of."""

import dataclasses
import hashlib
import pathlib

from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import follow, gateway

KNOWN = "REQUEST_ID_REUSED"  # the job manager has a job of this key, made with other words
FAULTS = (
    OSError,
    errors.InvalidArgument,
    errors.NotFound,
    errors.PermissionDenied,
    errors.FailedPrecondition,
)  # of a recording: it is left alone
OUTAGES = (
    errors.Unavailable,
    errors.DeadlineExceeded,
    errors.ResourceExhausted,
    errors.Cancelled,
)  # of the suite: it is waited for


@dataclasses.dataclass(frozen=True, slots=True)
class Submissions:
    """Hands recordings to a suite.

    Args:
        suite: The gateway.
        local: Whether the suite reads files where they are; else they are sent.
        sent: Uploads of contents whose job was not taken yet: they are not sent again.
    """

    suite: gateway.Gateway
    local: bool
    sent: dict[str, str] = dataclasses.field(default_factory=dict)

    async def file(self, path: pathlib.Path, sha256: str, key: str, spec: jobs.JobSpec) -> str:
        """Submits a file.

        Args:
            path: Where it is.
            sha256: Hash of its content.
            key: Request id of the recording.
            spec: What to make of it; the source is filled in.

        Returns:
            Its job; empty where it was submitted before in other words.
        """
        if self.local and sha256 not in self.sent:
            spec.source_uri = path.as_uri()
            try:
                return await self.accepted(spec, key)
            except errors.Error as error:
                if error.reason not in follow.UNSEEN:
                    raise
        if sha256 not in self.sent:
            self.sent[sha256] = await self.suite.upload(path)
        spec.source_uri = self.sent[sha256]
        job = await self.accepted(spec, key)
        del self.sent[sha256]
        return job

    async def accepted(self, spec: jobs.JobSpec, key: str) -> str:
        """Submits what a specification names; returns its job, or nothing where it was submitted before."""
        try:
            return (await self.suite.create_clips(spec, key)).id
        except errors.AlreadyExists as error:
            if error.reason != KNOWN:
                raise
            return ""


def sha256(path: str) -> str | None:
    """The hash of a file; None where it is gone."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
