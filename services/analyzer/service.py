"""AnalyzerService: translates between messages and analyses."""

import asyncio
import contextlib
import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from google.protobuf import duration_pb2, json_format
from grpc import aio
from reelsmith.analyzer.v1 import analyzer_pb2 as pb
from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import errors, relay
from media import artifacts, limits, pool
from services.analyzer import analyses, document, intake, progress
from services.analyzer.proposals import proposing, runners
from services.analyzer.recognition import recognizer

NAME = pb.DESCRIPTOR.services_by_name["AnalyzerService"].full_name
LIST_MAX = 1000  # keywords or excluded stretches in one request; nobody means more
TARGETS_MAX, EXPLAIN_MAX = 10, 100  # as the API says

LANGUAGE = re.compile(r"[a-z]{2,3}")
MEASURES = {
    pb.MEASURE_SHOTS: "shots",
    pb.MEASURE_PICTURE: "picture",
    pb.MEASURE_LOUDNESS: "loudness",
    pb.MEASURE_SPEECH: "speech",
    pb.MEASURE_TRANSCRIPT: "transcript",
    pb.MEASURE_MUSIC: "music",
    pb.MEASURE_SUBJECTS: "subjects",
}
KINDS = {
    "cut": pb.Transition.KIND_CUT,
    "fade": pb.Transition.KIND_FADE,
    "dissolve": pb.Transition.KIND_DISSOLVE,
}
CAMERAS = {
    name.removeprefix("KIND_").lower(): number
    for name, number in pb.Camera.Kind.items()
    if number != pb.Camera.KIND_UNSPECIFIED
}
SOURCES = {
    "embedded": pb.Transcript.SOURCE_EMBEDDED,
    "sidecar": pb.Transcript.SOURCE_SIDECAR,
    "recognition": pb.Transcript.SOURCE_RECOGNITION,
}
REASONS = {
    runners.EXCLUDED: pb.LeftOutClip.REASON_EXCLUDED,
    runners.OVERLAPS: pb.LeftOutClip.REASON_OVERLAPS,
    runners.TOO_NEAR: pb.LeftOutClip.REASON_TOO_NEAR,
    runners.TOO_ALIKE: pb.LeftOutClip.REASON_TOO_ALIKE,
    runners.LOWER: pb.LeftOutClip.REASON_LOWER_SCORE,
}
STATES = {"measured": pb.Term.STATE_MEASURED, "unknown": pb.Term.STATE_UNKNOWN}


