"""What one process is told by its environment.

Every field is read from `REELSMITH_<SERVICE>_<FIELD>`, then from `REELSMITH_<FIELD>` for what all processes share.
Consul and OpenTelemetry keep the names of their own.
"""

import os
import pathlib
import socket
from typing import ClassVar, Literal

import pydantic
import pydantic_settings

from chassis import shedding
from chassis.identity import transport

PREFIX = "REELSMITH_"
WILDCARD_HOSTS = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104  compared with, not bound to


def config(service: str) -> pydantic_settings.SettingsConfigDict:
    """The `model_config` of one service's settings: where its values come from."""
    return pydantic_settings.SettingsConfigDict(
        env_prefix=f"{PREFIX}{service.upper()}_", extra="forbid", frozen=True, populate_by_name=True
    )


# What may be fetched over HTTP: asked of a job when it is accepted, and again by who fetches; one variable for both.
FETCH_ALLOW = pydantic.Field(
    default="",
    description="Hosts that sources may be fetched from, separated by commas: `[http://]WHERE[:PORT]`, where WHERE is "
    "a name, `*.name`, `*`, or a network such as `10.1.2.0/24`, which alone may be a private one; and `s3://BUCKET` or "
    "`s3://BUCKET/FOLDER` of the store that the analyzer knows. Empty allows none.",
)


