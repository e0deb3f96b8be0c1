"""Where a suite is: named by hand, by the environment, by the launcher's state file, or at the standard ports."""

import dataclasses
import json
import os
import pathlib
import socket
from typing import Any

from chassis import discovery, errors

GATEWAY, CONFIG, JOBS = "127.0.0.1:50050", "127.0.0.1:50054", "127.0.0.1:50053"
CONNECT_TIMEOUT_S = 1.0  # a listener on this machine answers in microseconds; another one in a network's round trip


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Addresses of a suite.

    Attributes:
        gateway: Host and port of the gateway.
        config: Host and port of the configuration service.
        named: Whether someone named it; else it is only where a suite would be.
        passing: Whether the suite ends with this run.
        jobs: Host and port of the job manager.
        certificates: Folder of its certificates; empty where it has none, or where they are not known.
    """

    gateway: str
    config: str
    named: bool
    passing: bool = False
    jobs: str = JOBS
    certificates: str = ""


def find(gateway: str = "", config: str = "", jobs: str = "") -> Place:
    """Where the suite is, as far as it can be known without asking.

    Args:
        gateway: Address of the gateway given by hand.
        config: Address of the configuration service given by hand.
        jobs: Address of the job manager given by hand.
    """
    gateway = gateway or os.environ.get("REELSMITH_GATEWAY", "")
    config = config or os.environ.get("REELSMITH_CONFIG", "")
    jobs = jobs or os.environ.get("REELSMITH_JOBS", "")
    written = state(home())
    processes = {process["service"]: process["address"] for process in written.get("processes", [])}
    own = {written.get("gateway"), processes.get("config"), processes.get("jobs")}
    return Place(
        gateway=gateway or written.get("gateway") or GATEWAY,
        config=config or processes.get("config") or CONFIG,
        named=bool(gateway),
        jobs=jobs or processes.get("jobs") or JOBS,
        certificates=written.get("certificates", "") if {gateway, config, jobs} - {""} <= own else "",
    )


def registry(service: str, address: str) -> discovery.StaticRegistry:
    """One instance of a service, at an address that somebody named.

    Raises:
        errors.InvalidArgument: The address is not of the form `host:port`.
    """
    try:
        return discovery.StaticRegistry({service: [address]})
    except ValueError as error:
        raise errors.InvalidArgument(f"{service} address {address!r} is not of the form host:port") from error


def home() -> pathlib.Path:
    """The folder of this user's suite: `REELSMITH_HOME`, or `reelsmith` under the data folder of the XDG standard."""
    given = os.environ.get("REELSMITH_HOME")
    data = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    return pathlib.Path(given) if given else pathlib.Path(data) / "reelsmith"


def state(folder: pathlib.Path) -> dict[str, Any]:
    """What the launcher wrote about a suite; empty where there is nothing to read."""
    try:
        document = json.loads((folder / "suite.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def listening(address: str) -> bool:
    """Whether something takes connections at an address."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False


def local(address: str) -> bool:
    """Whether an address is on this machine, so that its processes may see the same files."""
    host = address.rpartition(":")[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")
