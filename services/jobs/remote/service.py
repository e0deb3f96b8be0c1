"""Runs steps as calls to analyzer and exporter instances: one attempt is one call to one instance, never retried here.

The messages of a stream are its heartbeat. A call that has not sent any yet, or never does, shows that it lives by its
instance answering a health check on the same connection.
"""

import asyncio
import contextlib
import dataclasses
import json
import math
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from google.protobuf import duration_pb2, json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry import trace
from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2, exporter_pb2_grpc
from reelsmith.media.v1 import media_pb2

import failpoints
from chassis import channels, client, errors, priority
from services.jobs import attempt, dispatch, dressing, pinning, publication
from services.jobs import job as jobs

ANALYZER, EXPORTER = "analyzer", "exporter"
OFFERS = ("cpus", "memory_bytes", "gpu_memory_bytes")  # facts that instances list themselves with
NAMES = {
    ANALYZER: analyzer_pb2.DESCRIPTOR.services_by_name["AnalyzerService"].full_name,
    EXPORTER: exporter_pb2.DESCRIPTOR.services_by_name["ExporterService"].full_name,
}
LOOK_S = 1.0  # between two looks at the health of all instances
LOOK_SOON_S = 0.1  # while a service has no healthy instance: its first one is found at once
LOOK_TIMEOUT_S = 1.0  # a health check takes milliseconds; an instance that needs longer gets no new step
ONE_TRY = client.Policy(tries_max=1, hedging=False)  # a second try would write into the folder of the first
KNOWN = "the analysis was known before"
NAMES_TIMEOUT_S = 1.0  # a caller waits for this, and the step that needs the name checks it too
PRESETS_MAX = 1000  # as many as one answer may have: several times what a configuration may
PINGS_PER_LEASE = 4  # one lost answer does not end a lease


class Directory:
    """Asks the services for names; see `names.Directory`.

    Genres are a matter of the configuration, as any analyzer sees it; presets of the exporters, all of which are asked,
    for each may have its own.

    Args:
        clients: Channels to the services.
        environment: Of the configuration.
    """

    def __init__(self, clients: client.Clients, environment: str) -> None:
        self._clients, self._environment = clients, environment

    async def genres(self) -> frozenset[str] | None:
        """See `names.Directory`."""
        request = config_pb2.GetConfigRequest(environment=self._environment, service=ANALYZER)
        stubs = [config_pb2_grpc.ConfigServiceStub(channel) for _, channel in self._clients.each("config")]
        answers = await _answers([stub.GetConfig(request, timeout=NAMES_TIMEOUT_S) for stub in stubs])
        documents = [json_format.MessageToDict(one.document) for one in answers]
        known = [document["analyzer"]["genres"] for document in documents if "genres" in document.get("analyzer", {})]
        return frozenset(name for genres in known for name in genres) if known else None

    async def presets(self) -> frozenset[str] | None:
        """See `names.Directory`."""
        request = exporter_pb2.ListPresetsRequest(page_size=PRESETS_MAX)
        stubs = [exporter_pb2_grpc.ExporterServiceStub(channel) for _, channel in self._clients.each(EXPORTER)]
        answers = await _answers([stub.ListPresets(request, timeout=NAMES_TIMEOUT_S) for stub in stubs])
        return frozenset(preset.name for one in answers for preset in one.presets) if answers else None


