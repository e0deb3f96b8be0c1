"""Starts the gateway: settings, telemetry, dependencies, servicer, run."""

import asyncio
import sys

from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc

from chassis import client, discovery, errors, live, server, steering, telemetry
from gateway import service, suite, uploads
from gateway import settings as settings_module
from media import sessions


async def serve(settings: settings_module.Settings) -> None:
    """Runs the gateway until it is told to stop."""
    registry = discovery.from_settings(settings)
    how = "static" if isinstance(registry, discovery.StaticRegistry) else "consul"
    storage = service.Storage(
        sessions.Sessions(settings.sessions_root),
        uploads.Uploads(sessions.Uploads(settings.sessions_root, settings.upload_size_max_bytes)),
    )
    async with client.Clients(registry, settings) as clients:
        servicer = service.ClipService(clients, storage, suite.Suite(clients, how), settings)
        served = server.Service(servicer, rpc.add_ClipServiceServicer_to_server, service.NAME)
        stub = config_pb2_grpc.ConfigServiceStub(clients.channel("config"))
        request, steered = config_pb2.WatchConfigRequest, steering.Steering(settings)
        async with live.shared(stub.WatchConfig, request, settings, steered, wait=False):
            await server.run(settings, [served], registry=registry)


def main() -> None:
    """The entry point of the process."""
    settings = settings_module.Settings()
    telemetry.setup(settings)
    try:
        asyncio.run(serve(settings))
    except errors.Error as failure:
        sys.exit(f"the gateway cannot run: {failure}")


if __name__ == "__main__":
    main()
