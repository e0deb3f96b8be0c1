"""A server starts silent, serves what it can, and leaves without losing a call."""

import asyncio
import pathlib

import grpc
import httpx
import prometheus_client
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis import client, discovery, errors, server, testing
from chassis.identity import caller, policy
from chassis.testing import echo

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Book:
    """A registry that writes down what it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.entries: list[str] = []
        self._failures = failures

    async def register(self, instance: discovery.Instance) -> None:
        """Notes it, unless it is to fail."""
        if self._failures:
            self._failures -= 1
            raise errors.Unavailable("no registry")
        self.entries.append("register")

    async def deregister(self, instance: discovery.Instance) -> None:
        """Notes it."""
        self.entries.append("deregister")


async def status(channel: aio.Channel, service: str = "") -> int:
    """What the health service says."""
    request = health_pb2.HealthCheckRequest(service=service)
    return (await health_pb2_grpc.HealthStub(channel).Check(request, timeout=30)).status


async def test_second_bind_of_a_port_fails() -> None:
    """Two processes never share a port by accident."""
    async with testing.serving([echo.service()]) as first:
        with pytest.raises(errors.Unavailable, match=str(first.port)):
            async with testing.serving([echo.service()], port=first.port):
                pass


async def test_second_bind_succeeds_with_the_defaults_of_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: SO_REUSEPORT is on by default, and a second server takes the port silently."""
    monkeypatch.setattr(server, "OPTIONS", ())
    async with (
        testing.serving([echo.service()]) as first,
        testing.serving([echo.service()], port=first.port) as second,
    ):
        assert first.port == second.port


async def test_health_follows_what_the_service_can_do() -> None:
    """For the service and overall; a bug in the check counts as unable."""
    servicer = echo.EchoServicer()
    async with testing.serving([echo.service(servicer)]) as running, aio.insecure_channel(running.address) as channel:
        assert (SERVING, SERVING) == (await status(channel), await status(channel, echo.FULL_NAME))
        servicer.unable = errors.FailedPrecondition("no disk")
        await testing.wait_until(lambda: _is(channel, NOT_SERVING))
        servicer.unable = None
        await testing.wait_until(lambda: _is(channel, SERVING))
        servicer.unable = ZeroDivisionError("planted")
        await testing.wait_until(lambda: _is(channel, NOT_SERVING))


async def _is(channel: aio.Channel, wanted: int) -> bool:
    return wanted == await status(channel)


async def test_health_is_logged_once_per_change(caplog) -> None:
    """A service that stays ill does not fill the log."""
    caplog.set_level("INFO", "chassis.health")
    servicer = echo.EchoServicer()
    servicer.unable = errors.FailedPrecondition("no disk")
    async with testing.serving([echo.service(servicer)], health_interval_s=0.02):
        await asyncio.sleep(0.3)
    assert 1 == sum("no disk" in record.getMessage() for record in caplog.records)


async def test_watch_of_health_sees_the_drain() -> None:
    """The stock Watch, a coroutine that writes, works through the interceptors and hears the end."""
    async with aio.insecure_channel(f"127.0.0.1:{(port := testing.free_port())}") as channel:
        seen = []
        async with testing.serving([echo.service()], port=port):
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
            seen.append((await watch.read()).status)
        seen.append((await watch.read()).status)
    assert [SERVING, NOT_SERVING] == seen


async def test_reflection_lists_the_services() -> None:
    """A generic client needs no protos."""
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = {item.name for item in (await call.read()).list_services_response.service}
    assert {echo.FULL_NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} == names


async def test_unknown_method_is_unimplemented() -> None:
    """The interceptors leave it to gRPC."""
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as channel:
        with pytest.raises(aio.AioRpcError) as raised:
            await channel.unary_unary("/no.Such/Method")(b"")
    assert grpc.StatusCode.UNIMPLEMENTED is raised.value.code()


async def test_large_request_passes() -> None:
    """One of more than gRPC's default of 4 MiB."""
    text = "x" * (8 << 20)
    async with testing.serving([echo.service()]) as running:
        registry = discovery.StaticRegistry({"echo": [running.address]})
        async with client.Clients(registry) as clients:
            answer = await echo.EchoStub(clients.channel("echo")).Put(echo.Echo(text=text, number=7))
    assert 7 == answer.number


