"""Exports clips: surveys the source, plans, renders, checks, and only then gives the file its name."""

import asyncio
import collections
import contextlib
import dataclasses
import importlib.metadata
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, BinaryIO

from chassis import errors, telemetry
from media import artifacts, pool, sessions
from media import errors as media_errors
from services.exporter import (
    again,
    analysis,
    asked,
    assembly,
    cut,
    delivery,
    director,
    edit,
    gate,
    geometry,
    layouts,
    manifest,
    metrics,
    passing,
    pieces,
    placement,
    presets,
    prints,
    progress,
    timelines,
)
from services.exporter import dressing as dressing_module
from services.exporter import render as render_module
from services.exporter import survey as survey_module

NAME = re.compile(r"[a-z0-9_-]{1,64}")
VERSION = importlib.metadata.version("reelsmith")
TRACER = telemetry.tracer(__name__)
HASHES_MAX = 256  # sources whose hash is remembered; one takes a hundred bytes
Listener = Callable[[progress.Progress], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A clip that is asked for, checked by the caller's translator only for its types."""

    source_uri: str
    session_id: str
    directory: str
    name: str
    wanted: survey_module.Wanted
    preset: str
    aspect_ratio: str
    """Empty for the preset's."""
    layout: str
    analysis_path: str
    proposal: Mapping[str, Any] | None
    mode: str = passing.AUTO
    video_codec: str = ""
    """Empty for the preset's."""
    dressing: dressing_module.Wish = dataclasses.field(default_factory=dressing_module.Wish)
    edit: asked.Edit = asked.UNEDITED
    """Without ranges it is about `wanted`."""
    recipe: again.Recipe | None = None
    """What a manifest says, where one is rendered again."""
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What was asked, as it is kept in the manifest to be asked again."""

    @property
    def wish(self) -> asked.Edit:
        """The edit with its ranges."""
        return dataclasses.replace(self.edit, ranges=self.edit.ranges or (asked.Range(self.wanted),))


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
class Context:
    """What is known before rendering begins."""

    order: Order
    preset: presets.Preset
    aspect_ratio: str
    found: analysis.Analysis
    plan: assembly.Plan
    delivery: delivery.Delivery
    threads: int
    """Of the encoder: the bytes depend on them."""
    uncut: str
    """Why the clip is not cut without encoding all of it; empty where that is tried."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Of the source."""
        return self.plan.takes[0].facts

    @property
    def edit(self) -> edit.Edit:
        """The planned clip."""
        return self.plan.edit

    @property
    def seen(self) -> analysis.Analysis:
        """What was found, on the time line of the clip."""
        return placement.placed(self.found, self.edit.pieces, self.edit.schedule.rate)

    @property
    def canvas(self) -> geometry.Canvas:
        """The delivered picture."""
        return self.delivery.canvas


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A clip whose file has its name, and what its manifest says beside where the source is from."""

    clip: artifacts.Artifact
    checks: tuple[gate.Check, ...]
    document: Mapping[str, Any]
    beside: tuple[artifacts.Artifact, ...] = ()
    """Files of captions."""


def place(directory: str, folder: str, name: str) -> str:
    """Path of a file in its session: in the call's own folder if it has one, else in the folder of its kind."""
    return f"{directory or folder}/{name}"


@contextlib.asynccontextmanager
async def written(session: sessions.Session, path: str) -> AsyncIterator[sessions.Pending]:
    """Writes a file of a session; hashing and syncing a large one must not hold up the event loop."""
    with contextlib.ExitStack() as stack:
        pending = stack.enter_context(session.write(path))
        closing = stack.pop_all()
    try:
        yield pending
    except BaseException:
        closing.__exit__(*sys.exc_info())
        raise
    await asyncio.to_thread(closing.close)


class Hashes:
    """SHA-256 of sources, remembered while a file stays the same."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[tuple[int, ...], str] = collections.OrderedDict()

    async def of(self, file: BinaryIO) -> str:
        """Hashes a file, or remembers."""
        state = os.fstat(file.fileno())
        key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in self._known:
            self._known[key] = await asyncio.to_thread(artifacts.sha256, file)
        self._known.move_to_end(key)
        if len(self._known) > HASHES_MAX:
            self._known.popitem(last=False)
        return self._known[key]


class Exporter:
    """Exports and verifies clips.

    Args:
        workers: the pool of workers.
        store: the sessions.
        sources: opens what callers name.
        document: gives the shared configuration and its version, at the moment of the call.
        limits: times and threads.
    """

    def __init__(
        self,
        workers: pool.Pool,
        store: sessions.Sessions,
        sources: sessions.Sources,
        document: Callable[[], tuple[Mapping[str, Any], int]],
        limits: Limits,
    ) -> None:
        self._pool, self._sessions, self._sources = workers, store, sources
        self._document, self._limits, self._hashes = document, limits, Hashes()
        self._cutter = passing.Cutter(workers, limits)
        self._encoders: dict[str, dict[str, str]] = {}  # by codec, of which there are four

    def catalogue(self) -> dict[str, presets.Preset]:
        """The presets in force, by name."""
        return presets.in_force(*self._document())

    def preset(self, name: str) -> presets.Preset:
        """One preset.

        Raises:
            errors.NotFound: there is none of that name.
        """
        known = self.catalogue()
        if name not in known:
            raise errors.NotFound(
                f"there is no preset {name[:64]!r}; there are {', '.join(known)}", reason="PRESET_UNKNOWN"
            )
        return known[name]

    async def export(self, order: Order, listener: Listener) -> Clip:
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
        _check_order(order)
        session, recipe = self._sessions.get(order.session_id), order.recipe
        preset = recipe.preset if recipe else self.preset(order.preset or "default")
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

    async def _analysis(self, session: sessions.Session, order: Order, source: BinaryIO) -> analysis.Analysis:
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
        order: Order,
        preset: presets.Preset,
        found: analysis.Analysis,
        decoding: bool,
        meter: progress.Meter,
        listener: Listener,
    ) -> Context:
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
        return Context(order, preset, wanted.aspect_ratio, near, planned, wanted, threads, uncut)

    async def _make(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: Context,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        order = context.order
        if not context.uncut:
            try:
                return await self._cut(session, source, context, meter, listener)
            except passing.Refused as error:
                context = dataclasses.replace(context, uncut=str(error))
        encoder = await self._encoder(context.delivery.video_codec)
        async with written(session, _file(context)) as pending:
            rendered = await self._render(source, pending.file, context, encoder["name"], meter, listener)
            found = await self._inspect(pending.file, meter, listener)
            decoded, drawn = found.arrays["prints"], rendered.arrays["prints"]
            size_bytes = os.fstat(pending.file.fileno()).st_size
            checks = gate.judge(found.value, size_bytes, _expected(context, rendered.value), decoded, drawn)
            checks += dressing_module.checks(rendered.value["dressing"])
            metrics.judged("render", checks)
            refuse_failed(checks, order.name)
        document = _manifest(context, pending.artifact, checks, prints.facts(decoded))
        document |= _rendered(context, rendered.value, encoder)
        beside = await asyncio.to_thread(_write_texts, session, context, rendered.value)
        document |= dressing_module.entries(rendered.value, order.dressing, beside)
        made = Made(pending.artifact, checks, document, beside)
        return await self._kept(session, source, context, made, meter, listener)

    async def _cut(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: Context,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        job = passing.asked(context.facts, context.edit, context.delivery.container, context.threads)
        async with written(session, _file(context)) as pending:
            files, heard = (source, pending.file), lambda value: listener(meter.take(value))
            made = await self._cutter.cut(files, job, context.preset, heard)
        document = _manifest(context, pending.artifact, made.checks, made.pictures)
        document |= _cut(context, made, pending.artifact)
        whole = Made(pending.artifact, made.checks, document)
        return await self._kept(session, source, context, whole, meter, listener)

    async def _kept(
        self,
        session: sessions.Session,
        source: BinaryIO,
        context: Context,
        made: Made,
        meter: progress.Meter,
        listener: Listener,
    ) -> Clip:
        document = dict(made.document)
        document["source"] = await self._source(source, context)
        path = place(context.order.directory, "metadata", f"{context.order.name}.manifest.json")
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
        context: Context,
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
            dressing=_dressing(context),
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

    async def _source(self, source: BinaryIO, context: Context) -> dict[str, Any]:
        known, facts = context.found.source, context.facts
        aspect = Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None
        width, height = geometry.upright(facts["width"], facts["height"], aspect, facts["rotation"]).shown
        return {
            "width": width,
            "height": height,
            "timecode": facts["timecode"],
            "name": sessions.display_name(context.order.source_uri),
            "size_bytes": os.fstat(source.fileno()).st_size,
            "sha256": known.sha256 if known is not None else await self._hashes.of(source),
        }

    async def verify(self, session_id: str, clip_path: str, manifest_path: str) -> tuple[gate.Check, ...]:
        """Opens a finished clip again and checks it against its manifest.

        Raises:
            errors.FailedPrecondition: the manifest cannot be read.
        """
        session = self._sessions.get(session_id)
        document = await read_manifest(session, manifest_path)
        with session.open_read(clip_path) as file:
            try:
                digest = await asyncio.to_thread(artifacts.sha256, file)
                stated = manifest.digest(document)
                same = gate.check("sha256", digest == stated, digest, stated)
                return same, *await self._verified(file, document)
            except manifest.Malformed as error:
                raise _malformed(manifest_path, error) from error
            except media_errors.Unreadable as error:
                return same, gate.check("decodes", False, error.message, "to the end, no fault")

    async def _verified(self, file: BinaryIO, document: Mapping[str, Any]) -> tuple[gate.Check, ...]:
        if manifest.was_cut(document):
            return await self._cutter.verify(file, document)
        expected = manifest.expected(document)
        found = await self._inspect(file)
        return gate.judge(found.value, os.fstat(file.fileno()).st_size, expected, found.arrays["prints"], None)

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
            return again.read(manifest.load(data))
        except manifest.Malformed as error:
            raise _malformed(path, error) from error

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
                found.append(timelines.read(await read_manifest(session, path)))
            except manifest.Malformed as error:
                raise _malformed(path, error) from error
        chosen = timelines.CATALOGUE[name]
        target = place(directory, "scripts", f"timeline{chosen.SUFFIX}")
        return await asyncio.to_thread(session.write_bytes, target, chosen.text(found).encode())


def _write_texts(
    session: sessions.Session, context: Context, rendered: Mapping[str, Any]
) -> tuple[artifacts.Artifact, ...]:
    """Writes the captions that stand beside the clip."""
    order = context.order
    texts = dressing_module.texts(rendered, order.dressing.captions, context.canvas)
    return tuple(
        session.write_bytes(place(order.directory, "scripts", f"{order.name}.{kind}"), data)
        for kind, data in texts.items()
    )


async def read_manifest(session: sessions.Session, path: str) -> dict[str, Any]:
    """Reads a manifest of a session.

    Raises:
        errors.FailedPrecondition: it is none.
    """
    data = await asyncio.to_thread(session.read, path, manifest.BYTES_MAX)
    try:
        return manifest.load(data)
    except manifest.Malformed as error:
        raise _malformed(path, error) from error


def _malformed(path: str, error: manifest.Malformed) -> errors.FailedPrecondition:
    return errors.FailedPrecondition(f"{path}: {error}", reason="MANIFEST_MALFORMED", metadata={"path": path})


def _file(context: Context) -> str:
    order = context.order
    return place(order.directory, "final_output", f"{order.name}.{context.delivery.container}")


def _before(shots: tuple[analysis.Shot, ...], wanted: survey_module.Wanted) -> tuple[analysis.Shot, ...]:
    if wanted.frames is not None:
        return tuple(shot for shot in shots if shot.start_frame <= wanted.frames[0])[-1:]
    return tuple(shot for shot in shots if shot.start_s <= wanted.seconds[0])[-1:]


def _check_order(order: Order) -> None:
    wrong = []
    if not NAME.fullmatch(order.name):
        wrong.append(errors.Field("name", "must be 1 to 64 of a-z 0-9 _ -"))
    wrong += [errors.Field(f"edit.{name}", rule) for name, rule in asked.violations(order.wish)]
    if order.aspect_ratio and order.aspect_ratio not in presets.ASPECT_RATIOS:
        wrong.append(errors.Field("aspect_ratio", f"must be one of {', '.join(presets.ASPECT_RATIOS)}"))
    wrong += dressing_module.violations(order.dressing)
    if wrong:
        detail = "; ".join(f"{field.name} {field.description}" for field in wrong)
        raise errors.InvalidArgument(f"the clip cannot be exported: {detail}", reason="BAD_REQUEST", fields=wrong)
    if order.layout not in layouts.CHOICES:
        raise errors.Unimplemented(
            f"this version has no layout {order.layout!r}; it has {', '.join(layouts.CHOICES)}",
            reason="LAYOUT_UNIMPLEMENTED",
            metadata={"layout": order.layout},
        )


def _dressing(context: Context) -> dict[str, Any] | None:
    """What a worker lays over the clip."""
    zone = dressing_module.zone(context.preset.name, context.canvas)
    planned = context.edit
    return dressing_module.plan(
        context.order.dressing, context.found.transcript, planned.pieces, planned.schedule.rate, zone
    )


def _with_words(found: analysis.Analysis, order: Order, planned: Sequence[pieces.Piece]) -> analysis.Analysis:
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


def _expected(context: Context, rendered: Mapping[str, Any]) -> gate.Expected:
    sound, preset, schedule = rendered["sound"], context.preset, context.edit.schedule
    audible = sound is not None and sound["treatment"] is not None
    return gate.Expected(
        frames=context.edit.frames,
        rate=schedule.rate,
        width=context.canvas.width,
        height=context.canvas.height,
        sound=sound is not None,
        loudness_lufs=preset.loudness_lufs if audible else None,
        loudness_limited=bool(audible and sound["treatment"]["limited"]),
        true_peak_max_dbtp=preset.true_peak_max_dbtp,
        size_max_bytes=preset.size_limit_bytes,
        duration_max_s=preset.duration_max_s,
        pictures=None,
        video_codec=context.delivery.video_codec,
        audio_codec=context.delivery.audio_codec,
        container=context.delivery.container,
        texts=len(rendered["texts"]) if context.order.dressing.captions.track else 0,
        framing=rendered["framing"],
        subject_inside_min=preset.subject_inside_min,
    )


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


def _manifest(
    context: Context, made: artifacts.Artifact | None, checks: tuple[gate.Check, ...], pictures: prints.Facts
) -> dict[str, Any]:
    """What every manifest says."""
    assert made is not None  # noqa: S101 - set when the file got its name
    order = context.order
    return {
        "schema": manifest.SCHEMA,
        "version": VERSION,
        "clip": _clip_entry(context, made),
        "range": _range_entry(context),
        "edit": context.plan.to_value(),
        "settings": {
            "preset": context.preset.to_value(),
            "aspect_ratio": context.aspect_ratio,
            "layout": order.layout,
            "video_bps_max": context.edit.video_bps_max,
            "threads": context.threads,
        },
        "delivery": context.delivery.to_value(),
        "config_version": context.preset.config_version,
        "pictures": dataclasses.asdict(pictures),
        "checks": manifest.checks(checks),
        "proposal": order.proposal,
        "request": order.request,
        "analysis": context.found.to_value(),
    }


def _rendered(context: Context, rendered: Mapping[str, Any], encoder: Mapping[str, str]) -> dict[str, Any]:
    """What the manifest of a clip says that was rendered."""
    return {
        "edit": context.plan.to_value() | {"audio_track": rendered["audio_track"]},
        "crop_path": rendered["crop"],
        "scenes": rendered["scenes"],
        "framing": rendered["framing"],
        "focus_source": "analysis" if rendered["followed"] and rendered["crop"] else "centre",
        "loudness": rendered["sound"],
        "libraries": rendered["libraries"],
        "encoder": encoder,
        "smart_cut": {"used": False, "reason": context.uncut},
    }


def _cut(context: Context, made: passing.Cut, clip: artifacts.Artifact | None) -> dict[str, Any]:
    """What the manifest of a clip says that was cut: its frames are the source's, at the source's times."""
    assert clip is not None  # noqa: S101 - set when the file got its name
    facts = dict(made.facts)
    entry = _clip_entry(context, clip) | {name: facts[name] for name in ("width", "height", "duration_s")}
    return {
        "clip": entry | {"frame_count": facts["frames"]},
        "encoder": {"name": facts.pop("encoder"), "reason": ""},
        "libraries": facts.pop("libraries"),
        "smart_cut": {"used": True, **facts},
        "crop_path": [],
        "focus_source": "source",
        "loudness": None,
    }


def _clip_entry(context: Context, made: artifacts.Artifact) -> dict[str, Any]:
    schedule, canvas = context.edit.schedule, context.canvas
    return {
        "file": made.path.rsplit("/", 1)[-1],
        "size_bytes": made.size_bytes,
        "sha256": made.sha256,
        "width": canvas.width,
        "height": canvas.height,
        "frame_rate": round(float(schedule.rate), 6),
        "frame_rate_exact": str(schedule.rate),
        "frame_count": context.edit.frames,
        "duration_s": round(float(schedule.duration_s), 6),
        "source_constant_rate": schedule.constant,
    }


def _range_entry(context: Context) -> dict[str, Any]:
    """The stretch of the source from which all that is shown was taken."""
    shown = context.edit.pieces
    first, last = min(shown, key=lambda one: one.start_frame), max(shown, key=lambda one: one.end_frame)
    return {
        "start_frame": first.start_frame,
        "end_frame": last.end_frame,
        "start_pts": first.start_pts,
        "end_pts": last.end_pts,
        "time_base": str(context.plan.takes[0].base),
        "start_s": round(first.source_start_s, 6),
        "end_s": round(last.source_end_s, 6),
    }
