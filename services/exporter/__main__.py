"""Starts the exporter."""

import asyncio

from reelsmith.config.v1 import config_pb2 as config_pb
from reelsmith.config.v1 import config_pb2_grpc as config_rpc
from reelsmith.exporter.v1 import exporter_pb2_grpc as rpc

from chassis import client, discovery, live, server, steering, telemetry
from media import pool, sessions
from services.exporter import exports, gallery, presets, service, warm
from services.exporter import settings as settings_module


async def main() -> None:
    """Wires the service and runs it until it is told to stop."""
    settings = settings_module.Settings()
    telemetry.setup(settings)
    registry = discovery.from_settings(settings)
    store = sessions.Sessions(settings.sessions_root)
    sources = sessions.Sources(sessions.Uploads(settings.sessions_root), settings.roots)
    pooled = pool.PoolSettings(
        workers=settings.workers,
        queue_limit=settings.queue_limit,
        memory_bytes=settings.worker_memory_bytes,
        preload=warm.PRELOAD,
    )
    async with client.Clients(registry, settings) as clients, pool.Pool(pooled) as workers:
        stub = config_rpc.ConfigServiceStub(clients.channel("config"))
        steered = steering.Steering(settings, lambda now: workers.resize(now.workers, now.queue_limit))
        following = live.shared(stub.WatchConfig, config_pb.WatchConfigRequest, settings, steered, presets.accept)
        async with following as document:
            clips = exports.Exporter(
                workers, store, sources, lambda: (document.value, document.version), settings.limits
            )
            shown = gallery.Gallery(workers, store, settings.limits)
            encoders = (await workers.run("services.exporter.encoders:probe", {})).value
            servicer = service.ExporterService(clips, shown, workers, encoders)
            served = server.Service(servicer, rpc.add_ExporterServiceServicer_to_server, service.NAME)
            await server.run(settings, [served], registry=registry)


if __name__ == "__main__":
    asyncio.run(main())