async def test_call_beyond_the_limit_is_refused_at_once() -> None:
    """With a hint when to come back, while health still answers."""
    async with (
        testing.serving([echo.service()], concurrent_calls_max=1) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        stub = echo.EchoStub(channel)
        first = stub.Read(echo.Echo(delay_s=1))
        await asyncio.sleep(0.2)
        with pytest.raises(aio.AioRpcError) as raised:
            await stub.Read(echo.Echo())
        refusal = errors.from_rpc(raised.value)
        assert (errors.ResourceExhausted, "TOO_MANY_CALLS", 1.0) == (
            type(refusal),
            refusal.reason,
            refusal.retry_after_s,
        )
        assert SERVING == await status(channel)
        await first


async def test_running_call_ends_during_the_drain() -> None:
    """It has its grace; new ones are not taken."""
    async with (
        testing.serving([echo.service()], drain_s=5) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        call = echo.EchoStub(channel).Add(echo.Echo(number=9, delay_s=0.5))
        await asyncio.sleep(0.1)
        await running.drain()
        assert 9 == (await call).number


async def test_watching_stream_does_not_hold_the_drain() -> None:
    """It is told to go elsewhere instead of being waited for."""
    async with (
        testing.serving([echo.service()], drain_s=30) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        call = echo.EchoStub(channel).Watch(echo.Echo(delay_s=0.05))
        await call.read()
        await running.drain()
        with pytest.raises(aio.AioRpcError) as raised:
            await _read_on(call)
    assert (grpc.StatusCode.UNAVAILABLE, "DRAINING") == (
        raised.value.code(),
        errors.from_rpc(raised.value).reason,
    )


async def test_reading_ends_by_itself_during_the_drain() -> None:
    """A question that is being answered is, and a stream that is no watch goes on: it may be a download."""
    async with (
        testing.serving([echo.service()], drain_s=30) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        stub = echo.EchoStub(channel)
        answer, stream = stub.Read(echo.Echo(number=7, delay_s=0.5)), stub.Count(echo.Echo(delay_s=0.01))
        await stream.read()
        draining = asyncio.create_task(running.drain())
        assert 7 == (await answer).number
        assert [True] * 5 == [aio.EOF is not await stream.read() for _ in range(5)]
        stream.cancel()
        await draining


async def test_reading_that_outlasts_the_drain_is_told_to_go_elsewhere() -> None:
    """With the last of the time, not cut without a word."""
    async with (
        testing.serving([echo.service()], drain_s=0.5) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        call = echo.EchoStub(channel).Count(echo.Echo(delay_s=0.01))
        await call.read()
        await running.drain()
        with pytest.raises(aio.AioRpcError) as raised:
            await _read_on(call)
    assert "DRAINING" == errors.from_rpc(raised.value).reason


async def test_watch_is_not_begun_during_the_drain() -> None:
    """Neither while the service itself drains, which still takes other calls; all together has one deadline."""
    reasons, limits_s = [], []

    async def on_drain() -> None:
        async with aio.insecure_channel(running.address) as channel:
            stub = echo.EchoStub(channel)
            assert 3 == (await stub.Read(echo.Echo(number=3))).number
            with pytest.raises(aio.AioRpcError) as raised:
                await stub.Watch(echo.Echo()).read()
            reasons.append(errors.from_rpc(raised.value).reason)
        await asyncio.sleep(0.1)

    running = server.Server(testing.settings(drain_s=20), [echo.service()], on_drain=on_drain)
    async with running:
        stop = running._server.stop
        running._server.stop = lambda grace: limits_s.append(grace) or stop(grace)
    assert (["DRAINING"], True) == (reasons, 0 < limits_s[0] <= 19.9)


async def test_drain_of_a_service_is_bounded() -> None:
    """One that never ends keeps no process from ending."""
    async with server.Server(testing.settings(drain_s=0.1), [echo.service()], on_drain=asyncio.Event().wait):
        pass


async def _read_on(call: aio.UnaryStreamCall) -> None:
    while aio.EOF is not await call.read():
        pass


async def test_drain_calls_back_before_it_waits_for_calls() -> None:
    """A service can end what would run for ever."""
    order = []

    async def on_drain() -> None:
        order.append("drain")

    async with server.Server(testing.settings(), [echo.service()], on_drain=on_drain):
        order.append("serve")
    assert ["serve", "drain"] == order


async def test_instance_is_listed_while_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed, listed again and again, struck off first thing."""
    monkeypatch.setattr(server.registration, "INTERVAL_S", 0.05)
    book = Book()
    async with server.Server(testing.settings(), [echo.service()], book):
        await testing.wait_until(lambda: len(book.entries) >= 3)
    assert ["register", "register", "deregister"] == [*book.entries[:2], book.entries[-1]]


async def test_instance_that_cannot_serve_is_not_listed() -> None:
    """Nobody is sent to it."""
    servicer, book = echo.EchoServicer(), Book()
    servicer.unable = errors.FailedPrecondition("no disk")
    async with server.Server(testing.settings(), [echo.service(servicer)], book):
        await asyncio.sleep(0.3)
    assert [] == book.entries


async def test_registration_outlasts_a_registry_that_is_down(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """It is tried again, and said once."""
    monkeypatch.setattr(server.registration, "INTERVAL_S", 0.02)
    book = Book(failures=5)
    async with server.Server(testing.settings(), [echo.service()], book):
        await testing.wait_until(lambda: book.entries)
    assert 1 == sum("cannot be registered" in record.getMessage() for record in caplog.records)


async def test_metrics_count_calls_by_method_and_code() -> None:
    """Rate, errors and duration, as Prometheus reads them."""
    before = _count("Add", "NOT_FOUND")
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as channel:
        with pytest.raises(aio.AioRpcError):
            await echo.EchoStub(channel).Add(echo.Echo(text="NotFound"))
    assert before + 1 == _count("Add", "NOT_FOUND")


def _count(method: str, code: str) -> float:
    labels = {"method": f"{echo.FULL_NAME}/{method}", "code": code}
    return prometheus_client.REGISTRY.get_sample_value("reelsmith_rpc_server_handled_total", labels) or 0.0


async def test_metrics_are_served_while_the_process_runs() -> None:
    """On a port of their own."""
    settings = testing.settings(metrics_port=testing.free_port())
    running = asyncio.create_task(server.run(settings, [echo.service()]))

    async def served() -> bool:
        async with httpx.AsyncClient(trust_env=False) as browser:
            try:
                answer = await browser.get(f"http://127.0.0.1:{settings.metrics_port}/metrics")
            except httpx.HTTPError:
                return False
        return "reelsmith_rpc_server_handled_total" in answer.text

    await testing.wait_until(served)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class Broken:
    """Knows callers, with a bug."""

    async def identify(self, authorizations: tuple[str, ...]) -> caller.Caller:
        """Fails."""
        raise ZeroDivisionError("planted")


async def test_bug_in_who_decides_about_callers_is_internal() -> None:
    """One of our errors, counted and logged as such, and not UNKNOWN with the words of the bug."""
    before = _count("Read", "INTERNAL")
    rules = policy.by_role(echo.FULL_NAME, dict.fromkeys(echo.METHODS, caller.Role.VIEWER))
    guarded = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, rules)
    async with (
        server.Server(testing.settings(), [guarded], callers=Broken()) as running,
        aio.insecure_channel(running.address) as channel,
    ):
        with pytest.raises(aio.AioRpcError) as raised:
            await echo.EchoStub(channel).Read(echo.Echo())
    failure = errors.from_rpc(raised.value)
    assert (errors.Internal, "INTERNAL") == (type(failure), failure.reason)
    assert "planted" not in failure.message
    assert before + 1 == _count("Read", "INTERNAL")


async def test_watches_of_health_are_bounded_and_checks_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers may open them: one too many is refused, a place that is given back is free, and checks go on."""
    monkeypatch.setattr(server.limits, "WATCHES_MAX", 2)
    async with testing.serving([echo.service()]) as running, aio.insecure_channel(running.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        held = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
        assert [SERVING, SERVING] == [(await watch.read()).status for watch in held]
        with pytest.raises(aio.AioRpcError) as raised:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()
        assert "TOO_MANY_CALLS" == errors.from_rpc(raised.value).reason
        assert SERVING == await status(channel)
        held[0].cancel()

        async def free() -> bool:
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            try:
                return SERVING == (await watch.read()).status
            except aio.AioRpcError:
                return False

        await testing.wait_until(free)


async def test_log_names_who_is_behind_a_door(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    """Over the socket file of this process the words of the door hold; from anywhere else they are only words."""
    caplog.set_level("INFO", "chassis.interceptors.logging")
    inside, said = f"unix:{tmp_path}/s", (("x-forwarded-for", "10.0.0.9"), ("x-request-id", "r-1"))
    async with server.Server(testing.settings(), [echo.service()], inside=inside) as running:
        for address in (inside, running.address):
            async with aio.insecure_channel(address) as channel:
                await echo.EchoStub(channel).Read(echo.Echo(), metadata=said)
    door, other = [record for record in caplog.records if hasattr(record, "rpc_method")]
    assert ("10.0.0.9", "r-1") == (door.peer, door.request_id)
    assert (True, False) == (other.peer.startswith("ipv4:127.0.0.1:"), hasattr(other, "request_id"))
