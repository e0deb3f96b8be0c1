"""Names are followed: every address behind one is an instance."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from chassis import client, discovery, settings, testing
from chassis.discovery import dns
from chassis.testing import echo

INTERVAL_S = 0.01


class Names:
    """A resolver whose answers a test changes; an OSError is one too."""

    def __init__(self, *addresses: str) -> None:
        self.answer: list[str] | OSError = list(addresses)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


@contextlib.asynccontextmanager
async def watched(names: Names) -> AsyncIterator[AsyncIterator[list[str]]]:
    """What a watcher of one name sees, list by list."""
    registry = dns.DnsRegistry(discovery.StaticRegistry.parse("analyzer=analyzer.svc:50051"), names, INTERVAL_S)
    watch = registry.watch("analyzer")
    try:
        yield ([one.address for one in instances] async for instances in watch)
    finally:
        await watch.aclose()


async def test_every_address_is_an_instance() -> None:
    """Of both families, in a stable order; a new one is seen and one that is gone is let go."""
    names = Names("10.0.0.2", "fd00::1", "10.0.0.1")
    async with watched(names) as seen:
        assert ["10.0.0.1:50051", "10.0.0.2:50051", "[fd00::1]:50051"] == await anext(seen)
        names.answer = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"]
        assert ["10.0.0.1:50051", "10.0.0.2:50051", "10.0.0.3:50051", "[fd00::1]:50051"] == await anext(seen)
        names.answer = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        assert ["10.0.0.1:50051", "10.0.0.2:50051", "10.0.0.3:50051"] == await anext(seen)


@pytest.mark.parametrize("answer", [OSError("no such name"), []])
async def test_outage_of_names_changes_nothing(answer) -> None:
    """The last list stays true, and the next answer counts again."""
    names = Names("10.0.0.1")
    async with watched(names) as seen:
        await anext(seen)
        names.answer, names.asked = answer, 0
        next_list = asyncio.ensure_future(anext(seen))
        await testing.wait_until(lambda: names.asked >= 3)
        assert not next_list.done()
        names.answer = ["10.0.0.1", "10.0.0.9"]
        assert ["10.0.0.1:50051", "10.0.0.9:50051"] == await next_list


async def test_calls_reach_a_server_by_its_name() -> None:
    """With the resolver of this machine, as settings choose it."""
    async with testing.serving([echo.service()]) as server:
        chosen = settings.Settings(discovery="dns", static_registry=f"echo=localhost:{server.port}")
        registry = discovery.from_settings(chosen)
        assert isinstance(registry, dns.DnsRegistry)
        async with client.Clients(registry) as clients:
            answer = await echo.EchoStub(clients.channel("echo")).Read(echo.Echo(), timeout=20)
    assert answer.text


async def test_service_without_a_name_has_no_instances() -> None:
    """Which is no error."""
    registry = dns.DnsRegistry(discovery.StaticRegistry.parse(""), Names("10.0.0.1"), INTERVAL_S)
    assert () == await anext(registry.watch("jobs"))


async def test_lookups_that_hang_keep_no_file_from_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have threads of their own, however many hang."""
    release = threading.Event()
    monkeypatch.setattr(dns.socket, "getaddrinfo", lambda *words, **more: release.wait(30) and [])
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
    hanging = [asyncio.create_task(dns.lookup("name", 1)) for _ in range(8)]
    await asyncio.sleep(0)
    assert 7 == await asyncio.wait_for(asyncio.to_thread(lambda: 7), 20)
    assert not any(lookup.done() for lookup in hanging)
    release.set()
    assert [[]] * 8 == await asyncio.gather(*hanging)
