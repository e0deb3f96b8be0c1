"""The real job manager, `python -m services.jobs`, over real gRPC, with fake media services on order."""

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import client, discovery, testing
from chassis.testing import otlp
from media import sessions
from services.jobs import attempt, scheduler, settings, store
from services.jobs import board as boards
from services.jobs import job as jobs
from services.jobs import spec as specs
from services.jobs.remote import service as remote

FAKE = pathlib.Path(__file__).with_name("fake_media.py")
JOB_TIMEOUT_S = 60
ENDED = (pb.Job.STATE_SUCCEEDED, pb.Job.STATE_PARTIAL, pb.Job.STATE_FAILED, pb.Job.STATE_CANCELLED)


@dataclasses.dataclass
class Suite:
    """A job manager and the fake services that it calls."""

    home: pathlib.Path
    process: object
    fakes: list[subprocess.Popen]
    connect: Callable

    def source(self, **orders: dict) -> str:
        """A source that orders the fakes what to do."""
        path = self.home / f"source-{len(list(self.home.glob('source-*')))}.json"
        path.write_text(json.dumps({name.replace("_", "-"): value for name, value in orders.items()}))
        return path.as_uri()

    @contextlib.asynccontextmanager
    async def stub(self) -> AsyncIterator[rpc.JobServiceStub]:
        """A stub over a plain channel of its own."""
        async with self.connect(self.process.address) as channel:
            yield rpc.JobServiceStub(channel)

    async def submit(self, source: str, request_id: str = "", **spec: object) -> pb.Job:
        """Submits one job."""
        async with self.stub() as stub:
            request = pb.SubmitJobRequest(spec=pb.JobSpec(source_uri=source, **spec), request_id=request_id)
            return await stub.SubmitJob(request, timeout=60, wait_for_ready=True)

    async def events(self, job_id: str, after: int = 0) -> list[pb.JobEvent]:
        """Everything that a watch tells until the job has ended."""
        async with self.stub() as stub:
            request = pb.WatchJobRequest(id=job_id, after_sequence=after)
            return [event async for event in stub.WatchJob(request, timeout=JOB_TIMEOUT_S, wait_for_ready=True)]

    async def job(self, job_id: str) -> pb.Job:
        """One job."""
        async with self.stub() as stub:
            return await stub.GetJob(pb.GetJobRequest(id=job_id), timeout=60, wait_for_ready=True)

    async def until(self, job_id: str, condition: Callable[[pb.Job], bool], timeout_s: float = 20) -> pb.Job:
        """Waits until a job is as wanted."""
        found: list[pb.Job] = []

        async def holds() -> bool:
            found[:] = [await self.job(job_id)]
            return condition(found[0])

        await testing.wait_until(holds, timeout_s, f"job {job_id}")
        return found[0]

    def journal(self) -> list[list[str]]:
        """What the fakes noted: process, word, call, session."""
        path = self.home / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def pid(self, job_id: str) -> int:
        """The process that began to analyze a job first; 0 while none did."""
        return next((int(line[0]) for line in self.journal() if line[1:] == ["began", "analyze", job_id]), 0)

    def session(self, job_id: str) -> pathlib.Path:
        """Folder of the session of a job."""
        return self.home / "sessions" / job_id


@pytest.fixture
async def start(tmp_path, new_process, connect):
    """Starts a job manager with some fake services; ends them after the test."""
    fakes: list[subprocess.Popen] = []

    async def run(count: int = 1, **environment: str) -> Suite:
        ports = [testing.free_port() for _ in range(count)]
        for port in ports:
            fakes.append(launch_fake(tmp_path, port))
        listed = ",".join(f"127.0.0.1:{port}" for port in ports)
        process = new_process(
            "services.jobs",
            REELSMITH_STATIC_REGISTRY=f"analyzer={listed};exporter={listed}",
            REELSMITH_JOBS_LEASE_S="1",
            **environment,
        )
        await process.start()
        return Suite(tmp_path, process, fakes, connect)

    yield run
    for fake in fakes:
        fake.kill()
        fake.wait()


def launch_fake(home: pathlib.Path, port: int) -> subprocess.Popen:
    """Starts a process of fake services."""
    environment = {
        "FAKE_JOURNAL": str(home / "journal"),
        "REELSMITH_FAKE_MEDIA_PORT": str(port),
        "REELSMITH_SESSIONS_ROOT": str(home),
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_LAME_DUCK_S": "0",
        "REELSMITH_LOG_LEVEL": "WARNING",
        "PATH": "/usr/bin:/bin",
    }
    with (home / f"fake-{port}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, str(FAKE), str(port)], env=environment, stderr=log)


def states(job: pb.Job) -> dict[str, str]:
    """The states of the steps by name."""
    return {step.name: pb.Step.State.Name(step.state).removeprefix("STATE_") for step in job.steps}


def reason_of(failure: grpc.aio.AioRpcError) -> str:
    """The reason in an error."""
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for item in rpc_status.from_call(failure).details if item.Unpack(info)), "")


