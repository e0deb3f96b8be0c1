"""Clients keep working while instances die, freeze and leave, and while Consul itself is away."""

import asyncio
import contextlib
import pathlib
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from chassis import client, discovery, errors, member, testing
from chassis.discovery import consul as consul_registry
from chassis.discovery import steady
from chassis.testing import consul, echo, load, process
from tests import tiers

RATE_PER_S, DELAY_S, TIMEOUT_S = 60, 0.03, 8.0
FAULT_AT_S, DURATION_S = 1.0, 4.0
FAULTS = ("SIGKILL", "SIGSTOP", "SIGTERM")


@pytest.fixture
async def agent(require_tool, tmp_path: pathlib.Path) -> AsyncIterator[consul.Agent]:
    """A Consul agent of this test."""
    async with consul.agent(require_tool("consul"), tmp_path) as running:
        yield running


@pytest.fixture
async def instances(agent: consul.Agent, tmp_path: pathlib.Path) -> AsyncIterator[list[process.Process]]:
    """Three instances, listed."""
    environment = {"CONSUL_HTTP_ADDR": agent.address, "REELSMITH_DISCOVERY": "consul"}
    async with process.running("echo", "chassis.testing", 3, tmp_path, environment) as processes:
        await testing.wait_until(lambda: listed(agent, 3), what="three instances are listed")
        yield processes


async def listed(agent: consul.Agent, count: int) -> bool:
    """Whether so many instances are listed."""
    return count == len(await agent.passing("echo"))


@contextlib.asynccontextmanager
async def clients(agent: consul.Agent, policy: client.Policy | None = None) -> AsyncIterator[client.Clients]:
    """Clients that know three instances."""
    async with client.Clients(consul_registry.ConsulRegistry(agent.address), policy=policy) as made:
        await testing.wait_until(lambda: 3 == len(made.instances("echo")), what="three instances are known")
        yield made


async def load_with_fault(made: client.Clients, fault: Callable[[], None]) -> load.Report:
    """Steady load with a fault in it."""
    stub = echo.EchoStub(made.channel("echo"))

    async def call() -> str:
        return (await stub.Read(echo.Echo(delay_s=DELAY_S), timeout=TIMEOUT_S)).text

    running = asyncio.create_task(load.steady(call, RATE_PER_S, DURATION_S))
    await asyncio.sleep(FAULT_AT_S)
    fault()
    return await running


@pytest.mark.parametrize("fault", tiers.few(FAULTS, ["SIGSTOP"]))
async def test_no_call_fails_when_an_instance_goes(
    agent: consul.Agent, instances: list[process.Process], fault: str
) -> None:
    """One of three instances is killed, frozen or drained under load, and no caller notices."""
    async with clients(agent) as made:
        report = await load_with_fault(made, lambda: instances[0].signal(signal.Signals[fault]))
        assert {} == report.failures
        assert 3 == len(report.answers), "the instance served before it went"
        await testing.wait_until(lambda: listed(agent, 2), what="the instance is off the list")


@pytest.mark.parametrize("fault", tiers.few(["SIGKILL", "SIGSTOP"], ["SIGSTOP"]))
async def test_calls_fail_when_an_instance_goes_and_the_picker_is_plain(
    agent: consul.Agent, instances: list[process.Process], fault: str
) -> None:
    """Control: with round robin, no retries and no hedges the same load loses calls."""
    async with clients(agent, client.plain()) as made:
        report = await load_with_fault(made, lambda: instances[0].signal(signal.Signals[fault]))
    assert report.failed > 0


async def test_no_call_fails_when_all_instances_restart_in_turn(
    agent: consul.Agent, instances: list[process.Process]
) -> None:
    """A rolling restart under load is invisible."""
    async with clients(agent) as made:
        stub = echo.EchoStub(made.channel("echo"))

        async def call() -> str:
            return (await stub.Put(echo.Echo(delay_s=DELAY_S), timeout=TIMEOUT_S)).text

        running = asyncio.create_task(load.steady(call, RATE_PER_S, 10.0))
        for instance in instances:
            instance.signal(signal.SIGTERM)
            assert 0 == await instance.wait()
            await instance.start()
        report = await running
    assert {} == report.failures


async def test_no_call_fails_when_the_agent_is_killed_and_comes_back_empty(
    agent: consul.Agent, instances: list[process.Process]
) -> None:
    """The last list stays true without the agent, also when an instance dies meanwhile; then all register again."""
    async with clients(agent) as made:
        stub = echo.EchoStub(made.channel("echo"))

        async def call() -> str:
            return (await stub.Read(echo.Echo(delay_s=DELAY_S), timeout=TIMEOUT_S)).text

        running = asyncio.create_task(load.steady(call, RATE_PER_S, 10.0))
        await asyncio.sleep(1)
        await asyncio.to_thread(agent.kill)
        await asyncio.sleep(1)
        instances[0].signal(signal.SIGKILL)
        await asyncio.sleep(1)
        await agent.start()
        report = await running
        assert {} == report.failures
        await testing.wait_until(lambda: listed(agent, 2), 60, "the two that are left are listed again")
        await testing.wait_until(lambda: 2 == len(made.instances("echo")), 60, "the dead one is forgotten")


