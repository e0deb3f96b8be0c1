"""A real job manager and a real analyzer: a source comes from the web, and is analyzed once."""

import asyncio
import contextlib
import functools
import hashlib
import http.server
import pathlib
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import client, discovery, errors, testing
from chassis.testing import process

FRONT = "127.0.0.2"  # the only address that may be fetched from
ENDED_TIMEOUT_S = 120


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def web(media_dir: pathlib.Path) -> Iterator[str]:
    """A web server with the test films."""
    handler = functools.partial(Quiet, directory=str(media_dir / "real"))
    with http.server.ThreadingHTTPServer((FRONT, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{FRONT}:{server.server_port}"
        server.shutdown()
        thread.join()


@contextlib.asynccontextmanager
async def suite(folder: pathlib.Path) -> AsyncIterator[jobs_pb2_grpc.JobServiceStub]:
    """A job manager with one analyzer."""
    shared = {
        "REELSMITH_SESSIONS_ROOT": str(folder / "storage"),
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_FETCH_ALLOW": f"http://{FRONT}/32:*",
        "REELSMITH_ANALYZER_CACHE_DIR": str(folder / "cache"),
        "REELSMITH_ANALYZER_CACHE_BYTES_MAX": "100000000",
    }
    async with contextlib.AsyncExitStack() as stack:
        (analyzer,) = await stack.enter_async_context(
            process.running("analyzer", "services.analyzer", 1, folder, shared)
        )
        listed = {**shared, "REELSMITH_STATIC_REGISTRY": f"analyzer={analyzer.address}"}
        (jobs,) = await stack.enter_async_context(process.running("jobs", "services.jobs", 1, folder, listed))
        registry = discovery.StaticRegistry({"jobs": [jobs.address]})
        clients = await stack.enter_async_context(client.Clients(registry))
        yield jobs_pb2_grpc.JobServiceStub(clients.channel("jobs"))


async def ended(stub: jobs_pb2_grpc.JobServiceStub, **spec: object) -> jobs_pb2.Job:
    """A job that only analyzes, after its end."""
    request = jobs_pb2.SubmitJobRequest(spec=jobs_pb2.JobSpec(analyze_only=True, duration_min_s=1, **spec))
    job_id = (await stub.SubmitJob(request)).id

    async def over() -> bool:
        job = await stub.GetJob(jobs_pb2.GetJobRequest(id=job_id))
        return job.state not in (jobs_pb2.Job.STATE_PENDING, jobs_pb2.Job.STATE_RUNNING)

    await testing.wait_until(over, ENDED_TIMEOUT_S, "the job ends")
    return await stub.GetJob(jobs_pb2.GetJobRequest(id=job_id))


async def test_job_takes_its_source_from_the_web(web: str, media_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """It is fetched first, lies in the session, and is what is analyzed; other hosts are refused on submission."""
    name = "bbb_5s_vp9_opus.webm"
    film = (media_dir / "real" / name).read_bytes()
    async with suite(tmp_path) as stub:
        job = await ended(stub, source_uri=f"{web}/{name}")
        assert jobs_pb2.Job.STATE_SUCCEEDED == job.state, job.error
        assert ["fetch", "probe", "analyze", "propose"] == [step.name for step in job.steps]
        (source,) = [one for one in job.artifacts if one.role == media_pb2.ARTIFACT_ROLE_SOURCE]
        assert (f"source/{name}", hashlib.sha256(film).hexdigest()) == (source.path, source.sha256)
        session = tmp_path / "storage" / "sessions" / job.id
        stored = await asyncio.to_thread((session / source.path).read_bytes)
        assert film == stored

        missing = await ended(stub, source_uri=f"{web}/missing.mp4")
        assert ("NOT_FOUND", 1) == (missing.error.reason, missing.steps[0].attempts)
        for url in ("https://films.example/a.mp4", "http://127.0.0.1:80/a.mp4", "http://2130706434/a.mp4"):
            with pytest.raises(errors.InvalidArgument, match="source_uri cannot be fetched"):
                await ended(stub, source_uri=url)

        again = await ended(stub, source_uri=(media_dir / "real" / name).resolve().as_uri(), title="again")
        assert ("", "the analysis was known before") == (job.steps[2].note, again.steps[1].note)
        documents = [analysis_of(one) for one in (job, again)]
        assert documents[0] == documents[1], "known or found, it is the same, byte for byte"
        part = await ended(stub, source_uri=f"{web}/{name}", range=media_pb2.TimeRange(start_s=1, end_s=3))
        assert "" == part.steps[2].note, "another part is another analysis"


def analysis_of(job: jobs_pb2.Job) -> tuple[int, str]:
    """Size and hash of the analysis of a job."""
    (found,) = [one for one in job.artifacts if one.role == media_pb2.ARTIFACT_ROLE_ANALYSIS]
    return found.size_bytes, found.sha256
