"""Asks every instance of every service how it is, all at once."""

import asyncio
import dataclasses
import importlib.metadata
import time
from collections.abc import Awaitable, Callable
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc
from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2, exporter_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc

from chassis import breaker, client, discovery, errors

SERVICES = ("analyzer", "config", "exporter", "gateway", "jobs")
ASKED_AT_ONCE_MAX = 256  # calls; more instances than that are asked in turn
STATES = {health_pb2.HealthCheckResponse.SERVING: pb.InstanceStatus.STATE_SERVING}  # anything else does not serve

Capabilities = Callable[[Any, float], Awaitable[Any]]


async def _analyzer(channel: Any, timeout_s: float) -> analyzer_pb2.GetCapabilitiesResponse:
    request = analyzer_pb2.GetCapabilitiesRequest()
    return await analyzer_pb2_grpc.AnalyzerServiceStub(channel).GetCapabilities(request, timeout=timeout_s)


async def _exporter(channel: Any, timeout_s: float) -> exporter_pb2.GetCapabilitiesResponse:
    request = exporter_pb2.GetCapabilitiesRequest()
    return await exporter_pb2_grpc.ExporterServiceStub(channel).GetCapabilities(request, timeout=timeout_s)


async def _jobs(channel: Any, timeout_s: float) -> jobs_pb2.QueueStats:
    return await jobs_pb2_grpc.JobServiceStub(channel).GetQueueStats(jobs_pb2.GetQueueStatsRequest(), timeout=timeout_s)


CAPABILITIES: dict[str, Capabilities] = {"analyzer": _analyzer, "exporter": _exporter, "jobs": _jobs}


@dataclasses.dataclass(frozen=True, slots=True)
class Trust:
    """Who has to prove who it is.

    Args:
        callers: Whether callers of the gateway do.
        services: Whether services do.
    """

    callers: bool = False
    services: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Answer:
    """What one instance said."""

    status: pb.InstanceStatus
    queue: jobs_pb2.QueueStats | None = None


class Suite:
    """All instances of all services.

    Args:
        clients: Channels to every instance.
        how: How instances are found: `consul`, `dns` or `static`.
        trust: Who has to prove who it is.
    """

    def __init__(self, clients: client.Clients, how: str, trust: Trust | None = None) -> None:
        self._clients = clients
        self._how = how
        self._trust = trust or Trust()
        self._version = importlib.metadata.version("reelsmith")
        for name in SERVICES:
            clients.instances(name)  # from now on it is known who there is: the first question has an answer

    async def status(self, patience_s: float) -> pb.SuiteStatus:
        """How every instance is.

        Args:
            patience_s: How long to wait for an instance; all are asked at once.
        """
        limit = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        answers = await asyncio.gather(*(self._service(name, patience_s, limit) for name in SERVICES))
        queues = [answer.queue for service in answers for answer in service if answer.queue]
        status = pb.SuiteStatus(
            services=[
                pb.ServiceStatus(name=name, instances=[answer.status for answer in service])
                for name, service in zip(SERVICES, answers, strict=True)
            ],
            discovery=self._how,
            serving=all(any(_serves(answer) for answer in service) for service in answers),
            version=self._version,
            identity=pb.IdentityStatus(callers=self._trust.callers, services=self._trust.services),
            breakers=[_breaker(*one) for one in self._clients.breakers()],
        )
        if queues:
            status.queue.CopyFrom(queues[0])
        return status

    async def _service(self, name: str, patience_s: float, limit: asyncio.Semaphore) -> list[_Answer]:
        instances = sorted(self._clients.each(name), key=lambda pair: pair[0].id)
        return await asyncio.gather(*(_ask(name, *pair, patience_s, limit) for pair in instances))


def _breaker(service: str, method: str, one: breaker.Breaker) -> pb.BreakerStatus:
    calls, failures = one.counts
    status = pb.BreakerStatus(
        service=service, method=method, state=f"STATE_{one.state.name}", calls=calls, failures=failures
    )
    if one.rest_s:
        status.rest.FromNanoseconds(round(one.rest_s * 1e9))
    return status


async def _ask(
    name: str, instance: discovery.Instance, channel: Any, patience_s: float, limit: asyncio.Semaphore
) -> _Answer:
    status = pb.InstanceStatus(id=instance.id, address=instance.address, version=instance.metadata.get("version", ""))
    async with limit:
        start_s = time.monotonic()
        (state, silence), (facts, complaint) = await asyncio.gather(
            _state(channel, patience_s), _facts(name, channel, patience_s)
        )
        status.latency.FromNanoseconds(round((time.monotonic() - start_s) * 1e9))
    status.state, status.detail = state, silence or complaint
    if facts is not None:
        status.version = facts.version or status.version
    if facts is not None and "capacity" in facts.DESCRIPTOR.fields_by_name and facts.HasField("capacity"):
        status.capacity.CopyFrom(facts.capacity)
    return _Answer(status, facts if isinstance(facts, jobs_pb2.QueueStats) else None)


async def _state(channel: Any, patience_s: float) -> tuple[pb.InstanceStatus.State, str]:
    """How an instance answers, and what is wrong where it does not serve."""
    try:
        request = health_pb2.HealthCheckRequest()
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=patience_s)
    except errors.Error as failure:
        return pb.InstanceStatus.STATE_UNREACHABLE, str(failure)
    state = STATES.get(answer.status, pb.InstanceStatus.STATE_NOT_SERVING)
    return state, "" if state == pb.InstanceStatus.STATE_SERVING else "it says that it does not serve"


async def _facts(name: str, channel: Any, patience_s: float) -> tuple[Any, str]:
    """What an instance says about itself, and what is wrong where it says nothing."""
    if name not in CAPABILITIES:
        return None, ""
    try:
        return await CAPABILITIES[name](channel, patience_s), ""
    except errors.Error as failure:
        return None, str(failure)


def _serves(answer: _Answer) -> bool:
    return answer.status.state == pb.InstanceStatus.STATE_SERVING
