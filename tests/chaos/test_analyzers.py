"""Three analyzers behind a real Consul: one dies, freezes or leaves under load, and no caller notices."""

import asyncio
import contextlib
import pathlib
import signal
from collections.abc import AsyncIterator

import pytest
from reelsmith.analyzer.v1 import analyzer_pb2 as pb
from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import client, testing
from chassis.discovery import consul as consul_registry
from chassis.testing import consul, load, process
from media import sessions

RATE_PER_S, DURATION_S, FAULT_AT_S, TIMEOUT_S = 15, 6.0, 1.5, 15.0
FAULTS = ("SIGKILL", "SIGSTOP", "SIGTERM")


@pytest.fixture
async def agent(require_tool, tmp_path: pathlib.Path) -> AsyncIterator[consul.Agent]:
    """A Consul agent of this test."""
    async with consul.agent(require_tool("consul"), tmp_path) as running:
        yield running


@pytest.fixture
async def analyzers(agent: consul.Agent, tmp_path: pathlib.Path) -> AsyncIterator[list[process.Process]]:
    """Three analyzers, listed."""
    environment = {
        "CONSUL_HTTP_ADDR": agent.address,
        "REELSMITH_DISCOVERY": "consul",
        "REELSMITH_SESSIONS_ROOT": str(tmp_path / "storage"),
        "REELSMITH_STATE_DIR": str(tmp_path / "state"),
    }
    async with process.running("analyzer", "services.analyzer", 3, tmp_path, environment) as processes:
        yield processes


@contextlib.asynccontextmanager
async def stubs(agent: consul.Agent, policy: client.Policy | None = None) -> AsyncIterator[rpc.AnalyzerServiceStub]:
    """A stub that knows three instances."""
    async with client.Clients(consul_registry.ConsulRegistry(agent.address), policy=policy) as made:
        channel = made.channel("analyzer")
        await testing.wait_until(lambda: 3 == len(made.instances("analyzer")), 30, "three instances are known")
        yield rpc.AnalyzerServiceStub(channel)


async def load_with_fault(
    stub: rpc.AnalyzerServiceStub, victim: process.Process, fault: signal.Signals, source: pathlib.Path
) -> load.Report:
    """Probes of a real video at a steady rate, with a fault in the middle."""

    async def probe() -> str:
        answer = await stub.Probe(pb.ProbeRequest(source_uri=source.as_uri()), timeout=TIMEOUT_S)
        return answer.media.format

    running = asyncio.create_task(load.steady(probe, RATE_PER_S, DURATION_S))
    await asyncio.sleep(FAULT_AT_S)
    victim.signal(fault)
    return await running


@pytest.fixture
def source(media_dir: pathlib.Path) -> pathlib.Path:
    """A small real video."""
    return (media_dir / "real" / "bbb_5s_vp9_opus.webm").resolve()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.slow
async def test_no_probe_fails_when_an_analyzer_goes(
    agent: consul.Agent, analyzers: list[process.Process], source: pathlib.Path, fault: str
) -> None:
    """kill -9, a freeze and a drain of one of three analyzers under load: 0 failed calls."""
    async with stubs(agent) as stub:
        report = await load_with_fault(stub, analyzers[0], signal.Signals[fault], source)
    assert {} == report.failures


@pytest.mark.slow
async def test_probes_fail_when_an_analyzer_freezes_and_the_picker_is_plain(
    agent: consul.Agent, analyzers: list[process.Process], source: pathlib.Path
) -> None:
    """Control: round robin without retries and hedges loses calls to the frozen analyzer."""
    async with stubs(agent, client.plain()) as stub:
        report = await load_with_fault(stub, analyzers[0], signal.SIGSTOP, source)
    assert report.failed > 0


async def test_analyses_go_on_elsewhere_when_their_analyzer_is_killed(
    agent: consul.Agent, analyzers: list[process.Process], media_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Streamed analyses that run on a killed analyzer start again on another one and end with one result each."""
    source = (media_dir / "real" / "man_talking_10s_h264_datastreams.mp4").resolve().as_uri()
    store = sessions.Sessions(tmp_path / "storage")

    async def analyze(stub: rpc.AnalyzerServiceStub) -> list[pb.AnalyzeResult]:
        output = media_pb2.Output(session_id=store.create().id)
        request = pb.AnalyzeRequest(source_uri=source, output=output)
        events = client.resume(lambda _: stub.Analyze(request, timeout=120), lambda event: None)
        return [event.result async for event in events if event.WhichOneof("event") == "result"]

    async with stubs(agent) as stub:
        running = [asyncio.create_task(analyze(stub)) for _ in range(6)]
        await asyncio.sleep(1.0)
        analyzers[0].signal(signal.SIGKILL)
        results = await asyncio.gather(*running)
    assert [1] * 6 == [len(found) for found in results]
    assert 1 == len({found[0].artifact.sha256 for found in results}), "the same source gives the same bytes"
