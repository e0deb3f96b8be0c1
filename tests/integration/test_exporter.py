"""The exporter as a process: clips over gRPC, presets changed live, and the report in a real browser."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2 as pb
from reelsmith.exporter.v1 import exporter_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import errors, testing
from media import sessions

FILM = "real/tos_battle_70s_vp8.webm"
BROWSER = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture
def session(tmp_path: pathlib.Path) -> sessions.Session:
    """A session under the root that the process uses."""
    return sessions.Sessions(tmp_path).create()


@pytest.fixture
async def stub(new_process, connect) -> AsyncIterator[rpc.ExporterServiceStub]:
    """A plain stub of a running exporter."""
    process = new_process("services.exporter")
    await process.start()
    async with connect(process.address) as channel:
        yield rpc.ExporterServiceStub(channel)


@pytest.fixture
def ask(media_dir: pathlib.Path, session: sessions.Session) -> Callable[..., pb.ExportClipRequest]:
    """Requests for a clip of the film."""

    def build(start_s: float = 26.0, end_s: float = 28.0, **fields: Any) -> pb.ExportClipRequest:
        return pb.ExportClipRequest(
            source_uri=(media_dir / FILM).as_uri(),
            output=media_pb2.Output(session_id=session.id),
            time=media_pb2.TimeRange(start_s=start_s, end_s=end_s),
            **{"name": "clip-01", **fields},
        )

    return build


async def exported(stub: rpc.ExporterServiceStub, request: pb.ExportClipRequest) -> pb.ExportClipResult:
    """The result of an export, after progress that only went up."""
    shares, result = [0.0], None
    async for message in stub.ExportClip(request, timeout=240):
        if message.WhichOneof("event") == "progress":
            shares.append(message.progress.fraction)
        else:
            result = message.result
    assert sorted(shares) == shares
    return result


async def test_clip_is_exported_and_verified(stub, ask, session) -> None:
    """The clip is there with all checks, and agrees with its manifest when it is opened again."""
    result = await exported(stub, ask(proposal_json='{"rank": 1}'))
    assert ("final_output/clip-01.mp4", 624, 672) == (
        result.clip.path,
        result.frames.start_frame,
        result.frames.end_frame,
    )
    assert media_pb2.ARTIFACT_ROLE_CLIP == result.clip.role
    assert pb.Check.STATE_FAILED not in {check.state for check in result.checks}
    verified = await stub.VerifyClip(
        pb.VerifyClipRequest(session_id=session.id, clip_path=result.clip.path, manifest_path=result.manifest.path)
    )
    assert verified.passed
    assert session.stat(result.clip.path).sha256 == result.clip.sha256


async def test_cancelled_stream_leaves_nothing_and_frees_the_worker(stub, ask, session) -> None:
    """A caller that goes away ends the worker in the middle of its work; no file remains."""
    call = stub.ExportClip(ask(0.0, 40.0))
    async for message in call:
        if message.progress.stage == "encode" and message.progress.frames > 3:
            break
    call.cancel()

    async def idle() -> bool:
        return 0 == (await stub.GetCapabilities(pb.GetCapabilitiesRequest())).capacity.busy_workers

    await testing.wait_until(idle, 60, "the worker is free")
    assert [] == [path for path in session.root.rglob("*") if path.is_file()]


async def test_manifest_rendered_again_gives_the_same_bytes(stub, ask, session, media_dir) -> None:
    """Joined, tightened, faster and faded: the manifest alone leads to the same clip and the same manifest."""
    film = media_dir / "real/man_talking_10s_h264_datastreams.mp4"
    digest = hashlib.sha256(film.read_bytes()).hexdigest()
    document = {
        "schema": "reelsmith.analysis/1", "source": {"size_bytes": film.stat().st_size, "sha256": digest},
        "audio": {"codec": "aac"}, "silence": [{"start_s": 2.0, "end_s": 3.0}], "shots": [],
        "focus": {"samples": [{"t_s": second / 5, "x": 0.3, "y": 0.5, "weight": 1.0} for second in range(50)]},
    }  # fmt: skip
    session.write_bytes("metadata/analysis.json", json.dumps(document).encode())
    edit = pb.Edit(
        ranges=[
            pb.SourceRange(time=media_pb2.TimeRange(start_s=7.0, end_s=7.8), speed=1.0),
            pb.SourceRange(frames=media_pb2.FrameRange(start_frame=45, end_frame=100)),
        ],
        tightening=pb.Tightening(silence_min_s=0.5),
        speed=1.25,
        fades=pb.Fades(picture_in_s=0.2, sound_in_s=0.2),
    )
    asked = ask(analysis_path="metadata/analysis.json", aspect_ratio=pb.ASPECT_RATIO_1_1, edit=edit)
    asked.source_uri = film.as_uri()
    first = await exported(stub, asked)
    session.remove("metadata/analysis.json")
    again = pb.ExportClipRequest(
        source_uri=film.as_uri(),
        output=media_pb2.Output(session_id=session.id, directory="video_clips/again"),
        manifest_path=first.manifest.path,
    )
    second = await exported(stub, again)
    assert "video_clips/again/clip-01.mp4" == second.clip.path
    assert (first.clip.sha256, first.manifest.sha256) == (second.clip.sha256, second.manifest.sha256)
    manifest = json.loads(session.read(first.manifest.path, 1 << 20))
    assert ["asked", "asked", "silence"] == [piece["reason"] for piece in manifest["edit"]["pieces"]]
    assert ["1", "5/4", "5/4"] == [piece["speed"] for piece in manifest["edit"]["pieces"]]
    assert (45, 234) == (first.frames.start_frame, first.frames.end_frame)
    for kind, suffix in (("FORMAT_OTIO", "otio"), ("FORMAT_FCPXML", "fcpxml"), ("FORMAT_EDL", "edl")):
        written = await stub.ExportTimeline(
            pb.ExportTimelineRequest(output=asked.output, manifest_paths=[first.manifest.path], format=kind)
        )
        assert f"scripts/timeline.{suffix}" == written.artifact.path
        assert film.stem in session.read(written.artifact.path, 1 << 20).decode()
    again.source_uri = (media_dir / FILM).as_uri()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await exported(stub, again)
    assert "MANIFEST_OF_OTHER_SOURCE" == errors.from_rpc(caught.value).reason


async def test_mistakes_have_their_own_status(stub, ask) -> None:
    """What is wrong with a request is told in the status, its reason and its fields."""
    cases = [
        (ask(name="../x"), grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST"),
        (ask(layout=pb.LAYOUT_STACK), grpc.StatusCode.FAILED_PRECONDITION, "LAYOUT_UNFIT"),
        (ask(mode=9), grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST"),
        (ask(mode=pb.EXPORT_MODE_SMART_CUT), grpc.StatusCode.FAILED_PRECONDITION, "PASSTHROUGH_REFUSED"),
        (ask(preset="nowhere"), grpc.StatusCode.NOT_FOUND, "PRESET_UNKNOWN"),
        (ask(500.0, 510.0), grpc.StatusCode.OUT_OF_RANGE, "RANGE_EMPTY"),
        (ask(analysis_path="../secret"), grpc.StatusCode.INVALID_ARGUMENT, "PATH_REFUSED"),
        (ask(edit=pb.Edit(speed=9)), grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST"),
        (ask(edit=pb.Edit(audio_track=pb.AudioTrack(number=7))), grpc.StatusCode.INVALID_ARGUMENT, "NO_SUCH_TRACK"),
        (ask(manifest_path="metadata/none.json"), grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
        (pb.ExportClipRequest(source_uri="http://example.com/x"), grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST"),
    ]
    for request, code, reason in cases:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await exported(stub, request)
        assert (code, reason) == (caught.value.code(), errors.from_rpc(caught.value).reason)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExportTimeline(pb.ExportTimelineRequest())
    assert grpc.StatusCode.INVALID_ARGUMENT == caught.value.code()


async def test_presets_are_paged_and_capabilities_told(stub) -> None:
    """Pages of four hold every preset once, by name; encoders are those that gave a packet."""
    names, token = [], ""
    for _ in range(10):
        page = await stub.ListPresets(pb.ListPresetsRequest(page_size=4, page_token=token))
        names += [preset.name for preset in page.presets]
        token = page.next_page_token
        if not token:
            break
    assert ["default", "facebook", "linkedin", "reels", "shorts", "source", "square", "tiktok", "wide", "x"] == names
    capabilities = await stub.GetCapabilities(pb.GetCapabilitiesRequest())
    assert {"libx264", "libx265", "libsvtav1", "libvpx-vp9", "aac", "libopus"} <= set(capabilities.encoders)
    kept = await stub.GetPreset(pb.GetPresetRequest(name="source"))
    assert (pb.ASPECT_RATIO_UNSPECIFIED, "source", "source", True, False) == (
        kept.aspect_ratio,
        kept.video_codec,
        kept.container,
        kept.passthrough,
        kept.normalize_loudness,
    )
    assert set(pb.Layout.values()) - {pb.LAYOUT_UNSPECIFIED} == set(capabilities.layouts)
    assert {"rlimits"} <= {protection.name for protection in capabilities.protections if protection.active}


async def test_preset_changes_live_and_survives_the_configuration_service(new_process, connect) -> None:
    """A change is in force without a restart, a wrong one changes nothing, and both hold while the source is gone."""
    config = new_process("services.config")
    await config.start()
    process = new_process("services.exporter", REELSMITH_STATIC_REGISTRY=f"config={config.address}")
    await process.start()
    async with connect(config.address) as config_channel, connect(process.address) as channel:
        stub = rpc.ExporterServiceStub(channel)
        request = config_pb2.UpdateConfigRequest(expected_version=0)
        json_format.ParseDict({"exporter": {"presets": {"tiktok": {"crf": 31}}}}, request.config.document)
        request.update_mask.paths.append("exporter.presets.tiktok.crf")
        await config_pb2_grpc.ConfigServiceStub(config_channel).UpdateConfig(request)

        async def changed() -> bool:
            preset = await stub.GetPreset(pb.GetPresetRequest(name="tiktok"))
            return (31.0, 1) == (preset.crf, preset.config_version)

        await testing.wait_until(changed, 60, "the preset has changed")
        config.stop(signal.SIGKILL)
        assert await changed()
    process.stop(signal.SIGTERM)
    await process.start()
    async with connect(process.address) as channel:
        preset = await rpc.ExporterServiceStub(channel).GetPreset(pb.GetPresetRequest(name="tiktok"))
        assert 31.0 == preset.crf


@contextlib.asynccontextmanager
async def browsing(program: str, **options: Any) -> AsyncIterator[Any]:
    """A page in a real browser."""
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=list(BROWSER))
        try:
            yield await (await browser.new_context(**options)).new_page()
        finally:
            await browser.close()


PLAY = """async () => {
  const video = document.querySelector("video");
  video.muted = true;
  await video.play();
  const end = Date.now() + 30_000;
  while (video.currentTime <= 0.2 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  return {state: video.readyState, at: video.currentTime, size: [video.videoWidth, video.videoHeight]};
}"""
LINKS = "() => [...document.querySelectorAll('.files a')].map((link) => link.href)"
WIDTHS = "() => [document.documentElement.scrollWidth, window.innerWidth]"


def led_to(link: str) -> bool:
    """Whether a link leads to a file."""
    return os.path.isfile(link.removeprefix("file://"))


async def test_report_plays_in_a_browser_and_fetches_nothing(stub, ask, session, require_tool, media_dir) -> None:
    """The embedded preview plays, the links lead to files, no text is run, and it fits a phone."""
    program = require_tool("chromium")
    hostile = "<img src=x onerror=alert(1)><script>document.title='run'</script>"
    term = {"name": "faces", "value": None, "weight": 1, "contribution": 0, "state": "unknown", "reason": hostile}
    result = await exported(stub, ask(proposal_json=json.dumps({"rank": 1, "score": 0.5, "terms": [term]})))
    page = await stub.RenderReport(
        pb.RenderReportRequest(
            output=media_pb2.Output(session_id=session.id),
            title=hostile,
            clips=[
                pb.ReportClip(rank=1, clip_path=result.clip.path, manifest_path=result.manifest.path),
                pb.ReportClip(rank=2, error=f"CHECK_FAILED: {hostile}"),
            ],
        )
    )
    asked: list[str] = []
    async with browsing(program, viewport={"width": 390, "height": 844}) as tab:
        tab.on("request", lambda request: asked.append(request.url))
        await tab.goto((session.root / page.artifact.path).as_uri())
        played = await tab.evaluate(PLAY)
        links = await tab.evaluate(LINKS)
        widths = await tab.evaluate(WIDTHS)
        title, text = await tab.title(), await tab.inner_text("body")
    assert played["state"] >= 3
    assert played["at"] > 0.2
    assert [270, 480] == played["size"]
    assert [] == [link for link in links if not led_to(link)]
    assert widths[0] <= widths[1]
    assert hostile in text
    assert "unknown" in text
    assert title.startswith("<img")
    assert [] == [url for url in asked if not url.startswith(("data:", "file:"))]


async def test_images_show_every_clip(stub, ask, session) -> None:
    """A thumbnail per clip and one sheet, as JPEG at their places."""
    first = await exported(stub, ask())
    shutil.copy(session.root / first.clip.path, session.root / "final_output/clip-02.mp4")
    found = await stub.RenderImages(
        pb.RenderImagesRequest(
            output=media_pb2.Output(session_id=session.id), clip_paths=[first.clip.path, "final_output/clip-02.mp4"]
        )
    )
    assert ["images/clip-01.jpg", "images/clip-02.jpg"] == [one.path for one in found.thumbnails]
    assert ("images/contact_sheet.jpg", "image/jpeg") == (found.contact_sheet.path, found.contact_sheet.media_type)
