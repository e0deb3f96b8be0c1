"""Pauses and resumes the queue of a suite, and says how it stands."""

import contextlib
from collections.abc import AsyncIterator

from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc

from chassis import client
from chassis.identity import transport
from client import place

CALL_TIMEOUT_S = 10.0  # the job manager writes one row


class Queue:
    """Calls of the job manager about its queue. Use `connect(address)`."""

    def __init__(self, stub: rpc.JobServiceStub) -> None:
        self._stub = stub

    async def pause(self, drain: bool, reason: str) -> pb.QueueStats:
        """Starts no more steps, or takes no more jobs."""
        return await self._stub.PauseQueue(pb.PauseQueueRequest(drain=drain, reason=reason), timeout=CALL_TIMEOUT_S)

    async def resume(self) -> pb.QueueStats:
        """Starts steps and takes jobs again."""
        return await self._stub.ResumeQueue(pb.ResumeQueueRequest(), timeout=CALL_TIMEOUT_S)

    async def stats(self) -> pb.QueueStats:
        """How much is waiting and running."""
        return await self._stub.GetQueueStats(pb.GetQueueStatsRequest(), timeout=CALL_TIMEOUT_S)


@contextlib.asynccontextmanager
async def connect(address: str, secure: transport.Transport | None = None) -> AsyncIterator[Queue]:
    """A connection to the job manager at an address.

    Args:
        address: Host and port.
        secure: What it is encrypted and proven with; None for a plain one.

    Raises:
        errors.InvalidArgument: The address is not of the form `host:port`.
    """
    async with client.Clients(place.registry("jobs", address), secure=secure) as clients:
        yield Queue(rpc.JobServiceStub(clients.channel("jobs")))
