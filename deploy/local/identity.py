"""Tells one process from another that later got the same identifier."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys

BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")
STATE_FIELD, START_TIME_FIELD = 0, 19  # of /proc/PID/stat, counted after the name in brackets; see proc(5)
PS_TIMEOUT_S = 5.0  # `ps` answers in milliseconds


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """A process: its identifier and when it started, which together are never used twice."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.started != "" and self.started == started(self.pid)

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal to this process, and only to this one.

        Returns:
            Whether the process was there and was ours to signal.
        """
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def of(pid: int) -> Identity:
    """The identity of a process that runs now."""
    return Identity(pid, started(pid))


def own() -> Identity:
    """The identity of this process."""
    return of(os.getpid())


def started(pid: int) -> str:
    """When a process started, as text to be compared; empty where there is no such process, or it has ended."""
    return from_proc(pid) if BOOT_ID.exists() else from_ps(pid)


def from_proc(pid: int) -> str:
    """Start time in clock ticks since the boot, with the boot: ticks of two boots may be equal."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    ended = fields[STATE_FIELD] in "ZX"
    return "" if ended else f"{BOOT_ID.read_text().strip()}/{fields[START_TIME_FIELD]}"


def from_ps(pid: int) -> str:
    """Start time to the second, where there is no /proc."""
    if sys.platform == "win32":
        raise OSError("the launcher needs a POSIX system")
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PS_TIMEOUT_S)  # noqa: S603 a fixed program and a number
    state, _, start = result.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else start.strip()
