"""A no-op of Dramatiq on Redis; run with a count it enqueues so many and prints the seconds."""

import os
import sys
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from stamp import stamp

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS"]))


@dramatiq.actor(queue_name="noop")
def noop() -> None:
    """Nothing."""
    stamp()


if __name__ == "__main__":
    noop.send()
    begin = time.monotonic()
    for _ in range(int(sys.argv[1]) - 1):
        noop.send()
    print(time.monotonic() - begin)
