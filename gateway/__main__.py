"""Starts the gateway."""

import asyncio

from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc

from chassis import client, discovery, server, telemetry
from gateway import service, suite, uploads
from gateway import settings as settings_module
from media import sessions


async def main() -> None:
    """Wires the gateway and runs it until it is told to stop."""
    settings = settings_module.Settings()
    telemetry.setup(settings)
    registry = discovery.from_settings(settings)
    how = "static" if isinstance(registry, discovery.StaticRegistry) else "consul"
    storage = service.Storage(
        sessions.Sessions(settings.sessions_root),
        uploads.Uploads(sessions.Uploads(settings.sessions_root, settings.upload_size_max_bytes)),
    )
    async with client.Clients(registry, settings) as clients:
        servicer = service.ClipService(clients, storage, suite.Suite(clients, how), settings)
        served = server.Service(servicer, rpc.add_ClipServiceServicer_to_server, service.NAME)
        await server.run(settings, [served], registry=registry)


if __name__ == "__main__":
    asyncio.run(main())