class Settings(pydantic_settings.BaseSettings):
    """Values that every process has; a service adds its own in a subclass."""

    model_config = config("process")
    name: ClassVar[str] = "process"  # service name in Consul, traces, metrics and logs
    live: ClassVar[frozenset[str]] = frozenset({"log_level"})  # fields that need no restart; see `steering`

    host: str = pydantic.Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 inside a container.")
    port: int = pydantic.Field(default=0, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    metrics_port: int = pydantic.Field(default=0, ge=0, le=65535, description="Prometheus port; 0 switches it off.")
    advertise_host: str = pydantic.Field(
        default="", description="Host that others reach this process by; the listening host, or the machine's name."
    )
    discovery: Literal["auto", "consul", "static", "dns"] = pydantic.Field(
        default="auto",
        description="How processes find each other. auto: Consul where CONSUL_HTTP_ADDR is set or an agent answers "
        "on 127.0.0.1:8500, else the static list. dns: every address behind the names of the static list.",
    )
    static_registry: str = pydantic.Field(
        default="",
        description="The static list: `analyzer=127.0.0.1:50051,127.0.0.1:50061;jobs=127.0.0.1:50053`.",
    )
    consul_address: str = pydantic.Field(
        default="", validation_alias="CONSUL_HTTP_ADDR", description="Consul agent, `host:port` or a URL."
    )
    consul_token: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""), validation_alias="CONSUL_HTTP_TOKEN", description="ACL token for Consul."
    )
    state_dir: pathlib.Path = pydantic.Field(
        default_factory=lambda: pathlib.Path.home() / ".local" / "state" / "reelsmith",
        description="Folder for small state, such as the last configuration known to be good.",
    )
    sessions_root: pathlib.Path = pydantic.Field(
        default_factory=lambda: pathlib.Path.home() / ".local" / "share" / "reelsmith",
        description="Folder of the sessions; shared by all processes that touch media.",
    )
    tls_ca: pathlib.Path | None = pydantic.Field(
        default=None,
        description="PEM of the authorities whose certificates are believed. With it, and the two below, connections "
        "between services are encrypted, and each side proves which service it is.",
    )
    tls_certificate: pathlib.Path | None = pydantic.Field(
        default=None,
        description="PEM of this process's certificate: DNS name SERVICE, URI `spiffe://reelsmith/SERVICE`. "
        "It may be replaced while the process runs.",
    )
    tls_key: pathlib.Path | None = pydantic.Field(default=None, description="PEM of the private key to it.")
    health_port: int = pydantic.Field(
        default=0,
        ge=0,
        le=65535,
        description="Port that answers health checks, and nothing else, without TLS where the service has it: for "
        "whoever cannot show a certificate. 0 takes a free one.",
    )
    offer_cpus: float = pydantic.Field(
        default=0.0,
        ge=0,
        le=10_000,
        description="Processors for steps, told in the registry; 0 says nothing.",
    )
    offer_memory_bytes: int = pydantic.Field(
        default=0, ge=0, description="Memory for steps, in bytes, told in the registry; 0 says nothing."
    )
    offer_gpu_memory_bytes: int = pydantic.Field(
        default=0, ge=0, description="Memory of a card for steps, in bytes, told in the registry; 0 says nothing."
    )
    drain_s: float = pydantic.Field(
        default=10.0, ge=0, le=600, description="Seconds that running calls get to end after SIGTERM."
    )
    lame_duck_s: float = pydantic.Field(
        default=0.5,
        ge=0,
        le=60,
        description="Seconds between NOT_SERVING and the first refused call; time for clients to look elsewhere.",
    )
    health_interval_s: float = pydantic.Field(
        default=1.0, gt=0, le=60, description="Seconds between two looks at what a service is capable of."
    )
    call_timeout_s: float = pydantic.Field(
        default=30.0, gt=0, le=3600, description="Deadline in seconds of outgoing unary calls that name none."
    )
    stream_timeout_s: float = pydantic.Field(
        default=6 * 3600.0, gt=0, le=86400, description="Deadline in seconds of outgoing streams that name none."
    )
    breaker_calls_min: int = pydantic.Field(
        default=20,
        ge=0,
        le=100_000,
        description="Outgoing calls of a method within the window from which on its breaker judges; 0 for no breakers.",
    )
    breaker_failure_share: float = pydantic.Field(
        default=0.5, gt=0, le=1, description="Share of failed calls in the window that opens a breaker."
    )
    breaker_window_s: float = pydantic.Field(
        default=10.0, gt=0, le=3600, description="Window in seconds in which calls are counted."
    )
    breaker_open_s: float = pydantic.Field(
        default=5.0, gt=0, le=3600, description="Seconds for which an open breaker refuses every call."
    )
    breaker_trials: int = pydantic.Field(
        default=3, ge=1, le=1000, description="Calls that are let through after that; all must succeed to close it."
    )
    concurrent_calls_max: int = pydantic.Field(
        default=1000, ge=1, le=100_000, description="Calls served at once; more are refused, never queued."
    )
    shed_calls_min: int = pydantic.Field(
        default=256,
        ge=0,
        le=100_000,
        description="Calls of one method at once that are always let in; beyond them, as many as are answered about as "
        "fast as usual. 0 lets all of them in.",
    )
    shed_tolerance: float = pydantic.Field(
        default=1.5, ge=1, le=100, description="Times the usual time that answers may take before fewer are let in."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = pydantic.Field(
        default="INFO", description="Least severe log line that is written."
    )
    log_format: Literal["json", "text"] = pydantic.Field(
        default="json", description="One JSON object per line, or lines for a person."
    )

    environment: str = pydantic.Field(
        default="", description="Environment of the configuration; the one of the configuration service by default."
    )
    instance: str = pydantic.Field(
        default="",
        pattern=r"^([a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?)?$",
        description="Name of this process among those of its service, for a layer of the configuration of its own.",
    )
    document_variables: str = pydantic.Field(
        default="REELSMITH_VAR_*",
        description="Variables of this process that `${NAME}` in the configuration may see: names with `*`, separated "
        "by commas. Whoever writes the configuration can read them.",
    )

    @pydantic.model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        given = [value is not None for value in (self.tls_ca, self.tls_certificate, self.tls_key)]
        if any(given) and not all(given):
            raise ValueError("tls_ca, tls_certificate and tls_key belong together: set all of them or none")
        return self

    @property
    def tls(self) -> transport.Files | None:
        """Where the certificates are; None without TLS."""
        return transport.Files(self.tls_ca, self.tls_certificate, self.tls_key) if self.tls_ca else None

    @property
    def shedding(self) -> shedding.Rules | None:
        """How many calls of a method are let in; None for all."""
        if not self.shed_calls_min:
            return None
        most = max(self.shed_calls_min, self.concurrent_calls_max)
        return shedding.Rules(self.shed_calls_min, most, self.shed_tolerance)

    @property
    def advertised_host(self) -> str:
        """The host that others reach this process by."""
        if self.advertise_host:
            return self.advertise_host
        return socket.gethostname() if self.host in WILDCARD_HOSTS else self.host

    @property
    def offers(self) -> dict[str, str]:
        """What this process has to give, as facts for the registry."""
        said = {
            "cpus": self.offer_cpus,
            "memory_bytes": self.offer_memory_bytes,
            "gpu_memory_bytes": self.offer_gpu_memory_bytes,
        }
        return {name: str(value) for name, value in said.items() if value}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],
        init_settings: pydantic_settings.PydanticBaseSettingsSource,
        env_settings: pydantic_settings.PydanticBaseSettingsSource,
        dotenv_settings: pydantic_settings.PydanticBaseSettingsSource,
        file_secret_settings: pydantic_settings.PydanticBaseSettingsSource,
    ) -> tuple[pydantic_settings.PydanticBaseSettingsSource, ...]:
        """Values come from arguments, then the service's own variables, then the shared ones."""
        shared = pydantic_settings.EnvSettingsSource(settings_cls, env_prefix=PREFIX)
        return init_settings, env_settings, shared


class WorkerSettings(Settings):
    """Values of a process whose work runs in sandboxed workers, on sources that callers name."""

    live: ClassVar[frozenset[str]] = Settings.live | {"workers", "queue_limit"}

    source_roots: str = pydantic.Field(
        default="",
        description="Folders that `file:` sources may come from, separated by `:`; empty allows any path.",
    )
    workers: int = pydantic.Field(
        default_factory=lambda: max(1, (os.cpu_count() or 2) // 2),
        ge=1,
        le=256,
        description="Tasks that run side by side.",
    )
    queue_limit: int = pydantic.Field(
        default=64,
        ge=0,
        le=10_000,
        description="Tasks that may wait for a worker; more are refused.",
    )
    worker_memory_bytes: int = pydantic.Field(
        default=3 << 30,
        ge=512 << 20,
        description="Address space of a worker; what it really uses stays far below, threads reserve much.",
    )
    heartbeat_s: float = pydantic.Field(
        default=60.0, gt=0, le=3600, description="Longest silence in seconds of a worker before it is killed."
    )

    @property
    def roots(self) -> tuple[pathlib.Path, ...] | None:
        """Folders that sources may come from; None for any."""
        return tuple(pathlib.Path(part) for part in self.source_roots.split(":") if part) or None
