"""Sees one job through: hands over the source, watches to the end, cancels when the run is interrupted."""

import asyncio
import contextlib
import dataclasses
import pathlib
import uuid
from typing import Protocol

from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import gateway, place

# A source given by path that the suite cannot read: it runs elsewhere, or reads from certain folders only.
UNSEEN = frozenset({"SOURCE_NOT_ALLOWED", "PATH_REFUSED", "NOT_FOUND"})
CANCEL_TIMEOUT_S = 5.0  # an interrupted run does not wait long


class Display(Protocol):
    """Where progress is shown."""

    def note(self, text: str) -> None:
        """Says something once."""

    def job(self, job: jobs.Job) -> None:
        """Shows how a job stands."""

    def transfer(self, label: str, done_bytes: int, total_bytes: int) -> None:
        """Shows how far a transfer has come."""


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """What a job is made of: a video and, where they were named, a file with what is said, the manifest that is
    rendered again, and a logo; absolute paths, but for a video that is a URL."""

    video: pathlib.Path | str
    transcript: pathlib.Path | None = None
    manifest: pathlib.Path | None = None
    logo: pathlib.Path | None = None


async def run(
    suite: gateway.Gateway, where: place.Place, spec: jobs.JobSpec, files: Files, display: Display
) -> jobs.Job:
    """Makes a job of a local file and follows it to its end.

    A suite on this machine reads the file where it is; another one, or one that may not, gets it sent.

    Args:
        suite: The gateway.
        where: Where it is.
        spec: What to do; the source is filled in.
        files: The source and what belongs to it.
        display: Where progress is shown.

    Returns:
        The job as it ended.
    """
    if isinstance(files.video, str):
        spec.source_uri = files.video
        await _send_rest(suite, spec, files)
        return await _started(suite, spec, display)
    spec.title = spec.title or files.video.name
    if place.local(where.gateway):
        job = await _by_path(suite, spec, files, display)
        if job is not None:
            return job
        display.note("the suite cannot read the file where it is: sending it")
    await _send(suite, spec, files, display)
    return await _started(suite, spec, display)


async def submitted(
    suite: gateway.Gateway, where: place.Place, spec: jobs.JobSpec, files: Files, display: Display
) -> jobs.Job:
    """Makes a job of a local file and does not wait for it: what `run` does up to the acceptance."""
    if isinstance(files.video, str):
        spec.source_uri = files.video
        await _send_rest(suite, spec, files)
        return await suite.create_clips(spec)
    spec.title = spec.title or files.video.name
    if place.local(where.gateway):
        _name(spec, files)
        try:
            return await suite.create_clips(spec)
        except errors.Error as error:
            if error.reason not in UNSEEN:
                raise
    await _send(suite, spec, files, display)
    return await suite.create_clips(spec)


async def _send(suite: gateway.Gateway, spec: jobs.JobSpec, files: Files, display: Display) -> None:
    """Sends the files to the suite."""
    spec.source_uri = await suite.upload(files.video, lambda done, total: display.transfer("upload", done, total))
    await _send_rest(suite, spec, files)


async def _send_rest(suite: gateway.Gateway, spec: jobs.JobSpec, files: Files) -> None:
    """Sends what belongs to the video."""
    if files.transcript is not None:
        spec.transcript_uri = await suite.upload(files.transcript, lambda done, total: None)
    if files.logo is not None:
        spec.overlays.logo_uri = await suite.upload(files.logo, lambda done, total: None)
    if files.manifest is not None:
        spec.manifest_uri = await suite.upload(files.manifest, lambda done, total: None)


def _name(spec: jobs.JobSpec, files: Files) -> None:
    """Names the files by their paths."""
    spec.source_uri = files.video.as_uri()
    spec.transcript_uri = files.transcript.as_uri() if files.transcript is not None else ""
    if files.logo is not None:
        spec.overlays.logo_uri = files.logo.as_uri()
    spec.manifest_uri = files.manifest.as_uri() if files.manifest is not None else ""


async def _by_path(suite: gateway.Gateway, spec: jobs.JobSpec, files: Files, display: Display) -> jobs.Job | None:
    """The job over a path; None where the suite cannot read that path."""
    _name(spec, files)
    try:
        job = await _started(suite, spec, display)
    except errors.Error as error:
        if error.reason in UNSEEN:
            return None
        raise
    if job.error.reason not in UNSEEN:
        return job
    await suite.delete(job.id)  # nothing was made, and the next one is to be the only one
    return None


async def _started(suite: gateway.Gateway, spec: jobs.JobSpec, display: Display) -> jobs.Job:
    key = uuid.uuid4().hex
    try:
        job = await suite.create_clips(spec, key)
    except asyncio.CancelledError:
        with contextlib.suppress(errors.Error, TimeoutError):  # the interruption is what is reported
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                # It may have been accepted: the same key gives the same job, or one that never starts.
                await suite.cancel((await suite.create_clips(spec, key)).id, "interrupted")
        raise
    try:
        return await watched(suite, job.id, display)
    except asyncio.CancelledError:
        display.note(f"cancelling job {job.id}")
        with contextlib.suppress(errors.Error, TimeoutError):  # the interruption is what is reported
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await suite.cancel(job.id, "interrupted")
                await watched(suite, job.id, display)
        raise


async def watched(suite: gateway.Gateway, job_id: str, display: Display) -> jobs.Job:
    """Shows a job until it has ended.

    Returns:
        The job as it ended, with all its steps and clips.
    """
    async with contextlib.aclosing(suite.watch(job_id)) as events:
        async for event in events:
            display.job(event.job)
    return await suite.job(job_id)