async def test_calls_fail_when_the_agent_comes_back_empty_and_is_believed(
    agent: consul.Agent, instances: list[process.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: with every list taken at its word, the instances are forgotten until they register again."""
    monkeypatch.setattr(steady.Steady, "update", lambda self, instances, now_s: tuple(instances))
    async with clients(agent) as made:
        await asyncio.to_thread(agent.kill)
        await agent.start()
        await testing.wait_until(lambda: not made.instances("echo"), what="the empty list is believed")
        with pytest.raises(errors.Unavailable, match="no instance"):
            await echo.EchoStub(made.channel("echo")).Read(echo.Echo(), timeout=0.2)


@pytest.mark.parametrize("fault", tiers.few(FAULTS, ["SIGSTOP"]))
async def test_streams_resume_when_an_instance_goes(
    agent: consul.Agent, instances: list[process.Process], fault: str
) -> None:
    """Six streams over three instances go on without a gap or a repetition."""
    async with clients(agent) as made:
        stub = echo.EchoStub(made.channel("echo"))
        counts: list[list[int]] = [[] for _ in range(6)]

        def reopen(after: int | None):
            return stub.Watch(echo.Echo(number=0 if after is None else after + 1, delay_s=0.05))

        async def read(numbers: list[int]) -> None:
            async for message in client.resume(reopen, lambda message: message.number):
                numbers.append(message.number)

        readers = [asyncio.create_task(read(numbers)) for numbers in counts]
        await testing.wait_until(lambda: all(len(numbers) > 10 for numbers in counts))
        instances[0].signal(signal.Signals[fault])
        await asyncio.sleep(14 if fault == "SIGSTOP" else 2)  # a frozen peer is found after 11 s
        before = [len(numbers) for numbers in counts]
        await asyncio.sleep(1)
        for reader in readers:
            reader.cancel()
        outcomes = await asyncio.gather(*readers, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert [list(range(len(numbers))) for numbers in counts] == counts
    assert all(len(numbers) > count for numbers, count in zip(counts, before, strict=True))


async def test_streams_break_when_an_instance_is_killed_and_nothing_resumes_them(
    agent: consul.Agent, instances: list[process.Process]
) -> None:
    """Control: a stream that is only read ends with UNAVAILABLE."""
    async with clients(agent) as made:
        stub = echo.EchoStub(made.channel("echo"))

        async def read() -> None:
            async for _ in stub.Count(echo.Echo(delay_s=0.05)):
                pass

        readers = [asyncio.create_task(read()) for _ in range(6)]
        await asyncio.sleep(1)
        instances[0].signal(signal.SIGKILL)
        done, pending = await asyncio.wait(readers, timeout=5, return_when=asyncio.FIRST_EXCEPTION)
        for reader in pending:
            reader.cancel()
        assert {errors.Unavailable} == {type(reader.exception()) for reader in done}


async def test_stream_of_a_frozen_instance_hangs_without_the_ping_timeout(
    agent: consul.Agent, instances: list[process.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: with gRPC's own options nothing notices the silence."""
    monkeypatch.setattr(member, "OPTIONS", (("grpc.use_local_subchannel_pool", 1),))
    async with clients(agent) as made:
        heard = {channel: asyncio.create_task(_listen(channel)) for _, channel in made.each("echo")}
        await asyncio.sleep(1)
        for instance in instances:
            instance.signal(signal.SIGSTOP)
        done, pending = await asyncio.wait(heard.values(), timeout=14)
        for reader in pending:
            reader.cancel()
    assert (0, 3) == (len(done), len(pending))


async def _listen(channel) -> None:
    async for _ in echo.EchoStub(channel).Count(echo.Echo(delay_s=0.05)):
        pass


async def test_second_registration_leaves_a_failing_check_alone(agent: consul.Agent) -> None:
    """Registering again and again does not make a dead instance look alive."""
    registry = consul_registry.ConsulRegistry(agent.address)
    dead = discovery.Instance("echo", "dead", "127.0.0.1", testing.free_port())
    await registry.register(dead)
    await testing.wait_until(lambda: listed(agent, 0), what="the check fails")
    await registry.register(dead)
    assert [] == await agent.passing("echo")


async def test_watch_ignores_an_empty_list(agent: consul.Agent) -> None:
    """The last instance that goes stays in the list: calling it fails no worse than calling nobody."""
    registry = consul_registry.ConsulRegistry(agent.address)
    async with testing.serving([echo.service()]) as server:
        only = discovery.Instance("echo", "only", "127.0.0.1", server.port)
        await registry.register(only)
        async with client.Clients(registry) as made:
            await made.ready("echo")
            await registry.deregister(only)
            await testing.wait_until(lambda: listed(agent, 0))
            await asyncio.sleep(0.3)
            assert [only] == list(made.instances("echo"))
            assert "5" == str((await echo.EchoStub(made.channel("echo")).Read(echo.Echo(number=5))).number)
