"""How long it takes to check the record of events, beside what must be done in any case.

    python benchmarks/audit.py [--events 1000000]

A database of the configuration service is filled with events, and checked as `VerifyAudit` does. Beside it: reading the
same rows, and hashing bytes of the same length. Medians of five alternating runs. The table is Markdown.
"""

import argparse
import asyncio
import hashlib
import pathlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable

from chassis.audit import chain, head
from services.config import store as store_module
from services.config.audit import record, store

RUNS = 5
TIME_US = 1_764_000_000_000_000


def fill(connection: store_module.Connection, count: int) -> None:
    """Adds events to an empty record, in one transaction."""
    last = chain.GENESIS
    rows = []
    for sequence in range(1, count + 1):
        content = chain.body(
            sequence, 1_764_000_000_000_000 + sequence, chain.Entry("ann", "AccessSecret", "secrets/a/b")
        )
        last = chain.link(last, content)
        rows.append({"sequence": sequence, "body": content, "hash": last})
    with store_module.transaction(connection):
        connection.executemany(store.SQL["insert"], rows)


def read(connection: store_module.Connection) -> int:
    """Reads every row, and nothing more."""
    return len(store.later(connection, 0, 2**62))


def hash_all(connection: store_module.Connection, count: int) -> None:
    """Hashes as many bytes, in as many pieces."""
    piece = chain.GENESIS + store.later(connection, 0, 1)[0][1]
    for _ in range(count):
        hashlib.sha256(piece).digest()


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds that a call takes."""
    begin_s = time.perf_counter()
    await call()
    return time.perf_counter() - begin_s


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
                "read the rows": lambda: kept.read(read),
                "hash the bytes": lambda: kept.read(lambda connection: hash_all(connection, count)),
            }
            times: dict[str, list[float]] = {name: [] for name in calls}
            for _ in range(RUNS):
                for name, call in calls.items():
                    times[name].append(await timed(call))
    print("| events | " + " | ".join(f"{name}, s" for name in calls) + " |")
    print("|---" * (len(calls) + 1) + "|")
    print(f"| {count:,} | " + " | ".join(f"{statistics.median(found):.2f}" for found in times.values()) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().events))
