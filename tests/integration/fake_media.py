"""A fake analyzer and exporter in one process, for tests of the job manager: tiny files, and faults on order.

The source of a job is a JSON file of orders, by call: `probe`, `analyze`, `propose`, `clip-01`, `images`, `report`.
Each order may have `delay_s` (time the call takes), `silent` (no progress meanwhile), `clips` (how many are proposed),
`code` and `reason` (how it fails), and `times` (how many times it fails before it goes well; for ever by default).
"""

import asyncio
import dataclasses
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import AsyncIterator

import grpc
from google.protobuf import json_format
from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2, exporter_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import discovery, errors, server, telemetry
from chassis import settings as settings_module
from media import sessions

BEAT_S = 0.05  # time between two words of progress


class Settings(settings_module.Settings):
    """Settings of the fake."""

    model_config = settings_module.config("fake_media")
    name = "fake_media"


@dataclasses.dataclass(frozen=True)
class Orders:
    """What a call is told to do."""

    delay_s: float = 0.0
    silent: bool = False
    clips: int = 3
    code: str = ""
    reason: str = ""
    times: int = 1_000_000


class Fake:
    """What both fakes share: orders, files, and a journal of every call that began or was cut off."""

    def __init__(self, settings: Settings) -> None:
        self.sessions = sessions.Sessions(settings.sessions_root)
        self.journal = pathlib.Path(os.environ["FAKE_JOURNAL"])
        self.failures: dict[tuple[str, str], int] = {}

    def note(self, *words: object) -> None:
        """Writes one line into the journal."""
        with self.journal.open("a") as file:
            file.write(" ".join(str(word) for word in (os.getpid(), *words)) + "\n")

    def orders(self, source_uri: str, session_id: str, call: str) -> Orders:
        """The orders of one call."""
        if source_uri.startswith(("http:", "session:")):  # one that is fetched has no orders
            all_orders = {}
            self.sessions.get(session_id).write_bytes("metadata/orders.json", b"{}")
        elif source_uri:
            path = pathlib.Path(source_uri.removeprefix("file://"))
            if not path.exists():
                raise errors.NotFound(f"there is no {path}", reason="NOT_FOUND")
            all_orders = json.loads(path.read_text())
            self.sessions.get(session_id).write_bytes("metadata/orders.json", json.dumps(all_orders).encode())
        else:
            all_orders = json.loads(self.sessions.get(session_id).read("metadata/orders.json", 1 << 20))
        return Orders(**all_orders.get(call, {}))

    async def obey(self, orders: Orders, session_id: str, call: str) -> AsyncIterator[media_pb2.Progress]:
        """Takes the ordered time, telling about it, then fails as ordered."""
        self.note("began", call, session_id)
        try:
            beats = max(1, round(orders.delay_s / BEAT_S))
            for beat in range(beats):
                if not orders.silent:
                    yield media_pb2.Progress(fraction=beat / beats, stage=call, frames=beat)
                await asyncio.sleep(orders.delay_s / beats)
        except (asyncio.CancelledError, GeneratorExit):
            self.note("cut", call, session_id)
            raise
        failed = self.failures.get((session_id, call), 0)
        if orders.code and failed < orders.times:
            self.failures[session_id, call] = failed + 1
            raise errors.BY_NAME[orders.code](f"{call} fails as ordered", reason=orders.reason)

    def write(self, output: media_pb2.Output, name: str, text: str) -> media_pb2.Artifact:
        """Writes a file of the attempt; the content depends on nothing but session and name."""
        content = f"{output.session_id} {text}".encode() * 50
        made = self.sessions.get(output.session_id).write_bytes(f"{output.directory}/{name}", content)
        assert made.sha256 == hashlib.sha256(content).hexdigest()
        return media_pb2.Artifact(
            path=made.path, size_bytes=made.size_bytes, sha256=made.sha256, media_type=made.media_type
        )


