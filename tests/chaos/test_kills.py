"""Processes are killed at random moments of running jobs; nothing is lost, doubled or torn."""

import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import time

import grpc
import pytest
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from tests import suites

# 4 in every test run; `REELSMITH_CHAOS_KILLS=100 pytest tests/chaos` for the long form.
KILLS = int(os.environ.get("REELSMITH_CHAOS_KILLS", "4"))
SEED = int(os.environ.get("REELSMITH_CHAOS_SEED", "20261121"))
SOURCES = ("real/man_talking_10s_h264_datastreams.mp4", "derived/person_portrait_404x720_10s_h264.mp4")
SERVICES = ("analyzer", "exporter", "jobs", "config", "gateway")
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
SETTLE_S = 300.0  # for the last job after the last kill


def patient(call, request, deadline_s: float = 60.0):
    """Calls until the gateway is there again: what a user's retries do."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            return call(request, timeout=30, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() not in {
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.CANCELLED,
            }:
                raise
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class Chaos:
    """Keeps a few jobs running and kills processes under them."""

    def __init__(self, suite: suites.Suite, media_dir: pathlib.Path) -> None:
        self.suite, self.media_dir = suite, media_dir
        self.stub = suite.stub()
        self.random = random.Random(SEED)
        self.submitted: dict[str, str] = {}
        self.killed: collections.Counter[str] = collections.Counter()

    def submit(self) -> None:
        """Submits a job under a key of its own, twice: the second answer must be the first job."""
        source = (self.media_dir / self.random.choice(SOURCES)).resolve().as_uri()
        spec = jobs.JobSpec(source_uri=source, count=2, duration_min_s=1, duration_max_s=3, preset="square")
        request = pb.CreateClipsRequest(spec=spec, request_id=f"chaos-{SEED}-{len(self.submitted)}")
        first, second = (patient(self.stub.CreateClips, request).id for _ in range(2))
        assert first == second
        self.submitted[first] = source

    def kill(self) -> None:
        """Kills one process of a random service."""
        service = self.random.choice(SERVICES)
        victim = self.random.choice(self.suite.processes(service))
        try:
            os.kill(victim["pid"], signal.SIGKILL)
        except ProcessLookupError:
            return  # died by the last kill and is not back yet
        self.killed[service] += 1

    def running(self) -> int:
        """How many jobs have not ended."""
        return sum(self.state(job_id) not in suites.ENDED for job_id in self.submitted)

    def state(self, job_id: str) -> int:
        """The state of a job."""
        return patient(self.stub.GetJob, pb.GetJobRequest(id=job_id)).state

    def storm(self, kills: int) -> None:
        """Kills, with two jobs running at any time."""
        while sum(self.killed.values()) < kills:
            while self.running() < 2:
                self.submit()
            time.sleep(self.random.uniform(0.1, 2.5))
            self.kill()

    def settle(self) -> None:
        """Waits until every job has ended."""
        end = time.monotonic() + SETTLE_S
        while self.running() and time.monotonic() < end:
            time.sleep(0.5)


def check_job(suite: suites.Suite, job: jobs.Job) -> None:
    """A job is whole: every clip is there once, and its bytes are those of its manifest."""
    assert jobs.Job.STATE_SUCCEEDED == job.state, job
    session = suite.session(job.id)
    paths = [clip.video.path for clip in job.clips]
    assert paths
    assert sorted(paths) == sorted(path.relative_to(session).as_posix() for path in session.glob("final_output/*"))
    for clip in job.clips:
        content = (session / clip.video.path).read_bytes()
        manifest = json.loads((session / clip.manifest.path).read_text())
        assert hashlib.sha256(content).hexdigest() == clip.video.sha256 == manifest["clip"]["sha256"]
    leftovers = [path for path in session.rglob("*") if path.name.startswith(".tmp-")]
    assert [] == leftovers


@pytest.mark.timeout(3600)
def test_no_job_is_lost_when_processes_are_killed(tmp_path: pathlib.Path, media_dir: pathlib.Path) -> None:
    """kill -9 of any process at any moment: every job succeeds, each clip exists once, every hash matches."""
    with suites.running(tmp_path) as suite:
        chaos = Chaos(suite, media_dir)
        chaos.storm(KILLS)
        chaos.settle()
        print(f"seed {SEED}: killed {dict(chaos.killed)} under {len(chaos.submitted)} jobs")
        for job_id in chaos.submitted:
            check_job(suite, patient(chaos.stub.GetJob, pb.GetJobRequest(id=job_id)))
