"""What the release before has left is read by this one, and what it had promised is kept."""

import json
import pathlib
import shutil
import signal
import sqlite3

from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import testing
from client import config
from tests.integration import conftest
from tests.upgrade import previous

EXPECTED = json.loads((previous.DATA / "expected.json").read_text())


def restored(home: pathlib.Path, service: str) -> None:
    """Lays the state of a service of the old release into a home."""
    folder = home / service
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / f"{service}.sqlite3") as database:
        database.executescript((previous.DATA / f"{service}.sql").read_text())
        database.execute(f"PRAGMA user_version = {EXPECTED[f'{service}_user_version']}")
    for path in previous.DATA.iterdir() if service == "config" else ():
        if path.suffix not in {".sql", ".json"}:
            shutil.copy(path, folder / path.name)
            (folder / path.name).chmod(0o600)


def lost(before: object, after: object, path: str = "job") -> list[str]:
    """Where something that was said is not said any more; what is said in addition is no loss."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [one for name in before for one in lost(before[name], after.get(name), f"{path}.{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [one for index, (old, new) in pairs for one in lost(old, new, f"{path}[{index}]")]
    return [] if before == after else [path]


def test_loss_is_noticed() -> None:
    """Control: a value that changed, one that is gone, and a step too few are found; a new field is none."""
    job = {"id": "a", "steps": [{"name": "probe", "attempt": 1}]}
    assert [] == lost(job, {**job, "new": 1})
    assert ["job.steps[0].attempt"] == lost(job, {"id": "a", "steps": [{"name": "probe", "attempt": 2}]})
    assert ["job.id", "job.steps"] == lost(job, {"steps": []})


async def test_configuration_has_its_past(tmp_path: pathlib.Path) -> None:
    """Versions, layers, secrets behind rotated keys and the unbroken record of events are as they were."""
    restored(tmp_path, "config")
    process = previous.process(tmp_path, "config")
    await process.start()
    try:
        async with config.connect(process.address) as shared:
            newest, told = await shared.get(), EXPECTED["config"]
            assert told["version"] == newest.version
            assert told["motion"] == config.at(config.plain(newest), "analyzer.weights.motion")
            assert told["comments"] == [one.comment for one in await shared.history(10)]
            assert b"correct horse" == await shared.secret("mail/password")
            assert b"old" == await shared.secret("mail/password", 1)
            assert (await shared.verify(told["head"])).intact
            await shared.update(config.nested("analyzer.weights.motion", 3), ["analyzer.weights.motion"])
    finally:
        process.stop(signal.SIGTERM)


async def test_jobs_are_there_and_the_one_that_waited_is_made(tmp_path: pathlib.Path) -> None:
    """Ended jobs say all that they said; the waiting one ends well; its request makes no second one."""
    restored(tmp_path, "jobs")
    port = testing.free_port()
    manager = previous.process(
        tmp_path, "jobs", REELSMITH_STATIC_REGISTRY=f"analyzer=127.0.0.1:{port};exporter=127.0.0.1:{port}"
    )
    media = previous.fake(tmp_path, port)
    try:
        await manager.start()
        async with conftest.channel_of(manager.address) as channel:
            stub = rpc.JobServiceStub(channel)
            *ended, waited = [json_format.ParseDict(job, pb.Job()) for job in EXPECTED["jobs"]]
            for job in ended:
                found = await stub.GetJob(pb.GetJobRequest(id=job.id), timeout=60)
                assert [] == lost(json_format.MessageToDict(job), json_format.MessageToDict(found))
            assert waited.id == (await stub.SubmitJob(previous.request(previous.WAITING), timeout=60)).id
            assert pb.Job.STATE_SUCCEEDED == (await previous.ended(stub, waited.id)).state
            listed = await stub.ListJobs(pb.ListJobsRequest(labels={"made-by": "previous"}), timeout=60)
            assert {job.id for job in (*ended, waited)} == {job.id for job in listed.jobs}
    finally:
        media.kill()
        media.wait()
        manager.stop(signal.SIGTERM)
