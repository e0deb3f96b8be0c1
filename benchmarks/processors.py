"""What more processors bring to one analysis, beside what they bring to merely decoding.

    python benchmarks/processors.py [--runs 5] [--films FOLDER]

The films are those of `analysis.py`. Each run is held to some processors and has a thread more than these, as in the
service; runs take turns. Every document must be the same, byte for byte. The table, in Markdown, has medians of the
wall time on one processor and how many times faster more are.
"""

import argparse
import asyncio
import os
import pathlib
import statistics
import tempfile
import time

from benchmarks import analysis
from media import pool
from services.analyzer import document, measures, tasks

EVERYTHING = sorted(measures.MEASURES)
NOBODY = sorted(measures.MEASURES - {"subjects"})


def decode(path: pathlib.Path, threads: int) -> float:
    """Seconds that decoding every frame takes."""
    begin_s = time.perf_counter()
    analysis.decode(path, threads)
    return time.perf_counter() - begin_s


async def measured(workers: pool.Pool, path: pathlib.Path, threads: int, wanted: list[str]) -> tuple[float, bytes]:
    """Seconds that an analysis takes, and its document."""
    begin_s = time.perf_counter()
    with path.open("rb") as file:
        request = {"threads": threads, "measures": wanted}
        found = await workers.run(tasks.MEASURE, request, inputs={"source": file})
    seconds = time.perf_counter() - begin_s
    return seconds, document.encode(document.analysis(path.name, "0" * 64, found.value, found.arrays))


async def compare(path: pathlib.Path, counts: list[int], runs: int) -> dict[str, dict[int, float]]:
    """Median seconds of each program by the number of processors."""
    every = sorted(os.sched_getaffinity(0))
    times: dict[str, dict[int, list[float]]] = {}
    documents: dict[str, set[bytes]] = {}
    for _ in range(runs):
        for count in counts:
            os.sched_setaffinity(0, every[:count])  # what it starts is held to them too
            async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
                times.setdefault("decode", {}).setdefault(count, []).append(decode(path, count + 1))
                for name, wanted in (("analysis", NOBODY), ("with people", EVERYTHING)):
                    seconds, found = await measured(workers, path, count + 1, wanted)
                    times.setdefault(name, {}).setdefault(count, []).append(seconds)
                    documents.setdefault(name, set()).add(found)
            os.sched_setaffinity(0, every)
    assert all(len(found) == 1 for found in documents.values()), "the number of processors decides nothing"
    return {name: {count: statistics.median(of) for count, of in by.items()} for name, by in times.items()}


async def main(folder: pathlib.Path, runs: int) -> None:
    """Makes the films that are missing and prints the table."""
    available = len(os.sched_getaffinity(0))
    counts = [count for count in (1, 2, 4, 8, 16) if count <= available]
    heads = "".join(f" {count} processors |" for count in counts[1:])
    print(f"| film | program | one processor, s |{heads}")
    print("|---" * (2 + len(counts)) + "|")
    for film, path in analysis.films(folder):
        for name, medians in (await compare(path, counts, runs)).items():
            faster = "".join(f" {medians[1] / medians[count]:.2f} |" for count in counts[1:])
            print(f"| {film} | {name} | {medians[1]:.1f} |{faster}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--films", type=pathlib.Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        asyncio.run(main(chosen.films or pathlib.Path(spare), chosen.runs))
