"""What the kernel tells of the machine, read from files like its own."""

import pathlib

import pytest

from chassis import machine

STAT = "cpu  10 0 10 600 200 0 0 0 0 0\ncpu0 5 0 5 300 100 0 0 0 0 0\ncpu1 5 0 5 300 100 0 0 0 0 0\nintr 1\n"
MEMINFO = "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n"


@pytest.mark.parametrize(("quota", "expected"), [("50000 100000", 0.5), ("max 100000", None), ("", None)])
def test_quota_of_a_container_bounds_its_processors(tmp_path: pathlib.Path, quota: str, expected: float | None) -> None:
    """Half a processor is half of one; no quota leaves all that the process may run on."""
    (tmp_path / "cpu.max").write_text(quota)
    assert (expected or machine.processors(tmp_path / "none")) == machine.processors(tmp_path)


def test_idle_time_is_that_of_the_average_processor(tmp_path: pathlib.Path) -> None:
    """Idle and waiting for a disk, of two processors."""
    (tmp_path / "stat").write_text(STAT)
    assert 400 / machine.TICKS_PER_S == machine.idle_share_s(tmp_path)


def test_memory_is_what_machine_and_container_both_have(tmp_path: pathlib.Path) -> None:
    """A container with a limit has what is left of it, one without has what the machine has."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert 8_000_000 * 1024 == machine.memory_available_bytes(tmp_path, tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert 600_000 == machine.memory_available_bytes(tmp_path, tmp_path)


def test_kernel_that_tells_nothing_is_not_guessed_at(tmp_path: pathlib.Path) -> None:
    """Another system has no such files."""
    assert (None, None) == (machine.idle_share_s(tmp_path), machine.memory_available_bytes(tmp_path, tmp_path))
