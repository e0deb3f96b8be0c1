"""Connections that are proven on both sides, and certificates that change under them."""

import asyncio
import logging
import pathlib
import time

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import client, discovery, errors, membership, server
from chassis import settings as settings_module
from chassis.identity import authority, caller, policy, transport
from chassis.testing import echo

RULES = policy.by_peer(echo.FULL_NAME, dict.fromkeys(echo.METHODS, "gateway"))
SERVICE = "echo"


class Told(echo.EchoServicer):
    """Says who calls."""

    async def Read(self, request, context):
        """The name of the caller."""
        return echo.Echo(text=caller.current().name)


def issue(made: authority.Authority, folder: pathlib.Path, *names: str) -> None:
    """Writes the files of an authority's services; those that have them take them over."""
    folder.mkdir(exist_ok=True)
    for name in names:
        certificate, key = made.issue(name)
        (folder / f"{name}.pem").write_bytes(certificate)
        (folder / f"{name}.key").write_bytes(key)
    (folder / "ca.pem").write_bytes(authority.pem(made.certificate))


def settings(folder: pathlib.Path) -> settings_module.Settings:
    """Of a server with a certificate."""
    files = transport.of(folder, SERVICE)
    return settings_module.Settings(
        tls_ca=files.ca, tls_certificate=files.certificate, tls_key=files.key, lame_duck_s=0, drain_s=1
    )


def served() -> server.Service:
    """The echo service for one peer."""
    return server.Service(Told(), echo.add_to_server, echo.FULL_NAME, RULES)


def connect(port: int, files: transport.Files) -> client.Clients:
    """A client with a certificate."""
    registry = discovery.StaticRegistry({SERVICE: [f"127.0.0.1:{port}"]})
    return client.Clients(registry, secure=transport.Transport(files))


async def test_peer_is_known_by_its_certificate(tmp_path: pathlib.Path) -> None:
    """A call over our own client arrives with the name of the service that makes it."""
    issue(authority.Authority.make(), tmp_path, SERVICE, "gateway")
    async with (
        server.Server(settings(tmp_path), [served()]) as running,
        connect(running.port, transport.of(tmp_path, "gateway")) as clients,
    ):
        answer = await echo.EchoStub(clients.channel(SERVICE)).Read(echo.Echo(), timeout=30)
    assert "peer:gateway" == answer.text


async def test_server_with_the_certificate_of_another_service_is_not_called(tmp_path: pathlib.Path) -> None:
    """A process that took the port of another one, with a certificate of its own, gets no request."""
    issue(authority.Authority.make(), tmp_path, SERVICE, "gateway", "jobs")
    files, servicer = transport.of(tmp_path, "jobs"), echo.EchoServicer()
    posing = settings_module.Settings(tls_ca=files.ca, tls_certificate=files.certificate, tls_key=files.key)
    table = policy.by_peer(echo.FULL_NAME, dict.fromkeys(echo.METHODS, "gateway"))
    async with (
        server.Server(posing, [server.Service(servicer, echo.add_to_server, echo.FULL_NAME, table)]) as running,
        connect(running.port, transport.of(tmp_path, "gateway")) as clients,
    ):
        with pytest.raises(errors.Unavailable):
            await echo.EchoStub(clients.channel(SERVICE)).Read(echo.Echo(), timeout=5)
    assert [] == servicer.calls


async def test_health_is_answered_without_a_certificate_at_a_port_of_its_own(tmp_path: pathlib.Path) -> None:
    """For Consul, probes and the launcher, which have none; and nothing else is answered there."""
    issue(authority.Authority.make(), tmp_path, SERVICE)
    async with server.Server(settings(tmp_path), [served()]) as running:
        address = running.instance.metadata[discovery.HEALTH]
        async with aio.insecure_channel(address) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
            with pytest.raises(aio.AioRpcError, match="UNIMPLEMENTED"):
                await echo.EchoStub(channel).Read(echo.Echo(), timeout=30)
    assert health_pb2.HealthCheckResponse.SERVING == answer.status


