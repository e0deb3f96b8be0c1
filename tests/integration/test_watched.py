"""A watched folder in front of a real gateway: each finished recording once, whatever is killed."""

import asyncio
import contextlib
import os
import pathlib
import random
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from reelsmith.jobs.v1 import jobs_pb2

from chassis import errors, testing
from client import gateway, submission, watched
from tests.integration import doors, dropping

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES, KILLS = 120, 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[doors.Door]:
    """One gateway for all tests of this file."""
    async with doors.opened(tmp_path_factory.mktemp("watched")) as door:
        yield door


@pytest.fixture
def drop(tmp_path: pathlib.Path, door: doors.Door) -> pathlib.Path:
    """An empty folder to watch; the job manager has forgotten everything."""
    door.jobs.fake.jobs.clear()
    door.jobs.fake.by_request.clear()
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def ledger(tmp_path: pathlib.Path) -> Iterator[watched.Ledger]:
    """The ledger of a watch."""
    with contextlib.closing(watched.Ledger(tmp_path / "ledger.jsonl")) as found:
        yield found


def watching(
    suite: gateway.Gateway, folder: watched.Folder, found: watched.Ledger, say: Callable[[str], None]
) -> watched.Watch:
    """A watch of a folder, with another preset for what lies in `games`."""
    wanted = watched.Wanted(jobs_pb2.JobSpec(count=1), {"games": "tiktok"})
    return watched.Watch(submission.Submissions(suite, True), folder, found, wanted, say)


async def looked(door: doors.Door, drop: pathlib.Path, settle_s: float = 0) -> list[str]:
    """What one run says that submits what is there."""
    said: list[str] = []
    with ledger(drop.parent) as found:
        async with gateway.connect(door.process.address) as suite:
            folder = watched.Folder(drop, settle_s)
            watch = watching(suite, folder, found, said.append)
            async with asyncio.timeout(60):
                await watch.run(once=True)
    return said


def sources(door: doors.Door) -> list[str]:
    """The sources of all jobs."""
    return sorted(job.spec.source_uri for job in door.jobs.fake.jobs.values())


async def test_each_recording_is_submitted_once_over_kills(door: doors.Door, drop: pathlib.Path) -> None:
    """Killed in the middle again and again, the command submits every recording, and none twice."""
    for number in range(FILES):
        (drop / f"{number}.mp4").write_bytes(os.urandom(100))
    command = [sys.executable, "-m", "client", "watch", str(drop), "--settle", "0", "--gateway", door.process.address]
    environment = {**os.environ, "REELSMITH_HOME": str(drop.parent)}
    pipes = {"stdout": asyncio.subprocess.DEVNULL, "env": environment}
    chance = random.Random(3)
    for turn in range(KILLS):
        running = await asyncio.create_subprocess_exec(*command, **pipes)
        goal = min(FILES - 10, (turn + 1) * FILES // KILLS - chance.randint(0, 9))
        await testing.wait_until(lambda goal=goal: len(door.jobs.fake.jobs) >= goal, 60, "jobs")
        running.kill()
        await running.wait()
    last = await asyncio.create_subprocess_exec(*command, "--once", **pipes)
    assert 0 == await asyncio.wait_for(last.wait(), 60)
    assert sorted(f"{drop.as_uri()}/{number}.mp4" for number in range(FILES)) == sources(door)
    assert door.jobs.fake.calls["SubmitJob"] >= FILES


@pytest.mark.slow
@pytest.mark.timeout(3600)  # 51 starts of a program and 10,000 jobs on disk, on a machine that has other work
async def test_ten_thousand_recordings_are_submitted_once_over_fifty_kills(tmp_path: pathlib.Path) -> None:
    """Before a real job manager none is lost and none is doubled."""
    outcome = await dropping.killed(tmp_path, 10_000, 50)
    assert 10_000 == len(outcome.jobs)
    assert {1} == set(outcome.jobs.values())


async def test_lost_ledger_makes_no_second_job(
    door: doors.Door, drop: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of a content makes it once even without a ledger; with random keys a second job is made (control)."""
    (drop / "a.mp4").write_bytes(b"one")
    await looked(door, drop)
    (drop.parent / "ledger.jsonl").write_bytes(b'{"path": "half a li')
    await looked(door, drop)
    assert 1 == len(sources(door))
    (drop.parent / "ledger.jsonl").unlink()
    monkeypatch.setattr(watched, "key", lambda root, sha256: uuid.uuid4().hex)
    await looked(door, drop)
    assert 2 == len(sources(door))


async def test_folder_below_may_have_a_preset_of_its_own(door: doors.Door, drop: pathlib.Path) -> None:
    """What lies in a named folder is made with that folder's preset, the rest with the one for all."""
    for name in ("a.mp4", "games/deep/b.mp4", "talks/games/c.mp4"):
        (drop / name).parent.mkdir(parents=True, exist_ok=True)
        (drop / name).write_text(name)
    await looked(door, drop)
    assert {"a.mp4": "", "b.mp4": "tiktok", "c.mp4": ""} == {
        job.spec.title: job.spec.preset for job in door.jobs.fake.jobs.values()
    }


async def test_only_what_stands_still_and_is_new_is_submitted(door: doors.Door, drop: pathlib.Path) -> None:
    """A copy and what is no video are not submitted, another content under an old name is, and a growing file waits."""
    (drop / "a.mp4").write_bytes(b"one")
    (drop / "deep").mkdir()
    (drop / "deep" / "copy.MOV").write_bytes(b"one")
    (drop / "notes.txt").write_bytes(b"text")
    (drop / ".hidden.mp4").write_bytes(b"hidden")
    (drop / "link.mp4").symlink_to(drop / "notes.txt")
    (drop / "empty.mp4").touch()
    with pytest.raises(TimeoutError):  # an empty file has not begun: a run that is to end waits for it
        async with asyncio.timeout(3):
            await looked(door, drop)
    assert 1 == len(sources(door))
    (drop / "empty.mp4").unlink()
    (drop / "a.mp4").write_bytes(b"other")
    os.utime(drop / "a.mp4", ns=(1, 1))
    assert any("job" in line for line in await looked(door, drop))
    assert 2 == len(sources(door))
    folder, growing = watched.Folder(drop, 0.3), drop / "growing.mp4"
    with ledger(drop.parent) as found:
        for _ in range(4):
            with growing.open("ab") as file:
                file.write(b"more")
            assert [] == folder.finished(found)
            await asyncio.sleep(0.2)
        folder.finished(found)
        await asyncio.sleep(0.4)
        assert [str(growing)] == [path for path, _ in folder.finished(found)]


async def test_watch_waits_for_a_suite_that_is_away(drop: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that does not answer is waited for, and that is said once."""
    (drop / "a.mp4").write_bytes(b"one")
    said: list[str] = []

    async def away(spec: jobs_pb2.JobSpec, request_id: str) -> jobs_pb2.Job:
        raise errors.Unavailable("it is away")

    monkeypatch.setattr(watched, "POLL_S", 0.05)
    with ledger(drop.parent) as found:
        async with gateway.connect("127.0.0.1:1") as suite:
            monkeypatch.setattr(suite, "create_clips", away)
            watch = watching(suite, watched.Folder(drop, 0), found, said.append)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await watch.run(once=True)
    assert ["waits for the suite: it is away"] == said
