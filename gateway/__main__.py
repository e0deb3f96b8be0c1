"""Starts the gateway: settings, telemetry, dependencies, servicer, run."""

import asyncio
import sys

from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc

from chassis import client, discovery, dumps, errors, live, server, steering, telemetry
from gateway import access, policy, record, service, suite, uploads
from gateway import settings as settings_module
from media import sessions


async def serve(settings: settings_module.Settings) -> None:
    """Runs the gateway until it is told to stop."""
    registry = discovery.from_settings(settings)
    found = "static" if isinstance(registry, discovery.StaticRegistry) else "consul"
    how = "dns" if settings.discovery == "dns" else found
    if settings.exposed:
        raise errors.FailedPrecondition(
            f"it would listen on {settings.host} for everybody: set REELSMITH_GATEWAY_IDENTITY=1 and give callers keys "
            "(`reelsmith keys create`), or REELSMITH_GATEWAY_INSECURE=1 where that is meant",
            reason="NO_IDENTITY",
        )
    taken = uploads.Uploads(sessions.Uploads(settings.sessions_root, settings.upload_size_max_bytes))
    async with (
        client.Clients(registry, settings) as clients,
        _followed(settings, clients) as document,
        taken.swept(settings.upload_keep_s),
        record.opened(settings) as told,
        access.opened(settings, document, told) as callers,
    ):
        status = suite.Suite(clients, how, suite.Trust(callers=callers is not None, services=settings.tls is not None))
        storage = service.Storage(sessions.Sessions(settings.sessions_root), taken, told)
        servicer = service.ClipService(clients, storage, status, settings, callers)
        served = server.Service(servicer, rpc.add_ClipServiceServicer_to_server, service.NAME, policy.RULES)
        if not settings.http_port:
            await server.run(settings, [served], registry=registry, callers=callers)
            return
        from gateway.http import door, loopback  # a gateway without HTTP loads none of it

        with loopback.socket() as address:
            async with door.Door(settings, address) as http:
                await server.run(
                    settings, [served], registry=registry, on_drain=http.drain, callers=callers, inside=address
                )


def _followed(settings: settings_module.Settings, clients: client.Clients) -> live.LiveDocument:
    """The shared configuration: settings that change while the gateway runs, and the keys of callers."""
    stub = config_pb2_grpc.ConfigServiceStub(clients.channel("config"))
    request, steered = config_pb2.WatchConfigRequest, steering.Steering(settings)
    return live.shared(stub.WatchConfig, request, settings, steered, access.accept, wait=settings.identity)


def main() -> None:
    """The entry point of the process."""
    settings = settings_module.Settings()
    dumps.forbid()
    telemetry.setup(settings)
    try:
        asyncio.run(serve(settings))
    except errors.Error as failure:
        sys.exit(f"the gateway cannot run: {failure}")


if __name__ == "__main__":
    main()
