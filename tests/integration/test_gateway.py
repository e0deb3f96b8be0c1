"""The gateway as a process, in front of a fake job manager that keeps what it was told over its restarts."""

import asyncio
import collections
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import pathlib
import signal
import time
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from google.protobuf import duration_pb2, empty_pb2
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import errors, server, settings, testing
from media import sessions

SERVICE = pb.DESCRIPTOR.services_by_name["ClipService"]
RUNNING, SUCCEEDED = jobs_pb2.Job.STATE_RUNNING, jobs_pb2.Job.STATE_SUCCEEDED
PIECE_BYTES = 256 * 1024


class FakeJobs(jobs_pb2_grpc.JobServiceServicer):
    """A fake job manager: keeps jobs in memory, runs nothing, and says what the test tells it to say."""

    def __init__(self) -> None:
        self.jobs: dict[str, jobs_pb2.Job] = {}
        self.by_request: dict[str, str] = {}
        self.events: dict[str, list[jobs_pb2.JobEvent]] = collections.defaultdict(list)
        self.changed = asyncio.Event()
        self.calls: collections.Counter[str] = collections.Counter()
        self.sent = 0
        self.watches = 0

    def happen(self, job_id: str, state: int = RUNNING, message: str = "") -> None:
        """Adds a lasting event."""
        job = self.jobs[job_id]
        job.sequence, job.state = job.sequence + 1, state
        event = jobs_pb2.JobEvent(sequence=job.sequence, message=message)
        event.job.CopyFrom(job)
        self.events[job_id].append(event)
        self.changed.set()
        self.changed = asyncio.Event()

    async def SubmitJob(self, request, context):
        self.calls["SubmitJob"] += 1
        job_id = self.by_request.setdefault(request.request_id, sessions.new_id())
        if job_id not in self.jobs:
            self.jobs[job_id] = jobs_pb2.Job(id=job_id, spec=request.spec, state=jobs_pb2.Job.STATE_PENDING)
        if self.jobs[job_id].spec != request.spec:
            raise errors.AlreadyExists("another spec", reason="REQUEST_ID_REUSED")
        return self.jobs[job_id]

    async def SubmitBatch(self, request, context):
        return jobs_pb2.SubmitBatchResponse(jobs=[await self.SubmitJob(item, context) for item in request.requests])

    async def GetJob(self, request, context):
        return self.found(request.id)

    async def ListJobs(self, request, context):
        return jobs_pb2.ListJobsResponse(jobs=list(self.jobs.values())[: request.page_size], next_page_token="next")

    async def WatchJob(self, request, context):
        self.found(request.id)
        self.watches += 1
        reached = request.after_sequence
        try:
            while True:
                changed = self.changed
                for event in [event for event in self.events[request.id] if event.sequence > reached]:
                    self.sent += 1
                    yield event
                    reached = event.sequence
                    progress = jobs_pb2.JobEvent(sequence=reached, job=event.job, message="progress")
                    yield progress
                if self.jobs[request.id].state == SUCCEEDED and reached == self.jobs[request.id].sequence:
                    return
                await changed.wait()
        finally:
            self.watches -= 1

    async def CancelJob(self, request, context):
        self.happen(request.id, jobs_pb2.Job.STATE_CANCELLED, request.reason)
        return self.found(request.id)

    async def RetryJob(self, request, context):
        self.happen(request.id)
        return self.found(request.id)

    async def DeleteJob(self, request, context):
        self.found(request.id)
        del self.jobs[request.id]
        return empty_pb2.Empty()

    async def GetQueueStats(self, request, context):
        return jobs_pb2.QueueStats(ready_steps=3, running_steps=2, version="fake")

    def found(self, job_id: str) -> jobs_pb2.Job:
        """A job that exists."""
        if job_id not in self.jobs:
            raise errors.NotFound(f"no job {job_id}", reason="NO_SUCH_JOB")
        return self.jobs[job_id]


