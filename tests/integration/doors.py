"""A gateway as a process, with both of its doors, in front of a fake job manager."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import signal
from collections.abc import AsyncIterator, Iterator

import httpx
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2
from reelsmith.media.v1 import media_pb2

from chassis import testing
from media import sessions
from tests.integration import conftest, test_gateway

CONTENT = os.urandom(600_000)
UPLOAD_BYTES_MAX = 64 << 20


@dataclasses.dataclass
class Door:
    """A running gateway with its two doors, and the fake job manager behind it."""

    jobs: test_gateway.Jobs
    store: sessions.Sessions
    process: conftest.Process
    stub: rpc.ClipServiceStub
    http: httpx.AsyncClient

    async def job(self, **spec: object) -> jobs_pb2.Job:
        """A new job."""
        wanted = jobs_pb2.JobSpec(source_uri="file:///talk.mp4", count=3, **spec)
        return await self.stub.CreateClips(pb.CreateClipsRequest(spec=wanted))

    async def clip(self) -> tuple[str, media_pb2.Artifact]:
        """The session of a new job with a finished clip, and that clip."""
        job = await self.job()
        artifact = test_gateway.publish(self.jobs, self.store, job.id, CONTENT)
        self.jobs.fake.jobs[job.id].clips[0].video.media_type = "video/mp4"
        return job.id, artifact


def processes(folder: pathlib.Path, jobs_port: int) -> tuple[conftest.Process, conftest.Process, str]:
    """A gateway and a job manager, not yet started, and the URL of the gateway's HTTP door."""
    port, http_port = testing.free_port(), testing.free_port()
    shared = {
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_STATIC_REGISTRY": f"jobs=127.0.0.1:{jobs_port}",
        "REELSMITH_LAME_DUCK_S": "0.1",
        "REELSMITH_HEALTH_INTERVAL_S": "0.2",
        "REELSMITH_SESSIONS_ROOT": str(folder),
        "REELSMITH_STATE_DIR": str(folder / "state"),
    }
    own = {
        "REELSMITH_GATEWAY_PORT": str(port),
        "REELSMITH_GATEWAY_HTTP_PORT": str(http_port),
        "REELSMITH_GATEWAY_HTTP_BODY_MAX_BYTES": "100000",
        "REELSMITH_GATEWAY_UPLOAD_SIZE_MAX_BYTES": str(UPLOAD_BYTES_MAX),
        "REELSMITH_GATEWAY_JOBS_TIMEOUT_S": "5",
    }
    gateway = conftest.Process("gateway", port, {**shared, **own}, folder / "gateway.log")
    jobs = conftest.Process(
        "services.jobs", jobs_port, {**shared, "REELSMITH_JOBS_PORT": str(jobs_port)}, folder / "jobs.log"
    )
    return gateway, jobs, f"http://127.0.0.1:{http_port}"


@contextlib.asynccontextmanager
async def opened(folder: pathlib.Path) -> AsyncIterator[Door]:
    """A gateway that runs inside the block and keeps its files in a folder."""
    jobs = test_gateway.Jobs(test_gateway.FakeJobs(), testing.free_port())
    await jobs.start()
    process, _, url = processes(folder, jobs.port)
    await process.start()
    async with conftest.channel_of(process.address) as channel, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield Door(jobs, sessions.Sessions(folder), process, rpc.ClipServiceStub(channel), client)
    if process.running.poll() is None:
        process.stop(signal.SIGKILL)
    await jobs.stop()


@contextlib.contextmanager
def real(folder: pathlib.Path) -> Iterator[str]:
    """The URL of a gateway before a real job manager, which keeps jobs and finds nobody to run them, and a real
    configuration service."""
    port = testing.free_port()
    gateway, jobs, url = processes(folder, testing.free_port())
    gateway.environment["REELSMITH_STATIC_REGISTRY"] += f";config=127.0.0.1:{port}"
    own = {"REELSMITH_STATE_DIR": str(folder / "config"), "REELSMITH_CONFIG_PORT": str(port)}
    config = conftest.Process("services.config", port, {"REELSMITH_DISCOVERY": "static", **own}, folder / "config.log")
    for process in (config, jobs, gateway):
        asyncio.run(process.start())
    yield url
    for process in (gateway, jobs, config):
        process.stop(signal.SIGKILL)
