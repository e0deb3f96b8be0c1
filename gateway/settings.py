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
