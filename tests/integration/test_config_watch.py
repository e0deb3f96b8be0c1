"""Watches under kills, slow readers and compaction: ordered, unique, atomic, reliable, resumable, bookmarkable.

`REELSMITH_WATCH_REVISIONS=20000` runs as many revisions instead of the few that every run of the tests affords.
"""

import asyncio
import contextlib
import dataclasses
import os
import random
import signal

import grpc
import pytest
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

REVISIONS = int(os.environ.get("REELSMITH_WATCH_REVISIONS", "120"))
WATCHERS, SLOW = 50, 5
KEPT = max(20, REVISIONS // 100)  # versions that the service keeps: slow readers fall behind
KILLS = 2 if REVISIONS < 1000 else 20
PATHS = ("analyzer.weights.motion", "analyzer.weights.energy")


@dataclasses.dataclass
class Reader:
    """One watcher: what it saw, and what is wrong with that.

    Args:
        pause_s: How long it takes over each version.
        seen: Bookmark: the last version that it took.
    """

    pause_s: float
    seen: int = 0
    compactions: int = 0
    resumed: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)

    def take(self, answer: pb.WatchConfigResponse) -> None:
        """Looks at what came."""
        version, weights = answer.config.version, answer.config.document["analyzer"]["weights"]
        if version <= self.seen:
            self.violations.append(f"{version} after {self.seen}: not ordered, or not unique")
        if version != self.seen + 1 and not answer.compacted:
            self.violations.append(f"{version} after {self.seen}: a gap that nobody told of")
        if not weights["motion"] == weights["energy"] == version % 1000:
            self.violations.append(f"{version} says {weights['motion']} and {weights['energy']}: not one version")
        self.compactions += answer.compacted
        self.seen = version


async def follow(reader: Reader, address: str, connect, last: int) -> None:
    """Watches up to a last version, and goes on from the bookmark after every break."""
    while reader.seen < last:
        async with connect(address) as channel:
            stub = rpc.ConfigServiceStub(channel)
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for answer in stub.WatchConfig(pb.WatchConfigRequest(after_version=reader.seen)):
                    reader.take(answer)
                    await asyncio.sleep(reader.pause_s)
                    if reader.seen >= last:
                        return
        reader.resumed += 1
        await asyncio.sleep(0.05)


def change(number: int) -> pb.UpdateConfigRequest:
    """Two values at once, both of which tell the version."""
    request = pb.UpdateConfigRequest(expected_version=number - 1)
    weights = {"motion": number % 1000, "energy": number % 1000}
    json_format.ParseDict({"analyzer": {"weights": weights}}, request.config.document)
    request.update_mask.paths.extend(PATHS)
    return request


async def write(address: str, connect, last: int, reached: asyncio.Queue[int]) -> None:
    """Makes one version after the other, through every break; an unknown outcome is resolved by the version."""
    number = 0
    while number < last:
        async with connect(address) as channel:
            stub = rpc.ConfigServiceStub(channel)
            with contextlib.suppress(grpc.aio.AioRpcError):
                newest = (await stub.GetConfig(pb.GetConfigRequest())).version
                assert newest in (number, number + 1), "what was answered is there, and no more than one beside it"
                number = newest
                while number < last:
                    number = (await stub.UpdateConfig(change(number + 1))).version
                    reached.put_nowait(number)
        await asyncio.sleep(0.05)


@pytest.mark.timeout(900 if REVISIONS < 1000 else 7200)
async def test_watchers_see_no_violation(new_process, connect) -> None:
    """50 watchers through kills and compaction: whatever comes is in order, once, whole, and every gap is told."""
    process = new_process("services.config", REELSMITH_CONFIG_VERSIONS_MAX=str(KEPT))
    await process.start()
    readers = [Reader(0.0) for _ in range(WATCHERS - SLOW)] + [Reader(0.3) for _ in range(SLOW)]
    reached: asyncio.Queue[int] = asyncio.Queue()
    noise = random.Random(6)
    kills = sorted(noise.sample(range(5, REVISIONS - 5), KILLS))
    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(follow(reader, process.address, connect, REVISIONS))
        tasks.create_task(write(process.address, connect, REVISIONS, reached))
        for kill in kills:
            while await reached.get() < kill:
                pass
            await asyncio.to_thread(process.stop, signal.SIGKILL)
            await process.start()
    assert [] == [violation for reader in readers for violation in reader.violations]
    assert {REVISIONS} == {reader.seen for reader in readers}
    assert sum(reader.compactions for reader in readers[-SLOW:]), "slow readers fell behind: compaction was tested"
    assert all(reader.resumed for reader in readers[:-SLOW])


def test_violations_are_seen() -> None:
    """The control: each kind of fault is found where it is planted."""

    def answer(version: int, motion: int, energy: int, *, compacted: bool = False) -> pb.WatchConfigResponse:
        made = pb.WatchConfigResponse(compacted=compacted)
        made.config.version = version
        weights = {"motion": motion, "energy": energy}
        json_format.ParseDict({"analyzer": {"weights": weights}}, made.config.document)
        return made

    reader = Reader(0.0)
    for good in (answer(1, 1, 1), answer(2, 2, 2), answer(7, 7, 7, compacted=True)):
        reader.take(good)
    assert [] == reader.violations
    for bad in (answer(7, 7, 7), answer(6, 6, 6), answer(9, 9, 9), answer(10, 10, 9)):
        reader.take(bad)
    assert 6 <= len(reader.violations)