@dataclasses.dataclass
class Jobs:
    """The fake job manager on one port; it can be stopped and started again."""

    fake: FakeJobs
    port: int
    running: server.Server | None = None

    async def start(self) -> None:
        """Serves."""
        add = jobs_pb2_grpc.add_JobServiceServicer_to_server
        service = server.Service(self.fake, add, "reelsmith.jobs.v1.JobService")
        self.running = server.Server(settings.Settings(port=self.port, drain_s=0), [service])
        await self.running.__aenter__()

    async def stop(self) -> None:
        """Goes away, with all connections."""
        if self.running:
            await self.running.__aexit__(None, None, None)
        self.running = None


@pytest.fixture
async def jobs(free_port: Callable[[], int]) -> AsyncIterator[Jobs]:
    """A fake job manager that serves."""
    jobs = Jobs(FakeJobs(), free_port())
    await jobs.start()
    yield jobs
    await jobs.stop()


@pytest.fixture
async def gateway(jobs: Jobs, new_process):
    """A running gateway that knows the fake job manager and nothing else."""
    process = new_process("gateway", REELSMITH_STATIC_REGISTRY=f"jobs=127.0.0.1:{jobs.port}")
    await process.start()
    return process


@pytest.fixture
async def stub(gateway, connect) -> AsyncIterator[rpc.ClipServiceStub]:
    """A plain stub of the running gateway."""
    async with connect(gateway.address) as channel:
        yield rpc.ClipServiceStub(channel)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> sessions.Sessions:
    """The sessions that the gateway reads."""
    return sessions.Sessions(tmp_path)


async def created(stub: rpc.ClipServiceStub, request_id: str = "") -> jobs_pb2.Job:
    """A new job."""
    spec = jobs_pb2.JobSpec(source_uri="file:///talk.mp4", count=3, labels={"team": "a"}, preset="tiktok")
    return await stub.CreateClips(pb.CreateClipsRequest(spec=spec, request_id=request_id))