class AnalyzerService(rpc.AnalyzerServiceServicer):
    """Measures sources and proposes clips.

    Args:
        analyzer: Does the work.
        workers: What tasks run on, for capabilities.
        fetches: Fetches sources.
    """

    def __init__(self, analyzer: analyses.Analyzer, workers: analyses.Workers, fetches: intake.Intake) -> None:
        self._intake = fetches
        self._analyzer, self._workers, self._recognizer = analyzer, workers.measuring, workers.recognizing

    async def check(self) -> None:
        """Says whether sources can be measured here.

        Raises:
            errors.FailedPrecondition: Sessions cannot be written.
        """
        await asyncio.to_thread(self._analyzer.check)

    async def Fetch(self, request: pb.FetchRequest, context: aio.ServicerContext) -> AsyncIterator[pb.FetchResponse]:
        """Fetches a source; streams progress, then one result."""
        uri, target = _source(request.source_uri), _target(request.output)
        async with contextlib.aclosing(
            relay.followed(lambda heard: self._intake.fetch(uri, target, heard), progress.Progress(stage=intake.STAGE))
        ) as events:
            async for event in events:
                if isinstance(event, progress.Progress):
                    yield pb.FetchResponse(progress=_progress(event))
                else:
                    stored = _artifact(event, media_pb2.ARTIFACT_ROLE_SOURCE)
                    yield pb.FetchResponse(result=pb.FetchResult(artifact=stored))

    async def Probe(self, request: pb.ProbeRequest, context: aio.ServicerContext) -> pb.ProbeResponse:
        """Reads what a source is."""
        target = _target(request.output) if request.HasField("output") else None
        media, artifact = await self._analyzer.probe(_source(request.source_uri), target)
        response = pb.ProbeResponse(media=_media(media))
        if artifact is not None:
            response.artifact.CopyFrom(_artifact(artifact, media_pb2.ARTIFACT_ROLE_MEDIA_INFO))
        return response

    async def Analyze(
        self, request: pb.AnalyzeRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.AnalyzeResponse]:
        """Measures a source; streams progress, then one result."""
        order = _order(request)
        async with contextlib.aclosing(
            relay.followed(lambda heard: self._analyzer.analyze(order, heard), progress.Progress())
        ) as events:
            async for event in events:
                if isinstance(event, progress.Progress):
                    yield pb.AnalyzeResponse(progress=_progress(event))
                else:
                    yield pb.AnalyzeResponse(result=_result(event))

    async def ProposeClips(
        self, request: pb.ProposeClipsRequest, context: aio.ServicerContext
    ) -> pb.ProposeClipsResponse:
        """Proposes clips from a stored analysis."""
        done = await self._analyzer.propose(
            _target(request.output),
            request.analysis_path,
            _wanted(request),
            dict(request.weights),
            request.config_path,
        )
        return pb.ProposeClipsResponse(
            proposals=[_proposal(item) for item in done.decision.proposals],
            artifact=_artifact(done.artifact, media_pb2.ARTIFACT_ROLE_PROPOSALS),
            config_version=done.config_version,
            genre=done.order.genre,
            genre_reason=done.order.genre_reason,
            left_out=[
                pb.LeftOutClip(
                    clip=_proposal(item.clip), reason=REASONS[item.reason], ranks=item.ranks, detail=item.detail
                )
                for item in done.decision.left_out
            ],
        )

    async def GetCapabilities(
        self, request: pb.GetCapabilitiesRequest, context: aio.ServicerContext
    ) -> pb.GetCapabilitiesResponse:
        """Says what this instance can do and how busy it is."""
        status, pools = self._workers.status, self._workers.pools
        return pb.GetCapabilitiesResponse(
            backend=status.backend,
            devices=status.devices,
            decoders=limits.DECODERS,
            formats=limits.FORMATS,
            capacity=_capacity(pools),
            protections=[
                media_pb2.Protection(name=one.name, active=one.active, detail=one.detail)
                for one in self._workers.protections()
            ],
            version=document.VERSION,
            backend_detail=status.detail,
            device_decoders=status.decoders,
            recognition=_recognition(self._recognizer),
        )


def _capacity(pools: Sequence[pool.Pool]) -> media_pb2.Capacity:
    return media_pb2.Capacity(
        workers=sum(one.workers for one in pools),
        busy_workers=sum(one.busy for one in pools),
        queued_calls=sum(one.waiting for one in pools),
        queue_limit=pools[0].queue_limit,  # what waits does so for the processor
    )


def _recognition(one: recognizer.Recognizer) -> pb.Recognition:
    status = one.status
    return pb.Recognition(
        available=status.available,
        detail=status.detail,
        model=status.model,
        sha256=status.sha256,
        languages=len(status.languages),
        capacity=_capacity(one.pools) if one.pools else None,
    )


def _source(uri: str) -> str:
    if not uri:
        raise _refusal("source_uri", "is required")
    return uri


def _target(output: media_pb2.Output) -> analyses.Target:
    if not output.session_id:
        raise _refusal("output.session_id", "is required")
    return analyses.Target(output.session_id, output.directory)


