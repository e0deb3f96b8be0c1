"""The service over real gRPC, with the real store and scheduler, and instances that wait until they are let go."""

import asyncio
import contextlib
import dataclasses
import pathlib
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf import timestamp_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import server, testing
from media import sessions
from services.jobs import (
    attempt,
    clock,
    deadline,
    disk,
    dispatch,
    names,
    notice,
    room,
    scheduler,
    service,
    store,
    sweep,
)
from services.jobs import board as boards
from services.jobs import job as jobs

NAME = pb.DESCRIPTOR.services_by_name["JobService"].full_name


@dataclasses.dataclass
class WaitingExecutor:
    """One instance whose steps take until `free` is set; remembers which ones began, and which were cut off."""

    free: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    began: list[str] = dataclasses.field(default_factory=list)
    cut: list[str] = dataclasses.field(default_factory=list)
    has: dispatch.Resources | None = None

    def instances(self, kind: jobs.Kind) -> list[str]:
        """The instance."""
        return ["a"]

    def offer(self, kind: jobs.Kind, instance: str) -> dispatch.Resources | None:
        """What the instance has to give."""
        return self.has

    async def execute(self, instance: str, task: attempt.Task, report: attempt.Report) -> attempt.Product:
        """Waits."""
        self.began.append(task.job.id)
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cut.append(task.job.id)
            raise
        return attempt.Product()


@dataclasses.dataclass
class Desk:
    """A job manager in this process, and a plain client of it."""

    stub: rpc.JobServiceStub
    executor: WaitingExecutor

    async def submit(self, tenant: str = "", request_id: str = "", **spec: object) -> pb.Job:
        """Submits a job that only analyzes."""
        wanted = pb.JobSpec(**{"source_uri": "file:///films/talk.mp4", "analyze_only": True, **spec})
        return await self.stub.SubmitJob(pb.SubmitJobRequest(spec=wanted, tenant=tenant, request_id=request_id))

    async def ended(self, job_id: str) -> pb.Job:
        """The job once it has ended, by its watch."""
        events = [event async for event in self.stub.WatchJob(pb.WatchJobRequest(id=job_id), timeout=30)]
        return events[-1].job


@contextlib.asynccontextmanager
async def serving(
    home: pathlib.Path,
    rules: dispatch.Rules | None = None,
    limit: int = 1,
    bounds: room.Bounds | None = None,
    targets: notice.Targets | None = None,
    known: names.Names | None = None,
) -> AsyncIterator[Desk]:
    """Runs a job manager, put together as `python -m services.jobs` does."""
    board, folder, executor = boards.Board(), sessions.Sessions(home), WaitingExecutor()
    async with store.Store(home, clock.Clock(), board.changed, rules, bounds) as kept:
        attempts = attempt.Attempts(kept, folder, executor, board, attempt.Rules(5.0, 60.0))
        planner = scheduler.Scheduler(kept, executor, attempts, folder, dict.fromkeys(jobs.Kind, limit))
        parts = service.Parts(
            kept, planner, board, sweep.Sweeper(kept, folder), disk.Disks((home,), 0), clock.Clock(),
            service.Limits(100, bounds or room.Bounds(), targets or notice.Targets()),
            known,
        )  # fmt: skip
        add = rpc.add_JobServiceServicer_to_server
        tasks = [asyncio.create_task(part.run()) for part in (planner, deadline.Deadlines(kept, planner))]
        try:
            async with (
                testing.serving([server.Service(service.JobService(parts), add, NAME)]) as running,
                grpc.aio.insecure_channel(running.address) as channel,
            ):
                yield Desk(rpc.JobServiceStub(channel), executor)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def after(seconds: float) -> timestamp_pb2.Timestamp:
    """A time from now."""
    moment = timestamp_pb2.Timestamp()
    moment.FromMicroseconds(round((time.time() + seconds) * 1e6))
    return moment


def reason_of(failure: grpc.aio.AioRpcError) -> str:
    """The reason in an error."""
    info = error_details_pb2.ErrorInfo()
    return next((info.reason for item in rpc_status.from_call(failure).details if item.Unpack(info)), "")


