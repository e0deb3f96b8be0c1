"""What the gateway is told by its environment."""

from typing import ClassVar

import pydantic

from chassis import settings


class Settings(settings.Settings):
    """Values of the gateway, from `REELSMITH_GATEWAY_<FIELD>`."""

    model_config = settings.config("gateway")
    name: ClassVar[str] = "gateway"

    port: int = pydantic.Field(default=50050, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    upload_size_max_bytes: int = pydantic.Field(
        default=64 << 30, ge=1, description="Largest source that is taken by upload; ten hours of good video."
    )
    upload_idle_max_s: float = pydantic.Field(
        default=300.0, gt=0, le=86400, description="Seconds without a piece after which an upload is put aside."
    )
    jobs_timeout_s: float = pydantic.Field(
        default=15.0, gt=0, le=600, description="Seconds for one answer of the job manager, a restart of it included."
    )
    watch_outage_max_s: float = pydantic.Field(
        default=300.0, gt=0, le=86400, description="Seconds without the job manager after which a watch gives up."
    )
    http_port: int = pydantic.Field(
        default=0, ge=0, le=65535, description="Port of HTTP, with JSON and the page; 0 switches it off."
    )
    http_hosts: str = pydantic.Field(
        default="",
        description="Host names under which HTTP may be asked, separated by `,`, beside those of this machine. Where "
        "it listens for others, empty allows any.",
    )
    http_origins: str = pydantic.Field(
        default="",
        description="Origins of other pages that browsers may let in (CORS), separated by `,`; empty for none.",
    )
    http_body_max_bytes: int = pydantic.Field(
        default=8 << 20, ge=1, le=64 << 20, description="Largest JSON body; a batch of 1,000 jobs is 1 MB."
    )
    http_connections_max: int = pydantic.Field(
        default=1000, ge=1, le=100_000, description="Connections at once; more are answered 503."
    )
    http_idle_s: int = pydantic.Field(
        default=30, ge=1, le=3600, description="Seconds that a connection may take until its next request is there."
    )
    http_timeout_s: float = pydantic.Field(
        default=30.0, gt=0, le=600, description="Deadline in seconds of an HTTP request with one answer."
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are listed."""
        return tuple(part.strip().lower() for part in self.http_hosts.split(",") if part.strip())

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that are listed."""
        return tuple(part.strip() for part in self.http_origins.split(",") if part.strip())