async def test_watches_at_that_port_are_bounded_too(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds all places there keeps nobody from checking."""
    monkeypatch.setattr(server.limits, "WATCHES_MAX", 1)
    issue(authority.Authority.make(), tmp_path, SERVICE)
    async with (
        server.Server(settings(tmp_path), [served()]) as running,
        aio.insecure_channel(running.instance.metadata[discovery.HEALTH]) as channel,
    ):
        stub, request = health_pb2_grpc.HealthStub(channel), health_pb2.HealthCheckRequest()
        held = stub.Watch(request)
        await held.read()
        with pytest.raises(aio.AioRpcError, match="RESOURCE_EXHAUSTED"):
            await stub.Watch(request).read()
        assert health_pb2.HealthCheckResponse.SERVING == (await stub.Check(request, timeout=30)).status


async def test_no_call_fails_while_certificates_change(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new certificate every moment on both sides, under load: all calls are answered, and the newest is in use."""
    monkeypatch.setattr(membership, "ROTATE_S", 0.05)
    made = authority.Authority.make()
    issue(made, tmp_path, SERVICE, "gateway")
    async with (
        server.Server(settings(tmp_path), [served()]) as running,
        connect(running.port, transport.of(tmp_path, "gateway")) as clients,
    ):
        stub, members = echo.EchoStub(clients.channel(SERVICE)), set()
        for turn in range(60):
            if turn % 3 == 0:
                issue(made, tmp_path, SERVICE, "gateway")
            answer = await stub.Read(echo.Echo(), timeout=30)
            assert "peer:gateway" == answer.text
            members.update(clients._memberships[SERVICE].members)
            await asyncio.sleep(0.02)
    assert len(members) > 3


async def test_new_authority_is_believed_without_a_restart(tmp_path: pathlib.Path) -> None:
    """The old certificate is refused as soon as the server's files name another authority; the new one is taken."""
    old, new = authority.Authority.make(), authority.Authority.make()
    issue(old, tmp_path / "server", SERVICE)
    issue(old, tmp_path / "old", "gateway")
    issue(new, tmp_path / "new", "gateway")
    async with server.Server(settings(tmp_path / "server"), [served()]) as running:
        issue(new, tmp_path / "server", SERVICE)
        async with connect(running.port, transport.of(tmp_path / "new", "gateway")) as clients:
            assert (await echo.EchoStub(clients.channel(SERVICE)).Read(echo.Echo(), timeout=30)).text
        (tmp_path / "old" / "ca.pem").write_bytes(authority.pem(new.certificate))  # it believes the server
        async with connect(running.port, transport.of(tmp_path / "old", "gateway")) as clients:
            with pytest.raises(errors.Unavailable):
                await echo.EchoStub(clients.channel(SERVICE)).Read(echo.Echo(), timeout=5)


def test_files_that_do_not_fit_stay_out(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    """Between the replacing of the certificate and of its key the old pair serves on; with both, the new one does."""
    caplog.set_level(logging.INFO)
    made = authority.Authority.make()
    issue(made, tmp_path, SERVICE)
    secure = transport.Transport(transport.of(tmp_path, SERVICE))
    certificate, key = made.issue(SERVICE)
    (tmp_path / f"{SERVICE}.pem").write_bytes(certificate)
    assert (False, 1) == (secure.refresh(), secure.version)
    (tmp_path / f"{SERVICE}.key").write_bytes(key)
    assert (True, 2) == (secure.refresh(), secure.version)
    assert (False, 2) == (secure.refresh(), secure.version)


def test_files_that_are_no_certificates_are_refused_at_the_start(tmp_path: pathlib.Path) -> None:
    """Nobody learns with the first connection that nothing is encrypted."""
    issue(authority.Authority.make(), tmp_path, SERVICE)
    (tmp_path / f"{SERVICE}.key").write_text("no key")
    for name in (SERVICE, "missing"):
        with pytest.raises(errors.FailedPrecondition, match="certificates cannot be used"):
            transport.Transport(transport.of(tmp_path, name))


def test_keys_are_for_their_owner_only(tmp_path: pathlib.Path) -> None:
    """Private keys of the development authority are readable by nobody else; that of the authority is not kept."""
    authority.Authority.make().write(tmp_path / "made")
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "made").glob("*.key")}
    assert {f"{name}.key" for name in authority.SERVICES} == {path.name for path in (tmp_path / "made").glob("*.key")}
    ends = authority.expires((tmp_path / "made" / "jobs.pem").read_bytes()).timestamp()
    assert 364 < (ends - time.time()) / 86_400 < 366


def test_settings_want_all_of_tls_or_nothing(tmp_path: pathlib.Path) -> None:
    """Half of it would be a plain port that looks like an encrypted one."""
    with pytest.raises(ValueError, match="belong together"):
        settings_module.Settings(tls_ca=tmp_path / "ca.pem")
