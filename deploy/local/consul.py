"""A Consul agent for one machine, or word that there is none."""

import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Mapping

import httpx

from chassis import errors
from deploy.local import plan, ports

DEFAULT_AGENT = "127.0.0.1:8500"
ANSWER_TIMEOUT_S = 1.0  # an agent on this machine answers in milliseconds
PROGRAM_TIMEOUT_S = 10.0  # a large program on a cold disk
GRPC_TLS_SINCE = (1, 14)  # the release that opened one more port


async def noticed(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the agent of this machine where one answers and nothing says otherwise."""
    decided = environment.get("CONSUL_HTTP_ADDR") or environment.get("REELSMITH_DISCOVERY", "auto") != "auto"
    if decided or not await leading(DEFAULT_AGENT):
        return environment
    return {**environment, "CONSUL_HTTP_ADDR": DEFAULT_AGENT}


def choose(environment: Mapping[str, str]) -> plan.Discovery | None:
    """How processes find each other, as far as the environment decides it.

    Returns:
        The discovery; None where an agent of our own is to be started.

    Raises:
        errors.FailedPrecondition: Consul is demanded, and there is neither an agent nor the program.
        errors.InvalidArgument: The setting is unknown.
    """
    wanted = environment.get("REELSMITH_DISCOVERY", "auto")
    given = environment.get("CONSUL_HTTP_ADDR", "")
    if wanted not in {"auto", "consul", "static"}:
        raise errors.InvalidArgument(
            f"REELSMITH_DISCOVERY is {wanted!r}; it must be auto, consul or static", reason="BAD_SETTING"
        )
    if wanted == "static":
        return plan.Discovery("static")
    if given:
        return plan.Discovery("consul", given)
    if program(environment):
        return None
    if wanted == "consul":
        raise errors.FailedPrecondition(
            "REELSMITH_DISCOVERY is consul, but CONSUL_HTTP_ADDR is not set and there is no consul program on the PATH",
            reason="NO_CONSUL",
        )
    return plan.Discovery("static")


def program(environment: Mapping[str, str]) -> str | None:
    """Where the Consul program is; None without."""
    return environment.get("REELSMITH_CONSUL") or shutil.which("consul", path=environment.get("PATH", os.defpath))


def agent(binary: str, home: pathlib.Path) -> plan.Program:
    """An agent in development mode that only this machine can reach, and that knows nothing yet.

    Raises:
        errors.FailedPrecondition: The program does not run.
    """
    # What an earlier agent kept would bring processes back that are gone. A restart within this suite keeps it.
    data = home / "state" / "consul"
    shutil.rmtree(data, ignore_errors=True)
    http, server, serf_lan, serf_wan = ports.free(4)
    command = [binary, "agent", "-dev", f"-bind={ports.HOST}", f"-client={ports.HOST}"]
    command += [f"-data-dir={data}", "-node=reelsmith", "-log-level=warn"]
    command += [f"-http-port={http}", f"-server-port={server}"]
    command += [f"-serf-lan-port={serf_lan}", f"-serf-wan-port={serf_wan}"]
    command += [f"-{name}-port=-1" for name in unused_ports(version(binary))]
    command += ["-hcl=disable_update_check = true"]  # it would ask a server on the internet
    return plan.Program(name="consul", service="consul", command=tuple(command), port=http)


def unused_ports(release: tuple[int, int]) -> tuple[str, ...]:
    """Ports that an agent of a release opens by itself and that a suite does not need."""
    return ("dns", "grpc", "grpc-tls") if release >= GRPC_TLS_SINCE else ("dns", "grpc")


def version(binary: str) -> tuple[int, int]:
    """Major and minor version of a Consul program.

    Raises:
        errors.FailedPrecondition: The program does not run, or is not Consul.
    """
    try:
        result = subprocess.run(  # noqa: S603 the operator's own program
            [binary, "version"], capture_output=True, text=True, check=True, timeout=PROGRAM_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise errors.FailedPrecondition(f"{binary} version does not run: {error}", reason="NO_CONSUL") from error
    found = re.match(r"Consul v(\d+)\.(\d+)", result.stdout)
    if found is None:
        raise errors.FailedPrecondition(f"{binary} is not Consul: it says {result.stdout[:80]!r}", reason="NO_CONSUL")
    return int(found[1]), int(found[2])


async def leading(address: str) -> bool:
    """Whether the agent at an address has elected itself and takes registrations."""
    async with httpx.AsyncClient(timeout=ANSWER_TIMEOUT_S, trust_env=False) as client:
        try:
            answer = await client.get(f"http://{address}/v1/status/leader")
        except httpx.HTTPError:
            return False
    return answer.is_success and answer.text.strip() not in {"", '""'}
