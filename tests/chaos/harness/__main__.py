"""Runs the harness: `python -m tests.chaos.harness [--full] [--seed N] [--only PHASE ...]`; see `make chaos`."""

import argparse
import asyncio
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

from tests.chaos.harness import jumps, lane, leaders, phases, recovery, report

OUT = pathlib.Path("out/chaos")
SEED = 20261126


def plan(bench: phases.Bench, full: bool) -> dict[str, Callable[[], Awaitable[phases.Result]]]:
    """The phases by name, with their size: seconds at most, and how many faults."""
    k = 6 if full else 1  # five minutes become thirty
    many = 10_000 if full else 1000

    async def at_points() -> phases.Result:
        return await phases.points(bench, await phases.census(bench), 60 * k, many)

    async def at_pairs() -> phases.Result:
        return await phases.pairs(bench, await phases.census(bench), 30 * k, many)

    return {
        "first-starts": lambda: phases.first_starts(bench),
        "points": at_points,
        "pairs": at_pairs,
        "kills": lambda: phases.kills(bench, 45 * k, many),
        "stops": lambda: phases.stops(bench, 20 * k, many),
        "late-results": lambda: phases.late_results(bench, 20 * k),
        "disk-errors": lambda: phases.disk_errors(bench, 25 * k, many),
        "full-disk": lambda: phases.full_disk(bench, 3 * k),
        "power-cuts": lambda: phases.power_cuts(bench, 4.0, 200 * k),
        "documents": lambda: phases.documents_killed(bench, 12),
        "configuration": lambda: phases.configuration_killed(bench, 15 * k),
        "recovery": lambda: recovery.recovery(bench, 15 * k),
        "clock-jumps": lambda: jumps.clock_jumps(bench, 8.0 * k),
        "clock-jumps-kills": lambda: jumps.clock_jumps(bench, 4.0 * k, kills=True),
        "poison": lambda: phases.poison(bench, 40 * k),
        "overload": lambda: phases.overload(bench, 3.0 * k),
        "leaders": lambda: leaders.leaders(bench, 40 if k == 1 else 500, 300),
        "no-epoch": lambda: leaders.leaders(bench, 30, 20, "no_epoch"),
        "no-rename": lambda: phases.in_place(bench, 15),
        "wall-leases": lambda: jumps.clock_jumps(bench, 3.0, "wall_leases"),
        "no-token": lambda: phases.late_results(bench, 20 * k, "no_token"),
        "no-fsync": lambda: phases.power_cuts(bench, 3.0, 50 * k, "no_fsync", "control: synchronous NORMAL"),
        "no-file-sync": lambda: phases.power_cuts(bench, 3.0, 50 * k, "no_file_sync", "control: no fsync of files"),
    }


async def run(arguments: argparse.Namespace, folder: pathlib.Path) -> list[phases.Result]:
    """Runs the phases one after the other, telling about each."""
    results = []
    async with lane.Forge(lane.built(folder)) as forge:
        bench = phases.Bench(forge, folder, arguments.seed, arguments.lanes)
        for name, phase in plan(bench, arguments.full).items():
            if arguments.only and name not in arguments.only:
                continue
            begin = time.monotonic()
            result = await phase()
            result.seconds = time.monotonic() - begin
            results.append(result)
            print(" | ".join(report.row(result)), flush=True)
            for wrong in result.wrong[:5] if not report.passed(result) else ():
                print(f"    {wrong}", flush=True)
    return results


def main() -> None:
    """Exits with 1 where a phase is not as it must be, or a failpoint of a whole run was never reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="half an hour instead of five minutes")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--lanes", type=int, default=3, help="rounds side by side")
    parser.add_argument("--only", nargs="*", metavar="PHASE")
    parser.add_argument("--keep", action="store_true", help="leave the folder of the run")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chaos-"))
    begin = time.monotonic()
    results = asyncio.run(run(arguments, folder))
    title = f"Chaos, seed {arguments.seed}, {time.monotonic() - begin:.0f} s"
    missing = [] if arguments.only else report.unreached(results)
    bad = [result.name for result in results if not report.passed(result)]
    print(f"{report.written(OUT, title, results)}: {title}; not as it must be: {', '.join(bad) or 'nothing'}")
    if missing:
        print(f"never reached: {', '.join(missing)}")
    if bad or arguments.keep:
        print(f"everything that was written is in {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(bool(bad or missing))


if __name__ == "__main__":
    main()
