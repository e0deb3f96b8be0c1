"""Starts the configuration service: settings, telemetry, dependencies, servicer, run."""

import asyncio
import sys

from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import discovery, dumps, errors, server, telemetry
from chassis.audit import head
from services.config import builtin, gate, policy, schema, service, store, versions
from services.config import settings as settings_module
from services.config.audit import record
from services.config.proposals import desk
from services.config.secrets import mounted, ring, vault
from services.config.sources import folder


async def serve(settings: settings_module.Settings) -> None:
    """Runs the configuration service until it is told to stop."""
    registry = discovery.from_settings(settings)
    signer = head.Signer.load(settings.state_dir / "audit.key")
    keeper = head.Keeper(settings.state_dir / "audit.head", signer)
    async with store.Store(settings.database, keeper, versions_max=settings.versions_max) as kept:
        rules, defaults = schema.Schema.load(), builtin.load()
        known = versions.Versions(kept, rules, defaults, settings.environment, settings.watchers_max)
        keys = mounted.Mounted(settings.keys_mounted) if settings.keys_mounted else ring.Ring(settings.keys)
        secrets = vault.Vault(kept, keys)
        events = record.Record(kept, signer, keeper)
        async with folder.Folder(settings.folder, known, events) as files:
            parts = service.Parts(known, desk.Desk(kept, known), files, gate.Gate(files, settings.approvals))
            servicer = service.ConfigService(parts, secrets, events)
            served = server.Service(servicer, rpc.add_ConfigServiceServicer_to_server, service.NAME, policy.RULES)
            await server.run(settings, [served], registry=registry)


def main() -> None:
    """The entry point of the process."""
    settings = settings_module.Settings()
    dumps.forbid()
    telemetry.setup(settings)
    try:
        asyncio.run(serve(settings))
    except errors.Error as failure:
        sys.exit(f"the configuration service cannot run: {failure}")


if __name__ == "__main__":
    main()