def _order(request: pb.AnalyzeRequest) -> analyses.Order:
    unknown = [measure for measure in request.measures if measure not in MEASURES]
    if unknown:
        raise _refusal("measures", f"has unknown entries: {unknown[:8]}")
    start_s, end_s = 0.0, None
    if request.HasField("range"):
        start_s, end_s = request.range.start_s, request.range.end_s or None
        if not all(math.isfinite(edge) for edge in (start_s, end_s or 0.0)):
            raise _refusal("range", "must be two finite numbers")
    if request.language and not LANGUAGE.fullmatch(request.language):
        raise _refusal("language", "must be a code of two or three letters, such as de")
    measures = tuple(MEASURES[measure] for measure in request.measures)
    return analyses.Order(
        _source(request.source_uri),
        _target(request.output),
        measures,
        start_s,
        end_s,
        request.transcript_uri,
        request.evidence,
        request.language,
    )


def _wanted(request: pb.ProposeClipsRequest) -> proposing.Order:
    shortest_s = request.duration_min_s or min(proposing.SHORTEST_S, request.duration_max_s or math.inf)
    longest_s = request.duration_max_s or max(proposing.LONGEST_S, shortest_s)
    exclusions = tuple((item.start_s, item.end_s) for item in request.exclusions[: LIST_MAX + 1])
    targets = tuple(
        proposing.Target(one.target_s, one.count or proposing.COUNT) for one in request.durations[: TARGETS_MAX + 1]
    )
    rules = (
        ("count", 0 <= request.count <= proposing.COUNT_MAX, f"must lie between 1 and {proposing.COUNT_MAX}"),
        ("duration_min_s", math.isfinite(shortest_s) and shortest_s > 0, "must be above 0"),
        ("duration_max_s", math.isfinite(longest_s) and longest_s >= shortest_s, "must not be below duration_min_s"),
        ("gap_min_s", math.isfinite(request.gap_min_s) and request.gap_min_s >= 0, "must not be negative"),
        ("keywords", len(request.keywords) <= LIST_MAX, f"may have {LIST_MAX} entries at most"),
        ("exclusions", len(exclusions) <= LIST_MAX, f"may have {LIST_MAX} entries at most"),
        ("exclusions", all(map(math.isfinite, sum(exclusions, ()))), "must be finite numbers"),
        ("diversity", 0 <= request.diversity <= 1, "must lie between 0 and 1"),
        ("durations", len(targets) <= TARGETS_MAX, f"may have {TARGETS_MAX} entries at most"),
        ("durations", all(math.isfinite(one.target_s) and one.target_s > 0 for one in targets), "must be above 0 s"),
        ("durations", all(0 < one.count <= proposing.COUNT_MAX for one in targets), "must have 1 to 100 clips each"),
        ("explain", 0 <= request.explain <= EXPLAIN_MAX, f"must lie between 0 and {EXPLAIN_MAX}"),
    )
    for field, kept, rule in rules:
        if not kept:
            raise _refusal(field, rule)
    return proposing.Order(
        count=request.count or proposing.COUNT,
        shortest_s=shortest_s,
        longest_s=longest_s,
        keywords=tuple(request.keywords),
        exclusions=exclusions,
        gap_s=request.gap_min_s,
        diversity=request.diversity,
        targets=targets,
        targets_apart=request.durations_apart,
        explain=request.explain,
        genre=request.genre,
    )


def _refusal(field: str, rule: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"the request cannot be served: {field} {rule}", reason="BAD_REQUEST", fields=[errors.Field(field, rule)]
    )


def _media(media: Mapping[str, Any]) -> pb.MediaInfo:
    return json_format.ParseDict(dict(media), pb.MediaInfo())


def _progress(now: progress.Progress) -> media_pb2.Progress:
    eta = None
    if now.eta_s is not None:
        eta = duration_pb2.Duration()
        eta.FromMilliseconds(round(now.eta_s * 1000))
    return media_pb2.Progress(
        fraction=now.fraction, stage=now.stage, frames=now.frames, frames_per_second=now.frames_per_second, eta=eta
    )


