"""Starts the configuration service."""

import asyncio

from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import discovery, server, telemetry
from services.config import builtin, schema, service, store, versions
from services.config import settings as settings_module


async def main() -> None:
    """Wires the service and runs it until it is told to stop."""
    settings = settings_module.Settings()
    telemetry.setup(settings)
    registry = discovery.from_settings(settings)
    async with store.Store(settings.database) as kept:
        known = versions.Versions(
            kept, schema.Schema.load(), builtin.load(), settings.environment, settings.watchers_max
        )
        served = server.Service(service.ConfigService(known), rpc.add_ConfigServiceServicer_to_server, service.NAME)
        await server.run(settings, [served], registry=registry)


if __name__ == "__main__":
    asyncio.run(main())
