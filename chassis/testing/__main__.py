"""Serves the echo service as a process of its own, as every real service does."""

import asyncio

from chassis import discovery, server, telemetry
from chassis import settings as settings_module
from chassis.testing import echo


class Settings(settings_module.Settings):
    """Settings of the echo service."""

    model_config = settings_module.config("echo")
    name = "echo"


async def main() -> None:
    """Wires and runs."""
    settings = Settings()
    telemetry.setup(settings)
    await server.run(settings, [echo.service()], registry=discovery.from_settings(settings))


if __name__ == "__main__":
    asyncio.run(main())
