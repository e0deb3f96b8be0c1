"""ExporterService: translates between messages and exports."""

import contextlib
import dataclasses
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from google.protobuf import duration_pb2, json_format
from grpc import aio
from reelsmith.exporter.v1 import exporter_pb2 as pb
from reelsmith.exporter.v1 import exporter_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import errors, relay
from media import artifacts, pool, sessions
from services.exporter import (
    asked,
    captions,
    dressing,
    exports,
    gallery,
    gate,
    layouts,
    orders,
    overlays,
    passing,
    presets,
    progress,
    record,
    report,
    survey,
    timelines,
)

NAME = pb.DESCRIPTOR.services_by_name["ExporterService"].full_name
PROPOSAL_BYTES_MAX = 64 << 10  # a proposal with all its reasons has about four kilobytes
PAGE_SIZE = 100  # as the API says
PAGE_SIZE_MAX = 1000  # as the API says

# Fields of a request that say where things are, or come from the request itself: a manifest keeps none of them.
ELSEWHERE = ("source_uri", "output", "name", "analysis_path", "proposal_json", "manifest_path", "config_path")

RATIOS = {
    pb.ASPECT_RATIO_9_16: "9:16",
    pb.ASPECT_RATIO_1_1: "1:1",
    pb.ASPECT_RATIO_4_5: "4:5",
    pb.ASPECT_RATIO_16_9: "16:9",
}
LAYOUTS = {
    pb.LAYOUT_UNSPECIFIED: layouts.AUTO,
    pb.LAYOUT_FILL: "fill",
    pb.LAYOUT_FIT_BLUR: "fit_blur",
    pb.LAYOUT_LETTERBOX: "letterbox",
    pb.LAYOUT_SPLIT: "split",
    pb.LAYOUT_STACK: "stack",
    pb.LAYOUT_AUTO: layouts.AUTO,
}
MODES = {
    pb.EXPORT_MODE_UNSPECIFIED: passing.AUTO,
    pb.EXPORT_MODE_RENDER: passing.RENDER,
    pb.EXPORT_MODE_SMART_CUT: passing.SMART_CUT,
}
CODECS = {
    pb.VIDEO_CODEC_UNSPECIFIED: "",
    pb.VIDEO_CODEC_H264: "h264",
    pb.VIDEO_CODEC_HEVC: "hevc",
    pb.VIDEO_CODEC_AV1: "av1",
    pb.VIDEO_CODEC_VP9: "vp9",
}
TIMELINES = {
    pb.ExportTimelineRequest.FORMAT_OTIO: "otio",
    pb.ExportTimelineRequest.FORMAT_FCPXML: "fcpxml",
    pb.ExportTimelineRequest.FORMAT_EDL: "edl",
}
STATES = {
    gate.PASSED: pb.Check.STATE_PASSED,
    gate.FAILED: pb.Check.STATE_FAILED,
    gate.SKIPPED: pb.Check.STATE_SKIPPED,
}


