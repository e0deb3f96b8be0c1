"""What is asked of the suite while it breaks: each piece of work may be asked for again after any death."""

import asyncio
import dataclasses
import os
import pathlib
import time

import grpc
from google.protobuf import json_format
from grpc import aio
from reelsmith.config.v1 import config_pb2 as config
from reelsmith.config.v1 import config_pb2_grpc as config_rpc
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.jobs.v1 import jobs_pb2 as pb

from tests.chaos.harness import lane as lanes

OLD_S = 2 * 3600.0  # a temporary file of that age was left by the dead
FINAL = {"clip-01": {"code": "INVALID_ARGUMENT", "times": 1}}
SLOW = {"analyze": {"delay_s": 20}}
RETRIES_MAX = 5  # each life of each fake fails once as ordered, and then no more


class Lost(AssertionError):
    """Something that was acknowledged is not there, or did not end as it must."""


def require(holds: bool, what: str) -> None:
    """Raises `Lost` where something does not hold."""
    if not holds:
        raise Lost(what)


async def life(lane: lanes.Lane, key: str) -> None:
    """All that can happen to jobs: one fails, runs again and succeeds; one is cancelled and deleted; one is fetched."""
    await asyncio.gather(_retried(lane, f"{key}-a"), _deleted(lane, f"{key}-b"), _fetched(lane, f"{key}-c"))


async def _fetched(lane: lanes.Lane, key: str) -> None:
    spec = pb.JobSpec(source_uri=f"http://{lanes.HOST}/film.mp4", count=1, duration_min_s=1, duration_max_s=3)
    job = await lane.ask(lane.stub.SubmitJob, pb.SubmitJobRequest(spec=spec, request_id=key))
    await lane.events(job.id)
    job = await lane.ask(lane.stub.GetJob, pb.GetJobRequest(id=job.id))
    require(job.state == pb.Job.STATE_SUCCEEDED, f"job {job.id} ended as {job.state}: {job.error.message}")


async def _retried(lane: lanes.Lane, key: str) -> None:
    job = await lane.submit(key, FINAL, timelines=[exporter_pb2.ExportTimelineRequest.FORMAT_OTIO])
    again = await lane.submit(key, FINAL, timelines=[exporter_pb2.ExportTimelineRequest.FORMAT_OTIO])
    require(job.id == again.id, f"one key, two jobs: {job.id} and {again.id}")
    for _ in range(RETRIES_MAX):
        await lane.events(job.id)
        job = await lane.ask(lane.stub.GetJob, pb.GetJobRequest(id=job.id))
        if job.state == pb.Job.STATE_SUCCEEDED:
            break
        await lane.ask(lane.stub.RetryJob, pb.RetryJobRequest(id=job.id))
    require(job.state == pb.Job.STATE_SUCCEEDED, f"job {job.id} ended as {job.state}: {job.error.message}")
    require(len(job.clips) == 1 and bool(job.clips[0].video.path), f"job {job.id} has no clip")


async def _deleted(lane: lanes.Lane, key: str) -> None:
    job = await lane.submit(key, SLOW)
    cancelled = await lane.ask(lane.stub.CancelJob, pb.CancelJobRequest(id=job.id))
    require(cancelled.state == pb.Job.STATE_CANCELLED, f"job {job.id} was cancelled and is {cancelled.state}")
    await lane.ask(lane.stub.DeleteJob, pb.DeleteJobRequest(id=job.id))
    try:
        await lane.ask(lane.stub.GetJob, pb.GetJobRequest(id=job.id))
    except aio.AioRpcError as error:
        require(error.code() is grpc.StatusCode.NOT_FOUND, f"job {job.id} was deleted: {error.code()}")
    else:
        raise Lost(f"job {job.id} was deleted and is there")


async def plain(lane: lanes.Lane, key: str, orders: dict | None = None) -> str:
    """One job that succeeds; returns its id."""
    job = await lane.submit(key, orders)
    events = await lane.events(job.id)
    require(events[-1].job.state == pb.Job.STATE_SUCCEEDED, f"job {job.id} ended as {events[-1].job.state}")
    return job.id


def litter(lane: lanes.Lane, key: str) -> None:
    """Leaves a temporary file of a dead process in some session."""
    for session in lane.disk.glob("sessions/*/metadata"):
        path = session / f".tmp-{key}"
        path.write_text("half a file")
        os.utime(path, (time.time() - OLD_S, time.time() - OLD_S))
        return


@dataclasses.dataclass
class Configuration:
    """What is asked of the configuration service, and what it acknowledged."""

    stub: config_rpc.ConfigServiceStub
    versions: dict[int, str] = dataclasses.field(default_factory=dict)
    secrets: dict[int, bytes] = dataclasses.field(default_factory=dict)

    async def ask(self, method, request, patience_s: float = lanes.PATIENCE_S):
        """Calls until the service is there and takes it."""
        end = time.monotonic() + patience_s
        while True:  # bounded by patience
            try:
                return await method(request, timeout=10, wait_for_ready=True)
            except aio.AioRpcError as error:
                if error.code() not in lanes.PASSING or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.02)

    async def change(self, value: int) -> None:
        """One more version of the document."""
        current = await self.ask(self.stub.GetConfig, config.GetConfigRequest())
        request = config.UpdateConfigRequest(expected_version=current.version)
        json_format.ParseDict({"analyzer": {"weights": {"motion": value}}}, request.config.document)
        request.update_mask.paths.append("analyzer.weights.motion")
        try:
            made = await self.ask(self.stub.UpdateConfig, request)
        except aio.AioRpcError as error:  # the first try was committed, and its answer died with the service
            if error.code() not in {grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION}:
                raise
            made = await self.ask(self.stub.GetConfig, config.GetConfigRequest())
        require(made.document["analyzer"]["weights"]["motion"] == value, f"version {made.version} lacks its change")
        self.versions[made.version] = made.sha256

    async def hide(self, value: bytes) -> None:
        """One more version of a secret, and new keys."""
        made = await self.ask(self.stub.SetSecret, config.SetSecretRequest(name="token", value=value))
        self.secrets[made.version] = value
        await self.ask(self.stub.RotateKeys, config.RotateKeysRequest())

    async def check(self) -> None:
        """All that was acknowledged is there, and the record is whole."""
        for version, sha256 in self.versions.items():
            found = await self.ask(self.stub.GetVersion, config.GetVersionRequest(version=version))
            require(found.sha256 == sha256, f"version {version} is another one")
        for version, value in self.secrets.items():
            request = config.AccessSecretRequest(name="token", version=version)
            found = await self.ask(self.stub.AccessSecret, request)
            require(found.value == value, f"secret version {version} is another one")
        verdict = await self.ask(self.stub.VerifyAudit, config.VerifyAuditRequest())
        require(verdict.intact, f"the record is broken at {verdict.broken_sequence}")


def live_document_whole(path: pathlib.Path) -> bool:
    """Whether the last known good version is absent or whole."""
    return not path.exists() or path.read_bytes().endswith(b"}}")