def assert_whole(suite: Suite, job: pb.Job, clips: int) -> None:
    """Every file of a job is there once, under its final name, with the hash that the job says."""
    assert clips == len(job.clips)
    files = [*job.artifacts, *(item for clip in job.clips for item in (clip.video, clip.manifest, clip.thumbnail))]
    wanted = 3 + 3 * clips + 2  # info, analysis, proposals; clip, manifest, thumbnail of each; sheet, report
    assert wanted == len({item.path for item in files}) == len(files)
    for item in files:
        content = (suite.session(job.id) / item.path).read_bytes()
        assert (item.size_bytes, item.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert [f"clip-{rank:02d}.mp4" for rank in range(1, clips + 1)] == sorted(
        path.name for path in (suite.session(job.id) / "final_output").iterdir()
    )


async def until_swept(suite: Suite, job_id: str) -> None:
    """Waits until no attempt has left anything: tidying follows the commit, or the next start."""
    folder = suite.session(job_id)

    def left() -> list[pathlib.Path]:
        return [*(folder / "video_clips").iterdir(), *folder.glob("*/.tmp-*")]

    await testing.wait_until(lambda: not left(), 60, f"{folder} is swept: {left()}")


def commits(events: list[pb.JobEvent]) -> dict[str, int]:
    """How often each step succeeded."""
    done: dict[str, int] = {}
    for event in events:
        if event.message == f"{event.step} succeeded":
            done[event.step] = done.get(event.step, 0) + 1
    return done


async def test_job_runs_all_its_steps_and_ends_with_its_files(start) -> None:
    """A job goes from source to clips, pictures and report, and says so in order."""
    suite = await start()
    accepted = await suite.submit(suite.source(), count=3, title="A talk")
    events = await suite.events(accepted.id)
    job = await suite.job(accepted.id)
    assert pb.Job.STATE_PENDING == accepted.state
    assert pb.Job.STATE_SUCCEEDED == job.state
    assert ["probe", "analyze", "propose", "export-1", "export-2", "export-3", "images", "report"] == list(states(job))
    assert {"SUCCEEDED"} == set(states(job).values())
    assert_whole(suite, job, clips=3)
    assert [1.0, 0.5] == [clip.score for clip in job.clips][:2]
    lasting = [event for event in events if event.message]
    assert list(range(1, job.sequence + 1)) == [event.sequence for event in lasting]
    assert job.fraction == 1.0
    assert job == lasting[-1].job
    assert [] == list((suite.session(job.id) / "video_clips").iterdir())
    assert (
        "1 final_output/clip-01.mp4 images/clip-01.jpg" in (suite.session(job.id) / "metadata/report.html").read_text()
    )


async def test_ways_to_choose_clips_reach_the_analyzer(start) -> None:
    """Everything that a caller says of the choice is said to the analyzer, and the job tells it again."""
    suite = await start()
    stretch = media_pb2.TimeRange(start_s=0, end_s=9)
    lengths = [media_pb2.ClipDuration(target_s=15, count=3), media_pb2.ClipDuration(target_s=60)]
    wanted = {"genre": "auto", "diversity": 0.5, "gap_min_s": 2.0, "durations_apart": True, "explain": 7}
    accepted = await suite.submit(
        suite.source(), keywords=["rocket"], weights={"motion": 2}, exclusions=[stretch], durations=lengths, **wanted
    )
    await suite.events(accepted.id)
    (line,) = [text for text in (suite.home / "journal").read_text().splitlines() if " asked " in text]
    asked = json.loads(line.partition(" asked ")[2])
    assert wanted == {name: asked[name] for name in wanted}
    assert ([{"target_s": 15, "count": 3}, {"target_s": 60, "count": 5}], ["rocket"], {"motion": 2}) == (
        asked["durations"], asked["keywords"], asked["weights"]
    )  # fmt: skip
    assert [9] == [item["end_s"] for item in asked["exclusions"]]
    spec = (await suite.job(accepted.id)).spec
    assert [(15, 3), (60, 5)] == [(one.target_s, one.count) for one in spec.durations]
    assert wanted == {name: getattr(spec, name) for name in wanted}
    assert [stretch] == list(spec.exclusions)


async def test_captions_reach_the_exporter_and_come_back(start) -> None:
    """What is laid over clips is said to the exporter as it was asked for; the files beside a clip are published."""
    suite = await start()
    wanted = {
        "captions": exporter_pb2.CaptionOptions(style="pop", formats=["FORMAT_SRT", "FORMAT_ASS"], text_track=True),
        "overlays": exporter_pb2.Overlays(
            title="A title", title_s=4, hook="A hook", hook_s=2, progress_bar=True, logo_uri="file:///logo.png",
            logo_corner="CORNER_BOTTOM_LEFT", logo_opacity=0.5,
        ),
    }  # fmt: skip
    accepted = await suite.submit(suite.source(), count=1, **wanted)
    await suite.events(accepted.id)
    (line,) = [text for text in (suite.home / "journal").read_text().splitlines() if " dressed " in text]
    asked = json_format.Parse(line.partition(" dressed ")[2], exporter_pb2.ExportClipRequest())
    job = await suite.job(accepted.id)
    for found in (asked, job.spec):
        assert wanted == {name: getattr(found, name) for name in wanted}
    (clip,) = job.clips
    assert {"scripts/clip-01.srt", "scripts/clip-01.ass"} == {one.path for one in clip.captions}
    assert {media_pb2.ARTIFACT_ROLE_CAPTIONS} == {one.role for one in clip.captions}
    assert not [one for one in job.artifacts if one.path.startswith("scripts/")]
    assert (suite.session(job.id) / "scripts/clip-01.ass").read_text().startswith(f"{job.id} captions")


async def test_edit_reaches_the_exporter_and_timelines_come_with_the_clips(start) -> None:
    """The edit is handed on as it came, and each timeline that was asked for names the manifest of every clip."""
    suite = await start()
    edit = exporter_pb2.Edit(speed=1.5, fades=exporter_pb2.Fades(sound_out_s=0.5))
    edit.tightening.pre_roll_s = 0.0
    accepted = await suite.submit(suite.source(), count=2, edit=edit, timelines=["FORMAT_EDL", "FORMAT_OTIO"])
    await suite.events(accepted.id)
    job = await suite.job(accepted.id)
    assert (pb.Job.STATE_SUCCEEDED, edit) == (job.state, job.spec.edit)
    assert ["export-1", "export-2", "images", "timelines", "report"] == list(states(job))[3:]
    lines = [text for text in (suite.home / "journal").read_text().splitlines() if " exported " in text]
    asked = [json.loads(line.partition(" exported ")[2]) for line in lines]
    assert [{"speed": 1.5, "fades": {"sound_out_s": 0.5}, "tightening": {"pre_roll_s": 0.0}}] * 2 == [
        one["edit"] for one in asked
    ]
    folder = suite.session(job.id) / "scripts"
    assert ["timeline.edl", "timeline.otio"] == sorted(path.name for path in folder.iterdir())
    assert "metadata/clip-01.manifest.json metadata/clip-02.manifest.json" in (folder / "timeline.edl").read_text()


async def test_joined_ranges_and_manifests_are_one_clip(start) -> None:
    """Ranges make one clip over all of them; a manifest needs no analysis and is handed on by its name."""
    suite = await start()
    ranges = [exporter_pb2.SourceRange(time=media_pb2.TimeRange(start_s=start, end_s=start + 2)) for start in (7, 3)]
    joined = await suite.submit(suite.source(), edit=exporter_pb2.Edit(ranges=ranges))
    again = await suite.submit(suite.source(), manifest_uri="file:///films/clip-01.manifest.json")
    for job in (joined, again):
        await suite.events(job.id)
    assert [media_pb2.TimeRange(start_s=3, end_s=9)] == [clip.time for clip in (await suite.job(joined.id)).clips]
    assert ["probe", "export-1", "images", "report"] == list(states(await suite.job(again.id)))
    lines = [text for text in (suite.home / "journal").read_text().splitlines() if " exported " in text]
    first, second = (json.loads(line.partition(" exported ")[2]) for line in lines)
    if "manifest_path" in first:
        first, second = second, first
    assert [7, 3] == [one["time"]["start_s"] for one in first["edit"]["ranges"]]
    assert "time" not in first
    assert "file:///films/clip-01.manifest.json" == second["manifest_path"]


async def test_watch_resumes_where_it_stopped(start) -> None:
    """A watch from a sequence number tells what came later, once and in order."""
    suite = await start()
    job = await suite.submit(suite.source())
    whole = [event for event in await suite.events(job.id) if event.message]
    part = await suite.events(job.id, after=whole[4].sequence)
    assert [(event.sequence, event.step, event.message) for event in whole[5:]] == [
        (event.sequence, event.step, event.message) for event in part
    ]
    assert [states(event.job) for event in whole[5:]] == [states(event.job) for event in part]
    assert [] == await suite.events(job.id, after=whole[-1].sequence)


async def test_one_failed_clip_leaves_the_others(start) -> None:
    """The job is PARTIAL, the report is made, and a retry runs what failed and what was made from it."""
    suite = await start()
    order = {"code": "FAILED_PRECONDITION", "reason": "UNSUPPORTED", "times": 1}
    job = await suite.submit(suite.source(clip_02=order), count=3)
    await suite.events(job.id)
    partial = await suite.job(job.id)
    assert pb.Job.STATE_PARTIAL == partial.state
    assert "UNSUPPORTED" == partial.error.reason == partial.clips[1].error.reason
    assert not partial.clips[1].HasField("video")
    assert ("FAILED", "SUCCEEDED", "SUCCEEDED") == tuple(
        states(partial)[name] for name in ("export-2", "images", "report")
    )
    async with suite.stub() as stub:
        await stub.RetryJob(pb.RetryJobRequest(id=job.id))
    await suite.events(job.id, after=partial.sequence)
    again = await suite.job(job.id)
    assert pb.Job.STATE_SUCCEEDED == again.state
    assert_whole(suite, again, clips=3)
    attempts = {step.name: step.attempts for step in again.steps}
    assert {"export-2": 2, "images": 2, "report": 2} == {name: count for name, count in attempts.items() if count > 1}


async def test_named_clips_are_exported_as_they_are(start) -> None:
    """Clips that were asked for by time need no proposals and have no score."""
    suite = await start()
    wanted = [media_pb2.TimeRange(start_s=2, end_s=3.5), media_pb2.TimeRange(start_s=7, end_s=9)]
    job = await suite.submit(suite.source(), clips=wanted)
    await suite.events(job.id)
    job = await suite.job(job.id)
    assert pb.Job.STATE_SUCCEEDED == job.state
    assert ["probe", "analyze", "export-1", "export-2", "images", "report"] == list(states(job))
    assert wanted == [clip.time for clip in job.clips]
    assert [False, False] == [clip.HasField("score") for clip in job.clips]


async def test_bad_source_fails_at_once(start) -> None:
    """A final error is not tried again, and nothing after it runs."""
    suite = await start()
    job = await suite.submit((suite.home / "nothing.json").as_uri())
    await suite.events(job.id)
    job = await suite.job(job.id)
    assert pb.Job.STATE_FAILED == job.state
    assert ("NOT_FOUND", 1) == (job.error.code, job.steps[0].attempts)
    assert {"probe": "FAILED", "analyze": "SKIPPED", "propose": "SKIPPED"} == states(job)


async def test_step_that_kills_its_worker_is_quarantined(start) -> None:
    """Three dead workers are enough; other jobs go on."""
    suite = await start()
    bad = await suite.submit(suite.source(analyze={"code": "UNAVAILABLE", "reason": "CRASHED"}))
    good = await suite.submit(suite.source())
    await asyncio.gather(suite.events(bad.id), suite.events(good.id))
    bad, good = await suite.job(bad.id), await suite.job(good.id)
    assert pb.Job.STATE_SUCCEEDED == good.state
    assert pb.Job.STATE_FAILED == bad.state
    assert ("QUARANTINED", 3, 3) == (states(bad)["analyze"], bad.steps[1].worker_deaths, bad.steps[1].attempts)


async def test_cancel_stops_running_work(start) -> None:
    """The job is CANCELLED when the call returns, and its work is cut off long before its end."""
    suite = await start()
    job = await suite.submit(suite.source(analyze={"delay_s": 30}))
    await suite.until(job.id, lambda job: job.steps[1].progress.frames > 1)
    async with suite.stub() as stub:
        cancelled = await stub.CancelJob(pb.CancelJobRequest(id=job.id, reason="not needed"))
        again = await stub.CancelJob(pb.CancelJobRequest(id=job.id))
    assert pb.Job.STATE_CANCELLED == cancelled.state == again.state
    await testing.wait_until(lambda: ["cut", "analyze"] in [line[1:3] for line in suite.journal()], 60)
    suite.process.stop(signal.SIGKILL)
    await suite.process.start()
    assert pb.Job.STATE_CANCELLED == (await suite.job(job.id)).state


async def test_submit_with_one_key_gives_one_job(start) -> None:
    """The same key gives the same job, also after a kill; with another specification it is refused."""
    suite = await start()
    source = suite.source()
    first = await suite.submit(source, "key-1", count=2)
    many = await asyncio.gather(*(suite.submit(source, "key-1", count=2) for _ in range(20)))
    suite.process.stop(signal.SIGKILL)
    await suite.process.start()
    after = await suite.submit(source, "key-1", count=2)
    assert {first.id} == {job.id for job in (*many, after)}
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await suite.submit(source, "key-1", count=3)
    assert (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED") == (refusal.value.code(), reason_of(refusal.value))


async def test_bad_request_names_every_bad_field(start) -> None:
    """All that is wrong comes back in one answer."""
    suite = await start()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await suite.submit("ftp://x", count=500, duration_min_s=20, duration_max_s=10, priority=101)
    bad = error_details_pb2.BadRequest()
    (found,) = [
        [item.field for item in bad.field_violations]
        for detail in rpc_status.from_call(refusal.value).details
        if detail.Unpack(bad)
    ]
    assert grpc.StatusCode.INVALID_ARGUMENT == refusal.value.code()
    assert ["spec.source_uri", "spec.count", "spec.priority", "spec.duration_max_s"] == found


async def test_full_queue_refuses_with_a_hint(start) -> None:
    """Beyond the limit jobs are refused, not dropped; a known key is still answered; a batch is all or none."""
    suite = await start(0, REELSMITH_JOBS_JOB_LIMIT="3")
    source = suite.source()
    first = await suite.submit(source, "a")
    await suite.submit(source)
    async with suite.stub() as stub:
        spec = pb.JobSpec(source_uri=source)
        batch = pb.SubmitBatchRequest(requests=[pb.SubmitJobRequest(spec=spec), pb.SubmitJobRequest(spec=spec)])
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.SubmitBatch(batch)
        stats = await stub.GetQueueStats(pb.GetQueueStatsRequest())
    retry = error_details_pb2.RetryInfo()
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == refusal.value.code()
    assert any(
        detail.Unpack(retry) and retry.retry_delay.seconds for detail in rpc_status.from_call(refusal.value).details
    )
    assert [(pb.Job.STATE_PENDING, 2)] == [(item.state, item.count) for item in stats.jobs]
    assert (2, 3) == (stats.ready_steps, stats.job_limit)
    await suite.submit(source)
    assert first.id == (await suite.submit(source, "a")).id


async def test_deleted_job_is_gone_with_its_files(start) -> None:
    """Deleting works once the job has ended, twice is fine, and its key is answered for ever."""
    suite = await start()
    source = suite.source(analyze={"delay_s": 1})
    job = await suite.submit(source, "k")
    async with suite.stub() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.DeleteJob(pb.DeleteJobRequest(id=job.id))
        assert "JOB_NOT_ENDED" == reason_of(refusal.value)
        await suite.events(job.id)
        assert suite.session(job.id).exists()
        await stub.DeleteJob(pb.DeleteJobRequest(id=job.id))
        await stub.DeleteJob(pb.DeleteJobRequest(id=job.id))
        assert not suite.session(job.id).exists()
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.GetJob(pb.GetJobRequest(id=job.id))
        assert "JOB_NOT_FOUND" == reason_of(refusal.value)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await suite.submit(source, "k")
    assert "JOB_DELETED" == reason_of(refusal.value)


async def test_list_gives_pages_and_filters(start) -> None:
    """Pages follow each other without gaps; filters hold; a token of another list is refused."""
    suite = await start(0)
    source = suite.source()
    ids = [(await suite.submit(source, labels={"n": str(n % 2), "all": "x"})).id for n in range(5)]
    async with suite.stub() as stub:
        found, token = [], ""
        for _ in range(3):
            page = await stub.ListJobs(pb.ListJobsRequest(page_size=2, page_token=token))
            found, token = [*found, *(job.id for job in page.jobs)], page.next_page_token
        assert (ids[::-1], "") == (found, token)
        even = await stub.ListJobs(pb.ListJobsRequest(labels={"n": "0", "all": "x"}, page_size=1))
        assert [ids[4]] == [job.id for job in even.jobs]
        none = await stub.ListJobs(pb.ListJobsRequest(states=[pb.Job.STATE_FAILED]))
        assert [] == list(none.jobs)
        for token in ("nonsense", even.next_page_token):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await stub.ListJobs(pb.ListJobsRequest(page_token=token))
            assert "BAD_PAGE_TOKEN" == reason_of(refusal.value)


async def test_second_manager_refuses_the_same_store(start) -> None:
    """One store, one manager: the second one ends and says who has it."""
    suite = await start()
    second = dataclasses.replace(
        suite.process, environment={**suite.process.environment, "REELSMITH_JOBS_PORT": "0"}, log=suite.home / "second"
    )
    second.launch()
    assert 0 != await asyncio.to_thread(second.running.wait, 30)
    assert f"another job manager (process {suite.process.running.pid})" in second.log.read_text()


async def test_silent_instance_loses_its_lease(start) -> None:
    """A stream without messages for the length of a lease is cut, and the step runs again under a new token."""
    suite = await start()
    orders = {"delay_s": 0.5, "silent": True}
    job = await suite.submit(suite.source(analyze=orders), count=1)
    await suite.events(job.id)
    assert 1 == (await suite.job(job.id)).steps[1].attempts  # silent, but the instance answers: it only waits its turn
    frozen = await suite.submit(suite.source(analyze={"delay_s": 3}), count=1)
    await suite.until(frozen.id, lambda job: job.steps[1].progress.frames > 1)
    suite.fakes[0].send_signal(signal.SIGSTOP)
    began_s = time.monotonic()
    lost = await suite.until(frozen.id, lambda job: job.steps[1].error.reason == "LEASE_EXPIRED")
    waited_s = time.monotonic() - began_s
    suite.fakes[0].send_signal(signal.SIGCONT)
    await suite.events(frozen.id)
    job = await suite.job(frozen.id)
    assert waited_s > 0.8
    assert 1 == lost.steps[1].fencing_token
    assert pb.Job.STATE_SUCCEEDED == job.state
    assert job.steps[1].fencing_token > 1
    assert_whole(suite, job, clips=1)


@pytest.mark.parametrize("evidence", [True, False])
async def test_evidence_is_asked_of_the_analyzer(start, evidence: bool) -> None:
    """What a job asks for reaches the instance that measures, and the job still says so."""
    suite = await start()
    job = await suite.submit(suite.source(), analyze_only=True, evidence=evidence)
    await suite.events(job.id)
    content = (suite.session(job.id) / "metadata/analysis.json").read_text()
    assert evidence == (await suite.job(job.id)).spec.evidence == ("with evidence" in content)


async def test_mode_and_codec_are_asked_of_the_exporter(start) -> None:
    """What a job asks for reaches the instance that renders, and the job still says so."""
    suite = await start()
    job = await suite.submit(suite.source(), count=1, mode="EXPORT_MODE_SMART_CUT", video_codec="VIDEO_CODEC_VP9")
    await suite.events(job.id)
    spec = (await suite.job(job.id)).spec
    assert (2, 4) == (spec.mode, spec.video_codec)
    (manifest,) = suite.session(job.id).rglob("*.manifest.json")
    assert "manifest of mode 2, codec 4" in manifest.read_text()


async def test_higher_priority_runs_first(start) -> None:
    """Of two that wait, the later one of higher priority is taken."""
    suite = await start(REELSMITH_JOBS_ANALYZE_LIMIT="1")
    first = await suite.submit(suite.source(analyze={"delay_s": 1.5}), analyze_only=True)
    await suite.until(first.id, lambda job: job.steps[1].state == pb.Step.STATE_RUNNING)
    source = suite.source(analyze={"delay_s": 0.2})
    low, high = [await suite.submit(source, priority=priority, analyze_only=True) for priority in (0, 5)]
    await asyncio.gather(*(suite.events(job.id) for job in (first, low, high)))
    ends = {job.id: (await suite.job(job.id)).end_time.ToMicroseconds() for job in (first, low, high)}
    assert [first.id, high.id, low.id] == sorted(ends, key=ends.__getitem__)


KILLS = int(os.environ.get("REELSMITH_TEST_KILLS", "64"))


class Forks:
    """Job managers that follow each other on one port and one store, each in a fresh process."""

    def __init__(self, suite: Suite) -> None:
        self.pid = 0
        self.log = suite.home / "forks.log"
        with self.log.open("ab") as log:
            self.parent = subprocess.Popen(
                [sys.executable, str(FAKE.with_name("fork_jobs.py"))],
                env={**os.environ, **suite.process.environment},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    async def start(self) -> None:
        """Starts the next one."""
        self.parent.stdin.write("start\n")
        self.parent.stdin.flush()
        self.pid = int(await asyncio.to_thread(self.parent.stdout.readline))

    async def kill(self) -> None:
        """Kills the running one and waits until it is gone; one that is gone already has died of its own."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pytest.fail(f"a job manager ended by itself:\n{self.log.read_text()[-4000:]}")
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                await asyncio.sleep(0.005)

    def close(self) -> None:
        """Ends everything."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.parent.kill()
        self.parent.wait()


async def submit_for_ever(suite: Suite, source: str, submitted: list[str], ahead: int) -> None:
    """Keeps some jobs unfinished, whatever becomes of the manager; a key is tried until it is answered."""
    jobs_by_key: dict[str, str] = {}
    while True:
        open_jobs = ahead
        with contextlib.suppress(grpc.aio.AioRpcError):
            async with suite.stub() as stub:
                while True:
                    if open_jobs >= ahead:
                        stats = await stub.GetQueueStats(pb.GetQueueStatsRequest(), timeout=1)
                        open_jobs = sum(item.count for item in stats.jobs if item.state not in ENDED)
                    if open_jobs < ahead:
                        key = f"key-{len(submitted)}"
                        request = pb.SubmitJobRequest(spec=pb.JobSpec(source_uri=source, count=2), request_id=key)
                        job = await stub.SubmitJob(request, timeout=1)
                        assert jobs_by_key.setdefault(key, job.id) == job.id
                        submitted.append(job.id)
                        open_jobs += 1
                    else:
                        await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)


@pytest.mark.timeout(600)
@pytest.mark.slow
async def test_no_kill_loses_or_doubles_anything(start, capsys) -> None:
    """The manager is killed at random moments of running jobs, recovery included; every job ends whole."""
    suite = await start(2)
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    source = suite.source(analyze={"delay_s": 0.1}, clip_01={"delay_s": 0.1}, propose={"clips": 2})
    submitted: list[str] = []
    load = asyncio.create_task(submit_for_ever(suite, source, submitted, ahead=6))
    for _ in range(3):  # the real command first
        await asyncio.sleep(dice.uniform(0.2, 1.0))
        suite.process.stop(signal.SIGKILL)
        await suite.process.start()
    suite.process.stop(signal.SIGKILL)
    forks = Forks(suite)
    try:
        for _ in range(KILLS):
            await forks.start()
            await asyncio.sleep(dice.uniform(0.05, 1.0))
            await forks.kill()
        load.cancel()
        await forks.start()
        interrupted = await checked(suite, submitted)
    finally:
        load.cancel()
        forks.close()
    with capsys.disabled():
        print(f"\nseed {seed}: {KILLS + 4} kills, {len(submitted)} jobs, {interrupted} interruptions, all whole")
    assert interrupted > KILLS / 10  # the kills did hit running steps, fewer on a busy machine


async def checked(suite: Suite, submitted: list[str]) -> int:
    """Waits for all jobs, checks each of them, and counts the steps that a kill interrupted."""
    interrupted = 0
    for job_id in submitted:
        events = await suite.events(job_id)
        job = await suite.job(job_id)
        assert pb.Job.STATE_SUCCEEDED == job.state, job
        lasting = [event for event in events if event.message]
        assert list(range(1, job.sequence + 1)) == [event.sequence for event in lasting]
        assert {step.name: 1 for step in job.steps} == commits(events)
        await until_swept(suite, job_id)
        assert_whole(suite, job, clips=2)
        interrupted += sum("interrupted" in event.message for event in lasting)
    return interrupted


@pytest.mark.slow
async def test_frozen_instance_changes_nothing_when_it_thaws(start) -> None:
    """An instance is stopped beyond the lease and goes on later: every step is still committed once."""
    suite = await start(2)
    submitted = []
    for _ in range(6):
        job = await suite.submit(suite.source(analyze={"delay_s": 0.4}, propose={"clips": 2}), count=2)
        submitted.append(job.id)
        running = await suite.until(job.id, lambda job: job.steps[1].progress.frames > 0)
        index = [fake.args[-1] for fake in suite.fakes].index(running.steps[1].instance.rpartition(":")[2])
        suite.fakes[index].send_signal(signal.SIGSTOP)
        await suite.until(job.id, lambda job: job.steps[1].fencing_token > 1)
        suite.fakes[index].send_signal(signal.SIGCONT)
        await suite.events(job.id)
    suite.process.stop(signal.SIGKILL)  # what a thawed instance still wrote is swept by the next start
    await suite.process.start()
    await checked(suite, submitted)


class DeafExecutor(remote.RemoteExecutor):
    """Cannot stop a call, as if a cancellation never arrived: late results come in and are handed to the store."""

    attempts: attempt.Attempts
    late: ClassVar[list[asyncio.Task]] = []

    async def execute(self, instance, task, report):
        call = asyncio.create_task(super().execute(instance, task, report))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            lease = jobs.Lease(task.job.id, task.step.name, task.step.token)
            self.late.append(asyncio.create_task(self.bring(call, store.Grant(lease, task.job, instance))))
            raise

    async def bring(self, call: asyncio.Task, grant: store.Grant) -> None:
        """Hands in what a call that was given up gave in the end."""
        await self.attempts.settle(grant, await call)


class UnfencedStore(store.Store):
    """A store that takes every result: the control that shows what the check of the token is for."""

    @staticmethod
    def holds(step, lease):
        """Whatever comes is taken."""
        return True


async def double_commits(suite: Suite, kind: type[store.Store], rounds: int, enough: int) -> int:
    """Runs jobs with frozen instances and late results; counts steps that were committed twice, up to a number."""
    registry = discovery.StaticRegistry.parse(suite.process.environment["REELSMITH_STATIC_REGISTRY"])
    folder, board = sessions.Sessions(suite.home), boards.Board()
    async with kind(suite.home / kind.__name__) as kept, client.Clients(registry, policy=remote.ONE_TRY) as clients:
        executor = DeafExecutor(clients, 0.4, 60)
        executor.attempts = attempt.Attempts(kept, folder, executor, board, attempt.Rules(0.4, 60))
        planner = scheduler.Scheduler(kept, executor, executor.attempts, folder, settings.Settings().limits)
        running = [asyncio.create_task(part.run()) for part in (executor, planner)]
        doubled = 0
        for _ in range(rounds):
            doubled += await frozen_round(suite, kept, planner)
            if doubled >= enough:
                break
        for task in running:
            task.cancel()
        await asyncio.gather(*executor.late, *running, return_exceptions=True)
    return doubled


async def frozen_round(suite: Suite, kept: store.Store, planner: scheduler.Scheduler) -> int:
    """One job whose analysis is frozen beyond its lease, thaws, and hands in its result after another did."""
    spec = specs.resolved(specs.Spec(suite.source(analyze={"delay_s": 0.3}), analyze_only=True))
    (job,) = await kept.submit([store.Submission(sessions.new_id(), spec)], {}, 1000)
    planner.wake()
    await testing.wait_until(lambda: suite.pid(job.id) > 0, 60, "analysis begins")
    pid = suite.pid(job.id)
    os.kill(pid, signal.SIGSTOP)

    async def ended() -> bool:
        return (await kept.get(job.id)).state.ended

    await testing.wait_until(ended, 60, "another instance does it")
    os.kill(pid, signal.SIGCONT)
    await testing.wait_until(lambda: all(task.done() for task in DeafExecutor.late), 60, "late results are in")
    events = await kept.events(job.id, 0)
    return sum(event.message == "analyze succeeded" for event in events) > 1


@pytest.mark.slow
async def test_late_result_is_refused_by_its_token(start) -> None:
    """With calls that cannot be stopped, the check of the token alone keeps commits single; without it they double."""
    suite = await start(2)
    suite.process.stop(signal.SIGTERM)
    assert 0 == await double_commits(suite, store.Store, rounds=4, enough=1)
    # Not in a round that a busy machine froze too late.
    assert await double_commits(suite, UnfencedStore, rounds=20, enough=1)


async def test_killed_instance_costs_a_retry(start) -> None:
    """An instance dies in the middle of a step and comes back: the step runs again, and nothing is held against it."""
    suite = await start()
    job = await suite.submit(suite.source(analyze={"delay_s": 1}, propose={"clips": 1}), count=1)
    await suite.until(job.id, lambda job: job.steps[1].progress.frames > 1)
    suite.fakes[0].kill()
    suite.fakes[0].wait()
    waiting = await suite.until(job.id, lambda job: job.steps[1].HasField("error"))
    suite.fakes.append(launch_fake(suite.home, int(suite.fakes[0].args[-1])))
    await suite.events(job.id)
    job = await suite.job(job.id)
    assert ("UNAVAILABLE", 0) == (waiting.steps[1].error.code, waiting.steps[1].worker_deaths)
    assert pb.Job.STATE_SUCCEEDED == job.state
    assert_whole(suite, job, clips=1)


async def test_one_job_is_one_trace_also_over_a_restart(start) -> None:
    """The trace of the submission goes on in every step, before and after the manager was killed."""
    trace_id = "5" * 32
    async with otlp.collector() as collector:
        suite = await start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.address}")
        spec = pb.JobSpec(source_uri=suite.source(clip_01={"delay_s": 1}, propose={"clips": 2}), count=2)
        async with suite.stub() as stub:
            metadata = (("traceparent", f"00-{trace_id}-{'6' * 16}-01"),)
            job = await stub.SubmitJob(pb.SubmitJobRequest(spec=spec), metadata=metadata)
        await suite.until(job.id, lambda job: any(clip.state == pb.Step.STATE_RUNNING for clip in job.clips))
        await collector.named("step propose")  # spans leave once a second
        suite.process.stop(signal.SIGKILL)
        await suite.process.start()
        await suite.events(job.id)
        await collector.named("step report")
        steps = [span for span in collector.spans if span.name.startswith("step ")]
        calls = [span for span in collector.spans if span.kind == "CLIENT"]
    assert trace_id == job.trace_id
    assert {trace_id} == {span.trace_id for span in (*steps, *calls)}
    assert {"probe", "analyze", "propose", "export-1", "export-2", "images", "report"} == {
        span.attributes["step"] for span in steps
    }
    assert {1, 2} == {span.attributes["clip.rank"] for span in steps if span.name == "step export"}
    assert {job.id} == {span.attributes["job.id"] for span in steps}
    assert not [span.name for span in collector.spans if "Health" in span.name]
