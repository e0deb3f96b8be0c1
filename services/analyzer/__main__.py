"""Starts the analyzer."""

import asyncio
import dataclasses

from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.config.v1 import config_pb2 as config_pb
from reelsmith.config.v1 import config_pb2_grpc as config_rpc

from chassis import client, discovery, live, pins, server, steering, telemetry, usage
from media import pool, sessions
from media.ingest import fetching, rules
from services.analyzer import analyses, intake, keeping, placement, policy, service, shelf, tasks, weights
from services.analyzer import settings as settings_module
from services.analyzer.recognition import recognizer


async def main() -> None:
    """Wires the service and runs it until it is told to stop."""
    settings = settings_module.Settings()
    telemetry.setup(settings)
    registry = discovery.from_settings(settings)
    store = sessions.Sessions(settings.sessions_root)
    sources = sessions.Sources(sessions.Uploads(settings.sessions_root), settings.roots, store)
    pooled = pool.PoolSettings(
        workers=settings.workers,
        queue_limit=settings.queue_limit,
        memory_bytes=settings.worker_memory_bytes,
        preload=tasks.PRELOAD,
    )
    carded = dataclasses.replace(
        pooled, workers=settings.card_workers, preload=tasks.CARD_PRELOAD, opening=tasks.CARD_OPENING
    )
    async with (
        client.Clients(registry, settings) as clients,
        pool.Pool(pooled) as processor,
        placement.Placement(processor, carded, settings.backend) as measuring,
        recognizer.Recognizer(settings.recognition) as recognizing,
        shelf.opened(settings.shared) as shared,
    ):
        stub = config_rpc.ConfigServiceStub(clients.channel("config"))
        steered = steering.Steering(settings, lambda now: processor.resize(now.workers, now.queue_limit))
        following = live.shared(stub.WatchConfig, config_pb.WatchConfigRequest, settings, steered, weights.accept)
        async with following as followed:
            workers = analyses.Workers(measuring, recognizing, keeping.opened(settings.kept, shared))
            configuration = pins.Configuration(followed, settings)
            analyzer = analyses.Analyzer(workers, store, sources, configuration, settings.limits)
            fetcher = fetching.Fetcher(rules.Rules.of(settings.fetch_allow), settings.fetching, store=settings.store)
            servicer = service.AnalyzerService(analyzer, workers, intake.Intake(fetcher, store))
            served = server.Service(servicer, rpc.add_AnalyzerServiceServicer_to_server, service.NAME, policy.RULES)
            with usage.workers(workers.pools):
                await server.run(settings, [served], registry=registry)


if __name__ == "__main__":
    asyncio.run(main())
