"""What the configuration service is told by its environment."""

import pathlib
from typing import ClassVar

import pydantic

from chassis import settings


class Settings(settings.Settings):
    """Values of the configuration service, from `REELSMITH_CONFIG_<FIELD>`."""

    model_config = settings.config("config")
    name: ClassVar[str] = "config"
    live: ClassVar[frozenset[str]] = frozenset()  # it serves the document and follows none

    port: int = pydantic.Field(default=50054, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    environment: str = pydantic.Field(
        default="production",
        pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$",
        description="Environment that is meant where a request names none.",
    )
    watchers_max: int = pydantic.Field(
        default=500, ge=1, le=10_000, description="Watches that run at once; half of the calls by default."
    )

    versions_max: int = pydantic.Field(
        default=10_000,
        ge=2,
        le=1_000_000,
        description="Versions of each environment that are kept; older ones go with the next change. The record of "
        "events keeps who made them.",
    )

    folder: pathlib.Path | None = pydantic.Field(
        default=None,
        description="Folder of YAML files that documents come from: `production.yaml`, and over it "
        "`production.analyzer.yaml` and `production.analyzer.one.yaml`. It is watched; what is wrong in it leaves the "
        "version before in force, and calls cannot change what it has.",
    )
    approvals: str = pydantic.Field(
        default="",
        description="Environments whose changes need a second person, separated by commas; `*` for all.",
    )

    keys_file: pathlib.Path | None = pydantic.Field(
        default=None,
        description="Keys of secrets; `secrets.keys` in the state folder by default. Keep a copy, and not with the "
        "database: whoever has both has the secrets, and without it they are lost.",
    )

    keys_mounted: pathlib.Path | None = pydantic.Field(
        default=None,
        description="Keys of secrets that are looked after elsewhere, such as a mounted secret, not in `keys_file`: an "
        "id and a key of Fernet per line, the one that encrypts first. The file is only read. To turn keys, put a "
        "new line first, call `RotateKeys`, and take the others out.",
    )

    @pydantic.model_validator(mode="after")
    def _one_kind_of_keys(self) -> "Settings":
        if self.keys_file and self.keys_mounted:
            raise ValueError("keys_file and keys_mounted exclude each other: set one of them")
        return self

    @property
    def keys(self) -> pathlib.Path:
        """The file of the keys of secrets that the service looks after itself."""
        return self.keys_file or self.state_dir / "secrets.keys"

    @property
    def database(self) -> pathlib.Path:
        """The file that holds every version."""
        return self.state_dir / "config.sqlite3"
