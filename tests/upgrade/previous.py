"""Makes the data of a release, for the releases after it: `python -m tests.upgrade.previous` in the old tree.

A configuration with layers, versions, a rollback and secrets whose keys were rotated; a job that has ended, one that
was cancelled, and one that waits for an analyzer; then both processes are killed. Databases are kept as SQL, which a
person can read in a diff; `expected.json` is what their services said before.
"""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import testing
from client import config
from tests.integration import conftest

DATA = pathlib.Path(__file__).with_name("data")
SOURCE = "http://127.0.0.1:9/film.mp4"  # the fake analyzer fetches it without a look
WAITING = "waits"  # the request id of the job that waits
ENVIRONMENT = {
    "REELSMITH_DISCOVERY": "static",
    "REELSMITH_FETCH_ALLOW": "http://127.0.0.1:9",
    "REELSMITH_LAME_DUCK_S": "0",
}


def process(home: pathlib.Path, service: str, **environment: str) -> conftest.Process:
    """A process of a service with its state in a folder of a home."""
    port = testing.free_port()
    own = {
        **ENVIRONMENT,
        "REELSMITH_STATE_DIR": str(home / service),
        "REELSMITH_SESSIONS_ROOT": str(home),
        f"REELSMITH_{service.upper()}_PORT": str(port),
        **environment,
    }
    return conftest.Process(f"services.{service}", port, own, home / f"{service}.log")


def fake(home: pathlib.Path, port: int) -> subprocess.Popen:
    """An analyzer and exporter that make tiny files."""
    environment = {**ENVIRONMENT, "FAKE_JOURNAL": str(home / "journal"), "REELSMITH_FAKE_MEDIA_PORT": str(port)}
    environment |= {"REELSMITH_SESSIONS_ROOT": str(home), "PATH": os.environ["PATH"]}
    return subprocess.Popen([sys.executable, str(pathlib.Path(conftest.__file__).with_name("fake_media.py"))],
                            env=environment)  # fmt: skip


def request(request_id: str) -> pb.SubmitJobRequest:
    """A job of the film, always with the same words."""
    return pb.SubmitJobRequest(
        spec=pb.JobSpec(source_uri=SOURCE, count=2, labels={"made-by": "previous"}), request_id=request_id
    )


async def ended(stub: rpc.JobServiceStub, job_id: str) -> pb.Job:
    """A job when it has come to its end."""
    async for _ in stub.WatchJob(pb.WatchJobRequest(id=job_id), timeout=120, wait_for_ready=True):
        pass
    return await stub.GetJob(pb.GetJobRequest(id=job_id), timeout=60)


async def configured(address: str) -> dict[str, object]:
    """A configuration with a past."""
    async with config.connect(address) as shared, config.connect(address, layer="exporter/big") as layer:
        await shared.update(config.nested("analyzer.weights.motion", 2), ["analyzer.weights.motion"], "first")
        await shared.set_secret("mail/password", b"old")
        await shared.update(config.nested("jobs.settings.export_limit", 3), ["jobs.settings.export_limit"], "second")
        await layer.update(config.nested("exporter.settings.workers", 3), ["exporter.settings.workers"], "third")
        await shared.set_secret("mail/password", b"correct horse")
        await shared.rotate_keys()
        await shared.rollback(2, "back")
        newest = await shared.get()
        return {
            "version": newest.version,
            "motion": config.at(config.plain(newest), "analyzer.weights.motion"),
            "comments": [one.comment for one in await shared.history(10)],
            "head": (await shared.verify()).head,
        }


async def made(home: pathlib.Path) -> dict[str, object]:
    """Lets both services work, and kills them."""
    port = testing.free_port()
    settings = process(home, "config")
    manager = process(home, "jobs", REELSMITH_STATIC_REGISTRY=f"analyzer=127.0.0.1:{port};exporter=127.0.0.1:{port}")
    media = fake(home, port)
    try:
        await asyncio.gather(settings.start(), manager.start())
        expected: dict[str, object] = {"config": await configured(settings.address)}
        async with conftest.channel_of(manager.address) as channel:
            stub = rpc.JobServiceStub(channel)
            done = await ended(stub, (await stub.SubmitJob(request("ends"), timeout=60)).id)
            media.kill()
            media.wait()
            gone = await stub.SubmitJob(request("cancelled"), timeout=60)
            await stub.CancelJob(pb.CancelJobRequest(id=gone.id, reason="upgrade"), timeout=60)
            waits = await stub.SubmitJob(request(WAITING), timeout=60)
            listed = [done, await ended(stub, gone.id), await stub.GetJob(pb.GetJobRequest(id=waits.id), timeout=60)]
        expected["jobs"] = [json_format.MessageToDict(job) for job in listed]
        return expected
    finally:
        media.kill()
        for one in (settings, manager):
            one.stop(signal.SIGKILL)


def main() -> None:
    """Writes the data."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        expected = asyncio.run(made(home))
        for service in ("config", "jobs"):
            with sqlite3.connect(home / service / f"{service}.sqlite3") as database:
                (DATA / f"{service}.sql").write_text("\n".join(database.iterdump()) + "\n")
                version = database.execute("PRAGMA user_version").fetchone()[0]
                expected[f"{service}_user_version"] = version
        for path in (home / "config").iterdir():
            if path.is_file() and "sqlite3" not in path.name:
                shutil.copy(path, DATA / path.name)
        (DATA / "expected.json").write_text(json.dumps(expected, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
