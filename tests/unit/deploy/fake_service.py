"""A fake service: nothing but a health server on a port, with the vices that the launcher must cope with."""

import argparse
import asyncio
import pathlib
import signal
import sys

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


async def serve(given: argparse.Namespace) -> None:
    """Serves health until SIGTERM."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{given.port}")
    await server.start()
    state = health_pb2.HealthCheckResponse.NOT_SERVING if given.sick else health_pb2.HealthCheckResponse.SERVING
    await servicer.set("", state)
    print(f"{given.name} is up", flush=True)
    stop = asyncio.Event()
    handler = (lambda: print("ignored", flush=True)) if given.stubborn else stop.set
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, handler)
    await stop.wait()
    await server.stop(0)


def main() -> None:
    """Reads the vices from the command line, serves, and writes into a journal at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--broken", action="store_true", help="end at once")
    parser.add_argument("--sick", action="store_true", help="never serve")
    parser.add_argument("--stubborn", action="store_true", help="ignore SIGTERM")
    given = parser.parse_args()
    if given.broken:
        print("cannot read the model file", flush=True)
        sys.exit(7)
    asyncio.run(serve(given))
    with pathlib.Path(given.journal).open("a") as file:
        file.write(f"{given.name}\n")


if __name__ == "__main__":
    main()
