"""What the exporter is told by its environment."""

import os
import pathlib
from typing import ClassVar

import pydantic

from chassis import settings
from services.exporter import exports


class Settings(settings.Settings):
    """Values of the exporter, from `REELSMITH_EXPORTER_<FIELD>`."""

    model_config = settings.config("exporter")
    name: ClassVar[str] = "exporter"

    port: int = pydantic.Field(default=50052, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    source_roots: str = pydantic.Field(
        default="",
        description="Folders that `file:` sources may come from, separated by `:`; empty allows any path.",
    )
    environment: str = pydantic.Field(
        default="", description="Environment of the configuration; the service's own by default."
    )
    workers: int = pydantic.Field(
        default_factory=lambda: max(1, (os.cpu_count() or 2) // 2),
        ge=1,
        le=256,
        description="Clips that are rendered side by side.",
    )
    threads: int = pydantic.Field(
        default=2, ge=1, le=64, description="Threads of each decoder and encoder; the bytes of a clip depend on them."
    )
    queue_limit: int = pydantic.Field(
        default=64, ge=0, le=10_000, description="Tasks that may wait for a worker; more are refused."
    )
    worker_memory_bytes: int = pydantic.Field(
        default=3 << 30,
        ge=512 << 20,
        description="Address space of a worker; what it really uses stays far below, threads reserve much.",
    )
    render_deadline_s: float = pydantic.Field(
        default=3600.0, gt=0, le=86_400, description="Longest time in seconds for one clip."
    )
    check_deadline_s: float = pydantic.Field(
        default=900.0, gt=0, le=86_400, description="Longest time in seconds for checking, a picture or a preview."
    )
    heartbeat_s: float = pydantic.Field(
        default=60.0, gt=0, le=3600, description="Longest silence in seconds of a worker before it is killed."
    )

    @property
    def limits(self) -> exports.Limits:
        """How long workers may take, and how many threads they use."""
        return exports.Limits(self.threads, self.render_deadline_s, self.check_deadline_s, self.heartbeat_s)

    @property
    def roots(self) -> tuple[pathlib.Path, ...] | None:
        """Folders that sources may come from; None for any."""
        return tuple(pathlib.Path(part) for part in self.source_roots.split(":") if part) or None