async def test_tenant_is_kept_told_and_filtered(tmp_path) -> None:
    """A job says whose it is; a list of one tenant shows no other's, and a name that cannot be one is refused."""
    async with serving(tmp_path) as desk:
        jobs_of = {name: (await desk.submit(name, "k")).id for name in ("", "acme")}
        assert "default" == (await desk.stub.GetJob(pb.GetJobRequest(id=jobs_of[""]))).tenant
        listed = await desk.stub.ListJobs(pb.ListJobsRequest(tenant="acme"))
        assert [(jobs_of["acme"], "acme")] == [(job.id, job.tenant) for job in listed.jobs]
        for call in (desk.submit("No Tenant"), desk.stub.ListJobs(pb.ListJobsRequest(tenant="a/b"))):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call
            assert grpc.StatusCode.INVALID_ARGUMENT is refusal.value.code()


async def test_paused_queue_takes_jobs_and_starts_none(tmp_path) -> None:
    """Steps that run go on, nothing new starts, and it stays so over a restart until the queue is resumed."""
    async with serving(tmp_path) as desk:
        desk.executor.free.set()
        stats = await desk.stub.PauseQueue(pb.PauseQueueRequest(reason="maintenance"))
        assert (pb.QueueStats.FLOW_PAUSED, "maintenance") == (stats.flow, stats.pause_reason)
        job = await desk.submit()
        await asyncio.sleep(0.3)
        assert [] == desk.executor.began
    async with serving(tmp_path) as desk:
        desk.executor.free.set()
        stats = await desk.stub.GetQueueStats(pb.GetQueueStatsRequest())
        assert (pb.QueueStats.FLOW_PAUSED, True) == (stats.flow, stats.HasField("pause_time"))
        assert [] == desk.executor.began
        stats = await desk.stub.ResumeQueue(pb.ResumeQueueRequest())
        assert (pb.QueueStats.FLOW_OPEN, "", False) == (stats.flow, stats.pause_reason, stats.HasField("pause_time"))
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(job.id)).state


async def test_draining_queue_finishes_what_it_has_and_takes_nothing(tmp_path) -> None:
    """What was accepted runs to its end; new jobs and retries are refused, and known keys are still answered."""
    async with serving(tmp_path) as desk:
        job = await desk.submit(request_id="k")
        gone = await desk.submit()
        await desk.stub.CancelJob(pb.CancelJobRequest(id=gone.id))
        await desk.stub.PauseQueue(pb.PauseQueueRequest(drain=True, reason="upgrade"))
        for call in (desk.submit(), desk.stub.RetryJob(pb.RetryJobRequest(id=gone.id))):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call
            assert (grpc.StatusCode.FAILED_PRECONDITION, "QUEUE_DRAINING") == (
                refusal.value.code(),
                reason_of(refusal.value),
            )
        assert job.id == (await desk.submit(request_id="k")).id
        desk.executor.free.set()
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(job.id)).state


async def test_job_starts_when_it_is_to(tmp_path) -> None:
    """Nothing of it runs before its start time, and it says when it will; a start in the past is now."""
    async with serving(tmp_path) as desk:
        desk.executor.free.set()
        begin_s = time.monotonic()
        start = after(1.0)
        job = await desk.submit(start_time=start)
        assert (start, start) == (job.spec.start_time, job.steps[0].retry_time)
        stats = await desk.stub.GetQueueStats(pb.GetQueueStatsRequest())
        assert (0, 1, False) == (stats.ready_steps, stats.waiting_steps, stats.HasField("oldest_ready_age"))
        past = await desk.submit(start_time=after(-3600))
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(past.id)).state
        assert job.id not in desk.executor.began or time.monotonic() - begin_s >= 1.0
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(job.id)).state
        assert time.monotonic() - begin_s >= 0.9


async def test_job_fails_at_its_deadline(tmp_path) -> None:
    """What runs is stopped and the reason is clear; a retry on request is not bound by a deadline that has passed."""
    async with serving(tmp_path) as desk:
        job = await desk.submit(deadline=after(2.0))
        await testing.wait_until(lambda: desk.executor.began == [job.id])  # else there is nothing to stop
        job = await desk.ended(job.id)
        assert (pb.Job.STATE_FAILED, "JOB_DEADLINE", "DEADLINE_EXCEEDED") == (
            job.state,
            job.error.reason,
            job.error.code,
        )
        await testing.wait_until(lambda: desk.executor.cut == [job.id])
        await desk.stub.RetryJob(pb.RetryJobRequest(id=job.id))
        desk.executor.free.set()
        await testing.wait_until(lambda: len(desk.executor.began) > 1)
        await asyncio.sleep(deadline.LOOK_S)
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(job.id)).state


