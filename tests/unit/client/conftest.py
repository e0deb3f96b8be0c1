"""What the client's tests share: jobs as they may end, and a fake gateway that plays them over real gRPC."""

import asyncio
import contextlib
import dataclasses
import hashlib
import pathlib

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

JOB_ID = "0123456789abcdef" * 2


def artifact(path: str, content: bytes, role: media.ArtifactRole = media.ARTIFACT_ROLE_UNSPECIFIED) -> media.Artifact:
    """The entry of a file."""
    digest = hashlib.sha256(content).hexdigest()
    return media.Artifact(path=path, size_bytes=len(content), sha256=digest, role=role)


@dataclasses.dataclass
class FakeGateway(rpc.ClipServiceServicer):
    """What it plays, and what it was asked.

    Attributes:
        job: The job as it ends.
        files: Content by path in the session.
        steps: How the job stands, one event each, before the end.
        break_watch_after: Events after which the first watch breaks.
        break_watch_with: Reason with which it does, of a caller that has to prove again who it is; else UNAVAILABLE.
        break_download_at: Byte at which the first download breaks.
        break_upload_at: Bytes after which the first upload of data breaks.
        refuse_paths: Whether sources by path are refused.
        hang: Whether the watch stops before the end, until the job is cancelled.
    """

    job: jobs.Job
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    steps: list[jobs.Job] = dataclasses.field(default_factory=list)
    break_watch_after: int = -1
    break_watch_with: str = ""
    break_download_at: int = -1
    break_upload_at: int = -1
    refuse_paths: bool = False
    hang: bool = False
    requests: list = dataclasses.field(default_factory=list)
    uploaded: bytes = b""
    cancelled: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def CreateClips(self, request, context):
        self.requests.append(request)
        if self.refuse_paths and request.spec.source_uri.startswith("file:"):
            await refuse(context, grpc.StatusCode.PERMISSION_DENIED, "SOURCE_NOT_ALLOWED")
        self.job.spec.CopyFrom(request.spec)
        return jobs.Job(id=JOB_ID, spec=request.spec, state=jobs.Job.STATE_PENDING)

    async def GetJob(self, request, context):
        if request.id != JOB_ID:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no job {request.id}")
        return self.job

    async def ListJobs(self, request, context):
        self.requests.append(request)
        return pb.ListJobsResponse(jobs=[self.job])

    async def WatchJob(self, request, context):
        self.requests.append(request)
        for sequence, job in enumerate(self.steps, start=1):
            if sequence <= request.after_sequence:
                continue
            if sequence - 1 == self.break_watch_after:
                self.break_watch_after = -1
                if self.break_watch_with:
                    await refuse(context, grpc.StatusCode.UNAUTHENTICATED, self.break_watch_with)
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway restarts")
            job.id = JOB_ID
            yield jobs.JobEvent(sequence=sequence, job=job)
        if self.hang:
            await self.cancelled.wait()
            self.job.state = jobs.Job.STATE_CANCELLED
        yield jobs.JobEvent(sequence=len(self.steps) + 1, job=self.job)

    async def ListClips(self, request, context):
        return pb.ListClipsResponse(clips=self.job.clips)

    async def RenderClip(self, request, context):
        self.requests.append(request)
        return jobs.Job(id=JOB_ID, state=jobs.Job.STATE_PENDING)

    async def CancelJob(self, request, context):
        self.requests.append(request)
        self.cancelled.set()
        return self.job

    async def DownloadArtifact(self, request, context):
        self.requests.append(request)
        content = self.files[request.path]
        for offset in range(request.offset, len(content), 1000):
            if 0 <= self.break_download_at <= offset:
                self.break_download_at = -1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway restarts")
            yield pb.DownloadArtifactResponse(offset=offset, data=content[offset : offset + 1000])

    async def UploadSource(self, request_iterator, context):
        finished = False
        async for request in request_iterator:
            assert request.offset == len(self.uploaded)
            self.uploaded += request.data
            finished = request.finish
            if 0 <= self.break_upload_at < len(self.uploaded):
                self.break_upload_at = -1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the gateway restarts")
            if finished:
                assert hashlib.sha256(self.uploaded).hexdigest() == request.sha256
        return pb.UploadSourceResponse(upload=self.upload(finished))

    async def GetUpload(self, request, context):
        return self.upload(False)

    def upload(self, finished: bool) -> pb.Upload:
        """How the upload stands."""
        uri = "upload:abc" if finished else ""
        return pb.Upload(id="abc", size_bytes=len(self.uploaded), finished=finished, source_uri=uri)

    async def GetSuiteStatus(self, request, context):
        instance = pb.InstanceStatus(id="jobs@1", address="127.0.0.1:1", state=pb.InstanceStatus.STATE_SERVING)
        services = [pb.ServiceStatus(name="jobs", instances=[instance]), pb.ServiceStatus(name="analyzer")]
        return pb.SuiteStatus(services=services, discovery="static", serving=False, version="9.9")