class ExporterService(rpc.ExporterServiceServicer):
    """Renders clips, pictures and the report.

    Args:
        clips: exports and verifies clips.
        shown: renders pictures and the report.
        workers: the pool, for capabilities.
        encoders: names of the encoders that work here.
    """

    def __init__(
        self, clips: exports.Exporter, shown: gallery.Gallery, workers: pool.Pool, encoders: Sequence[str]
    ) -> None:
        self._clips, self._gallery, self._pool, self._encoders = clips, shown, workers, tuple(encoders)

    async def check(self) -> None:
        """Says whether clips can be made here.

        Raises:
            errors.FailedPrecondition: an encoder is missing, or no preset can be used.
        """
        missing = {"libx264", "aac"} - set(self._encoders)
        if missing:
            raise errors.FailedPrecondition(f"no encoder {', '.join(sorted(missing))} works here", reason="NO_ENCODER")
        self._clips.catalogue()

    async def ExportClip(
        self, request: pb.ExportClipRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.ExportClipResponse]:
        """Renders one clip; streams progress, then one result."""
        order = await self._again(request) if request.manifest_path else _order(request)
        async with contextlib.aclosing(
            relay.followed(lambda heard: self._clips.export(order, heard), progress.Meter().now())
        ) as events:
            async for event in events:
                if isinstance(event, progress.Progress):
                    yield pb.ExportClipResponse(progress=_progress(event))
                else:
                    yield pb.ExportClipResponse(result=_result(event))

    async def _again(self, request: pb.ExportClipRequest) -> orders.Order:
        """The order that a manifest keeps, of the source and under the name that the request gives."""
        recipe = await self._clips.recipe(request.output.session_id, request.manifest_path)
        kept = pb.ExportClipRequest(source_uri=request.source_uri, output=request.output)
        try:
            json_format.ParseDict(recipe.request, kept)
        except json_format.ParseError as error:
            raise errors.FailedPrecondition(
                f"{request.manifest_path}: the manifest keeps no request of this version: {error}",
                reason="MANIFEST_MALFORMED",
                metadata={"path": request.manifest_path},
            ) from error
        for name in ELSEWHERE:
            kept.ClearField(name)
        kept.source_uri, kept.name = request.source_uri, request.name or recipe.clip_name
        kept.output.CopyFrom(request.output)
        if kept.overlays.logo_uri:
            kept.overlays.logo_uri = _logo(request, kept.overlays.logo_uri)
        return dataclasses.replace(_order(kept), recipe=recipe, request=recipe.request, proposal=recipe.proposal)

    async def ExportTimeline(
        self, request: pb.ExportTimelineRequest, context: aio.ServicerContext
    ) -> pb.ExportTimelineResponse:
        """Writes a timeline of finished clips from their manifests."""
        if request.format not in TIMELINES:
            raise _refusal("format", "is required: OTIO, FCPXML or EDL")
        if not 1 <= len(request.manifest_paths) <= timelines.CLIPS_MAX:
            raise _refusal("manifest_paths", f"must be 1 to {timelines.CLIPS_MAX}, are {len(request.manifest_paths)}")
        made = await self._clips.timeline(
            request.output.session_id, request.output.directory, request.manifest_paths, TIMELINES[request.format]
        )
        return pb.ExportTimelineResponse(artifact=_artifact(made, media_pb2.ARTIFACT_ROLE_TIMELINE))

    async def RenderImages(
        self, request: pb.RenderImagesRequest, context: aio.ServicerContext
    ) -> pb.RenderImagesResponse:
        """Renders a thumbnail per clip and one contact sheet."""
        thumbnails, sheet = await self._gallery.render_images(
            request.output.session_id, request.output.directory, list(request.clip_paths)
        )
        return pb.RenderImagesResponse(
            thumbnails=[_artifact(one, media_pb2.ARTIFACT_ROLE_THUMBNAIL) for one in thumbnails],
            contact_sheet=_artifact(sheet, media_pb2.ARTIFACT_ROLE_CONTACT_SHEET),
        )

    async def RenderReport(
        self, request: pb.RenderReportRequest, context: aio.ServicerContext
    ) -> pb.RenderReportResponse:
        """Renders the report page of a session."""
        page = await self._gallery.render_report(
            request.output.session_id,
            request.output.directory,
            request.title,
            (request.analysis_path or "metadata/analysis.json", request.proposals_path or "metadata/proposals.json"),
            [report.Entry(clip.rank, clip.clip_path, clip.manifest_path, error=clip.error) for clip in request.clips],
        )
        return pb.RenderReportResponse(artifact=_artifact(page, media_pb2.ARTIFACT_ROLE_REPORT))

    async def VerifyClip(self, request: pb.VerifyClipRequest, context: aio.ServicerContext) -> pb.VerifyClipResponse:
        """Opens a finished clip again and checks it against its manifest."""
        checks = await self._clips.verify(request.session_id, request.clip_path, request.manifest_path)
        return pb.VerifyClipResponse(
            passed=all(one.state != gate.FAILED for one in checks), checks=[_check(one) for one in checks]
        )

    async def ListPresets(self, request: pb.ListPresetsRequest, context: aio.ServicerContext) -> pb.ListPresetsResponse:
        """Lists the presets in force, by name."""
        size = _page_size(request.page_size)
        names = sorted(name for name in self._clips.catalogue() if name > request.page_token)
        known = self._clips.catalogue()
        return pb.ListPresetsResponse(
            presets=[_preset(known[name]) for name in names[:size]],
            next_page_token=names[size - 1] if len(names) > size else "",
        )

    async def GetPreset(self, request: pb.GetPresetRequest, context: aio.ServicerContext) -> pb.Preset:
        """Returns one preset."""
        return _preset(self._clips.preset(request.name))

    async def GetCapabilities(
        self, request: pb.GetCapabilitiesRequest, context: aio.ServicerContext
    ) -> pb.GetCapabilitiesResponse:
        """Says what this instance can do and how busy it is."""
        numbers = {name: number for number, name in LAYOUTS.items() if number}
        return pb.GetCapabilitiesResponse(
            encoders=self._encoders,
            layouts=[numbers[name] for name in layouts.CHOICES],
            capacity=media_pb2.Capacity(
                workers=self._pool.workers,
                busy_workers=self._pool.busy,
                queued_calls=self._pool.waiting,
                queue_limit=self._pool.queue_limit,
            ),
            protections=[
                media_pb2.Protection(name=one.name, active=one.active, detail=one.detail)
                for one in self._pool.protections()
            ],
            version=record.VERSION,
        )


