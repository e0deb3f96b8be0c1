"""What containers run: the images' recipe, the compose files, the filter of system calls, and the health check."""

import asyncio
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys

import grpc_health.v1.health_pb2 as health_pb2
import pytest
import yaml

from chassis import testing
from chassis.testing import echo
from deploy.local import plan

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
OURS = {"config", "analyzer", "exporter", "jobs", "gateway"}
ADDITIONS = ("gpu", "observability")
COMBINATIONS = [names for count in range(3) for names in itertools.combinations(ADDITIONS, count)]
ADDED_CALLS = ({"unshare"}, {"chroot"})  # what the profile allows beyond that of Docker


def contained(*arguments: str) -> dict[str, str | None]:
    """Which protections of a media worker hold in a process without any capability; None for those that do not."""
    script = pathlib.Path(__file__).with_name("contained.py")
    command = [sys.executable, str(script), *arguments]
    found = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=120)
    assert 0 == found.returncode, found.stderr.decode()
    return json.loads(found.stdout.decode().splitlines()[-1])


def test_profile_lets_the_media_sandbox_stand_whole(tmp_path: pathlib.Path) -> None:
    """Under it nothing is lost that holds without it; control: Docker's own profile takes the empty root away."""
    profile = json.loads((DEPLOY / "seccomp.json").read_text())
    bare = contained()
    if bare["empty-root"] is None:
        pytest.skip("this system lets nobody but root have user namespaces")
    assert bare == contained(str(DEPLOY / "seccomp.json"))
    profile["syscalls"] = [rule for rule in profile["syscalls"] if set(rule["names"]) not in ADDED_CALLS]
    (tmp_path / "docker.json").write_text(json.dumps(profile))
    assert bare | {"empty-root": None} == contained(str(tmp_path / "docker.json"))


def test_profile_opens_no_namespace_but_that_of_users() -> None:
    """`unshare` is allowed for CLONE_NEWUSER alone; mounting, tracing and loading modules stay forbidden."""
    rules = json.loads((DEPLOY / "seccomp.json").read_text())["syscalls"]
    allowed = [rule for rule in rules if rule["action"] == "SCMP_ACT_ALLOW"]
    assert [[(0, 0x10000000, "SCMP_CMP_EQ")]] == [
        [(one["index"], one["value"], one["op"]) for one in rule["args"]]
        for rule in allowed
        if "unshare" in rule["names"]
    ]
    names = {name for rule in allowed for name in rule["names"]}
    assert set() == names & {"mount", "umount2", "pivot_root", "setns", "bpf", "init_module", "kexec_load", "keyctl"}
    assert not any("caps" in rule.get("includes", {}) for rule in rules)


async def test_probe_tells_who_serves(tmp_path: pathlib.Path) -> None:
    """0 for a server that serves; 1 with a reason for one that does not, and where there is none."""
    assert (0, "") == await probed(lambda address: address)
    port = testing.free_port()
    code, said = await probed(lambda address: f"127.0.0.1:{port}")
    assert 1 == code
    assert "UNAVAILABLE" in said
    code, said = await probed(lambda address: address, serving=False)
    assert (1, True) == (code, "NOT_SERVING" in said)


async def probed(where, *, serving: bool = True) -> tuple[int, str]:
    """How the probe of a served echo service ends, and what it says."""
    async with testing.serving([echo.service()]) as server:
        if not serving:
            await server._health.servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
            server._tasks[0].cancel()
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chassis.probe", where(server.address), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        _, said = await running.communicate()
    return running.returncode or 0, said.decode()


