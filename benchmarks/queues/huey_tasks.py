"""A no-op of Huey on SQLite with fsync; run with a count it enqueues so many and prints the seconds."""

import os
import sys
import time

import huey as hueys
from stamp import stamp

huey = hueys.SqliteHuey(filename=os.environ["HUEY"], fsync=True, results=False)


@huey.task(name="noop")
def noop() -> None:
    """Nothing."""
    stamp()


if __name__ == "__main__":
    import huey_tasks  # under the name that the worker knows

    huey_tasks.noop()
    begin = time.monotonic()
    for _ in range(int(sys.argv[1]) - 1):
        huey_tasks.noop()
    print(time.monotonic() - begin)