def _order(request: pb.ExportClipRequest) -> orders.Order:
    known = {"aspect_ratio": (0, *RATIOS), "layout": LAYOUTS, "mode": MODES, "video_codec": CODECS}
    for field, values in known.items():
        if getattr(request, field) not in values:
            raise _refusal(field, "is not known")
    edit = _edit(request)
    return orders.Order(
        source_uri=request.source_uri,
        session_id=request.output.session_id,
        directory=request.output.directory,
        name=request.name or "clip",
        wanted=edit.ranges[0].wanted,
        preset=request.preset,
        aspect_ratio=RATIOS.get(request.aspect_ratio, ""),
        layout=LAYOUTS[request.layout],
        analysis_path=request.analysis_path,
        proposal=_proposal(request.proposal_json),
        mode=MODES[request.mode],
        video_codec=CODECS[request.video_codec],
        dressing=dressing.Wish(_captions(request.captions), _overlays(request.overlays)),
        edit=edit,
        request=_kept(request),
        config_path=request.config_path,
    )


def _captions(message: pb.CaptionOptions) -> captions.Wish:
    formats = tuple(_name(pb.CaptionOptions.Format, number, "FORMAT_") for number in message.formats)
    return captions.Wish(message.style, formats, message.text_track)


def _overlays(message: pb.Overlays) -> overlays.Wish:
    corner = message.logo_corner or pb.Overlays.CORNER_TOP_RIGHT
    return overlays.Wish(
        title=message.title,
        title_s=message.title_s,
        hook=message.hook,
        hook_s=message.hook_s or overlays.HOOK_S,
        progress_bar=message.progress_bar,
        logo_uri=message.logo_uri,
        logo_corner=_name(pb.Overlays.Corner, corner, "CORNER_"),
        logo_opacity=message.logo_opacity or 1.0,
    )


def _name(kind: Any, number: int, prefix: str) -> str:
    """A value of an enumeration in the words of the domain; the number where it is unknown."""
    return kind.Name(number).removeprefix(prefix).lower() if number in kind.values() else str(number)


def _kept(request: pb.ExportClipRequest) -> dict[str, Any]:
    """What a manifest keeps of a request, to ask for the same again: all but where things are."""
    kept = pb.ExportClipRequest()
    kept.CopyFrom(request)
    for name in ELSEWHERE:
        kept.ClearField(name)
    if kept.overlays.logo_uri:
        kept.overlays.logo_uri = _shown(kept.overlays.logo_uri)
    return json_format.MessageToDict(kept, preserving_proto_field_name=True)


def _shown(uri: str) -> str:
    """What a manifest says of a logo: that there is one, and its name where it has one, but not where it lies."""
    scheme, _, _ = uri.partition(":")
    return (sessions.display_name(uri) if scheme in ("file", "session") else scheme) or "logo"


def _logo(request: pb.ExportClipRequest, kept: str) -> str:
    """Where the logo of a manifest is: only the request says it, for whoever wrote the manifest may read no file here.

    Raises:
        errors.FailedPrecondition: it does not say it.
    """
    if not request.overlays.logo_uri:
        raise errors.FailedPrecondition(
            f"the clip of {request.manifest_path} has a logo, {kept[:64]!r}: name it in `overlays.logo_uri`",
            reason="LOGO_NOT_NAMED",
            metadata={"path": request.manifest_path},
        )
    return request.overlays.logo_uri


