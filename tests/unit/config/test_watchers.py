"""Many watchers of many versions, in one process: ordered, unique, whole, without gaps but those that are told."""

import asyncio
import contextlib
import dataclasses
import pathlib

import pytest

from services.config import builtin, layers, schema, versions
from services.config import store as store_module

WATCHERS, SLOW = 50, 5
RULES, BUILTIN = schema.Schema.load(), builtin.load()


@dataclasses.dataclass
class Watcher:
    """What one watcher saw, and what is wrong with that; it comes back with its bookmark.

    Args:
        pause_s: How long it takes over each version.
        seen: Its bookmark.
    """

    pause_s: float
    seen: int = 0
    taken: int = 0
    compactions: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)

    def take(self, version: store_module.Version, compacted: bool) -> None:
        """Looks at what came."""
        weights = version.content.document["analyzer"]["weights"]
        if version.number != self.seen + 1 and not (compacted and version.number > self.seen + 1):
            self.violations.append(f"{version.number} after {self.seen}, compacted: {compacted}")
        if not weights["motion"] == weights["energy"] == version.number % 1000:
            self.violations.append(f"{version.number} says {weights}: not one version")
        self.seen, self.taken, self.compactions = version.number, self.taken + 1, self.compactions + compacted

    async def follow(self, known: versions.Versions, last: int) -> None:
        """Watches up to a version."""
        async with contextlib.aclosing(known.watch("", self.seen)) as found:
            while self.seen < last:
                self.take(*await anext(found))
                await asyncio.sleep(self.pause_s)


async def run(folder: pathlib.Path, revisions: int, restarts: int) -> list[Watcher]:
    """Makes versions while all watch; now and then the service is gone in the middle of everything, and back."""
    watchers = [Watcher(0.0) for _ in range(WATCHERS - SLOW)] + [Watcher(0.2) for _ in range(SLOW)]
    number, kept = 0, max(20, revisions // 100)
    for life in range(1, restarts + 2):
        last = revisions * life // (restarts + 1)
        async with store_module.Store(folder / "config.sqlite3", versions_max=kept) as store:
            known = versions.Versions(store, RULES, BUILTIN, "production", WATCHERS)
            tasks = [asyncio.create_task(watcher.follow(known, revisions)) for watcher in watchers]
            for number in range(number + 1, last + 1):  # noqa: B020  goes on where the last life ended
                weights = {"analyzer": {"weights": {"motion": number % 1000, "energy": number % 1000}}}
                await known.update("", lambda _, weights=weights: weights, number - 1, reader=layers.EVERYBODY)
            if life > restarts:
                await asyncio.gather(*tasks)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
    return watchers


@pytest.mark.parametrize(
    ("revisions", "restarts"),
    [(150, 2), pytest.param(20_000, 20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
async def test_no_watcher_sees_a_violation(tmp_path: pathlib.Path, revisions: int, restarts: int) -> None:
    """All of them end with the last version; slow ones are told of what they missed."""
    watchers = await run(tmp_path, revisions, restarts)
    assert [] == [violation for watcher in watchers for violation in watcher.violations]
    assert {revisions} == {watcher.seen for watcher in watchers}
    assert all(watcher.compactions for watcher in watchers[-SLOW:])
    print({"versions taken": sum(w.taken for w in watchers), "fresh starts": sum(w.compactions for w in watchers)})