async def test_webhook_is_taken_only_where_it_is_allowed(tmp_path) -> None:
    """With no origin allowed a job that names a webhook is refused; with one it says whom it tells."""
    hook = pb.Webhook(url="https://hooks.example/x")
    async with serving(tmp_path) as desk:
        with pytest.raises(grpc.aio.AioRpcError, match="allows no webhooks") as refusal:
            await desk.submit(webhook=hook)
        assert grpc.StatusCode.INVALID_ARGUMENT is refusal.value.code()
    targets = notice.Targets(frozenset({"https://hooks.example"}), {"default": "a secret that is long"})
    async with serving(tmp_path, targets=targets) as desk:
        job = await desk.submit(webhook=hook)
        assert pb.Webhook(url=hook.url, secret="default") == job.spec.webhook
        await desk.stub.CancelJob(pb.CancelJobRequest(id=job.id))
        assert 1 <= (await desk.stub.GetQueueStats(pb.GetQueueStatsRequest())).notices_waiting


async def test_times_that_make_no_sense_are_refused(tmp_path) -> None:
    """Times out of range, and a deadline before the start."""
    async with serving(tmp_path) as desk:
        for spec in (
            {"start_time": timestamp_pb2.Timestamp(seconds=1 << 62)},
            {"deadline": timestamp_pb2.Timestamp(seconds=-5)},
            {"start_time": after(100), "deadline": after(50)},
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await desk.submit(**spec)
            assert grpc.StatusCode.INVALID_ARGUMENT is refusal.value.code()


async def test_tenants_take_turns_at_one_instance(tmp_path) -> None:
    """With one slot, a tenant with one job waits for one step of the tenant with many, not for all of them."""
    async with serving(tmp_path) as desk:
        many = [(await desk.submit("large")).id for _ in range(20)]
        one = (await desk.submit("small")).id
        await testing.wait_until(lambda: desk.executor.began)
        desk.executor.free.set()
        end = (await desk.ended(one)).end_time.ToNanoseconds()
        ended = [await desk.stub.GetJob(pb.GetJobRequest(id=job_id)) for job_id in many]
        assert sum(job.HasField("end_time") and job.end_time.ToNanoseconds() < end for job in ended) <= 4


async def test_tenant_runs_no_more_than_its_limit(tmp_path) -> None:
    """However much room there is, a limited tenant leaves the rest of it to others."""
    async with serving(tmp_path, dispatch.Rules(tenant=2, tenants={"large": 3}), limit=10) as desk:
        for tenant in ("large", "small"):
            for _ in range(5):
                await desk.submit(tenant)
        await testing.wait_until(lambda: len(desk.executor.began) >= 5)
        await asyncio.sleep(0.2)
        assert 5 == len(desk.executor.began)
        stats = await desk.stub.GetQueueStats(pb.GetQueueStatsRequest())
        assert (5, {"large": 5, "small": 5}) == (stats.running_steps, {one.tenant: one.jobs for one in stats.tenants})
        assert 0 < stats.spec_bytes < stats.spec_bytes_limit


async def test_refusal_of_a_full_queue_says_when_to_come_back(tmp_path) -> None:
    """The code, the reason and RetryInfo arrive over the wire; the job that was accepted is not touched."""
    async with serving(tmp_path, bounds=room.Bounds(tenant=1)) as desk:
        job = await desk.submit("acme")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await desk.submit("acme")
        assert (grpc.StatusCode.RESOURCE_EXHAUSTED, "TENANT_QUEUE_FULL") == (
            refusal.value.code(),
            reason_of(refusal.value),
        )
        info = error_details_pb2.RetryInfo()
        assert any(item.Unpack(info) for item in rpc_status.from_call(refusal.value).details)
        assert info.retry_delay.seconds > 0
        await desk.submit("other")
        desk.executor.free.set()
        assert pb.Job.STATE_SUCCEEDED == (await desk.ended(job.id)).state
