"""How long it takes to check the record of events, beside what must be done in any case.

    python benchmarks/audit.py [--events 1000000]

A database of the configuration service is filled with events, sealed as the service seals them, and checked as
`VerifyAudit` does. Beside it: reading the same stretches and hashing the same bytes in one piece, and following the
hash of each event, as was done before events were sealed. Medians of five alternating runs, in seconds on the clock and
of the processor: only the latter say something where other programs are at work. The table is Markdown.
"""

import argparse
import asyncio
import dataclasses
import hashlib
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

from chassis.audit import chain, head
from services.config import store as store_module
from services.config.audit import record, sealing, store

RUNS = 5
TIME_US = 1_764_000_000_000_000


def fill(connection: store_module.Connection, count: int) -> None:
    """Adds events to an empty record, in one transaction."""
    before = seal = chain.GENESIS
    rows: list[chain.Row] = []
    with store_module.transaction(connection):
        for sequence in range(1, count + 1):
            entry = chain.Entry("ann", "AccessSecret", "secrets/a/b")
            content = chain.body(sequence, TIME_US + sequence, entry)
            rows.append((sequence, content, before := chain.link(before, content)))
            if sequence % sealing.EVENTS == 0:
                stretch = sealing.sealed(rows, seal)
                connection.execute(store.SQL["insert_stretch"], dataclasses.asdict(stretch))
                before = seal = stretch.seal
                rows = []
        names = ("sequence", "body", "hash")
        connection.executemany(store.SQL["insert"], [dict(zip(names, row, strict=True)) for row in rows])


def hash_all(connection: store_module.Connection) -> None:
    """Reads every stretch and hashes it, and nothing more."""
    found = hashlib.sha256()
    for stretch in store.stretches(connection, 0, -1):
        found.update(stretch.bodies)
        found.update(stretch.hashes)


def one_by_one(connection: store_module.Connection) -> None:
    """Follows the hash of each event."""
    found = chain.WHOLE
    for stretch in store.stretches(connection, 0, -1):
        found = dataclasses.replace(chain.follow(stretch.rows(), (), found), next=stretch.seal)


async def timed(call: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds that a call takes, on the clock and of the processor."""
    begin_s, spent_s = time.perf_counter(), time.process_time()
    await call()
    return time.perf_counter() - begin_s, time.process_time() - spent_s


async def main(count: int) -> None:
    """Fills a record, checks it and prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        signer = head.Signer.load(path / "audit.key")
        keeper = head.Keeper(path / "audit.head", signer)
        async with store_module.Store(path / "config.sqlite3", keeper) as kept:
            await kept.read(lambda connection: fill(connection, count))
            events = record.Record(kept, signer, keeper)
            assert count == (await events.verify()).finding.events
            calls = {
                "check": events.verify,
                "read and hash": lambda: kept.read(hash_all),
                "one by one": lambda: kept.read(one_by_one),
            }
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
            for _ in range(RUNS):
                for name, call in calls.items():
                    times[name].append(await timed(call))
    print("| events | " + " | ".join(f"{name}, s (processor)" for name in calls) + " |")
    print("|---" * (len(calls) + 1) + "|")
    medians = [[statistics.median(column) for column in zip(*found, strict=True)] for found in times.values()]
    print(f"| {count:,} | " + " | ".join(f"{clock:.2f} ({spent:.2f})" for clock, spent in medians) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().events))
