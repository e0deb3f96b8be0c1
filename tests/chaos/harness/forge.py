"""Starts processes of the suite many times without importing everything anew: one line of JSON, one fresh process.

Each is forked from this one, which has imported all modules and nothing else: no thread, no loop, no gRPC core. It runs
the same `main` as `python -m services.jobs`. A line says what to run, its environment, where its words go, which
failpoints and faults of the disk it has, which clock it follows, and which protection it lacks.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from typing import Any

import failpoints
from services.config import __main__ as config
from services.jobs import __main__ as jobs
from tests.chaos.harness import documents, sabotage
from tests.integration import fake_media

MAINS = {
    "jobs": jobs.main,
    "config": config.main,
    "fake": lambda: asyncio.run(fake_media.main()),
    "documents": documents.main,
}


def become(order: dict[str, Any]) -> None:
    """Runs what a line asks for, in this process."""
    os.environ.update(order["environment"])
    with open(order["log"], "ab") as log:
        os.dup2(log.fileno(), 2)
    failpoints.arm(os.environ)
    library = ctypes.CDLL(None)  # LD_PRELOAD has put disk.c and clock.c there
    if (clock := order.get("clock")) and library.clock_follow(clock.encode()):
        raise SystemExit(f"{clock} cannot be followed")
    if name := order.get("sabotage"):
        getattr(sabotage, name)()
    if disk := order.get("disk"):
        arguments = [item.encode() if isinstance(item, str) else item for item in disk[1:]]
        getattr(library, disk[0])(*arguments)
    MAINS[order["what"]]()


def main() -> None:
    """Forks once per line of input and prints the process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    print("ready", flush=True)
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                become(json.loads(line))
            except SystemExit as end:  # says why it cannot run
                print(end.code, file=sys.stderr, flush=True)
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
