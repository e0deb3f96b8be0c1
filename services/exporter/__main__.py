"""Starts the exporter."""

import asyncio

from reelsmith.config.v1 import config_pb2 as config_pb
from reelsmith.config.v1 import config_pb2_grpc as config_rpc
from reelsmith.exporter.v1 import exporter_pb2_grpc as rpc

from chassis import client, discovery, dumps, live, pins, server, steering, telemetry, usage
from media import pool, sessions
from services.exporter import exports, gallery, policy, presets, provenance, service, warm
from services.exporter import settings as settings_module


async def main() -> None:
    """Wires the service and runs it until it is told to stop."""
    settings = settings_module.Settings()
    dumps.forbid()
    telemetry.setup(settings)
    registry = discovery.from_settings(settings)
    store = sessions.Sessions(settings.sessions_root)
    sources = sessions.Sources(sessions.Uploads(settings.sessions_root), settings.roots, store)
    pooled = pool.PoolSettings(
        workers=settings.workers,
        queue_limit=settings.queue_limit,
        memory_bytes=settings.worker_memory_bytes,
        preload=warm.PRELOAD + ((provenance.PRELOAD,) if settings.credentials_secret else ()),
    )
    async with client.Clients(registry, settings) as clients, pool.Pool(pooled) as workers:
        stub = config_rpc.ConfigServiceStub(clients.channel("config"))
        signer = _signer(settings, workers, stub)
        steered = steering.Steering(settings, lambda now: workers.resize(now.workers, now.queue_limit))
        following = live.shared(stub.WatchConfig, config_pb.WatchConfigRequest, settings, steered, presets.accept)
        async with following as document:
            clips = exports.Exporter(
                workers,
                exports.Storage(store, sources),
                pins.Configuration(document, settings),
                settings.limits,
                signer,
            )
            shown = gallery.Gallery(workers, store, settings.limits)
            encoders = (await workers.run("services.exporter.encoders:probe", {})).value
            servicer = service.ExporterService(clips, shown, workers, encoders)
            served = server.Service(servicer, rpc.add_ExporterServiceServicer_to_server, service.NAME, policy.RULES)
            with usage.workers(lambda: {"processor": workers}):
                await server.run(settings, [served], registry=registry)


def _signer(
    settings: settings_module.Settings, workers: pool.Pool, config: config_rpc.ConfigServiceStub
) -> provenance.Signer | None:
    if not settings.credentials_secret:
        return None
    trust = settings.credentials_trust.read_text() if settings.credentials_trust else ""
    reference = f"secret://{settings.credentials_secret}"

    async def credentials() -> str:
        value = await live.revealed(reference, config.AccessSecret, config_pb.AccessSecretRequest, settings.name)
        return value.decode("utf-8", "replace")

    return provenance.Signer(workers, credentials, trust)


if __name__ == "__main__":
    asyncio.run(main())
