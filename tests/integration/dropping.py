"""Many recordings in a watched folder before a real suite, and a watch that is killed again and again.

Run by hand it prints the figures of a run: `python -m tests.integration.dropping 10000 50` (files, kills).
"""

import asyncio
import collections
import dataclasses
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from chassis import testing
from client import gateway
from tests.integration import doors

STEP_TIMEOUT_S = 300  # for the files between two kills, on a busy machine
SHARD = 500  # files in one folder, as recorders part them by day


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Args:
        files: How many recordings were dropped.
        kills: How often the watch was killed while it submitted.
        jobs: How many jobs each source has.
        seconds: How long it took, the starts included.
    """

    files: int
    kills: int
    jobs: dict[str, int]
    seconds: float


def drop(folder: pathlib.Path, files: int) -> list[str]:
    """Puts so many different recordings there; returns their URIs."""
    made = []
    for number in range(files):
        path = folder / f"{number // SHARD:03}" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"recording %d" % number)
        made.append(path.as_uri())
    return made


async def killed(folder: pathlib.Path, files: int, kills: int) -> Outcome:
    """Drops recordings and kills the watch at random moments while it submits them, then lets it end.

    Args:
        folder: An empty folder for everything.
        files: How many recordings.
        kills: How many kills, spread over the recordings.
    """
    running, manager, _ = doors.processes(folder, testing.free_port())
    manager.environment["REELSMITH_JOBS_JOB_LIMIT"] = str(files + 1)
    try:
        for process in (manager, running):
            await process.start()
        dropped, home = drop(folder / "drop", files), folder / "home"
        start_s = time.monotonic()
        await _killed(folder / "drop", home, running.address, (files, kills))
        seconds = time.monotonic() - start_s
        async with gateway.connect(running.address) as suite:
            found = collections.Counter(job.spec.source_uri for job in await suite.list_jobs(2 * files + 1))
        assert set(found) <= set(dropped)
        return Outcome(files, kills, dict(found), seconds)
    finally:
        for process in (running, manager):
            if process.running is not None and process.running.poll() is None:
                process.stop(signal.SIGKILL)


async def _killed(drop: pathlib.Path, home: pathlib.Path, address: str, counts: tuple[int, int]) -> None:
    files, kills = counts
    command = [sys.executable, "-m", "client", "watch", str(drop), "--settle", "0", "--gateway", address]
    environment, chance = {**os.environ, "REELSMITH_HOME": str(home)}, random.Random(5)
    nowhere, written = asyncio.subprocess.DEVNULL, Written(home)
    for turn in range(kills):
        goal = (turn + 1) * files // (kills + 1)
        running = await asyncio.create_subprocess_exec(*command, stdout=nowhere, env=environment)
        await testing.wait_until(lambda goal=goal: written.lines() >= goal, STEP_TIMEOUT_S, f"{goal} files")
        await asyncio.sleep(chance.uniform(0, 0.02))  # somewhere within the next few files
        running.kill()
        await running.wait()
    last = await asyncio.create_subprocess_exec(*command, "--once", stdout=nowhere, env=environment)
    assert 0 == await asyncio.wait_for(last.wait(), STEP_TIMEOUT_S)


class Written:
    """Counts the lines of the ledger in a home, of which there is one; each look reads only what is new."""

    def __init__(self, home: pathlib.Path) -> None:
        self._home, self._read_bytes, self._lines = home, 0, 0

    def lines(self) -> int:
        """How many there are."""
        for path in self._home.glob("watched/*.jsonl"):
            with path.open("rb") as file:
                file.seek(self._read_bytes)
                new = file.read()
            self._read_bytes += len(new)
            self._lines += new.count(b"\n")
        return self._lines


def main() -> None:
    """Prints the figures."""
    files, kills = (int(text) for text in (sys.argv[1:] or ("10000", "50")))
    with tempfile.TemporaryDirectory(prefix="reelsmith-watched-") as name:
        outcome = asyncio.run(killed(pathlib.Path(name), files, kills))
    twice = sum(count > 1 for count in outcome.jobs.values())
    print(
        f"{files} files, {kills} kills: {len(outcome.jobs)} submitted, {files - len(outcome.jobs)} lost, {twice} twice"
    )
    print(f"{outcome.seconds:.0f} s, {files / outcome.seconds:.0f} files/s")


if __name__ == "__main__":
    main()
