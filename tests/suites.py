"""A whole suite of real processes, started by the launcher as a user would."""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import grpc
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2 as jobs

ENDED = {
    jobs.Job.STATE_SUCCEEDED,
    jobs.Job.STATE_PARTIAL,
    jobs.Job.STATE_FAILED,
    jobs.Job.STATE_CANCELLED,
}
JOB_TIMEOUT_S = 240


@dataclasses.dataclass(frozen=True, slots=True)
class Suite:
    """A running suite: where it lives and how to talk to it."""

    home: pathlib.Path

    @property
    def state(self) -> dict:
        """What the launcher says about its processes."""
        return json.loads((self.home / "suite.json").read_text())

    @property
    def gateway(self) -> str:
        """Host and port of the gateway."""
        return self.state["gateway"]

    def processes(self, service: str | None = None) -> list[dict]:
        """The processes of one service, or of all."""
        return [item for item in self.state["processes"] if service in (None, item["service"])]

    def address(self, service: str) -> str:
        """Host and port of the first instance of a service."""
        return self.processes(service)[0]["address"]

    def stub(self) -> rpc.ClipServiceStub:
        """A plain gRPC stub, as any client generates it from the protos."""
        return rpc.ClipServiceStub(grpc.insecure_channel(self.gateway))

    def session(self, job_id: str) -> pathlib.Path:
        """The folder of a session."""
        (folder,) = self.home.rglob(f"sessions/{job_id}")
        return folder

    def run(self, source: pathlib.Path, **spec: object) -> jobs.Job:
        """Submits a source and waits until its job has ended."""
        stub = self.stub()
        request = pb.CreateClipsRequest(spec=jobs.JobSpec(source_uri=source.resolve().as_uri(), **spec))
        job = stub.CreateClips(request, timeout=60, wait_for_ready=True)
        for event in stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=JOB_TIMEOUT_S):
            job = event.job
        return stub.GetJob(pb.GetJobRequest(id=job.id), timeout=60)


def launcher(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Runs one command of the launcher."""
    subprocess.run([sys.executable, "-m", "deploy.local", *arguments], check=True, timeout=120, env=env)


def start(home: pathlib.Path, *options: str, env: dict[str, str] | None = None) -> Suite:
    """Starts a suite on free ports and returns when everything serves."""
    environment = {**os.environ, "REELSMITH_DISCOVERY": "static", **(env or {})}
    launcher("up", "--home", str(home), "--detach", "--ephemeral-ports", *options, env=environment)
    return Suite(home)


def stop(suite: Suite) -> None:
    """Stops a suite."""
    launcher("down", "--home", str(suite.home))


@contextlib.contextmanager
def running(home: pathlib.Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Suite]:
    """A suite that is up inside the block and gone after it."""
    suite = start(home, *options, env=env)
    try:
        yield suite
    finally:
        stop(suite)
