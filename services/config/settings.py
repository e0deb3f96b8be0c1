"""What the configuration service is told by its environment."""

import pathlib
from typing import ClassVar

import pydantic

from chassis import settings


class Settings(settings.Settings):
    """Values of the configuration service, from `REELSMITH_CONFIG_<FIELD>`."""

    model_config = settings.config("config")
    name: ClassVar[str] = "config"

    port: int = pydantic.Field(default=50054, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    environment: str = pydantic.Field(
        default="production",
        pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$",
        description="Environment that is meant where a request names none.",
    )
    watchers_max: int = pydantic.Field(
        default=500, ge=1, le=10_000, description="Watches that run at once; half of the calls by default."
    )

    @property
    def database(self) -> pathlib.Path:
        """The file that holds every version."""
        return self.state_dir / "config.sqlite3"
