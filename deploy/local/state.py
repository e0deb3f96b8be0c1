"""What the launcher writes down about its suite: `HOME/suite.json`, and the lock that says who runs it."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from chassis import errors
from deploy.local import identity

SCHEMA = "reelsmith.suite/1"
FILE_NAME = "suite.json"
LOCK_NAME = "suite.lock"


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """One process of the suite, as the launcher sees it."""

    name: str
    service: str
    pid: int
    started: str
    address: str
    metrics_address: str
    log: str
    restarts: int = 0
    health_address: str = ""

    @property
    def identity(self) -> identity.Identity:
        """Which process it is."""
        return identity.Identity(self.pid, self.started)


@dataclasses.dataclass(frozen=True, slots=True)
class Suite:
    """A suite: its launcher, its gateway and its processes.

    Attributes:
        phase: `starting`, `serving`, `stopping` or `failed`.
        gateway: Host and port of the gateway.
        discovery: `static` or `consul`.
        consul: Address of the Consul agent; empty without.
        launcher: The process that supervises the others.
        processes: The others.
        error: Why the suite failed; empty otherwise.
        http: URL of the gateway's HTTP server; empty without.
        certificates: Folder of the certificates of its processes; empty without.
    """

    phase: str
    gateway: str
    discovery: str
    consul: str
    launcher: identity.Identity
    processes: tuple[Process, ...] = ()
    error: str = ""
    http: str = ""
    certificates: str = ""


def write(home: pathlib.Path, suite: Suite) -> None:
    """Writes the state of a suite so that a reader sees the old file or the new one, never a part."""
    document = {"schema": SCHEMA, "home": str(home), **dataclasses.asdict(suite)}
    handle, name = tempfile.mkstemp(dir=home, prefix=".suite-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(document, indent=2) + "\n")
        pathlib.Path(name).replace(home / FILE_NAME)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def read(home: pathlib.Path) -> Suite | None:
    """The suite that was last written down; None where there is none.

    Raises:
        errors.DataLoss: The file is not what the launcher writes.
    """
    try:
        text = (home / FILE_NAME).read_text()
    except FileNotFoundError:
        return None
    try:
        return parse(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise errors.DataLoss(f"{home / FILE_NAME} is damaged: {error!r}; remove it", reason="STATE_DAMAGED") from error


def parse(document: dict[str, Any]) -> Suite:
    """A suite from its document."""
    fields = {name: document[name] for name in ("phase", "gateway", "discovery", "consul", "error")}
    fields["http"] = document.get("http", "")  # absent in what an older launcher wrote
    processes = tuple(Process(**process) for process in document["processes"])
    launcher, certificates = identity.Identity(**document["launcher"]), document.get("certificates", "")
    return Suite(launcher=launcher, processes=processes, certificates=certificates, **fields)


def forget(home: pathlib.Path) -> None:
    """Removes the state of a suite that has stopped."""
    (home / FILE_NAME).unlink(missing_ok=True)


@contextlib.contextmanager
def lock(home: pathlib.Path) -> Iterator[None]:
    """Holds the home for one launcher; the kernel lets go when the process ends, however it ends.

    Raises:
        errors.AlreadyExists: Another launcher holds it.
    """
    with (home / LOCK_NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.AlreadyExists(f"a launcher already runs in {home}", reason="SUITE_RUNNING") from error
        yield
