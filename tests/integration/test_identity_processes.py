"""Keys and certificates with real processes: configuration service, gateway, the command, and Consul."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
from grpc import aio
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc

from chassis import client, server, testing
from chassis import settings as settings_module
from chassis.discovery import consul as consul_registry
from chassis.identity import authority, bearer, policy, transport
from chassis.testing import consul, echo

UNKNOWN = "0" * 32
LATE_S = 120.0  # for what takes a second on an idle machine


def told(folder: pathlib.Path, name: str) -> dict[str, str]:
    """The settings of a process with a certificate."""
    files, prefix = transport.of(folder, name), f"REELSMITH_{name.upper()}_TLS"
    return {
        f"{prefix}_CA": str(files.ca),
        f"{prefix}_CERTIFICATE": str(files.certificate),
        f"{prefix}_KEY": str(files.key),
    }


@pytest.fixture
def certificates(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of certificates."""
    authority.Authority.make().write(tmp_path / "certificates")
    return tmp_path / "certificates"


@pytest.fixture
async def suite(new_process: Callable, certificates: pathlib.Path) -> tuple[str, Callable]:
    """A gateway that wants keys and a configuration service, with TLS; and the command, which says what it prints."""
    config = new_process("services.config", **told(certificates, "config"))
    registry = f"config={config.address}"
    gateway = new_process(
        "gateway", REELSMITH_STATIC_REGISTRY=registry, REELSMITH_GATEWAY_IDENTITY="1", **told(certificates, "gateway")
    )
    for process in (config, gateway):
        process.launch()
    person = transport.of(certificates, "admin")
    proof = {"_CA": person.ca, "_CERTIFICATE": person.certificate, "_KEY": person.key}
    environment = {
        **os.environ,
        **{f"REELSMITH_CLIENT_TLS{name}": str(path) for name, path in proof.items()},
        "REELSMITH_CONFIG": config.address,
        "REELSMITH_GATEWAY": gateway.address,
        "XDG_CONFIG_HOME": str(certificates),
    }

    async def command(*arguments: str) -> str:
        words = [sys.executable, "-m", "client", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, words, env=environment, check=True, capture_output=True, text=True, timeout=LATE_S
        )
        return done.stdout

    await testing.wait_until(lambda: _listens(config.port), LATE_S, "the configuration service listens")
    return gateway.address, command


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_key_is_good_from_its_making_to_its_revoking(
    suite: tuple[str, Callable], certificates: pathlib.Path
) -> None:
    """The command makes a key in the configuration; the gateway takes it, and refuses it as soon as it is revoked."""
    address, command = suite
    key = (await command("keys", "create", "--role", "viewer", "--tenant", "acme", "--expires", "12h")).strip()
    (listed,) = json.loads(await command("keys", "list", "--json"))
    assert ("viewer", "acme", True) == (listed["role"], listed["tenant"], listed["id"] in key)
    credentials = transport.Transport(transport.Files(certificates / "ca.pem")).channel()
    async with aio.secure_channel(address, credentials, options=transport.named("gateway")) as channel:
        stub = rpc.ClipServiceStub(channel)

        async def code(token: str) -> grpc.StatusCode:
            try:
                await stub.GetUpload(
                    pb.GetUploadRequest(id=UNKNOWN), metadata=bearer.header(token), timeout=30, wait_for_ready=True
                )
            except aio.AioRpcError as failure:
                return failure.code()
            return grpc.StatusCode.OK

        async def becomes(wanted: grpc.StatusCode) -> bool:
            return wanted is await code(key)

        await testing.wait_until(lambda: becomes(grpc.StatusCode.NOT_FOUND), LATE_S, "the key is taken")
        assert grpc.StatusCode.UNAUTHENTICATED is await code("")
        await command("keys", "revoke", listed["id"])
        await testing.wait_until(lambda: becomes(grpc.StatusCode.UNAUTHENTICATED), LATE_S, "the key is refused")
    await command("keys", "create", "--role", "admin", "--out", str(certificates / "reelsmith" / "api-key"))
    expected = {(action, f"keys/{listed['id']}") for action in ("KeyMade", "KeyRevoked")}

    async def recorded() -> bool:
        try:
            events = json.loads(await command("audit", "list", "--json"))
        except subprocess.CalledProcessError:  # the gateway has not heard of the key of the admin yet
            return False
        return expected <= {(one["action"], one["resource"]) for one in events}

    await testing.wait_until(recorded, LATE_S, "the record has both")
    await command("audit", "export", str(certificates / "events.jsonl"))
    assert key not in (certificates / "events.jsonl").read_text()
    whole = json.loads(await command("audit", "verify", "--json"))
    assert whole["intact"]
    assert whole["head"] in await command("audit", "verify", "--head", whole["head"])


@pytest.mark.parametrize("meant", [False, True], ids=["by accident", "control: said to be meant"])
async def test_gateway_is_not_opened_to_everybody(new_process: Callable, meant: bool) -> None:
    """Beyond loopback it starts only with identity, or where somebody says that everybody is meant."""
    said = {"REELSMITH_GATEWAY_INSECURE": "1"} if meant else {}
    process = new_process("gateway", REELSMITH_GATEWAY_HOST="0.0.0.0", REELSMITH_STATIC_REGISTRY="", **said)
    process.launch()
    if meant:
        await testing.wait_until(lambda: _listens(process.port), LATE_S, "the gateway listens")
    else:
        assert 1 == await asyncio.to_thread(process.running.wait, LATE_S)
        assert "REELSMITH_GATEWAY_IDENTITY=1" in process.log.read_text()


RULES = policy.by_peer(echo.FULL_NAME, dict.fromkeys(echo.METHODS, "gateway"))


@pytest.fixture
async def agent(require_tool: Callable, tmp_path: pathlib.Path) -> AsyncIterator[consul.Agent]:
    """A Consul agent of this test."""
    async with consul.agent(require_tool("consul"), tmp_path) as running:
        yield running


@pytest.mark.parametrize("plain", [True, False], ids=["with the port for health", "control: without it"])
async def test_consul_sees_the_health_of_a_server_with_tls(
    agent: consul.Agent, certificates: pathlib.Path, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    """An agent that has no certificate finds the server healthy, and a client that has one finds the server."""
    if not plain:
        monkeypatch.setattr(consul_registry.instance_module, "HEALTH", "somewhere else")
    authority.Authority.make().write(certificates)
    files, registry = transport.of(certificates, "jobs"), consul_registry.ConsulRegistry(agent.address)
    settings = settings_module.Settings(
        tls_ca=files.ca, tls_certificate=files.certificate, tls_key=files.key, lame_duck_s=0, drain_s=1
    )
    monkeypatch.setattr(settings_module.Settings, "name", "jobs")
    served = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, RULES)

    async def listed(count: int) -> bool:
        return count == len(await agent.passing("jobs"))

    async with server.Server(settings, [served], registry) as running:
        await testing.wait_until(lambda: running._registration._listed is True, LATE_S, "it is registered")
        if not plain:
            await testing.wait_until(lambda: listed(0), LATE_S, "its check fails")
            return
        await asyncio.sleep(2.5)  # two checks by the agent, one a second
        assert await listed(1)
        proof = transport.Transport(transport.of(certificates, "gateway"))
        async with client.Clients(registry, secure=proof) as clients:
            assert (await echo.EchoStub(clients.channel("jobs")).Read(echo.Echo(number=3), timeout=30)).number == 3
