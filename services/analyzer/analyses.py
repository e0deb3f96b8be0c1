"""Probes, analyses and proposals: what the service does, without the words of its API."""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from opentelemetry import trace

from chassis import errors, pins, telemetry
from media import artifacts, cache, pool, sessions
from media import errors as media_errors
from services.analyzer import document, keeping, measures, metrics, placement, progress, tasks, weights
from services.analyzer.proposals import genre, material, proposing
from services.analyzer.recognition import recognizer

ANALYSIS, INFO, PROPOSALS = "analysis.json", "media_info.json", "proposals.json"
FOLDER = "metadata"
TRANSCRIPTS = (".srt", ".vtt")  # endings of files beside a source
MEASURING_SHARE = 0.3  # of an analysis whose speech has to be recognized: that takes longer than all else
ANALYSIS_BYTES_MAX = 256 << 20  # a hundred hours; larger is no analysis of ours

TRACER = telemetry.tracer(__name__)

Listener = Callable[[progress.Progress], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How long tasks may take, and how many threads decode.

    Attributes:
        threads: Threads of a video decoder.
        probe_deadline_s: Longest time for a probe in seconds.
        analyze_deadline_s: Longest time for an analysis in seconds.
        heartbeat_s: Longest silence of a worker in seconds.
        every_frame: Whether frames that are of no consequence are decoded too.
    """

    threads: int
    probe_deadline_s: float
    analyze_deadline_s: float
    heartbeat_s: float
    every_frame: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Workers:
    """What tasks run on: `measuring` takes probes and analyses, `recognizing` writes down what is said.

    What was measured before is in `known`, and is not measured again.
    """

    measuring: placement.Placement
    recognizing: recognizer.Recognizer
    known: cache.Cache | None = None

    def pools(self) -> dict[str, pool.Pool]:
        """The pools that there are now, by name; that of a card may come later."""
        measuring = zip(("processor", "card"), self.measuring.pools, strict=False)
        return {**dict(measuring), **dict(zip(("speech",), self.recognizing.pools, strict=False))}


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where files go: a session, and a folder in it or that of their kind."""

    session_id: str
    directory: str = ""

    def path(self, name: str) -> str:
        """The path of a file in the session."""
        return f"{self.directory or FOLDER}/{name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What to analyze.

    Attributes:
        source_uri: The source.
        target: Where the analysis goes.
        measures: Of measures.MEASURES; empty for all.
        start_s: Where the part begins, in seconds.
        end_s: Where it ends; None for the end of the source.
        transcript_uri: A file with what is said; empty to look beside the source.
        evidence: Whether to say why there is a border between shots, or none.
        language: That is spoken, for recognition; empty for that of the settings.
    """

    source_uri: str
    target: Target
    measures: tuple[str, ...] = ()
    start_s: float = 0.0
    end_s: float | None = None
    transcript_uri: str = ""
    evidence: bool = False
    language: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Analysis:
    """A finished analysis: the document, what the source is, the stored file, where the time went, and whether it
    was known before."""

    document: Mapping[str, Any]
    media: Mapping[str, Any]
    artifact: artifacts.Artifact
    timings: list[Mapping[str, Any]]
    cached: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Proposed:
    """The clips, the order with all that was filled in, the stored proposals, the version of the configuration."""

    decision: proposing.Decision
    order: proposing.Order
    artifact: artifacts.Artifact
    config_version: int


class Analyzer:
    """Measures sources in workers and keeps what was found in sessions.

    Args:
        workers: What tasks run on.
        store: The sessions.
        sources: Opens what callers name as sources.
        configuration: What requests go by.
        limits: How long tasks may take.
    """

    def __init__(
        self,
        workers: Workers,
        store: sessions.Sessions,
        sources: sessions.Sources,
        configuration: pins.Configuration,
        limits: Limits,
    ) -> None:
        self._pool, self._store, self._sources = workers.measuring, store, sources
        self._recognizer = workers.recognizing
        self._configuration, self._limits = configuration, limits
        self._shelf = material.Shelf()
        self._known = workers.known

    def check(self) -> None:
        """Says whether the sessions are there.

        Raises:
            errors.FailedPrecondition: Their folder is gone or cannot be read.
        """
        try:
            self._store.list()
        except (media_errors.MediaError, OSError) as error:
            raise errors.FailedPrecondition(f"the sessions cannot be read: {error}", reason="NO_STORAGE") from error

    async def probe(self, source_uri: str, target: Target | None) -> tuple[dict[str, Any], artifacts.Artifact | None]:
        """What a source is; kept in the session where one is named."""
        session = await asyncio.to_thread(self._store.get, target.session_id) if target else None
        media, sha256 = await self._with_hash(
            source_uri,
            lambda file: self._pool.run(
                tasks.PROBE,
                {},
                inputs={"source": file},
                deadline_s=self._limits.probe_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
            ),
        )
        info = {**media.value, "sha256": sha256}
        if session is None or target is None:
            return info, None
        return info, await asyncio.to_thread(session.write_bytes, target.path(INFO), document.encode(info))

    async def analyze(self, order: Order, listener: Listener) -> Analysis:
        """Measures a source and keeps the analysis in the session.

        Args:
            order: What to analyze.
            listener: Called with the progress.

        Raises:
            errors.InvalidArgument: The part is empty or a measure is not known.
            media.errors.MediaError: The source cannot be read, or the worker was lost.
        """
        _check(order)
        self._recognizer.refuse_unknown(order.language)
        session = await asyncio.to_thread(self._store.get, order.target.session_id)
        request = {
            "measures": list(order.measures),
            "start_s": order.start_s,
            "end_s": order.end_s,
            "threads": self._limits.threads,
            "every_frame": self._limits.every_frame,
            "evidence": order.evidence,
        }
        with contextlib.ExitStack() as stack:
            inputs: dict[str, BinaryIO] = {}
            if found := await asyncio.to_thread(self._words, order):
                inputs["transcript"] = stack.enter_context(found[1])
                request |= {"transcript": found[0], "transcript_named": bool(order.transcript_uri)}
            if self._known is None:
                finding, cached = await self._found(order, request, inputs, listener), False
            else:
                finding, cached = await self._known_or_found(self._known, order, request, inputs, listener)
        content = await asyncio.to_thread(document.encode, finding.document)
        artifact = await asyncio.to_thread(session.write_bytes, order.target.path(ANALYSIS), content)
        return Analysis(finding.document, finding.media, artifact, finding.timings, cached)

    async def _found(
        self, order: Order, request: Mapping[str, Any], inputs: Mapping[str, BinaryIO], listener: Listener
    ) -> keeping.Finding:
        """What measuring finds."""
        measured, sha256 = await self._with_hash(
            order.source_uri, lambda file: self._measured(order, request, {"source": file, **inputs}, listener)
        )
        name = sessions.display_name(order.source_uri)
        found = await asyncio.to_thread(document.analysis, name, sha256, measured.value, measured.arrays)
        metrics.analyzed(measured.value["duration_s"], found["video"])
        return keeping.Finding(found, {**measured.value["media"], "sha256": sha256}, measured.value["timings"])

    async def _known_or_found(
        self,
        known: cache.Cache,
        order: Order,
        request: Mapping[str, Any],
        inputs: Mapping[str, BinaryIO],
        listener: Listener,
    ) -> tuple[keeping.Finding, bool]:
        """What was found in the same bytes before, else what measuring finds; and which of both."""
        with (
            TRACER.start_as_current_span("hash"),
            await asyncio.to_thread(self._sources.open, order.source_uri) as file,
        ):
            sha256 = await asyncio.to_thread(artifacts.sha256, file)
        words = await asyncio.to_thread(artifacts.sha256, inputs["transcript"]) if inputs else ""
        status = self._recognizer.status
        hears = [status.available, status.sha256, order.language or self._recognizer.language]
        key = keeping.key(sha256, words, {**request, "hears": hears})
        fresh: list[keeping.Finding] = []

        async def make() -> bytes:
            for file in inputs.values():
                file.seek(0)  # the hash was taken from it
            fresh.append(await self._found(order, request, inputs, listener))
            if fresh[0].media["sha256"] != sha256:
                raise errors.Aborted("the source changed while it was read", reason="SOURCE_CHANGED")
            return await asyncio.to_thread(keeping.packed, fresh[0])

        content, _ = await known.through(key, make)
        trace.get_current_span().set_attribute("analysis.cached", not fresh)
        if fresh:
            return fresh[0], False
        name = sessions.display_name(order.source_uri)
        return await asyncio.to_thread(keeping.unpacked, content, name), True

    async def _measured(
        self, order: Order, request: Mapping[str, Any], inputs: Mapping[str, BinaryIO], listener: Listener
    ) -> pool.Result:
        """The outcome of the task; what is said is written down where no text was found."""
        hears = self._recognizer.status.available and not order.transcript_uri and _asks(order, "transcript")
        meter = progress.Meter(MEASURING_SHARE if hears else 1.0)
        with TRACER.start_as_current_span("measure"):
            measured = await self._pool.run(
                tasks.MEASURE,
                request,
                pictures=measures.fits_card(order.measures),
                inputs=inputs,
                deadline_s=self._limits.analyze_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
                on_progress=lambda report: listener(meter.take(report)),
            )
        found = measured.value
        if hears and found["transcript"] is None and found["speech"]:
            meter.next()
            spoken = {
                "speech": found["speech"],
                "pauses_s": found["pauses"],
                "begin_s": found["begin_s"],
                "start_s": order.start_s,
                "end_s": order.end_s,
                "language": order.language,
            }
            with TRACER.start_as_current_span("listen"):
                heard = await self._recognizer.transcribe(
                    inputs["source"], spoken, lambda report: listener(meter.take(report))
                )
            found["transcript"] = heard["transcript"]
            found["timings"].append(heard["timing"])
        return measured

    def _words(self, order: Order) -> tuple[str, BinaryIO] | None:
        """The file with what is said, and its name: the one that was named, else one beside the source."""
        if order.transcript_uri:
            return sessions.display_name(order.transcript_uri), self._sources.open(order.transcript_uri)
        if not _asks(order, "transcript"):
            return None
        return self._sources.beside(order.source_uri, TRANSCRIPTS)

    async def propose(
        self,
        target: Target,
        analysis_path: str,
        order: proposing.Order,
        overrides: Mapping[str, float],
        config_path: str = "",
    ) -> Proposed:
        """Proposes clips from a stored analysis.

        Args:
            target: The session that holds the analysis; also where the proposals go.
            analysis_path: Path of the analysis in the session; empty for the usual one.
            order: Which clips are wanted; its weights are replaced.
            overrides: Weights that replace those of the configuration.
            config_path: Path in the session of the configuration that counts; empty for the one in force.

        Raises:
            errors.FailedPrecondition: A file is no analysis of this version or no configuration, or nothing fits.
            errors.InvalidArgument: There is no such genre, or a weight cannot be used.
        """
        session = await asyncio.to_thread(self._store.get, target.session_id)
        pinned = await asyncio.to_thread(session.read, config_path, pins.BYTES_MAX) if config_path else None
        configuration, version = self._configuration(pinned)
        if order.genre != genre.AUTO:
            weights.configured(configuration, order.genre)  # refuses an unknown genre before the analysis is read
        checked = weights.checked(overrides)
        path = analysis_path or f"{FOLDER}/{ANALYSIS}"
        content = await asyncio.to_thread(session.read, path, ANALYSIS_BYTES_MAX)
        try:
            found = await asyncio.to_thread(self._shelf.material, content)
            order = _weighed(order, found, configuration, checked)
            decision = await asyncio.to_thread(proposing.decide, found, order)
        except material.Malformed as error:
            raise errors.FailedPrecondition(f"{path}: {error}", reason="NOT_AN_ANALYSIS") from error
        except proposing.NothingFits as error:
            raise errors.FailedPrecondition(str(error), reason="NOTHING_FITS") from error
        encoded = document.encode(proposing.document(decision, order, version))
        artifact = await asyncio.to_thread(session.write_bytes, target.path(PROPOSALS), encoded)
        return Proposed(decision, order, artifact, version)

    async def _with_hash(self, source_uri: str, start: Callable[[Any], Any]) -> tuple[pool.Result, str]:
        """Runs a task on a source while its hash is computed; each reads through a file of its own."""
        file = await asyncio.to_thread(self._sources.open, source_uri)
        with file:
            twin = await asyncio.to_thread(self._sources.open, source_uri)
            with twin:
                if os.fstat(file.fileno()).st_ino != os.fstat(twin.fileno()).st_ino:
                    raise errors.Aborted("the source was replaced while it was opened", reason="SOURCE_CHANGED")
                hashing = asyncio.ensure_future(asyncio.to_thread(artifacts.sha256, twin))
                try:
                    result = await start(file)
                finally:
                    await asyncio.wait((hashing,))  # the thread reads from the file until it is done
                return result, hashing.result()


def _asks(order: Order, name: str) -> bool:
    return not order.measures or name in order.measures


def _weighed(
    order: proposing.Order,
    source: material.Material,
    configuration: Mapping[str, Any],
    overrides: Mapping[str, float],
) -> proposing.Order:
    """The order with its genre told, where it is to be, and the weights that are in force for it."""
    verdict = genre.told(source) if order.genre == genre.AUTO else genre.Verdict(order.genre, "")
    weighed = {**weights.configured(configuration, verdict.name), **overrides}
    return dataclasses.replace(order, weights=weighed, genre=verdict.name, genre_reason=verdict.reason)


def _check(order: Order) -> None:
    unknown = sorted(set(order.measures) - measures.MEASURES)
    if unknown:
        raise errors.InvalidArgument(f"no measure is called {', '.join(unknown)}", reason="BAD_REQUEST")
    if order.start_s < 0 or (order.end_s is not None and order.end_s <= order.start_s):
        field = errors.Field("range", "must not begin before 0 and must end after it begins")
        raise errors.InvalidArgument(f"the range {field.description}", reason="BAD_REQUEST", fields=[field])
