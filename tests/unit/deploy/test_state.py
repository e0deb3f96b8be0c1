"""What the launcher writes down, and how it proves whose process is whose."""

import os
import signal
import subprocess
import sys

import pytest

from chassis import errors
from deploy.local import identity, state

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper():
    """A process that would run for a minute."""
    child = subprocess.Popen(SLEEPER)
    yield child
    child.kill()
    child.wait()


def suite(pid: int = 1, started: str = "then") -> state.Suite:
    """A suite with one process."""
    process = state.Process("jobs", "jobs", pid, started, "127.0.0.1:1", "", "/logs/jobs.log", 2)
    return state.Suite("serving", "127.0.0.1:2", "static", "", identity.Identity(pid, started), (process,))


def test_state_is_read_back_as_written(tmp_path):
    """Nothing gets lost on the way to the disk."""
    state.write(tmp_path, suite())
    assert suite() == state.read(tmp_path)


def test_state_leaves_no_other_file(tmp_path):
    """The temporary file of the atomic write is gone."""
    state.write(tmp_path, suite())
    assert ["suite.json"] == [path.name for path in tmp_path.iterdir()]


def test_state_of_empty_home_is_none(tmp_path):
    """Where nothing was written there is no suite."""
    assert state.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"phase": 1}'])
def test_damaged_state_is_data_loss(tmp_path, text):
    """A file that is not ours is refused with its name."""
    (tmp_path / "suite.json").write_text(text)
    with pytest.raises(errors.DataLoss, match=r"suite\.json is damaged"):
        state.read(tmp_path)


def test_second_lock_is_refused(tmp_path):
    """One home, one launcher."""
    with state.lock(tmp_path), pytest.raises(errors.AlreadyExists, match="already runs"), state.lock(tmp_path):
        pass


def test_lock_is_free_after_kill(tmp_path):
    """The kernel lets go of the lock of a killed launcher."""
    code = (
        "import sys, time, pathlib\nfrom deploy.local import state\n"
        "with state.lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert "held" == child.stdout.readline().strip()
    child.kill()
    child.communicate()
    with state.lock(tmp_path):
        pass


def test_running_process_is_known_again(sleeper):
    """The same process has the same identity."""
    assert identity.of(sleeper.pid) == identity.of(sleeper.pid)
    assert identity.of(sleeper.pid).alive()


def test_ended_process_is_not_alive(sleeper):
    """A process that has ended is gone, even while its parent has not asked how."""
    who = identity.of(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not who.alive()


def test_signal_reaches_the_process(sleeper):
    """A process with the recorded start time gets the signal."""
    assert identity.of(sleeper.pid).signal(signal.SIGTERM)
    assert -signal.SIGTERM == sleeper.wait(timeout=60)


def test_signal_spares_another_process_with_the_same_pid(sleeper):
    """A process that started at another time than the recorded one is not ours and is left alone."""
    assert not identity.Identity(sleeper.pid, "another time").signal(signal.SIGKILL)
    assert sleeper.poll() is None


def test_identity_without_start_time_is_never_alive():
    """A process that was never seen running cannot be proven."""
    assert not identity.Identity(99_999_999, "").alive()
    assert not identity.Identity(99_999_999, "").signal(signal.SIGKILL)


def test_start_time_from_ps_tells_processes_apart(sleeper):
    """Where there is no /proc, `ps` knows the start time."""
    assert "" != identity.from_ps(sleeper.pid)
    assert "" == identity.from_ps(99_999_999)