async def refuse(context, code: grpc.StatusCode, reason: str) -> None:
    """Ends a call as our services do."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="reelsmith"))
    status = status_pb2.Status(code=code.value[0], message=f"refused: {reason}", details=[detail])
    await context.abort_with_status(rpc_status.to_status(status))


@contextlib.asynccontextmanager
async def serving(fake: FakeGateway):
    """The fake on a port; gives its address."""
    server = grpc.aio.server()
    rpc.add_ClipServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


FILES = {
    "final_output/clip-01.mp4": b"video one" * 700,
    "images/clip-01.jpg": b"picture",
    "metadata/clip-01.manifest.json": b"{}",
    "scripts/clip-01.srt": b"1",
    "metadata/report.html": b"<html></html>",
    "images/contact_sheet.jpg": b"sheet",
}


def entry(path: str, role: media.ArtifactRole = media.ARTIFACT_ROLE_UNSPECIFIED) -> media.Artifact:
    """A file of the finished job."""
    return artifact(path, FILES[path], role)


@pytest.fixture
def files() -> dict[str, bytes]:
    """The files of the finished job."""
    return dict(FILES)


@pytest.fixture
def finished() -> jobs.Job:
    """A job with one clip, all good."""
    clip = jobs.Clip(
        rank=1,
        time=media.TimeRange(start_s=3.5, end_s=71.25),
        score=0.75,
        state=jobs.Step.STATE_SUCCEEDED,
        video=entry("final_output/clip-01.mp4"),
        manifest=entry("metadata/clip-01.manifest.json"),
        thumbnail=entry("images/clip-01.jpg"),
        captions=[entry("scripts/clip-01.srt", media.ARTIFACT_ROLE_CAPTIONS)],
    )
    others = [
        entry("metadata/report.html", media.ARTIFACT_ROLE_REPORT),
        entry("images/contact_sheet.jpg", media.ARTIFACT_ROLE_CONTACT_SHEET),
    ]
    return jobs.Job(id=JOB_ID, state=jobs.Job.STATE_SUCCEEDED, fraction=1.0, clips=[clip], artifacts=others)


@pytest.fixture
def partial(finished: jobs.Job) -> jobs.Job:
    """A job with one good clip and one that failed."""
    finished.state = jobs.Job.STATE_PARTIAL
    error = media.Failure(code="INTERNAL", reason="CHECK_FAILED", message="the clip is black")
    finished.clips.add(rank=2, state=jobs.Step.STATE_FAILED, error=error)
    return finished


@pytest.fixture
def failed() -> jobs.Job:
    """A job with nothing."""
    error = media.Failure(code="INVALID_ARGUMENT", reason="NOT_MEDIA", message="text.mp4 is not a media file")
    return jobs.Job(id=JOB_ID, state=jobs.Job.STATE_FAILED, error=error)


@pytest.fixture
def steps() -> list[jobs.Job]:
    """How a job stands on its way."""
    running = jobs.Step(name="analyze", kind=jobs.Step.KIND_ANALYZE, state=jobs.Step.STATE_RUNNING, attempts=1)
    running.progress.fraction, running.progress.stage = 0.5, "measure"
    running.progress.frames_per_second = 812.0
    done = jobs.Step(name="analyze", kind=jobs.Step.KIND_ANALYZE, state=jobs.Step.STATE_SUCCEEDED, attempts=1)
    done.start_time.seconds, done.end_time.seconds = 100, 103
    export = jobs.Step(name="export-1", kind=jobs.Step.KIND_EXPORT, state=jobs.Step.STATE_RUNNING, attempts=1)
    export.progress.fraction, export.progress.stage = 0.25, "encode"
    first = jobs.Job(state=jobs.Job.STATE_RUNNING, fraction=0.2, steps=[running])
    first.eta.seconds = 12
    return [first, jobs.Job(state=jobs.Job.STATE_RUNNING, fraction=0.6, steps=[done, export])]


@pytest.fixture
def video(tmp_path: pathlib.Path) -> pathlib.Path:
    """A source; its content does not matter to the client."""
    path = tmp_path / "talk one.mp4"
    path.write_bytes(bytes(range(256)) * 4000)
    return path


@pytest.fixture
def fake() -> type[FakeGateway]:
    """The fake gateway, to be made with a job and faults."""
    return FakeGateway


@pytest.fixture
def serve():
    """Puts a fake gateway on a port."""
    return serving