def _result(done: analyses.Analysis) -> pb.AnalyzeResult:
    return pb.AnalyzeResult(
        analysis=_analysis(done),
        artifact=_artifact(done.artifact, media_pb2.ARTIFACT_ROLE_ANALYSIS),
        timings=[pb.Timing(**timing) for timing in done.timings],
        cached=done.cached,
    )


def _transition(item: Mapping[str, Any]) -> pb.Transition:
    frames = {name: item[name] for name in ("frame", "start_frame", "end_frame")}
    return pb.Transition(kind=KINDS[item["kind"]], **frames)


def _analysis(done: analyses.Analysis) -> pb.Analysis:
    found = done.document
    return pb.Analysis(
        media=_media(done.media),
        frame_count=found["video"]["frame_count"] if found["video"] else 0,
        duration_s=found["source"]["duration_s"],
        transitions=[_transition(item) for item in found["transitions"]],
        shots=[
            pb.Shot(
                frames=media_pb2.FrameRange(start_frame=item["start_frame"], end_frame=item["end_frame"]),
                time=media_pb2.TimeRange(start_s=item["start_s"], end_s=item["end_s"]),
                camera=_camera(item["camera"]),
                content=pb.Content(**item["content"]) if item["content"] else None,
            )
            for item in found["shots"]
        ],
        speech=[media_pb2.TimeRange(**item) for item in found["speech"]],
        silence=[media_pb2.TimeRange(**item) for item in found["silence"]],
        black=[media_pb2.TimeRange(**item) for item in found["black"]],
        frozen=[media_pb2.TimeRange(**item) for item in found["frozen"]],
        loudness=pb.Loudness(**found["loudness"]) if found["loudness"] else None,
        curve=pb.Curve(interval_s=found["curve"]["interval_s"], highlight=found["curve"]["highlight"]),
        transcript=_transcript(found["transcript"]) if found["transcript"] else None,
        tempo_bpm=found["audio"]["tempo_bpm"] if found["audio"] else None,
        subjects=[
            pb.Subject(
                id=item["id"],
                shot=item["shot"],
                time=media_pb2.TimeRange(start_s=item["start_s"], end_s=item["end_s"]),
                score=item["score"],
                speaking=item["speaking"],
            )
            for item in found["subjects"] or ()
        ],
    )


def _camera(found: Mapping[str, Any] | None) -> pb.Camera | None:
    return pb.Camera(**{**found, "kind": CAMERAS[found["kind"]]}) if found and found["kind"] else None


def _transcript(found: Mapping[str, Any]) -> pb.Transcript:
    model = found["model"]
    return pb.Transcript(
        source=SOURCES[found["source"]],
        format=found["format"],
        language=found["language"] or "",
        stream=found["stream"],
        name=found["name"] or "",
        cues=len(found["cues"]),
        sentences=len(found["sentences"]),
        word_times=found["words"] is not None,
        model=model["name"] if model else "",
        language_probability=model["language_probability"] if model else None,
    )


def _proposal(item: proposing.Proposal) -> pb.Proposal:
    message = pb.Proposal(
        rank=item.rank,
        time=media_pb2.TimeRange(start_s=item.start_s, end_s=item.end_s),
        score=item.score,
        target_s=item.target_s,
        terms=[
            pb.Term(
                name=term.name,
                value=term.value,
                weight=term.weight,
                contribution=term.contribution,
                state=STATES[term.state],
                reason=term.reason,
            )
            for term in item.terms
        ],
    )
    if item.start_frame is not None:
        message.frames.CopyFrom(media_pb2.FrameRange(start_frame=item.start_frame, end_frame=item.end_frame))
    return message


def _artifact(one: artifacts.Artifact, role: media_pb2.ArtifactRole) -> media_pb2.Artifact:
    return media_pb2.Artifact(
        path=one.path, size_bytes=one.size_bytes, sha256=one.sha256, media_type=one.media_type, role=role
    )
