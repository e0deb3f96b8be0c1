"""A no-op of Celery on Redis; run with a count it enqueues so many and prints the seconds."""

import os
import sys
import time

import celery
from stamp import stamp

app = celery.Celery("tasks", broker=os.environ["REDIS"])
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=16)


@app.task(name="noop")
def noop() -> None:
    """Nothing."""
    stamp()


if __name__ == "__main__":
    noop.delay()  # opens the connection
    begin = time.monotonic()
    for _ in range(int(sys.argv[1]) - 1):
        noop.delay()
    print(time.monotonic() - begin)
