"""Exports clips: surveys the source, plans, renders, checks, and only then gives the file its name."""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, BinaryIO

from chassis import errors, pins, telemetry
from media import artifacts, pool, sessions
from media import errors as media_errors
from services.exporter import (
    again,
    analysis,
    assembly,
    contexts,
    cut,
    delivery,
    director,
    filing,
    gate,
    geometry,
    manifest,
    metrics,
    orders,
    passing,
    pieces,
    placement,
    presets,
    prints,
    progress,
    provenance,
    record,
    timelines,
)
from services.exporter import dressing as dressing_module
from services.exporter import render as render_module
from services.exporter import survey as survey_module

TRACER = telemetry.tracer(__name__)
Listener = Callable[[progress.Progress], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip."""

    clip: artifacts.Artifact
    manifest: artifacts.Artifact
    start_frame: int
    end_frame: int
    checks: tuple[gate.Check, ...]
    config_version: int
    captions: tuple[artifacts.Artifact, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """How long workers may take, and how many threads they use."""

    threads: int
    render_deadline_s: float
    check_deadline_s: float
    heartbeat_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """Where sources come from and clips go."""

    sessions: sessions.Sessions
    sources: sessions.Sources


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A clip whose file has its name, and what its manifest says beside where the source is from."""

    clip: artifacts.Artifact
    checks: tuple[gate.Check, ...]
    document: Mapping[str, Any]
    beside: tuple[artifacts.Artifact, ...] = ()
    """Files of captions."""


class Exporter:
    """Exports and verifies clips.

    Args:
        workers: the pool of workers.
        storage: the sessions, and what callers name.
        document: gives the shared configuration and its version, at the moment of the call or as a job is pinned to.
        limits: times and threads.
        signer: signs finished clips; None leaves them unsigned.
    """

    def __init__(
        self,
        workers: pool.Pool,
        storage: Storage,
        document: Callable[..., tuple[Mapping[str, Any], int]],
        limits: Limits,
        signer: provenance.Signer | None = None,
    ) -> None:
        self._pool, self._sessions, self._sources, self._signer = workers, storage.sessions, storage.sources, signer
        self._document, self._limits, self._hashes = document, limits, filing.Hashes()
        self._cutter = passing.Cutter(workers, limits)
        self._encoders: dict[str, dict[str, str]] = {}  # by codec, of which there are four

    def catalogue(self) -> dict[str, presets.Preset]:
        """The presets in force, by name."""
        return presets.in_force(*self._document())

    def preset(self, name: str) -> presets.Preset:
        """One preset in force.

        Raises:
            errors.NotFound: there is none of that name.
        """
        return _preset(self.catalogue(), name)

    async def _decided(self, session: sessions.Session, order: orders.Order) -> tuple[orders.Order, presets.Preset]:
        """The order with the configuration that it goes by, and its preset: a manifest's, a job's or that in force."""
        if order.recipe:
            return dataclasses.replace(order, config=order.recipe.config), order.recipe.preset
        path = order.config_path
        given = (await asyncio.to_thread(session.read, path, pins.BYTES_MAX),) if path else ()
        document, version = self._document(*given)
        config = {"version": version, "pinned": bool(path)}
        preset = _preset(presets.in_force(document, version), order.preset or "default")
        return dataclasses.replace(order, config=config), preset

    async def export(self, order: orders.Order, listener: Listener) -> Clip:
        """Exports a clip.

        Args:
            order: what is asked for.
            listener: called with progress.

        Returns:
            The clip, whose file and manifest stand in the session.

        Raises:
            errors.InvalidArgument: the order is malformed.
            errors.FailedPrecondition: the preset, or this version, does not take such a clip.
            errors.DataLoss: the finished clip failed a check and was thrown away.
        """
        orders.refuse_malformed(order)
        session, recipe = self._sessions.get(order.session_id), order.recipe
        order, preset = await self._decided(session, order)
        meter = progress.Meter()
        with self._sources.open(order.source_uri) as source:
            if recipe:
                again.refuse_other(recipe, os.fstat(source.fileno()).st_size, await self._hashes.of(source))
            found = recipe.found if recipe else await self._analysis(session, order, source)
            for decoding in (False, True):
                context = await self._survey(source, order, preset, found, decoding, meter, listener)
                await asyncio.to_thread(director.refuse_unfit, order.layout, context.seen, context.edit.times_s)
                try:
                    return await self._make(session, source, context, meter, listener)
                except media_errors.Unreadable as error:
                    if decoding or error.reason != cut.MISJUDGED:
                        raise
        raise errors.Internal("an export ended without a result")

    async def _analysis(self, session: sessions.Session, order: orders.Order, source: BinaryIO) -> analysis.Analysis:
        if not order.analysis_path:
            return analysis.Analysis()
        data = await asyncio.to_thread(session.read, order.analysis_path, analysis.BYTES_MAX)
        try:
            found = await asyncio.to_thread(analysis.Analysis.parse, data)
        except analysis.Malformed as error:
            raise errors.FailedPrecondition(
                f"{order.analysis_path}: {error}", reason="ANALYSIS_MALFORMED", metadata={"path": order.analysis_path}
            ) from error
        size_bytes = os.fstat(source.fileno()).st_size
        if found.source is not None and found.source.size_bytes != size_bytes:
            raise errors.FailedPrecondition(
                f"{order.analysis_path} is of a file of {found.source.size_bytes} bytes, the source has {size_bytes}",
                reason="ANALYSIS_OF_OTHER_SOURCE",
            )
        return found

    async def _survey(
        self,
        source: BinaryIO,
        order: orders.Order,
        preset: presets.Preset,
        found: analysis.Analysis,
        decoding: bool,
        meter: progress.Meter,
        listener: Listener,
    ) -> contexts.Context:
        recipe, takes = order.recipe and order.recipe.edit, []
        for part in assembly.wanted(order.wish.ranges, recipe):
            # Only what lies before the end can be an anchor, and only the last ones matter.
            shots = dataclasses.replace(found, focus=(), subjects=(), transcript=None, shots=_before(found.shots, part))
            with TRACER.start_as_current_span("survey"):
                result = await self._pool.run(
                    "services.exporter.survey:run",
                    {"wanted": part.to_value(), "found": shots.to_value(), "decoding": decoding},
                    inputs={"source": source},
                    deadline_s=self._limits.render_deadline_s,
                    heartbeat_s=self._limits.heartbeat_s,
                    on_progress=lambda value: listener(meter.take(value | {"frames": 0})),
                )
            takes.append(pieces.Take(result.value, result.arrays["pts"]))
        planned = await asyncio.to_thread(assembly.plan, takes, order.wish, recipe, preset, found)
        meter.expect(planned.edit.frames)
        near = _with_words(placement.near(found, takes), order, planned.edit.pieces)
        wanted = delivery.decide(preset, takes[0].facts, order.aspect_ratio, order.video_codec)
        uncut = passing.refusal(order, preset, takes[0].facts, planned.edit, wanted)
        threads = order.recipe.threads if order.recipe else self._limits.threads
        return contexts.Context(order, preset, wanted.aspect_ratio, near, planned, wanted, threads, uncut)

    async def _make(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: contexts.Context,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        order = context.order
        if self._signer is not None and context.delivery.container in provenance.MEDIA_TYPES:
            await self._signer.ready()
        if not context.uncut:
            try:
                return await self._cut(session, source, context, meter, listener)
            except passing.Refused as error:
                context = dataclasses.replace(context, uncut=str(error))
        encoder = await self._encoder(context.delivery.video_codec)
        async with sessions.writing(session, context.file) as pending:
            rendered = await self._render(source, pending.file, context, encoder["name"], meter, listener)
            signed, credentials = await self._sign(session, pending.file, source, context, copied=False)
            found = await self._inspect(pending.file, meter, listener)
            decoded, drawn = found.arrays["prints"], rendered.arrays["prints"]
            size_bytes = os.fstat(pending.file.fileno()).st_size
            checks = gate.judge(found.value, size_bytes, context.expected(rendered.value), decoded, drawn)
            checks += dressing_module.checks(rendered.value["dressing"]) + credentials
            metrics.judged("render", checks)
            refuse_failed(checks, order.name)
        document = record.common(context, pending.artifact, checks, prints.facts(decoded))
        document |= record.rendered(context, rendered.value, encoder) | signed
        beside = await asyncio.to_thread(_write_texts, session, context, rendered.value)
        document |= dressing_module.entries(rendered.value, order.dressing, beside)
        made = Made(pending.artifact, checks, document, beside)
        return await self._kept(session, source, context, made, meter, listener)

    async def _cut(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: contexts.Context,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        job = passing.asked(context.facts, context.edit, context.delivery.container, context.threads)
        async with sessions.writing(session, context.file) as pending:
            files, heard = (source, pending.file), lambda value: listener(meter.take(value))
            made = await self._cutter.cut(files, job, context.preset, heard)
            try:
                signed, credentials = await self._sign(session, pending.file, source, context, copied=True)
                if signed.get("credentials", {}).get("signed"):  # its bytes moved: what was found is not enough
                    recalled = made.recalled(context.preset)
                    refuse_failed(await self._cutter.verify(pending.file, recalled), context.order.name)
            except errors.DataLoss as error:
                raise passing.Refused(f"the cut clip failed its checks once it was signed: {error}") from error
        document = record.common(context, pending.artifact, made.checks + credentials, made.pictures)
        document |= record.cut(context, made, pending.artifact) | signed
        whole = Made(pending.artifact, made.checks + credentials, document)
        return await self._kept(session, source, context, whole, meter, listener)

    async def _sign(
        self, session: sessions.Session, file: BinaryIO, source: BinaryIO, context: contexts.Context, copied: bool
    ) -> tuple[dict[str, Any], tuple[gate.Check, ...]]:
        """Signs a clip where that is set up; gives what the manifest says of it, and what was read from the file."""
        if self._signer is None:
            return {}, ()
        container = context.delivery.container
        if container not in provenance.MEDIA_TYPES:
            return {"credentials": {"signed": False, "reason": f"{container} cannot hold them"}}, ()
        about = record.about(context, await self._digest(source, context))
        claim = provenance.claim(context.file.rsplit("/", 1)[-1], about, copied)
        signer = await self._signer.sign(file, container, session.root, claim)
        check = await self._signer.check(file, container)
        refuse_failed((check,), context.order.name)
        return {"credentials": {"signed": True, "signer": signer}}, (check,)

    async def _digest(self, source: BinaryIO, context: contexts.Context) -> str:
        known = context.found.source
        return known.sha256 if known is not None else await self._hashes.of(source)

    async def _kept(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: contexts.Context,
        made: Made,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        document = dict(made.document)
        document["source"] = await self._source(source, context)
        path = filing.place(context.order.directory, "metadata", f"{context.order.name}.manifest.json")
        kept = await asyncio.to_thread(session.write_bytes, path, manifest.dump(document))
        listener(meter.take({"stage": "done", "frames": context.edit.frames}))
        metrics.delivered("cut" if document["smart_cut"]["used"] else "render", context.edit.frames)
        span = document["range"]
        frames = (span["start_frame"], span["end_frame"])
        return Clip(made.clip, kept, *frames, made.checks, context.preset.config_version, made.beside)

    async def _encoder(self, codec: str) -> dict[str, str]:
        """The encoder of a codec, found once by trying; see `encoders.choose`."""
        if codec not in self._encoders:
            task = "services.exporter.encoders:choose"
            result = await self._pool.run(task, {"codec": codec}, deadline_s=self._limits.check_deadline_s)
            self._encoders[codec] = result.value
        return self._encoders[codec]

    async def _render(
        self,
        source: BinaryIO,
        target: BinaryIO,
        context: contexts.Context,
        encoder: str,
        meter: progress.Meter,
        listener: Listener,
    ) -> pool.Result:
        planned = context.edit
        job = render_module.Job.of(
            planned,
            facts=context.facts,
            canvas=context.canvas,
            layout=context.order.layout,
            preset=context.preset.to_value() | context.delivery.to_value() | {"encoder": encoder},
            found=context.seen,
            threads=context.threads,
            audio_track=context.order.edit.track,
            dressing=context.overlaid(),
        )
        attributes = {"clip.frames": planned.frames}
        with TRACER.start_as_current_span("render", attributes=attributes), contextlib.ExitStack() as stack:
            return await self._pool.run(
                "services.exporter.render:run",
                job.to_value(),
                inputs={"source": source, **dressing_module.inputs(context.order.dressing, self._sources, stack)},
                outputs={"clip": target},
                deadline_s=self._limits.render_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
                on_progress=lambda value: listener(meter.take(value)),
            )

    async def _inspect(
        self, file: BinaryIO, meter: progress.Meter | None = None, listener: Listener | None = None
    ) -> pool.Result:
        def heard(value: Mapping[str, Any]) -> None:
            if meter is not None and listener is not None:
                listener(meter.take(value))

        with TRACER.start_as_current_span("inspect"):
            return await self._pool.run(
                "services.exporter.gate:inspect",
                {"threads": self._limits.threads},
                inputs={"clip": file},
                deadline_s=self._limits.check_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
                on_progress=heard,
            )

    async def _source(self, source: BinaryIO, context: contexts.Context) -> dict[str, Any]:
        facts = context.facts
        aspect = Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None
        width, height = geometry.upright(facts["width"], facts["height"], aspect, facts["rotation"]).shown
        return {
            "width": width,
            "height": height,
            "timecode": facts["timecode"],
            "name": sessions.display_name(context.order.source_uri),
            "size_bytes": os.fstat(source.fileno()).st_size,
            "sha256": await self._digest(source, context),
        }

    async def verify(self, session_id: str, clip_path: str, manifest_path: str) -> tuple[gate.Check, ...]:
        """Opens a finished clip again and checks it against its manifest.

        Raises:
            errors.FailedPrecondition: the manifest cannot be read.
        """
        session = self._sessions.get(session_id)
        document = await filing.read_manifest(session, manifest_path)
        with session.open_read(clip_path) as file:
            try:
                digest = await asyncio.to_thread(artifacts.sha256, file)
                stated = manifest.digest(document)
                same = gate.check("sha256", digest == stated, digest, stated)
                return same, *await self._verified(file, document)
            except manifest.Malformed as error:
                raise filing.malformed(manifest_path, error) from error
            except media_errors.Unreadable as error:
                return same, gate.check("decodes", False, error.message, "to the end, no fault")

    async def _verified(self, file: BinaryIO, document: Mapping[str, Any]) -> tuple[gate.Check, ...]:
        signed = await self._credentials(file, document)
        if manifest.was_cut(document):
            return await self._cutter.verify(file, document) + signed
        expected = manifest.expected(document)
        found = await self._inspect(file)
        size_bytes = os.fstat(file.fileno()).st_size
        return gate.judge(found.value, size_bytes, expected, found.arrays["prints"], None) + signed

    async def _credentials(self, file: BinaryIO, document: Mapping[str, Any]) -> tuple[gate.Check, ...]:
        if not manifest.signed(document):
            return ()
        if self._signer is None:
            return (gate.Check("credentials", gate.SKIPPED, "not read: no secret is set here", "signed"),)
        return (await self._signer.check(file, manifest.container(document)),)

    async def recipe(self, session_id: str, path: str) -> again.Recipe:
        """Reads a manifest that is to be rendered again: a file of the session, or one that a URI names.

        Raises:
            errors.FailedPrecondition: it cannot be read.
        """
        if path.startswith(("file:", "upload:")):
            with self._sources.open(path) as file:
                data = await asyncio.to_thread(file.read, manifest.BYTES_MAX + 1)
        else:
            data = await asyncio.to_thread(self._sessions.get(session_id).read, path, manifest.BYTES_MAX)
        try:
            return await asyncio.to_thread(lambda: again.read(manifest.load(data)))  # of megabytes
        except manifest.Malformed as error:
            raise filing.malformed(path, error) from error

    async def timeline(self, session_id: str, directory: str, paths: Sequence[str], name: str) -> artifacts.Artifact:
        """Writes a timeline of finished clips.

        Args:
            session_id: the session that holds their manifests, and gets the file.
            directory: the folder of the call, if it has one.
            paths: the manifests, in order.
            name: the format, of `timelines.CATALOGUE`.

        Raises:
            errors.FailedPrecondition: a manifest cannot be read.
        """
        session, found = self._sessions.get(session_id), []
        for path in paths:
            try:
                found.append(timelines.read(await filing.read_manifest(session, path)))
            except manifest.Malformed as error:
                raise filing.malformed(path, error) from error
        chosen = timelines.CATALOGUE[name]
        target = filing.place(directory, "scripts", f"timeline{chosen.SUFFIX}")
        return await asyncio.to_thread(session.write_bytes, target, chosen.text(found).encode())


def _preset(known: Mapping[str, presets.Preset], name: str) -> presets.Preset:
    if name not in known:
        raise errors.NotFound(
            f"there is no preset {name[:64]!r}; there are {', '.join(known)}", reason="PRESET_UNKNOWN"
        )
    return known[name]


def _write_texts(
    session: sessions.Session, context: contexts.Context, rendered: Mapping[str, Any]
) -> tuple[artifacts.Artifact, ...]:
    """Writes the captions that stand beside the clip."""
    order = context.order
    texts = dressing_module.texts(rendered, order.dressing.captions, context.canvas)
    return tuple(
        session.write_bytes(filing.place(order.directory, "scripts", f"{order.name}.{kind}"), data)
        for kind, data in texts.items()
    )


def _before(shots: tuple[analysis.Shot, ...], wanted: survey_module.Wanted) -> tuple[analysis.Shot, ...]:
    if wanted.frames is not None:
        return tuple(shot for shot in shots if shot.start_frame <= wanted.frames[0])[-1:]
    return tuple(shot for shot in shots if shot.start_s <= wanted.seconds[0])[-1:]


def _with_words(found: analysis.Analysis, order: orders.Order, planned: Sequence[pieces.Piece]) -> analysis.Analysis:
    """An analysis with what is said in the clip, where captions are asked for; it is kept in the manifest.

    Raises:
        errors.FailedPrecondition: The transcript of the analysis cannot be read.
    """
    try:
        return dataclasses.replace(found, transcript=dressing_module.said(order.dressing, found.transcript, planned))
    except dressing_module.Malformed as error:
        raise errors.FailedPrecondition(
            f"{order.analysis_path}: {error}", reason="ANALYSIS_MALFORMED", metadata={"path": order.analysis_path}
        ) from error


def refuse_failed(checks: tuple[gate.Check, ...], name: str) -> None:
    """Raises the error of a clip that did not pass.

    Raises:
        errors.DataLoss: with the measure of each check that failed.
    """
    failed = [one for one in checks if one.state == gate.FAILED]
    if not failed:
        return
    words = "; ".join(f"{one.name} is {one.measured}, expected {one.expected}" for one in failed)
    raise errors.DataLoss(
        f"clip {name} failed its checks and was not delivered: {words}",
        reason="CHECK_FAILED",
        metadata={one.name: one.measured[:200] for one in failed},
    )