def test_image_starts_what_the_launcher_starts() -> None:
    """Modules and ports of the images are those of a suite on one machine."""
    table = re.findall(r"(\w+)\)\s+module=(\S+)\s+port=(\d+)", (DEPLOY / "Dockerfile").read_text())
    assert {(name, port, module) for name, port, module in plan.SERVICES} == {
        (name, int(port), module) for name, module, port in table
    }


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({}, ["50050"]),
        ({"REELSMITH_GATEWAY_HEALTH_PORT": "0"}, ["50050"]),
        ({"REELSMITH_GATEWAY_HEALTH_PORT": "7"}, ["7", "50050"]),
        ({"REELSMITH_HEALTH_PORT": "8"}, ["8", "50050"]),
        ({"REELSMITH_JOBS_HEALTH_PORT": "9"}, ["50050"]),
    ],
)
def test_image_asks_the_health_port_where_there_is_one(
    tmp_path: pathlib.Path, told: dict[str, str], asked: list[str]
) -> None:
    """A server with TLS answers nobody without a certificate at its own port; one without has no other."""
    (writing,) = re.findall(
        r"&& (printf [^&]*(?:&& [^&]*){2}) > /opt/reelsmith/bin/healthy", (DEPLOY / "Dockerfile").read_text()
    )
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$3" >> "$0.asked"\nexit 1\n')
    python.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(
        ["sh", "-ec", f"{writing} > healthy"],
        cwd=tmp_path,
        env={**path, "SERVICE": "gateway", "port": "50050"},
        check=True,
    )
    failed = subprocess.run(["sh", "healthy"], cwd=tmp_path, env={**path, **told}, check=False)
    ports = [line.removeprefix("127.0.0.1:") for line in (tmp_path / "python.asked").read_text().split()]
    assert (1, asked) == (failed.returncode, ports)


def test_image_copies_all_that_is_installed() -> None:
    """Every package of the distribution gets in, nothing else, and the context lets it in."""
    copied = set(re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    packages = set(re.search(r"packages = (\[.*\])", (ROOT / "pyproject.toml").read_text())[1].split('"')[1::2])
    assert {name.split("/")[0] for name in packages} == copied
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= let_in


def test_image_runs_as_nobody_in_particular() -> None:
    """The last stage ends as a user without rights, with a health check."""
    last = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")[-1]
    assert ["10001:10001"] == re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    assert last.index("\nUSER ") > last.rindex("\nRUN ")
    assert "\nHEALTHCHECK " in last


def read(name: str) -> dict:
    """A compose file."""
    return yaml.safe_load((DEPLOY / name).read_text())


def test_services_of_the_suite_are_shut_in() -> None:
    """Read-only, without capabilities or new privileges, under the profile, with limits of everything."""
    services = read("compose.yaml")["services"]
    assert OURS | {"consul"} == set(services)
    for service in (services[name] for name in OURS):
        assert (True, ["ALL"]) == (service["read_only"], service["cap_drop"])
        assert ["no-new-privileges:true", "seccomp:./seccomp.json"] == service["security_opt"]
        assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    open_to = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert {"gateway", "config"} == set(open_to)
    assert all(port.startswith("127.0.0.1:") for ports in open_to.values() for port in ports)


def test_tools_beside_the_suite_are_bounded() -> None:
    """Each has limits, no capability, and ports on this machine only."""
    tools = {name: one for name, one in read("compose.observability.yaml")["services"].items() if name not in OURS}
    for tool in tools.values():
        assert ["ALL"] == tool["cap_drop"]
        assert {"cpus", "memory", "pids"} == set(tool["deploy"]["resources"]["limits"])
        assert all(port.startswith("127.0.0.1:") for port in tool.get("ports", ()))


def compose() -> list[str] | None:
    """The command that reads compose files, where there is one; the first version of it cannot read ours."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]):
            said = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            if said.returncode == 0 and not said.stdout.startswith("1."):
                return command
    return None


@pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: "+".join(("suite", *names)))
def test_compose_files_fit_together(names: tuple[str, ...]) -> None:
    """Compose itself takes every combination, and what hardens the services survives the merge."""
    command = compose()
    if command is None:
        pytest.skip("docker compose is not installed (no package of Debian 12 has it)")
    files = ["compose.yaml", *(f"compose.{name}.yaml" for name in names)]
    arguments = [item for file in files for item in ("-f", str(DEPLOY / file))]
    found = subprocess.run([*command, *arguments, "config", "--format", "json"], capture_output=True, timeout=60)
    assert 0 == found.returncode, found.stderr.decode()
    services = json.loads(found.stdout)["services"]
    assert set(services) >= OURS
    for service in (services[name] for name in OURS):
        assert service["read_only"]
        assert ["ALL"] == service["cap_drop"]
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    traced = services["gateway"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert ("http://jaeger:4317" if "observability" in names else "") == traced
    assert ("cuda" if "gpu" in names else None) == services["analyzer"]["environment"].get("REELSMITH_ANALYZER_BACKEND")
