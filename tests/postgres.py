"""A PostgreSQL of our own for tests: an unprivileged process in a folder of its own, gone afterwards."""

import contextlib
import dataclasses
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import psycopg

from chassis import testing

USER = "nobody"  # the server refuses to run as root
START_S = 120  # on a machine with other work
# The tests kill managers, not the database: what it promises of its own disk is its own business.
OPTIONS = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "max_connections": "80",
           "shared_buffers": "16MB", "listen_addresses": "127.0.0.1"}  # fmt: skip


@dataclasses.dataclass
class Server:
    """A server that runs."""

    port: int
    process: subprocess.Popen

    def url(self, port: int = 0) -> str:
        """Where its database is; by way of another port where one is given."""
        return f"postgresql://reelsmith@127.0.0.1:{port or self.port}/postgres"

    def fresh(self) -> str:
        """The URL of the database, emptied: a new one for each test would be a thousand files."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS reelsmith_jobs CASCADE")
        return self.url()


def programs() -> pathlib.Path | None:
    """The folder of its programs, where Debian keeps them off the path; None where it is not installed."""
    if found := shutil.which("initdb"):
        return pathlib.Path(found).parent
    return max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextlib.contextmanager
def running(missing: Callable[[str], object]) -> Iterator[Server]:
    """A server inside the block.

    Args:
        missing: Told where it is not installed; gives up.
    """
    folder = programs()
    if folder is None:
        missing("postgresql is not installed")
    user = pwd.getpwnam(USER) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    home = pathlib.Path(tempfile.mkdtemp(prefix="pg-"))
    os.chown(home, user.pw_uid, user.pw_gid)
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    initdb = [folder / "initdb", "-D", home / "data", "-U", "reelsmith", "-A", "trust", "-E", "UTF8", "--locale", "C",
              "--no-sync"]  # fmt: skip
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=home, **as_user)
    port = testing.free_port()
    options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    command = [folder / "postgres", "-D", home / "data", "-p", str(port), "-k", home, *options]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, **as_user)
    try:
        server = Server(port, process)
        _greeted(server, home / "log")
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)  # its own children end with it
        process.wait()
        shutil.rmtree(home)


def _greeted(server: Server, log: pathlib.Path) -> None:
    end = time.monotonic() + START_S
    while True:  # bounded by the time
        try:
            psycopg.connect(server.url(), connect_timeout=5).close()
        except psycopg.OperationalError as failure:
            if server.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"postgres does not start: {log.read_text()[-2000:]}") from failure
            time.sleep(0.05)
        else:
            return