async def _answers(calls: list[Awaitable[Any]]) -> list[Any]:
    """The answers of those that are there."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, errors.Error):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


class Pings:
    """Reports a sign of life whenever the instance answers, until the block ends or they are cancelled.

    Most calls are over before the first one is due, so until then they are no task, only a moment.

    Args:
        channel: To the instance.
        spacing_s: Seconds between two of them.
        report: Called with None for each answer.
    """

    def __init__(self, channel: channels.Channel, spacing_s: float, report: attempt.Report) -> None:
        self._channel, self._spacing_s, self._report = channel, spacing_s, report
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Pings":
        self._due = asyncio.get_running_loop().call_later(self._spacing_s, self._start)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def cancel(self) -> None:
        """No more of them."""
        self._due.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._ping(), name="pings")

    async def _ping(self) -> None:
        stub = health_pb2_grpc.HealthStub(self._channel)
        with trace.use_span(_silent()):
            while True:  # as long as the call that it accompanies
                with contextlib.suppress(
                    errors.Unavailable, errors.DeadlineExceeded, errors.Cancelled
                ):  # no sign of life
                    await stub.Check(health_pb2.HealthCheckRequest(), timeout=self._spacing_s)
                    self._report(None)
                await asyncio.sleep(self._spacing_s)


class RemoteExecutor:
    """Runs steps on the instances that discovery knows and that say they serve.

    Args:
        clients: Channels to the services, made with `ONE_TRY`.
        lease_s: Silence that ends an attempt, in seconds; pings come several times as often.
        attempt_max_s: Deadline of every call, in seconds.
        pinner: Decides which configuration a job goes by.
    """

    def __init__(self, clients: client.Clients, lease_s: float, attempt_max_s: float, pinner: pinning.Pinner) -> None:
        self._clients, self._pinner = clients, pinner
        self._ping_s = lease_s / PINGS_PER_LEASE
        self._timeout_s = attempt_max_s
        self._healthy: dict[str, tuple[str, ...]] = dict.fromkeys(NAMES, ())
        self._calls = {
            jobs.Kind.FETCH: self._fetch,
            jobs.Kind.PROBE: self._probe,
            jobs.Kind.ANALYZE: self._analyze,
            jobs.Kind.PROPOSE: self._propose,
            jobs.Kind.EXPORT: self._export,
            jobs.Kind.IMAGES: self._images,
            jobs.Kind.REPORT: self._report,
            jobs.Kind.TIMELINES: self._timelines,
        }

    def instances(self, kind: jobs.Kind) -> Sequence[str]:
        """Ids of the instances that can take a step of a kind now."""
        return self._healthy[jobs.SERVICES[kind]]

    def offer(self, kind: jobs.Kind, instance: str) -> dispatch.Resources | None:
        """What the instance that takes steps of a kind has to give; None where it does not say."""
        for known in self._clients.instances(jobs.SERVICES[kind]):
            if known.id == instance:
                return resources(known.metadata)
        return None

    async def run(self) -> None:
        """Looks after the health of all instances until it is cancelled."""
        while True:  # the life of the process
            await asyncio.gather(*(self._look(service) for service in NAMES))
            await asyncio.sleep(LOOK_S if all(self._healthy.values()) else LOOK_SOON_S)

    async def _look(self, service: str) -> None:
        known = self._clients.each(service)
        serves = await asyncio.gather(*(_serves(channel, NAMES[service]) for _, channel in known))
        self._healthy[service] = tuple(instance.id for (instance, _), well in zip(known, serves, strict=True) if well)

    async def execute(self, instance: str, task: attempt.Task, report: attempt.Report) -> attempt.Product:
        """Runs a step on an instance; cancelling it stops the work there.

        Raises:
            errors.Error: The attempt failed.
        """
        channel = self._channel(jobs.SERVICES[task.step.kind], instance)
        task = dataclasses.replace(task, config_path=await self._pinner.pin(task.job.id))
        place = f"jobs.call.{task.step.kind.lower()}"
        async with Pings(channel, self._ping_s, report) as pings:
            # A step that is refused runs later: people who ask directly go first.
            with priority.within(True), failpoints.around(place):
                return await self._calls[task.step.kind](channel, task, report, pings)

    def _channel(self, service: str, instance: str) -> channels.Channel:
        for known, channel in self._clients.each(service):
            if known.id == instance:
                return channel
        raise errors.Unavailable(f"{instance} is not there any more", reason="NO_INSTANCE")

    async def _fetch(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = analyzer_pb2_grpc.AnalyzerServiceStub(channel)
        request = analyzer_pb2.FetchRequest(source_uri=task.job.spec.source_uri, output=_output(task))
        result = await _result(stub.Fetch(request, timeout=self._timeout_s), report, pings)
        return attempt.Product(_files((result.artifact, jobs.Role.SOURCE)))

    async def _probe(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = analyzer_pb2_grpc.AnalyzerServiceStub(channel)
        request = analyzer_pb2.ProbeRequest(source_uri=_source(task.job), output=_output(task))
        response = await stub.Probe(request, timeout=self._timeout_s)
        length_s = response.media.declared_duration_s if response.media.HasField("declared_duration_s") else None
        return attempt.Product(_files((response.artifact, jobs.Role.MEDIA_INFO)), media_s=length_s)

    async def _analyze(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = analyzer_pb2_grpc.AnalyzerServiceStub(channel)
        spec = task.job.spec
        request = analyzer_pb2.AnalyzeRequest(
            source_uri=_source(task.job),
            output=_output(task),
            transcript_uri=spec.transcript_uri,
            evidence=spec.evidence,
            language=spec.language,
        )
        if spec.range is not None:
            request.range.start_s, request.range.end_s = spec.range.start_s, spec.range.end_s
        result = await _result(stub.Analyze(request, timeout=self._timeout_s), report, pings)
        files, note = _files((result.artifact, jobs.Role.ANALYSIS)), KNOWN if result.cached else ""
        return attempt.Product(files, note=note, typical=not result.cached)

    async def _propose(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = analyzer_pb2_grpc.AnalyzerServiceStub(channel)
        spec = task.job.spec
        request = analyzer_pb2.ProposeClipsRequest(
            output=_output(task),
            analysis_path=_path(task.job, jobs.Role.ANALYSIS),
            count=spec.count,
            duration_min_s=spec.duration_min_s,
            duration_max_s=spec.duration_max_s,
            weights=dict(spec.weights),
            keywords=spec.keywords,
            genre=spec.genre,
            diversity=spec.diversity,
            durations=[media_pb2.ClipDuration(target_s=one.target_s, count=one.count) for one in spec.durations],
            durations_apart=spec.durations_apart,
            gap_min_s=spec.gap_min_s,
            exclusions=[media_pb2.TimeRange(start_s=one.start_s, end_s=one.end_s) for one in spec.exclusions],
            explain=spec.explain,
            config_path=task.config_path,
        )
        response = await stub.ProposeClips(request, timeout=self._timeout_s)
        clips = tuple(_clip(proposal) for proposal in response.proposals)
        return attempt.Product(_files((response.artifact, jobs.Role.PROPOSALS)), clips)

    async def _export(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = exporter_pb2_grpc.ExporterServiceStub(channel)
        result = await _result(stub.ExportClip(_export_request(task), timeout=self._timeout_s), report, pings)
        captions = [(artifact, jobs.Role.CAPTIONS) for artifact in result.captions]
        made = (result.clip, jobs.Role.CLIP), (result.manifest, jobs.Role.MANIFEST)
        return attempt.Product(_files(*made, *captions))

    async def _images(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = exporter_pb2_grpc.ExporterServiceStub(channel)
        paths = [_path(task.job, jobs.Role.CLIP, clip.name) for clip in _clips(task.job)]
        request = exporter_pb2.RenderImagesRequest(output=_output(task), clip_paths=[path for path in paths if path])
        response = await stub.RenderImages(request, timeout=self._timeout_s)
        thumbnails = [(artifact, jobs.Role.THUMBNAIL) for artifact in response.thumbnails]
        return attempt.Product(_files(*thumbnails, (response.contact_sheet, jobs.Role.CONTACT_SHEET)))

    async def _report(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = exporter_pb2_grpc.ExporterServiceStub(channel)
        request = exporter_pb2.RenderReportRequest(
            output=_output(task),
            analysis_path=_path(task.job, jobs.Role.ANALYSIS),
            proposals_path=_path(task.job, jobs.Role.PROPOSALS),
            clips=[_report_clip(task.job, step) for step in task.job.steps if step.clip is not None],
            title=task.job.spec.title,
        )
        response = await stub.RenderReport(request, timeout=self._timeout_s)
        return attempt.Product(_files((response.artifact, jobs.Role.REPORT)))

    async def _timelines(
        self, channel: channels.Channel, task: attempt.Task, report: attempt.Report, pings: Pings
    ) -> attempt.Product:
        stub = exporter_pb2_grpc.ExporterServiceStub(channel)
        paths = [_path(task.job, jobs.Role.MANIFEST, clip.name) for clip in _clips(task.job)]
        made = []
        for name in task.job.spec.timelines:
            request = exporter_pb2.ExportTimelineRequest(
                output=_output(task), manifest_paths=[path for path in paths if path], format=f"FORMAT_{name}"
            )
            response = await stub.ExportTimeline(request, timeout=self._timeout_s)
            made.append((response.artifact, jobs.Role.TIMELINE))
        return attempt.Product(_files(*made))


def resources(facts: Mapping[str, str]) -> dispatch.Resources | None:
    """What an instance says that it has to give; what it says nothing about is without a bound."""
    said = {name: _number(facts[name]) for name in OFFERS if name in facts}
    return dispatch.Resources(**{**dict.fromkeys(OFFERS, math.inf), **said}) if said else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf  # a fact that we do not understand limits nothing


async def _serves(channel: channels.Channel, name: str) -> bool:
    """Whether an instance says that it serves; one that drains does not."""
    with trace.use_span(_silent()):
        try:
            request = health_pb2.HealthCheckRequest(service=name)
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=LOOK_TIMEOUT_S)
        except errors.Error:
            return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def _silent() -> trace.Span:
    """A span that is not recorded, and neither is what happens below it."""
    current = trace.get_current_span().get_span_context()
    trace_id, span_id = current.trace_id or 1, current.span_id or 1  # zeros would begin a trace of their own
    return trace.NonRecordingSpan(trace.SpanContext(trace_id, span_id, is_remote=False))


async def _result(stream: channels.StreamCall, report: attempt.Report, pings: Pings):
    """The last message of a stream of progress.

    Raises:
        errors.Internal: The stream ended without a result.
    """
    result = None
    async for message in stream:
        pings.cancel()  # from here on the stream itself must show that the work goes on
        if message.WhichOneof("event") == "result":
            result = message.result
        report(_progress(message.progress) if message.HasField("progress") else None)
    if result is None:
        raise errors.Internal("the stream ended without a result", reason="NO_RESULT")
    return result


def _progress(message: media_pb2.Progress) -> jobs.Progress:
    eta_s = _seconds(message.eta) if message.HasField("eta") else None
    return jobs.Progress(message.fraction, message.stage, message.frames, message.frames_per_second, eta_s)


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def _output(task: attempt.Task) -> media_pb2.Output:
    return media_pb2.Output(session_id=task.job.id, directory=task.folder)


def _source(job: jobs.Job) -> str:
    """The source as workers open it: the one that was fetched, or what the caller named."""
    fetched = job.artifact(jobs.Role.SOURCE)
    return f"session:{job.id}/{fetched.path}" if fetched else job.spec.source_uri


def _files(*found: tuple[media_pb2.Artifact, jobs.Role]) -> tuple[publication.File, ...]:
    return tuple(
        publication.File(item.path, item.size_bytes, item.sha256, item.media_type, role)
        for item, role in found
        if item.path
    )


def _path(job: jobs.Job, role: jobs.Role, clip_name: str = "") -> str:
    artifact = job.artifact(role, clip_name)
    return artifact.path if artifact else ""


def _clips(job: jobs.Job) -> list[jobs.Clip]:
    """The clips that were exported, in order of rank."""
    done = (step for step in job.steps if step.state is jobs.StepState.SUCCEEDED)
    return sorted((step.clip for step in done if step.clip is not None), key=lambda clip: clip.rank)


def _clip(proposal: analyzer_pb2.Proposal) -> jobs.Clip:
    has_frames = proposal.HasField("frames")
    return jobs.Clip(
        rank=proposal.rank,
        start_s=proposal.time.start_s,
        end_s=proposal.time.end_s,
        start_frame=proposal.frames.start_frame if has_frames else None,
        end_frame=proposal.frames.end_frame if has_frames else None,
        score=proposal.score,
        proposal_json=_proposal_json(proposal),
    )


def _proposal_json(proposal: analyzer_pb2.Proposal) -> str:
    """A proposal in the words of `metadata/proposals.json`."""
    has_frames = proposal.HasField("frames")
    terms = [
        {
            "name": term.name,
            "value": term.value if term.HasField("value") else None,
            "weight": term.weight,
            "contribution": term.contribution,
            "state": "measured" if term.state == analyzer_pb2.Term.STATE_MEASURED else "unknown",
            "reason": term.reason,
        }
        for term in proposal.terms
    ]
    document = {
        "rank": proposal.rank,
        "start_s": proposal.time.start_s,
        "end_s": proposal.time.end_s,
        "start_frame": proposal.frames.start_frame if has_frames else None,
        "end_frame": proposal.frames.end_frame if has_frames else None,
        "score": proposal.score,
        "terms": terms,
        "target_s": proposal.target_s if proposal.HasField("target_s") else None,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _export_request(task: attempt.Task) -> exporter_pb2.ExportClipRequest:
    clip, spec = task.step.clip, task.job.spec
    if clip is None:
        raise errors.Internal(f"{task.step.name} has no clip", reason="BROKEN_PLAN")
    request = exporter_pb2.ExportClipRequest(
        source_uri=_source(task.job),
        output=_output(task),
        name=clip.name,
        preset=spec.preset,
        aspect_ratio=f"ASPECT_RATIO_{spec.aspect_ratio or 'UNSPECIFIED'}",
        layout=f"LAYOUT_{spec.layout or 'UNSPECIFIED'}",
        mode=f"EXPORT_MODE_{spec.mode or 'UNSPECIFIED'}",
        video_codec=f"VIDEO_CODEC_{spec.video_codec or 'UNSPECIFIED'}",
        analysis_path=_path(task.job, jobs.Role.ANALYSIS),
        proposal_json=clip.proposal_json,
        captions=captions_message(spec.captions),
        overlays=overlays_message(spec.overlays),
        config_path=task.config_path,
    )
    json_format.ParseDict(spec.edit, request.edit)
    request.manifest_path = spec.manifest_uri
    if request.edit.ranges or request.manifest_path:
        return request
    if clip.start_frame is not None and clip.end_frame is not None:
        request.frames.start_frame, request.frames.end_frame = clip.start_frame, clip.end_frame
    else:
        request.time.start_s, request.time.end_s = clip.start_s, clip.end_s
    return request


def captions_message(asked: dressing.Captions | None) -> exporter_pb2.CaptionOptions | None:
    """Captions as the API has them."""
    if asked is None:
        return None
    formats = [f"FORMAT_{name}" for name in asked.formats]
    return exporter_pb2.CaptionOptions(style=asked.style, formats=formats, text_track=asked.text_track)


def overlays_message(asked: dressing.Overlays | None) -> exporter_pb2.Overlays | None:
    """Overlays as the API has them."""
    if asked is None:
        return None
    corner = f"CORNER_{asked.logo_corner or 'UNSPECIFIED'}"
    return exporter_pb2.Overlays(**{**dataclasses.asdict(asked), "logo_corner": corner})


def _report_clip(job: jobs.Job, step: jobs.Step) -> exporter_pb2.ReportClip:
    clip = step.clip
    if clip is None:
        raise errors.Internal(f"{step.name} has no clip", reason="BROKEN_PLAN")
    return exporter_pb2.ReportClip(
        rank=clip.rank,
        clip_path=_path(job, jobs.Role.CLIP, clip.name),
        manifest_path=_path(job, jobs.Role.MANIFEST, clip.name),
        thumbnail_path=_path(job, jobs.Role.THUMBNAIL, clip.name),
        error=step.error.message if step.error else "",
    )