def _edit(request: pb.ExportClipRequest) -> asked.Edit:
    message = request.edit
    speed = message.speed or 1.0
    ranges = [asked.Range(_wanted(one), asked.speed(one.speed or speed)) for one in message.ranges]
    tightening, track = message.tightening, message.audio_track
    return asked.Edit(
        ranges=tuple(ranges) or (asked.Range(_wanted(request), asked.speed(speed)),),
        tightening=_tightening(tightening) if message.HasField("tightening") else None,
        fades=asked.Fades(**{name: getattr(message.fades, name) for name in pb.Fades.DESCRIPTOR.fields_by_name}),
        track=asked.Track(track.number if track.HasField("number") else None, track.language),
    )


def _tightening(message: pb.Tightening) -> asked.Tightening:
    said = {
        name: getattr(message, name)
        for name in ("silence_min_s", "pre_roll_s", "post_roll_s")
        if message.HasField(name)
    }
    return asked.Tightening(
        **said,
        silence=not message.keep_silence,
        fillers=not message.keep_fillers,
        filler_words=tuple(message.filler_words),
    )


def _wanted(message: pb.ExportClipRequest | pb.SourceRange) -> survey.Wanted:
    match message.WhichOneof("range"):
        case "frames":
            return survey.Wanted(frames=(message.frames.start_frame, message.frames.end_frame))
        case "time":
            edges = (message.time.start_s, message.time.end_s)
            if not all(map(math.isfinite, edges)):
                raise _refusal("time", "must be two finite numbers")
            return survey.Wanted(seconds=(Fraction(edges[0]), Fraction(edges[1])))
    raise _refusal("range", "is required: time or frames")


def _proposal(text: str) -> Mapping[str, Any] | None:
    if not text:
        return None
    if len(text) > PROPOSAL_BYTES_MAX:
        raise _refusal("proposal_json", f"may have {PROPOSAL_BYTES_MAX} characters at most")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # a deep nest of brackets ends in RecursionError
        raise _refusal("proposal_json", f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _refusal("proposal_json", "must be a JSON object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _refusal(field: str, rule: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"the request cannot be served: {field} {rule}", reason="BAD_REQUEST", fields=[errors.Field(field, rule)]
    )


def _page_size(asked: int) -> int:
    if asked < 0:
        raise _refusal("page_size", "must not be negative")
    return min(asked or PAGE_SIZE, PAGE_SIZE_MAX)


def _progress(now: progress.Progress) -> media_pb2.Progress:
    eta = None
    if now.eta_s is not None:
        eta = duration_pb2.Duration()
        eta.FromMilliseconds(round(now.eta_s * 1000))
    return media_pb2.Progress(
        fraction=now.fraction, stage=now.stage, frames=now.frames, frames_per_second=now.frames_per_second, eta=eta
    )


def _result(made: exports.Clip) -> pb.ExportClipResult:
    return pb.ExportClipResult(
        clip=_artifact(made.clip, media_pb2.ARTIFACT_ROLE_CLIP),
        manifest=_artifact(made.manifest, media_pb2.ARTIFACT_ROLE_MANIFEST),
        frames=media_pb2.FrameRange(start_frame=made.start_frame, end_frame=made.end_frame),
        checks=[_check(one) for one in made.checks],
        config_version=made.config_version,
        captions=[_artifact(one, media_pb2.ARTIFACT_ROLE_CAPTIONS) for one in made.captions],
    )


def _artifact(one: artifacts.Artifact, role: media_pb2.ArtifactRole) -> media_pb2.Artifact:
    return media_pb2.Artifact(
        path=one.path, size_bytes=one.size_bytes, sha256=one.sha256, media_type=one.media_type, role=role
    )


def _check(one: gate.Check) -> pb.Check:
    return pb.Check(name=one.name, state=STATES[one.state], measured=one.measured, expected=one.expected)


def _preset(one: presets.Preset) -> pb.Preset:
    numbers = {name: number for number, name in RATIOS.items()}
    fields = {name: getattr(one, name) for name in pb.Preset.DESCRIPTOR.fields_by_name if name != "aspect_ratio"}
    return pb.Preset(aspect_ratio=numbers.get(one.aspect_ratio, pb.ASPECT_RATIO_UNSPECIFIED), **fields)
