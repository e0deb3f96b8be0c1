"""A slice of three managers on one PostgreSQL under faults, as `make chaos` does at length, with its control."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import errors, testing
from tests import postgres
from tests.chaos.harness import lane as lanes
from tests.chaos.harness import leaders, phases

LEASE_S = 2.0  # long for a slow machine: who leads changes by faults, and seldom by chance
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory, tool_missing) -> AsyncIterator[phases.Bench]:
    """Processes that start without importing everything anew."""
    if postgres.programs() is None:
        tool_missing("postgresql is not installed")
    async with lanes.Forge() as forge:
        yield phases.Bench(forge, tmp_path_factory.mktemp("leaders"), 20261126)


async def test_standbys_say_so_and_answer_reads(bench: phases.Bench) -> None:
    """One of three serves; the others tell about jobs, name the leader, and take nothing."""
    with postgres.running(pytest.fail) as server:
        async with leaders.Trio(bench, server, lease_s=LEASE_S) as trio, contextlib.AsyncExitStack() as stack:
            channels = [
                await stack.enter_async_context(aio.insecure_channel(f"127.0.0.1:{port}")) for port in trio.ports
            ]

            async def serves(channel: aio.Channel) -> bool:
                stub, request = health_pb2_grpc.HealthStub(channel), health_pb2.HealthCheckRequest()
                answer = await stub.Check(request, timeout=20, wait_for_ready=True)
                return answer.status == health_pb2.HealthCheckResponse.SERVING

            async def serving() -> list[bool]:
                return await asyncio.gather(*(serves(channel) for channel in channels))

            async def one_serves() -> bool:
                return 1 == sum(await serving())

            await testing.wait_until(one_serves)
            standby = rpc.JobServiceStub(channels[(await serving()).index(False)])
            await trio.job("first")
            (job,) = (await standby.ListJobs(pb.ListJobsRequest(), timeout=20)).jobs
            assert pb.Job.STATE_SUCCEEDED == (await standby.GetJob(pb.GetJobRequest(id=job.id), timeout=20)).state
            with pytest.raises(aio.AioRpcError) as refusal:
                await standby.CancelJob(pb.CancelJobRequest(id=job.id), timeout=20)
            assert "NOT_LEADER" == errors.from_rpc(refusal.value).reason


@pytest.mark.parametrize("sabotage", ["", "no_epoch"])
async def test_one_manager_writes_at_a_time(bench: phases.Bench, sabotage: str) -> None:
    """Whatever is killed, frozen or cut off; without the check of the epoch (control) two write in turns."""
    result = await leaders.leaders(bench, 60, 12 if sabotage else 5, sabotage, LEASE_S)
    assert bool(sabotage) == bool(result.wrong), result.wrong
    assert result.fired == result.tried
    assert sabotage or result.figures["jobs"]
