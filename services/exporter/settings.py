"""What the exporter is told by its environment."""

import pathlib
from typing import ClassVar

import pydantic

from chassis import settings
from services.exporter import exports


class Settings(settings.WorkerSettings):
    """Values of the exporter, from `REELSMITH_EXPORTER_<FIELD>`."""

    model_config = settings.config("exporter")
    name: ClassVar[str] = "exporter"

    port: int = pydantic.Field(default=50052, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    threads: int = pydantic.Field(
        default=2, ge=1, le=64, description="Threads of each decoder and encoder; the bytes of a clip depend on them."
    )
    render_deadline_s: float = pydantic.Field(
        default=3600.0, gt=0, le=86_400, description="Longest time in seconds for one clip."
    )
    check_deadline_s: float = pydantic.Field(
        default=900.0, gt=0, le=86_400, description="Longest time in seconds for checking, a picture or a preview."
    )

    credentials_secret: str = pydantic.Field(
        default="",
        description="Secret of the configuration service that signs clips (C2PA): a private key and its certificates, "
        "the signer's first, as PEM; empty leaves clips unsigned.",
    )
    credentials_trust: pathlib.Path | None = pydantic.Field(
        default=None,
        description="File of certificates (PEM) of those whose signatures are accepted when a clip is read, its own "
        "signer among them; none accepts every signer.",
    )

    @property
    def limits(self) -> exports.Limits:
        """How long workers may take, and how many threads they use."""
        return exports.Limits(self.threads, self.render_deadline_s, self.check_deadline_s, self.heartbeat_s)
