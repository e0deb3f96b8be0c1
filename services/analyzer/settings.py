"""What the analyzer is told by its environment."""

import os
import pathlib
from typing import ClassVar

import pydantic

from chassis import settings
from media import cache
from media.ingest import fetching, objects
from services.analyzer import analyses, placement, shelf
from services.analyzer.recognition import recognizer


class Settings(settings.WorkerSettings):
    """Values of the analyzer, from `REELSMITH_ANALYZER_<FIELD>`."""

    model_config = settings.config("analyzer")
    name: ClassVar[str] = "analyzer"

    port: int = pydantic.Field(default=50051, ge=0, le=65535, description="gRPC port; 0 takes a free one.")
    threads: int = pydantic.Field(
        default_factory=lambda: min((os.cpu_count() or 2) + 1, 8),
        ge=1,
        le=64,
        description="Threads of each video decoder; one more than processors, so that none waits for the kernels.",
    )
    probe_deadline_s: float = pydantic.Field(
        default=600.0, gt=0, le=86_400, description="Longest time in seconds for a probe; it reads the whole file."
    )
    analyze_deadline_s: float = pydantic.Field(
        default=6 * 3600.0, gt=0, le=7 * 86_400, description="Longest time in seconds for an analysis."
    )

    fetch_allow: str = settings.FETCH_ALLOW
    fetch_size_max_bytes: int = pydantic.Field(
        default=64 << 30, ge=1, description="Largest source that is fetched; ten hours of good video."
    )
    fetch_deadline_s: float = pydantic.Field(
        default=5 * 3600.0,  # less than an attempt at a step may take, so that it ends with its own, final reason
        gt=0,
        le=86_400,
        description="Longest time in seconds for fetching a source.",
    )
    fetch_idle_s: float = pydantic.Field(
        default=30.0, gt=0, le=3600, description="Longest silence in seconds of the server of a source."
    )

    s3_endpoint: str = pydantic.Field(
        default="",
        description="Store of objects that `s3://` sources come from, `https://HOST[:PORT]`; empty for none.",
    )
    s3_region: str = pydantic.Field(default="us-east-1", description="Its region.")
    s3_access_key_id: str = pydantic.Field(
        default="", description="Access key that requests are signed with; empty for buckets that everybody may read."
    )
    s3_secret_access_key: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""), description="The secret to it. Reading the buckets is all that it has to allow."
    )
    s3_session_token: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""), description="Token of a session, where the key is one for a while."
    )
    s3_networks: str = pydantic.Field(
        default="",
        description="Networks beside the public ones that the store may lie in, such as `10.0.0.0/8`; not needed where "
        "the endpoint is an address.",
    )

    cache_dir: pathlib.Path = pydantic.Field(
        default_factory=lambda: (
            pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "reelsmith" / "analyses"
        ),
        description="Folder of analyses that were made before, transcripts included; analyzers may share it.",
    )
    cache_bytes_max: int = pydantic.Field(
        default=1 << 30, ge=0, description="Bytes of analyses that are kept on disk; 0 keeps none, also not in memory."
    )
    cache_memory_bytes_max: int = pydantic.Field(
        default=64 << 20, ge=0, description="Bytes of analyses that are kept in memory as well."
    )
    cache_policy: cache.Policy = pydantic.Field(
        default="lru",
        description="Which analyses go first: those used least recently (`lru`) or least often (`lfu`), the oldest "
        "(`fifo`), or the oldest and all beyond an age (`ttl`).",
    )
    cache_ttl_s: float = pydantic.Field(
        default=30 * 86400.0, gt=0, description="Age in seconds at which an analysis goes under `ttl`."
    )

    cache_redis_url: pydantic.SecretStr = pydantic.Field(
        default=pydantic.SecretStr(""),
        description="Redis through which analyzers of several machines share analyses, transcripts included; whoever "
        "can write there is believed. None by default, and done without while it is away.",
    )
    cache_redis_bytes_max: int = pydantic.Field(
        default=256 << 20, ge=1, description="Bytes of analyses in Redis; which go first is said by `cache_policy`."
    )

    backend: placement.Asked = pydantic.Field(
        default="auto",
        description="What measures pictures: `cpu`, or `cuda` for a graphics card and the processor for what it cannot "
        "do, people among it. `auto` is the processor: the box around a worker with a card is weaker.",
    )
    card_workers: int = pydantic.Field(
        default=1, ge=1, le=16, description="Tasks that share the card; each takes several hundred MB of its memory."
    )
    every_frame: bool = pydantic.Field(
        default=False,
        description="Whether to decode also the frames that the result does not depend on; slower, and the same.",
    )

    asr_model: str = pydantic.Field(
        default="",
        description="A Whisper model in CTranslate2's format that recognizes speech where a source brings no text: a "
        "path, or the name of a folder in the folder of models. None by default, and none is ever downloaded.",
    )
    models_dir: pathlib.Path = pydantic.Field(
        default_factory=lambda: pathlib.Path.home() / ".local" / "share" / "reelsmith-models",
        description="The folder of models.",
    )
    asr_model_sha256: str = pydantic.Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="What SHA-256 of `model.bin`, or of the whole model as GetCapabilities says it, must be.",
    )
    asr_language: str = pydantic.Field(
        default="",
        pattern="^([a-z]{2,3})?$",
        description="Language that is spoken, such as `de`; found out for each source by default.",
    )
    asr_threads: int = pydantic.Field(
        default_factory=lambda: min(os.cpu_count() or 2, 8), ge=1, le=64, description="Threads that recognize a source."
    )
    asr_workers: int = pydantic.Field(
        default=1, ge=1, le=64, description="Sources that are recognized side by side; each loads the model."
    )
    asr_heartbeat_s: float = pydantic.Field(
        default=600.0,
        gt=0,
        le=86_400,
        description="Longest time in seconds for half a minute of speech before the worker is killed.",
    )

    @property
    def recognition(self) -> recognizer.Settings:
        """What recognizes speech."""
        return recognizer.Settings(
            model=self.asr_model,
            folder=self.models_dir,
            sha256=self.asr_model_sha256,
            language=self.asr_language,
            threads=self.asr_threads,
            workers=self.asr_workers,
            queue_limit=self.queue_limit,
            deadline_s=self.analyze_deadline_s,
            heartbeat_s=self.asr_heartbeat_s,
        )

    @property
    def kept(self) -> cache.Settings:
        """What is kept of analyses that were made before."""
        return cache.Settings(
            self.cache_dir, self.cache_bytes_max, self.cache_memory_bytes_max, self.cache_policy, self.cache_ttl_s
        )

    @property
    def shared(self) -> shelf.Settings:
        """What machines share."""
        return shelf.Settings(
            self.cache_redis_url.get_secret_value(), self.cache_redis_bytes_max, self.cache_policy, self.cache_ttl_s
        )

    @property
    def fetching(self) -> fetching.Limits:
        """What a fetched source may cost."""
        return fetching.Limits(self.fetch_size_max_bytes, self.fetch_deadline_s, self.fetch_idle_s)

    @property
    def store(self) -> objects.Store | None:
        """Where objects are; None for nowhere."""
        if not self.s3_endpoint:
            return None
        secret, token = self.s3_secret_access_key.get_secret_value(), self.s3_session_token.get_secret_value()
        return objects.Store(
            objects.Settings(self.s3_endpoint, self.s3_region, self.s3_access_key_id, secret, token, self.s3_networks)
        )

    @property
    def limits(self) -> analyses.Limits:
        """How long workers may take, how many threads they use, and which frames they decode."""
        return analyses.Limits(
            self.threads, self.probe_deadline_s, self.analyze_deadline_s, self.heartbeat_s, self.every_frame
        )
