"""Asks one server whether it serves, for health checks of containers: `python -m chassis.probe 127.0.0.1:50051`."""

import sys

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc as rpc

TIMEOUT_S = 2.0  # less than a container's check gets: the answer is then ours, with a reason


def main(address: str) -> None:
    """Exits with 0 where the server serves, else with 1 and the reason.

    Args:
        address: Host and port.
    """
    with grpc.insecure_channel(address) as channel:
        try:
            answer = rpc.HealthStub(channel).Check(pb.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError as failure:
            sys.exit(f"{address} does not answer: {failure.code().name}")
    if answer.status != pb.HealthCheckResponse.SERVING:
        sys.exit(f"{address} is {pb.HealthCheckResponse.ServingStatus.Name(answer.status)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m chassis.probe HOST:PORT")
    main(sys.argv[1])
