"""Asks a process whether it serves."""

import contextlib

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as rpc

ANSWER_TIMEOUT_S = 1.0  # a healthy process answers in milliseconds


async def serving(address: str) -> bool:
    """Whether the server at an address says that it serves."""
    # A fresh channel each time: a kept one would sit out its own reconnect back-off while the server comes up.
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        with contextlib.suppress(grpc.aio.AioRpcError):  # not there yet, or not able to answer
            answer = await rpc.HealthStub(channel).Check(pb.HealthCheckRequest(), timeout=ANSWER_TIMEOUT_S)
            return answer.status == pb.HealthCheckResponse.SERVING
    return False
