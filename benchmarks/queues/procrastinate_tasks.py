"""A no-op of procrastinate on PostgreSQL; run with a count it enqueues so many and prints the seconds."""

import os
import sys
import time

import procrastinate
from stamp import stamp

sync = procrastinate.SyncPsycopgConnector(conninfo=os.environ["POSTGRES"])
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["POSTGRES"]))


@app.task(name="noop")
async def noop() -> None:
    """Nothing."""
    stamp()


if __name__ == "__main__":
    with app.replace_connector(sync), app.open():
        noop.defer()
        begin = time.monotonic()
        for _ in range(int(sys.argv[1]) - 1):
            noop.defer()
        print(time.monotonic() - begin)
