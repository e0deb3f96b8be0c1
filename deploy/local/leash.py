"""Runs a program that dies with the process that started it.

Used as `python -I -S leash.py PARENT_PID PROGRAM ARGUMENT...`. The kernel's parent-death signal outlives `execv`, so
the program keeps the process identifier and needs to know nothing about this. Doing it here rather than between fork
and exec keeps Python code out of a forked copy of a process that runs gRPC threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Asks the kernel to signal this process when its parent ends.

    Args:
        parent_pid: Process that is expected to be the parent.
        number: Signal to be sent.

    Raises:
        SystemExit: The parent is gone already.
    """
    if not sys.platform.startswith("linux"):  # others have no such signal: there a later `down` stops what is left
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it ended before the request: the signal would never come
        sys.exit(f"parent {parent_pid} has ended")


def main() -> None:
    """Takes the leash, then becomes the program."""
    parent_pid, program = int(sys.argv[1]), sys.argv[2:]
    die_with_parent(parent_pid)
    os.execv(program[0], program)  # noqa: S606 no shell is the point


if __name__ == "__main__":
    main()
