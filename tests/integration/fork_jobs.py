"""Starts the job manager many times without importing everything anew: one line of input, one fresh process.

Each process is forked from one that has imported all modules and nothing else: no thread, no loop, no gRPC core. It
runs the same `main` as `python -m services.jobs`.
"""

import os
import signal
import sys

from services.jobs import __main__ as manager


def main() -> None:
    """Forks once per line of input and prints the process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for _ in sys.stdin:
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            manager.main()
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