async def refusal(call) -> errors.Error:
    """The error that a call ends with, as a chassis client sees it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return errors.from_rpc(caught.value)


async def read_all(call) -> list:
    """Every message of a stream."""
    return [message async for message in call]


def publish(jobs: Jobs, store: sessions.Sessions, job_id: str, content: bytes) -> media_pb2.Artifact:
    """Writes a clip and lets the job list it."""
    written = store.create(job_id).write_bytes("final_output/clip-01.mp4", content)
    artifact = media_pb2.Artifact(path=written.path, size_bytes=written.size_bytes, sha256=written.sha256)
    time_ = media_pb2.TimeRange(start_s=10, end_s=40)
    jobs.fake.jobs[job_id].clips.append(jobs_pb2.Clip(rank=1, time=time_, video=artifact))
    return artifact


async def test_job_goes_through_every_call(stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """Create, read, list, cancel, retry and delete reach the job manager and come back."""
    job = await created(stub)
    assert job == await stub.GetJob(pb.GetJobRequest(id=job.id))
    listed = await stub.ListJobs(pb.ListJobsRequest(page_size=1))
    assert ([job.id], "next") == ([item.id for item in listed.jobs], listed.next_page_token)
    cancelled = await stub.CancelJob(pb.CancelJobRequest(id=job.id, reason="enough"))
    assert jobs_pb2.Job.STATE_CANCELLED == cancelled.state
    assert RUNNING == (await stub.RetryJob(pb.RetryJobRequest(id=job.id))).state
    await stub.DeleteSession(pb.DeleteSessionRequest(id=job.id))
    gone = await refusal(stub.GetJob(pb.GetJobRequest(id=job.id)))
    assert (errors.NotFound, "NO_SUCH_JOB") == (type(gone), gone.reason)


async def test_same_request_gives_the_same_job(stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """A key makes one job however often and however many at once; no key makes a new one each time."""
    keyed = await asyncio.gather(*(created(stub, "key-1") for _ in range(20)))
    assert 1 == len({job.id for job in keyed})
    fresh = [await created(stub) for _ in range(3)]
    assert 3 == len({job.id for job in fresh} - {keyed[0].id})
    assert all(jobs.fake.by_request), "each call to the job manager carries a key"
    other = pb.CreateClipsRequest(spec=jobs_pb2.JobSpec(source_uri="file:///other"), request_id="key-1")
    assert errors.AlreadyExists is type(await refusal(stub.CreateClips(other)))


async def test_batch_comes_back_in_order(stub: rpc.ClipServiceStub) -> None:
    """Several jobs are accepted in the order of the request; a wrong one is named by its place."""
    specs = [jobs_pb2.JobSpec(source_uri=f"file:///{number}") for number in range(5)]
    requests = [pb.CreateClipsRequest(spec=spec) for spec in specs]
    answer = await stub.CreateClipsBatch(pb.CreateClipsBatchRequest(requests=requests))
    assert specs == [job.spec for job in answer.jobs]
    wrong = await refusal(stub.CreateClipsBatch(pb.CreateClipsBatchRequest(requests=[*requests, {}])))
    assert ["requests[5].spec.source_uri"] == [field.name for field in wrong.fields]


async def test_watch_goes_on_over_restarts_of_the_job_manager(stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """One stream of a caller lives through ten restarts: every lasting event comes once, in order, to the end."""
    job = await created(stub)
    watching = asyncio.create_task(read_all(stub.WatchJob(pb.WatchJobRequest(id=job.id))))
    for _ in range(10):
        for _ in range(5):
            jobs.fake.happen(job.id, message="lasting")
        await asyncio.sleep(0.05)
        await jobs.stop()
        jobs.fake.happen(job.id, message="lasting")
        await jobs.start()
    jobs.fake.happen(job.id, SUCCEEDED, message="lasting")
    events = await asyncio.wait_for(watching, 60)
    assert list(range(1, 62)) == [event.sequence for event in events if event.message == "lasting"]
    sequences = [event.sequence for event in events]
    assert sorted(sequences) == sequences


async def test_watch_begins_where_the_caller_stands(stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """A caller that asks from a number gets what comes after it."""
    job = await created(stub)
    for number in range(5):
        jobs.fake.happen(job.id, SUCCEEDED if number == 4 else RUNNING)
    events = await read_all(stub.WatchJob(pb.WatchJobRequest(id=job.id, after_sequence=3)))
    assert [4, 5] == sorted({event.sequence for event in events})
    assert [] == await read_all(stub.WatchJob(pb.WatchJobRequest(id=job.id, after_sequence=5)))
    assert errors.NotFound is type(await refusal(read_all(stub.WatchJob(pb.WatchJobRequest(id="0" * 32)))))


async def test_slow_watcher_fills_no_memory(gateway, stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """A caller that stops reading stops the stream from the job manager, and nobody else."""
    job, other = await created(stub), await created(stub)
    for _ in range(2000):
        jobs.fake.happen(job.id, message="x" * 65536)
    before = resident_bytes(gateway.running.pid)
    call = stub.WatchJob(pb.WatchJobRequest(id=job.id))
    await call.read()
    await asyncio.sleep(2)
    assert jobs.fake.sent < 1000, "128 MB of events were sent to a reader that does not read"
    assert resident_bytes(gateway.running.pid) - before < 64 << 20
    assert other == await stub.GetJob(pb.GetJobRequest(id=other.id))
    call.cancel()


def resident_bytes(pid: int) -> int:
    """Memory of a process."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_watch_that_is_left_is_closed_at_the_job_manager(stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """A caller that goes away leaves no stream behind the gateway."""
    job = await created(stub)
    jobs.fake.happen(job.id)
    calls = [stub.WatchJob(pb.WatchJobRequest(id=job.id)) for _ in range(20)]
    for call in calls:
        await call.read()
    assert 20 == jobs.fake.watches
    for call in calls:
        call.cancel()
    await testing.wait_until(lambda: jobs.fake.watches == 0, 60, "no watch left")


async def test_clips_are_those_of_the_job(stub: rpc.ClipServiceStub, jobs: Jobs, store: sessions.Sessions) -> None:
    """Clips are listed and found by rank; another rank is not found."""
    job = await created(stub)
    publish(jobs, store, job.id, b"clip")
    listed = await stub.ListClips(pb.ListClipsRequest(job_id=job.id))
    assert [1] == [clip.rank for clip in listed.clips]
    assert listed.clips[0] == await stub.GetClip(pb.GetClipRequest(job_id=job.id, rank=1))
    missing = await refusal(stub.GetClip(pb.GetClipRequest(job_id=job.id, rank=2)))
    assert (errors.NotFound, "NO_SUCH_CLIP") == (type(missing), missing.reason)


async def test_finished_file_is_downloaded_from_any_place(
    stub: rpc.ClipServiceStub, jobs: Jobs, store: sessions.Sessions
) -> None:
    """The pieces are the file; the first one says what it is; a broken download goes on by offset."""
    job, content = await created(stub), os.urandom(5 * PIECE_BYTES + 321)
    artifact = publish(jobs, store, job.id, content)
    for offset in (0, 1, PIECE_BYTES, len(content)):
        request = pb.DownloadArtifactRequest(session_id=job.id, path=artifact.path, offset=offset)
        pieces = await read_all(stub.DownloadArtifact(request))
        assert content[offset:] == b"".join(piece.data for piece in pieces)
        assert (artifact, offset) == (pieces[0].artifact, pieces[0].offset)
        assert not any(piece.HasField("artifact") for piece in pieces[1:])
        assert max(len(piece.data) for piece in pieces) <= PIECE_BYTES


async def test_only_committed_files_are_downloaded(
    stub: rpc.ClipServiceStub, jobs: Jobs, store: sessions.Sessions, tmp_path: pathlib.Path
) -> None:
    """What the job does not list is not there, and no name leads out of the session."""
    job = await created(stub)
    artifact = publish(jobs, store, job.id, b"clip")
    session = store.get(job.id)
    session.write_bytes("video_clips/attempt.mp4", b"half a clip")
    (tmp_path / "secret").write_bytes(b"secret")
    cases = {
        "video_clips/attempt.mp4": errors.NotFound,
        "final_output/clip-02.mp4": errors.NotFound,
        "": errors.NotFound,
        "../../secret": errors.PermissionDenied,
        "final_output/../../../secret": errors.PermissionDenied,
        str(tmp_path / "secret"): errors.PermissionDenied,
    }
    found = {}
    for path in cases:
        request = pb.DownloadArtifactRequest(session_id=job.id, path=path)
        found[path] = type(await refusal(read_all(stub.DownloadArtifact(request))))
    assert cases == found
    for offset, kind in ((5, errors.OutOfRange), (-1, errors.InvalidArgument)):
        request = pb.DownloadArtifactRequest(session_id=job.id, path=artifact.path, offset=offset)
        assert kind is type(await refusal(read_all(stub.DownloadArtifact(request))))


async def test_link_planted_in_a_session_is_not_followed(
    stub: rpc.ClipServiceStub, jobs: Jobs, store: sessions.Sessions, tmp_path: pathlib.Path
) -> None:
    """Even where the job lists the name, a link leads nowhere."""
    job = await created(stub)
    artifact = publish(jobs, store, job.id, b"clip")
    (tmp_path / "secret").write_bytes(b"secr")
    path = store.get(job.id).root / artifact.path
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    request = pb.DownloadArtifactRequest(session_id=job.id, path=artifact.path)
    assert errors.PermissionDenied is type(await refusal(read_all(stub.DownloadArtifact(request))))


def messages(content: bytes, start: int = 0, **last: object) -> list[pb.UploadSourceRequest]:
    """The messages of an upload, from a place on."""
    places = range(start, len(content), PIECE_BYTES)
    pieces = [pb.UploadSourceRequest(offset=place, data=content[place : place + PIECE_BYTES]) for place in places]
    return [*pieces, pb.UploadSourceRequest(offset=len(content), finish=True, **last)]


async def test_source_is_uploaded_in_pieces(stub: rpc.ClipServiceStub, tmp_path: pathlib.Path) -> None:
    """The pieces become a source that a job can name."""
    content = os.urandom(3 * PIECE_BYTES + 77)
    digest = hashlib.sha256(content).hexdigest()
    first = pb.UploadSourceRequest(file_name="talk.mp4")
    answer = await stub.UploadSource(iter([first, *messages(content, sha256=digest)]))
    upload = answer.upload
    assert (len(content), True, digest, f"upload:{upload.id}") == (
        upload.size_bytes,
        upload.finished,
        upload.sha256,
        upload.source_uri,
    )
    assert upload == await stub.GetUpload(pb.GetUploadRequest(id=upload.id))
    with sessions.Uploads(tmp_path).open_read(upload.id) as file:
        assert content == file.read()


async def arrived(stub: rpc.ClipServiceStub, upload_id: str) -> bool:
    """Whether some of an upload is kept."""
    return (await stub.GetUpload(pb.GetUploadRequest(id=upload_id))).size_bytes > 0


async def test_upload_goes_on_after_kills_of_the_gateway(gateway, connect) -> None:
    """A client that asks where the upload stands goes on from there, over kills at any moment, to the same bytes."""
    content, upload_id = os.urandom(40 * PIECE_BYTES), ""
    for _ in range(4):
        async with connect(gateway.address) as channel:
            stub = rpc.ClipServiceStub(channel)
            if not upload_id:
                hello = await stub.UploadSource(iter([pb.UploadSourceRequest(file_name="talk.mp4")]))
                upload_id = hello.upload.id
            start = (await stub.GetUpload(pb.GetUploadRequest(id=upload_id))).size_bytes
            call = stub.UploadSource()
            await call.write(pb.UploadSourceRequest(upload_id=upload_id, offset=start))
            for message in messages(content, start)[:8]:
                await call.write(message)
            await testing.wait_until(functools.partial(arrived, stub, upload_id), 60, "a piece has arrived")
            gateway.stop(signal.SIGKILL)
            assert errors.Unavailable is type(await refusal(call))
        await gateway.start()
    async with connect(gateway.address) as channel:
        stub = rpc.ClipServiceStub(channel)
        start = (await stub.GetUpload(pb.GetUploadRequest(id=upload_id))).size_bytes
        rest = [pb.UploadSourceRequest(upload_id=upload_id, offset=start), *messages(content, start)]
        answer = await stub.UploadSource(iter(rest))
    assert hashlib.sha256(content).hexdigest() == answer.upload.sha256
    assert start > 0


async def test_upload_tells_its_identifier_at_once(stub: rpc.ClipServiceStub) -> None:
    """The identifier comes with the headers: whoever loses the connection can go on."""
    call = stub.UploadSource()
    await call.write(pb.UploadSourceRequest(file_name="talk.mp4", data=b"abc"))
    headers = dict(await asyncio.wait_for(call.initial_metadata(), 60))
    await call.write(pb.UploadSourceRequest(offset=3, data=b"def"))
    await call.done_writing()
    answer = await call
    assert (headers["reelsmith-upload-id"], 6, False) == (
        answer.upload.id,
        answer.upload.size_bytes,
        answer.upload.finished,
    )


async def test_wrong_upload_is_refused_with_its_reason(stub: rpc.ClipServiceStub) -> None:
    """A hole, another upload, a wrong hash, no message and an unknown upload are each said."""
    hello = (await stub.UploadSource(iter([pb.UploadSourceRequest(data=b"abc")]))).upload
    cases = {
        "hole": ([pb.UploadSourceRequest(upload_id=hello.id, offset=9, data=b"x")], errors.Aborted),
        "other": ([pb.UploadSourceRequest(), pb.UploadSourceRequest(upload_id="0" * 32)], errors.InvalidArgument),
        "hash": ([pb.UploadSourceRequest(data=b"x", finish=True, sha256="0" * 64)], errors.InvalidArgument),
        "silence": ([], errors.InvalidArgument),
        "unknown": ([pb.UploadSourceRequest(upload_id="0" * 32)], errors.NotFound),
        "path": ([pb.UploadSourceRequest(upload_id="../../../etc/passwd")], errors.InvalidArgument),
        "large": ([pb.UploadSourceRequest(data=b"x" * ((1 << 20) + 1))], errors.InvalidArgument),
    }
    found = {name: await refusal(stub.UploadSource(iter(sent))) for name, (sent, _) in cases.items()}
    assert {name: kind for name, (_, kind) in cases.items()} == {name: type(error) for name, error in found.items()}
    assert "3" == found["hole"].metadata["offset"]


async def test_clip_is_rendered_again_as_a_job_of_its_own(
    stub: rpc.ClipServiceStub, jobs: Jobs, store: sessions.Sessions
) -> None:
    """The new job is the old one with one explicit clip and what the request changes."""
    job = await created(stub)
    publish(jobs, store, job.id, b"clip")
    moved = media_pb2.TimeRange(start_s=11, end_s=38.5)
    request = pb.RenderClipRequest(
        job_id=job.id,
        rank=1,
        time=moved,
        aspect_ratio=exporter_pb2.ASPECT_RATIO_1_1,
        request_id="again",
        mode=exporter_pb2.EXPORT_MODE_RENDER,
    )
    again = await stub.RenderClip(request)
    assert ([moved], 1, exporter_pb2.ASPECT_RATIO_1_1, exporter_pb2.EXPORT_MODE_RENDER) == (
        list(again.spec.clips),
        again.spec.count,
        again.spec.aspect_ratio,
        again.spec.mode,
    )
    labels = {"team": "a", "reelsmith-clip": f"{job.id}/1"}  # so that the versions of a clip are found
    assert (job.spec.source_uri, "tiktok", labels) == (
        again.spec.source_uri,
        again.spec.preset,
        dict(again.spec.labels),
    )
    assert again.id == (await stub.RenderClip(request)).id != job.id
    words, title = exporter_pb2.CaptionOptions(style="pop"), exporter_pb2.Overlays(title="Again")
    dressed = await stub.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=1, captions=words, overlays=title))
    assert (words, title) == (dressed.spec.captions, dressed.spec.overlays)
    as_it_was = await stub.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=1))
    assert not as_it_was.spec.HasField("captions")
    assert [media_pb2.TimeRange(start_s=10, end_s=40)] == list(as_it_was.spec.clips)
    joined = exporter_pb2.Edit(ranges=[exporter_pb2.SourceRange(time=moved)], speed=2)
    edited = await stub.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=1, edit=joined))
    assert (joined, []) == (edited.spec.edit, list(edited.spec.clips))
    assert errors.NotFound is type(await refusal(stub.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=9))))


async def test_gateway_serves_while_the_job_manager_does(gateway, stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """Health follows the job manager, both ways, and calls meanwhile get a typed error in bounded time."""
    await jobs.stop()
    await gateway.until(serving=False)
    error = await asyncio.wait_for(refusal(stub.GetJob(pb.GetJobRequest(id="0" * 32), timeout=3)), 60)
    assert isinstance(error, errors.Unavailable | errors.DeadlineExceeded)
    await jobs.start()
    await gateway.until(serving=True)


async def test_stop_ends_watches_and_is_quick(gateway, stub: rpc.ClipServiceStub, jobs: Jobs) -> None:
    """A gateway that is told to stop tells its watchers to go elsewhere and is gone."""
    job = await created(stub)
    jobs.fake.happen(job.id)
    call = stub.WatchJob(pb.WatchJobRequest(id=job.id))
    messages = aiter(call)
    await anext(messages)
    gateway.running.send_signal(signal.SIGTERM)
    error = await refusal(read_all(messages))
    await asyncio.to_thread(gateway.running.wait, 30)
    assert (errors.Unavailable, "DRAINING", 0) == (type(error), error.reason, gateway.running.returncode)


async def test_status_asks_every_instance_at_once(jobs: Jobs, new_process, connect, free_port) -> None:
    """Serving, stopped and absent instances are told apart, in about the time of one patience."""
    configs = [new_process("services.config") for _ in range(2)]
    for config in configs:
        await config.start()
    absent = [free_port() for _ in range(8)]
    registry = ";".join(
        [
            f"jobs=127.0.0.1:{jobs.port}",
            "config=" + ",".join(config.address for config in configs),
            "analyzer=" + ",".join(f"127.0.0.1:{port}" for port in absent),
        ]
    )
    gateway = new_process("gateway", REELSMITH_STATIC_REGISTRY=registry)
    await gateway.start()
    configs[1].running.send_signal(signal.SIGSTOP)
    try:
        async with connect(gateway.address) as channel:
            start_s = time.monotonic()
            request = pb.GetSuiteStatusRequest(patience=duration_pb2.Duration(seconds=1))
            status = await rpc.ClipServiceStub(channel).GetSuiteStatus(request)
            took_s = time.monotonic() - start_s
    finally:
        configs[1].running.send_signal(signal.SIGCONT)
    state = pb.InstanceStatus.State
    found = {
        service.name: {instance.address: state.Name(instance.state) for instance in service.instances}
        for service in status.services
    }
    assert ["analyzer", "config", "exporter", "gateway", "jobs"] == list(found)
    assert {configs[0].address: "STATE_SERVING", configs[1].address: "STATE_UNREACHABLE"} == found["config"]
    assert {f"127.0.0.1:{port}": "STATE_UNREACHABLE" for port in absent} == found["analyzer"]
    assert ({f"127.0.0.1:{jobs.port}": "STATE_SERVING"}, {}) == (found["jobs"], found["exporter"])
    assert (False, "static", 3, "fake") == (
        status.serving,
        status.discovery,
        status.queue.ready_steps,
        status.services[4].instances[0].version,
    )
    assert took_s < 1 + len(absent), "one after the other they would take a patience each"


async def test_patience_is_bounded(stub: rpc.ClipServiceStub) -> None:
    """Nobody waits longer than the API allows."""
    for seconds in (-1, 0, 11):
        request = pb.GetSuiteStatusRequest(patience=duration_pb2.Duration(seconds=seconds))
        assert errors.InvalidArgument is type(await refusal(stub.GetSuiteStatus(request)))


async def test_generic_client_can_do_it_all(gateway, buf_curl, jobs: Jobs) -> None:
    """Reflection, health, unary calls and a stream, with nothing but the address and JSON."""
    address, base = gateway.address, "/reelsmith.gateway.v1.ClipService"
    services = await buf_curl(address, "--list-services", "")
    methods = await buf_curl(address, "--list-methods", "")
    health = await buf_curl(address, "-d", "{}", "/grpc.health.v1.Health/Check")
    spec = {"spec": {"sourceUri": "file:///talk.mp4"}}
    job = json.loads(await buf_curl(address, "-d", json.dumps(spec), f"{base}/CreateClips"))
    jobs.fake.happen(job["id"], SUCCEEDED, "done")
    events = await buf_curl(address, "-d", json.dumps({"id": job["id"]}), f"{base}/WatchJob")
    assert {b"grpc.health.v1.Health", b"reelsmith.gateway.v1.ClipService"} <= set(services.split())
    assert {f"{base[1:]}/{method.name}".encode() for method in SERVICE.methods} <= set(methods.split())
    assert ({"status": "SERVING"}, True) == (json.loads(health), b"STATE_SUCCEEDED" in events)


@pytest.fixture
async def manager(new_process):
    """A real job manager, with nobody to run its steps."""
    process = new_process("services.jobs")
    await process.start()
    return process


def gateway_before(manager, new_process, patience_s: float):
    """A gateway in front of the job manager, with so much patience for it."""
    registry = f"jobs={manager.address}"
    return new_process("gateway", REELSMITH_STATIC_REGISTRY=registry, REELSMITH_GATEWAY_JOBS_TIMEOUT_S=str(patience_s))


@pytest.fixture
async def before_manager(manager, new_process, connect) -> AsyncIterator[rpc.ClipServiceStub]:
    """A plain stub of a gateway in front of the real job manager."""
    process = gateway_before(manager, new_process, 60)
    await process.start()
    async with connect(process.address) as channel:
        yield rpc.ClipServiceStub(channel)


async def test_accepted_job_and_its_watch_live_through_kills(before_manager: rpc.ClipServiceStub, manager) -> None:
    """With the real job manager killed again and again a key keeps its job, and one watch tells every event once."""
    stub = before_manager
    job = await created(stub, "key-1")
    watching = asyncio.create_task(read_all(stub.WatchJob(pb.WatchJobRequest(id=job.id))))
    for _ in range(3):
        await asyncio.sleep(0.2)
        await asyncio.to_thread(manager.stop, signal.SIGKILL)
        await manager.start()
        assert job.id == (await created(stub, "key-1")).id
    ended = await stub.CancelJob(pb.CancelJobRequest(id=job.id, reason="enough"))
    events = await asyncio.wait_for(watching, 120)
    assert list(range(1, ended.sequence + 1)) == [event.sequence for event in events if event.message]
    assert jobs_pb2.Job.STATE_CANCELLED == events[-1].job.state == ended.state
    await stub.DeleteSession(pb.DeleteSessionRequest(id=job.id))
    assert errors.NotFound is type(await refusal(stub.GetJob(pb.GetJobRequest(id=job.id))))


async def test_wrong_requests_come_back_with_their_fields(before_manager: rpc.ClipServiceStub) -> None:
    """What the real job manager refuses reaches the caller with code, reason and fields."""
    stub = before_manager
    spec = jobs_pb2.JobSpec(source_uri="file:///x", count=101, preset="No Such")
    error = await refusal(stub.CreateClips(pb.CreateClipsRequest(spec=spec)))
    assert (errors.InvalidArgument, {"spec.count", "spec.preset"}) == (
        type(error),
        {field.name for field in error.fields},
    )
    for call in (
        stub.GetJob(pb.GetJobRequest(id="../x")),
        stub.ListClips(pb.ListClipsRequest(job_id="x")),
        stub.CreateClipsBatch(pb.CreateClipsBatchRequest()),
        stub.ListJobs(pb.ListJobsRequest(page_token="x")),
    ):
        assert errors.InvalidArgument is type(await refusal(call))
    for stream in (
        stub.WatchJob(pb.WatchJobRequest(id="x")),
        stub.WatchJob(pb.WatchJobRequest(id="0" * 32, after_sequence=-1)),
        stub.DownloadArtifact(pb.DownloadArtifactRequest(session_id="x", path="a")),
    ):
        assert errors.InvalidArgument is type(await refusal(read_all(stream)))


async def test_status_knows_the_real_job_manager(before_manager: rpc.ClipServiceStub, manager) -> None:
    """Its version and its queue are told."""
    await created(before_manager)
    status = await before_manager.GetSuiteStatus(pb.GetSuiteStatusRequest())
    (instance,) = status.services[4].instances
    assert (manager.address, status.version) == (instance.address, instance.version)
    assert 1 == sum(item.count for item in status.queue.jobs)


@dataclasses.dataclass
class Account:
    """What became of the calls of some callers: how many were answered, and the errors of the others."""

    answered: int = 0
    refused: list[str] = dataclasses.field(default_factory=list)


async def calls_through_restarts(gateway, manager, connect) -> Account:
    """The calls of callers that go on while the job manager is killed and restarted three times.

    Between two kills the callers get answers again: each call meets one restart, however long that takes here.
    """
    account, over = Account(), asyncio.Event()

    async def caller(stub: rpc.ClipServiceStub, name: str) -> None:
        for number in itertools.count():
            if over.is_set():
                return
            try:
                first, again = [await created(stub, f"{name}-{number}") for _ in range(2)]
            except grpc.aio.AioRpcError as refusal:
                account.refused.append(f"{refusal.code().name}: {refusal.details()}")
                await asyncio.sleep(0.01)
            else:
                assert first.id == again.id
                account.answered += 1

    async with connect(gateway.address) as channel, asyncio.TaskGroup() as callers:
        for number in range(4):
            callers.create_task(caller(rpc.ClipServiceStub(channel), f"caller-{number}"))
        for _ in range(3):
            before = account.answered
            await testing.wait_until(lambda before=before: account.answered >= before + 8, 60, "callers are answered")
            await asyncio.to_thread(manager.stop, signal.SIGKILL)
            await manager.start()
        over.set()
    return account


async def test_no_call_fails_while_the_job_manager_is_restarted(manager, new_process, connect) -> None:
    """Callers that go on through three kills see no error, and every key keeps its job."""
    gateway = gateway_before(manager, new_process, 60)
    await gateway.start()
    account = await calls_through_restarts(gateway, manager, connect)
    assert [] == account.refused


async def test_control_impatient_gateway_fails_calls(manager, new_process, connect) -> None:
    """Without the wait for the job manager the same callers see errors."""
    gateway = gateway_before(manager, new_process, 0.2)
    await gateway.start()
    account = await calls_through_restarts(gateway, manager, connect)
    assert [] != account.refused
