"""What the machine below a process has, and how much of it is free: as the kernel says, within a container's bounds.

A figure that the kernel does not tell is None, never a guess.
"""

import os
import pathlib

PROC = pathlib.Path("/proc")
GROUP = pathlib.Path("/sys/fs/cgroup")  # of a container, as it sees itself (version 2)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processors(group: pathlib.Path = GROUP) -> float:
    """Processors that this process may use at once.

    Args:
        group: Where the bounds of the container are.
    """
    allowed = float(len(os.sched_getaffinity(0)))
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if not (quota.isdecimal() and period.strip().isdecimal()):
        return allowed
    return min(allowed, int(quota) / int(period))


def idle_share_s(proc: pathlib.Path = PROC) -> float | None:
    """Seconds that the processors of the machine had nothing to do, since it was started, on average of all.

    Args:
        proc: Where the kernel tells.
    """
    lines = _text(proc / "stat").splitlines()
    counted = [line for line in lines if line.startswith("cpu") and line[3:4].isdecimal()]
    whole = lines[0].split() if lines else []
    if not counted or len(whole) < 6:
        return None
    return (int(whole[4]) + int(whole[5])) / TICKS_PER_S / len(counted)  # idle, and idle while a disk is waited for


def memory_available_bytes(proc: pathlib.Path = PROC, group: pathlib.Path = GROUP) -> int | None:
    """Bytes of memory that could be had without pushing anything out.

    Args:
        proc: Where the kernel tells.
        group: Where the bounds of the container are.
    """
    told = {name: rest for name, _, rest in (line.partition(":") for line in _text(proc / "meminfo").splitlines())}
    if "MemAvailable" not in told:
        return None
    available = int(told["MemAvailable"].split()[0]) * 1024
    limit, used = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if limit.isdecimal() and used.isdecimal():
        return min(available, max(0, int(limit) - int(used)))
    return available


def _text(path: pathlib.Path) -> str:
    """What a file of the kernel says; empty where this kernel has none."""
    try:
        return path.read_text()
    except OSError:
        return ""
