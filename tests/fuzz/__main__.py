"""Calls every method of a running suite with made messages: `python -m tests.fuzz HOME --calls 1000000`.

The report goes to standard output; the exit code is 1 where an answer was a fault of ours.
"""

import argparse
import asyncio
import json
import pathlib
import sys
import time

from tests.fuzz import calls

STEP = 5000  # calls between two words about how far it is


def addresses(home: pathlib.Path) -> dict[str, str]:
    """Of the first instance of each service of a suite."""
    processes = json.loads((home / "suite.json").read_text())["processes"]
    return {item["service"]: item["address"] for item in reversed(processes) if item["service"] in calls.census.FILES}


async def siege(given: argparse.Namespace) -> calls.Report:
    """Calls, and tells how far it is."""
    begin_s, known = time.monotonic(), {"source_uri": given.sources} if given.sources else {}
    async with calls.Siege(addresses(given.home), given.seed, known, tuple(given.without)) as running:
        while running.report.calls < given.calls and time.monotonic() - begin_s < given.seconds:
            report = await running.run(min(STEP, given.calls - running.report.calls))
            rate = report.calls / (time.monotonic() - begin_s)
            print(f"{report.calls} calls, {rate:.0f}/s, {len(report.bugs)} bugs", file=sys.stderr, flush=True)
    return running.report


def main() -> int:
    """Runs and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=pathlib.Path, help="folder of the suite")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3600.0, help="no more calls after this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sources", nargs="*", default=[], help="sources that can be read, such as file:///FILM")
    parser.add_argument("--without", nargs="*", default=[], help="methods to leave alone, as Service/Method")
    report = asyncio.run(siege(parser.parse_args()))
    for method, codes in sorted(report.codes.items()):
        print(f"{method:60} {', '.join(f'{name} {count}' for name, count in codes.most_common())}")
    for bug in report.bugs[:200]:
        print(bug)
    answered = f"{len(report.answered)} of {len(report.codes)} methods answered"
    print(f"{report.calls} calls, {answered}, {report.left} streams left, {len(report.bugs)} bugs")
    return 1 if report.bugs else 0


if __name__ == "__main__":
    sys.exit(main())
