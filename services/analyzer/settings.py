"""What the analyzer is told by its environment."""

import os
import pathlib
from typing import ClassVar

import pydantic

from chassis import settings
from services.analyzer import analyses


class Settings(settings.Settings):
    """Values of the analyzer, from `REELSMITH_ANALYZER_<FIELD>`."""

    model_config = settings.config("analyzer")
    name: ClassVar[str] = "analyzer"

    port: int = pydantic.Field(default=50051, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
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
        description="Sources that are measured side by side.",
    )
    threads: int = pydantic.Field(
        default_factory=lambda: min((os.cpu_count() or 2) + 1, 8),
        ge=1,
        le=64,
        description="Threads of each video decoder; one more than processors, so that none waits for the kernels.",
    )
    queue_limit: int = pydantic.Field(
        default=64, ge=0, le=10_000, description="Tasks that may wait for a worker; more are refused."
    )
    worker_memory_bytes: int = pydantic.Field(
        default=3 << 30,
        ge=512 << 20,
        description="Address space of a worker; what it really uses stays far below, threads reserve much.",
    )
    probe_deadline_s: float = pydantic.Field(
        default=600.0, gt=0, le=86_400, description="Longest time in seconds for a probe; it reads the whole file."
    )
    analyze_deadline_s: float = pydantic.Field(
        default=6 * 3600.0, gt=0, le=7 * 86_400, description="Longest time in seconds for an analysis."
    )
    heartbeat_s: float = pydantic.Field(
        default=60.0, gt=0, le=3600, description="Longest silence in seconds of a worker before it is killed."
    )

    @property
    def limits(self) -> analyses.Limits:
        """How long workers may take, and how many threads they use."""
        return analyses.Limits(self.threads, self.probe_deadline_s, self.analyze_deadline_s, self.heartbeat_s)

    @property
    def roots(self) -> tuple[pathlib.Path, ...] | None:
        """Folders that sources may come from; None for any."""
        return tuple(pathlib.Path(part) for part in self.source_roots.split(":") if part) or None
