"""The tools: each one an operation of the gateway, with the rights that the caller has there."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import pydantic
from mcp.server.mcpserver import Context
from reelsmith.exporter.v1 import exporter_pb2 as exporter
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import errors
from client import gateway, place, results
from client.commands import session
from client.mcp import answers

Aspect = Literal["", "9:16", "1:1", "4:5", "16:9"]
Layout = Literal["", "auto", "fill", "fit-blur", "letterbox", "split", "stack"]
Captions = Literal["", "plain", "boxed", "karaoke", "pop"]
Timeline = Literal["otio", "fcpxml", "edl"]
State = Literal["", "pending", "running", "succeeded", "partial", "failed", "cancelled"]
Kind = Literal["videos", "captions", "timelines", "pictures", "report", "everything"]
JobId = Annotated[str, pydantic.Field(description="Identifier of the job.", pattern="^[0-9a-f]{32}$")]
Rank = Annotated[int, pydantic.Field(description="Which clip: 1 is the best.", ge=1, le=100)]
Preset = Annotated[str, pydantic.Field(description="Delivery preset, such as `tiktok`; empty for the default.")]
Request = Annotated[
    str, pydantic.Field(description="Key of your own: the same key never starts a second job.", max_length=128)
]
ROLES: dict[str, set[int]] = {
    "videos": {media.ARTIFACT_ROLE_CLIP},
    "captions": {media.ARTIFACT_ROLE_CAPTIONS},
    "timelines": {media.ARTIFACT_ROLE_TIMELINE},
    "pictures": {media.ARTIFACT_ROLE_THUMBNAIL, media.ARTIFACT_ROLE_CONTACT_SHEET},
    "report": {media.ARTIFACT_ROLE_REPORT},
    "everything": set(media.ArtifactRole.values()),
}


class Tools:
    """The operations of a suite.

    Args:
        address: Address of the gateway; empty for the suite of this machine.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    async def submit_video(
        self,
        source: Annotated[
            str, pydantic.Field(description="Absolute path of a video on this machine, or `upload:ID`.", min_length=1)
        ],
        count: Annotated[int, pydantic.Field(description="How many clips at most.", ge=1, le=100)] = 5,
        min_s: Annotated[float, pydantic.Field(description="Shortest clip, seconds.", ge=0.5, le=3600)] = 15,
        max_s: Annotated[float, pydantic.Field(description="Longest clip, seconds.", ge=0.5, le=3600)] = 60,
        keywords: Annotated[list[str], pydantic.Field(description="Words that raise the score.")] = [],  # noqa: B006
        aspect: Aspect = "",
        layout: Layout = "",
        preset: Preset = "",
        captions: Captions = "",
        timelines: Annotated[list[Timeline], pydantic.Field(description="For editing programs.")] = [],  # noqa: B006
        request_id: Request = "",
    ) -> answers.Job:
        """Start to make short clips of a long video. Returns at once; `wait_for_job` follows the work."""
        spec = jobs.JobSpec(
            count=count,
            duration_min_s=min_s,
            duration_max_s=max_s,
            keywords=keywords,
            aspect_ratio=_aspect(aspect),
            layout=_layout(layout),
            preset=preset or "default",
            captions=exporter.CaptionOptions(style=captions) if captions else None,
            timelines=[exporter.ExportTimelineRequest.Format.Value(f"FORMAT_{name.upper()}") for name in timelines],
        )
        async with self._suite() as suite:
            spec.source_uri, spec.title = await self._source(suite, source)
            return answers.job(await suite.create_clips(spec, request_id))

    async def wait_for_job(
        self,
        job_id: JobId,
        context: Context,
        timeout_s: Annotated[float, pydantic.Field(description="Longest wait, seconds.", ge=0, le=3600)] = 300,
    ) -> answers.Job:
        """Follow a job until it has ended or the time is up, and say how it stands then."""
        async with self._suite() as suite:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s), contextlib.aclosing(suite.watch(job_id)) as events:
                    async for event in events:
                        await context.report_progress(event.job.fraction, 1.0, event.message)
            return answers.job(await suite.job(job_id))

    async def get_job(self, job_id: JobId) -> answers.Job:
        """Say how a job stands, with its clips and files."""
        async with self._suite() as suite:
            return answers.job(await suite.job(job_id))

    async def list_jobs(
        self, count: Annotated[int, pydantic.Field(ge=1, le=1000)] = 20, state: State = ""
    ) -> list[answers.Job]:
        """List jobs, the newest first."""
        states = [jobs.Job.State.Value(f"STATE_{state.upper()}")] if state else []
        async with self._suite() as suite:
            return [answers.job(found) for found in await suite.list_jobs(count, states)]

    async def explain_score(self, job_id: JobId, rank: Rank) -> answers.Explanation:
        """Say why a clip was chosen: every term of its score with what was measured, in words."""
        async with self._suite() as suite:
            found = await suite.job(job_id)
            wanted = [artifact for artifact in results.artifacts(found) if artifact.path == answers.PROPOSALS]
            if not wanted:
                raise errors.FailedPrecondition(f"job {job_id} has no proposals yet", reason="NO_PROPOSALS")
            return answers.explanation(await suite.read(job_id, wanted[0]), rank)

    async def render_again(
        self,
        job_id: JobId,
        rank: Rank,
        start_s: Annotated[float | None, pydantic.Field(description="Another beginning; null keeps it.", ge=0)] = None,
        end_s: Annotated[float | None, pydantic.Field(description="Another end; null keeps it.", ge=0)] = None,
        aspect: Aspect = "",
        layout: Layout = "",
        preset: Preset = "",
        captions: Captions = "",
        request_id: Request = "",
    ) -> answers.Job:
        """Make one clip of a job again with what is named changed, as a job of its own; empty keeps what it was."""
        request = pb.RenderClipRequest(
            job_id=job_id,
            rank=rank,
            aspect_ratio=_aspect(aspect),
            layout=_layout(layout),
            preset=preset,
            captions=exporter.CaptionOptions(style=captions) if captions else None,
            request_id=request_id,
        )
        async with self._suite() as suite:
            if start_s is not None or end_s is not None:
                before = next((clip.time for clip in await suite.clips(job_id) if clip.rank == rank), media.TimeRange())
                request.time.start_s = before.start_s if start_s is None else start_s
                request.time.end_s = before.end_s if end_s is None else end_s
            return answers.job(await suite.render(request))

    async def download(
        self,
        job_id: JobId,
        folder: Annotated[str, pydantic.Field(description="Absolute path of a folder on this machine.", min_length=1)],
        kind: Kind = "videos",
    ) -> list[str]:
        """Fetch finished files of a job: clips, captions, timelines for editing programs, pictures or the report."""
        target = _path(folder)
        async with self._suite() as suite:
            wanted = [item for item in results.artifacts(await suite.job(job_id)) if item.role in ROLES[kind]]
            for artifact in wanted:
                await suite.download(job_id, artifact, target / job_id / results.relative(artifact.path))
        return [str(target / job_id / results.relative(artifact.path)) for artifact in wanted]

    async def cancel_job(self, job_id: JobId, reason: str = "") -> answers.Job:
        """Cancel a job. Clips that are finished stay."""
        async with self._suite() as suite:
            return answers.job(await suite.cancel(job_id, reason))

    async def retry_job(self, job_id: JobId) -> answers.Job:
        """Run again what failed or was cancelled in a job, and nothing else."""
        async with self._suite() as suite:
            return answers.job(await suite.retry(job_id))

    @contextlib.asynccontextmanager
    async def _suite(self) -> AsyncIterator[gateway.Gateway]:
        async with session.running(self._address) as suite:
            yield suite

    async def _source(self, suite: gateway.Gateway, source: str) -> tuple[str, str]:
        """URI and title of a source: a suite on this machine reads a file where it is, another one gets it sent."""
        if source.startswith("upload:"):
            return source, ""
        path = _path(source)
        if not await asyncio.to_thread(path.is_file):
            raise errors.NotFound(f"there is no file {source}", reason="NO_SUCH_FILE")
        if place.local(place.find(self._address).gateway):
            return path.as_uri(), path.name
        return await suite.upload(path), path.name


def _path(text: str) -> pathlib.Path:
    path = pathlib.Path(text)
    if not path.is_absolute() or ".." in path.parts:
        raise errors.InvalidArgument(f"{text!r} is no absolute path", reason="BAD_PATH")
    return path


def _aspect(name: str) -> exporter.AspectRatio:
    return exporter.AspectRatio.Value(f"ASPECT_RATIO_{name.replace(':', '_') or 'UNSPECIFIED'}")


def _layout(name: str) -> exporter.Layout:
    return exporter.Layout.Value(f"LAYOUT_{name.replace('-', '_').upper() or 'UNSPECIFIED'}")