class FakeAnalyzer(analyzer_pb2_grpc.AnalyzerServiceServicer):
    """Analyzes nothing."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    async def Fetch(self, request, context):
        orders = self.fake.orders(request.source_uri, request.output.session_id, "fetch")
        async for progress in self.fake.obey(orders, request.output.session_id, "fetch"):
            yield analyzer_pb2.FetchResponse(progress=progress)
        artifact = self.fake.write(request.output, "film.mp4", "fetched")
        yield analyzer_pb2.FetchResponse(result=analyzer_pb2.FetchResult(artifact=artifact))

    async def Probe(self, request, context):
        orders = self.fake.orders(request.source_uri, request.output.session_id, "probe")
        async for _ in self.fake.obey(orders, request.output.session_id, "probe"):
            pass
        return analyzer_pb2.ProbeResponse(artifact=self.fake.write(request.output, "media_info.json", "info"))

    async def Analyze(self, request, context):
        orders = self.fake.orders(request.source_uri, request.output.session_id, "analyze")
        async for progress in self.fake.obey(orders, request.output.session_id, "analyze"):
            yield analyzer_pb2.AnalyzeResponse(progress=progress)
        text = "analysis with evidence" if request.evidence else "analysis"
        artifact = self.fake.write(request.output, "analysis.json", text)
        yield analyzer_pb2.AnalyzeResponse(result=analyzer_pb2.AnalyzeResult(artifact=artifact))

    async def ProposeClips(self, request, context):
        session = request.output.session_id
        self.fake.sessions.get(session).stat(request.analysis_path)
        orders = self.fake.orders("", session, "propose")
        self.fake.note("asked", json_format.MessageToJson(request, indent=None, preserving_proto_field_name=True))
        async for _ in self.fake.obey(orders, session, "propose"):
            pass
        proposals = [
            analyzer_pb2.Proposal(
                rank=rank,
                time=media_pb2.TimeRange(start_s=rank, end_s=rank + request.duration_min_s),
                frames=media_pb2.FrameRange(start_frame=rank * 25, end_frame=rank * 25 + 25),
                score=1 / rank,
                terms=[analyzer_pb2.Term(name="motion", value=0.5, weight=1, state=1, reason="as ordered")],
            )
            for rank in range(1, min(orders.clips, request.count) + 1)
        ]
        artifact = self.fake.write(request.output, "proposals.json", "proposals")
        return analyzer_pb2.ProposeClipsResponse(proposals=proposals, artifact=artifact)


class FakeExporter(exporter_pb2_grpc.ExporterServiceServicer):
    """Exports nothing."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    async def ExportClip(self, request, context):
        session = request.output.session_id
        if not request.manifest_path:
            self.fake.sessions.get(session).stat(request.analysis_path)
        self.fake.note("exported", json_format.MessageToJson(request, indent=None, preserving_proto_field_name=True))
        orders = self.fake.orders(request.source_uri, session, request.name)
        async for progress in self.fake.obey(orders, session, request.name):
            yield exporter_pb2.ExportClipResponse(progress=progress)
        clip = self.fake.write(request.output, f"{request.name}.mp4", request.name)
        asked = f"manifest of mode {request.mode}, codec {request.video_codec}"
        manifest = self.fake.write(request.output, f"{request.name}.manifest.json", asked)
        beside = [
            self.fake.write(request.output, f"{request.name}.{kind.removeprefix('FORMAT_').lower()}", "captions")
            for kind in map(exporter_pb2.CaptionOptions.Format.Name, request.captions.formats)
        ]
        if request.HasField("captions") or request.HasField("overlays"):
            self.fake.note("dressed", json_format.MessageToJson(request, indent=None))
        result = exporter_pb2.ExportClipResult(clip=clip, manifest=manifest, captions=beside)
        yield exporter_pb2.ExportClipResponse(result=result)

    async def RenderImages(self, request, context):
        session = request.output.session_id
        orders = self.fake.orders("", session, "images")
        async for _ in self.fake.obey(orders, session, "images"):
            pass
        names = [self.fake.sessions.get(session).stat(path).path for path in request.clip_paths]
        thumbnails = [
            self.fake.write(request.output, pathlib.PurePosixPath(name).stem + ".jpg", "thumbnail") for name in names
        ]
        sheet = self.fake.write(request.output, "contact_sheet.jpg", "sheet")
        return exporter_pb2.RenderImagesResponse(thumbnails=thumbnails, contact_sheet=sheet)

    async def RenderReport(self, request, context):
        session = request.output.session_id
        orders = self.fake.orders("", session, "report")
        async for _ in self.fake.obey(orders, session, "report"):
            pass
        words = [f"{clip.rank} {clip.clip_path} {clip.thumbnail_path} {clip.error}" for clip in request.clips]
        artifact = self.fake.write(request.output, "report.html", f"{request.title}: {'; '.join(words)}")
        return exporter_pb2.RenderReportResponse(artifact=artifact)

    async def ExportTimeline(self, request, context):
        names = [self.fake.sessions.get(request.output.session_id).stat(path).path for path in request.manifest_paths]
        kind = exporter_pb2.ExportTimelineRequest.Format.Name(request.format).removeprefix("FORMAT_").lower()
        return exporter_pb2.ExportTimelineResponse(
            artifact=self.fake.write(request.output, f"timeline.{kind}", " ".join(names))
        )


async def main() -> None:
    """Serves both fakes on one port."""
    settings = Settings()
    telemetry.setup(settings)
    fake = Fake(settings)
    await server.run(
        settings,
        [
            server.Service(
                FakeAnalyzer(fake), analyzer_pb2_grpc.add_AnalyzerServiceServicer_to_server,
                analyzer_pb2.DESCRIPTOR.services_by_name["AnalyzerService"].full_name,
            ),
            server.Service(
                FakeExporter(fake), exporter_pb2_grpc.add_ExporterServiceServicer_to_server,
                exporter_pb2.DESCRIPTOR.services_by_name["ExporterService"].full_name,
            ),
        ],
        discovery.from_settings(settings),
    )  # fmt: skip


if __name__ == "__main__":
    grpc.aio.init_grpc_aio()
    sys.exit(asyncio.run(main()))
