"""Timelines are read by OpenTimelineIO as what they say: cuts, sources, speeds, time code, and the crop in keys."""

import json
import pathlib
import xml.etree.ElementTree as ET
from fractions import Fraction
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest

from services.exporter import manifest, survey, timelines
from services.exporter.timelines import sequence, timecode

NTSC = Fraction(30_000, 1001)
PIECES = ((100, 130, 0, 30, "1", "asked", ""), (190, 250, 30, 30, "2", "silence", ""), (250, 280, 60, 30, "1", "filler",
          "um"))  # fmt: skip
KEYS = ((0, 600.0), (20, 600.0), (50, 900.0), (59, 900.0), (60, 100.0))


def document(rate: Fraction = NTSC, **changes: Any) -> dict[str, Any]:
    """A manifest of a tightened clip, as far as timelines read it."""
    names = ("start_frame", "end_frame", "clip_start_frame", "clip_frame_count", "speed", "reason", "text")
    pieces = [dict(zip(names, one, strict=True)) | {"start_s": float(one[0] / rate)} for one in PIECES]
    crop = [{"frame": frame, "x": x, "y": 0.0, "width": 607.5, "height": 1080.0} for frame, x in KEYS]
    return {
        "schema": manifest.SCHEMA,
        "clip": {"file": "clip-01.mp4", "frame_rate_exact": str(rate), "width": 1080, "height": 1920,
                 "source_constant_rate": True},
        "source": {"name": "A talk & more.mp4", "width": 1920, "height": 1080, "timecode": None},
        "edit": {"source_rate": str(rate), "pieces": pieces, "fades": {"picture_in_s": 0.5, "sound_out_s": 1.0}},
        "loudness": {}, "crop_path": crop, **changes,
    }  # fmt: skip


def written(name: str, *documents: dict[str, Any]) -> str:
    """The text of a timeline."""
    return timelines.CATALOGUE[name].text([timelines.read(one) for one in documents or (document(),)])


def video(found: Any) -> list[Any]:
    """The clips of the picture, whatever stands around them."""
    if isinstance(found, otio.schema.SerializableCollection):
        found = next(iter(found.find_children(descended_from_type=otio.schema.Timeline)))
    (track, *_) = found.video_tracks()
    return [one for one in track if isinstance(one, otio.schema.Clip)]


def test_otio_reads_cuts_sources_speed_and_crop() -> None:
    """Frames are exact on both sides, and the text comes out again as OpenTimelineIO writes it."""
    found = otio.adapters.read_from_string(written("otio"), "otio_json")
    clips = video(found)
    assert [(100, 30), (190, 30), (250, 30)] == [
        (one.source_range.start_time.to_frames(), one.source_range.duration.to_frames()) for one in clips
    ]
    assert {29.97} == {round(one.source_range.start_time.rate, 3) for one in clips}
    assert 90 == found.duration().to_frames()
    assert {"A%20talk%20%26%20more.mp4"} == {one.media_reference.target_url for one in clips}
    assert [2.0] == [effect.time_scalar for one in clips for effect in one.effects if effect.name == "speed"]
    keys = [[dict(key) for effect in one.effects if effect.name == "crop"
             for key in effect.metadata["reelsmith"]["keyframes"]] for one in clips]  # fmt: skip
    assert [[(0, 600), (20, 600), (29, 690)], [(0, 700), (20, 900), (29, 900)], [(0, 100)]] == [
        [(key["frame"], round(key["x"])) for key in one] for one in keys
    ]
    assert ["asked", "silence", "filler"] == [one.metadata["reelsmith"]["reason"] for one in clips]
    again = otio.adapters.read_from_string(otio.adapters.write_to_string(found, "otio_json"), "otio_json")
    assert again.is_equivalent_to(found)
    assert 2 == len(found.tracks)


def test_several_clips_are_a_collection_of_timelines() -> None:
    """Each clip stays a timeline of its own, and in FCPXML a project of its own."""
    other = document(clip=document()["clip"] | {"file": "clip-02.mp4"})
    found = otio.adapters.read_from_string(written("otio", document(), other), "otio_json")
    assert ["clip-01", "clip-02"] == [one.name for one in found]
    root = ET.fromstring(written("fcpxml", document(), other))
    assert ["clip-01", "clip-02"] == [one.get("name") for one in root.iter("project")]
    assert 1 == len(list(root.iter("asset")))


def test_fcpxml_is_read_and_has_movable_keyframes() -> None:
    """OpenTimelineIO's reader finds the cuts; position and scale bring the window exactly onto the frame."""
    # That reader knows whole rates only; the exact ratios of 29.97 are looked at below.
    clips = video(otio.adapters.read_from_string(written("fcpxml", document(Fraction(25))), "fcpx_xml"))
    assert [(100, 30), (95, 30), (250, 30)] == [
        (one.source_range.start_time.to_frames(), one.source_range.duration.to_frames()) for one in clips
    ]
    text = written("fcpxml")
    assert {"A%20talk%20%26%20more.mp4"} == {one.media_reference.target_url for one in clips}
    root = ET.fromstring(text)
    first, fast, last = root.iter("asset-clip")
    assert ["0s", "1001/1000s", "1001/500s"] == [one.get("offset") for one in (first, fast, last)]
    assert "1001/30000s" == root.find(".//format[@width='1080']").get("frameDuration")
    moved = first.find("adjust-transform")
    scale = float(moved.get("scale").split()[0])
    assert pytest.approx(1080 / 607.5 / (1080 / 1920), abs=1e-4) == scale
    keys = [
        (Fraction(key.get("time")[:-1]) * NTSC, float(key.get("value").split()[0]))
        for key in moved.iterfind("param[@name='position']/keyframeAnimation/keyframe")
    ]
    assert [100, 120, 129] == [frame for frame, _ in keys]
    left = [1920 / 2 - right / 100 * 1920 * 607.5 / 1080 - 607.5 / 2 for _, right in keys]
    assert [600.0, 600.0, 690.0] == pytest.approx(left, abs=0.05)
    assert last.find("adjust-transform/param") is None
    warp = [(Fraction(one.get("time")[:-1]), Fraction(one.get("value")[:-1])) for one in fast.iter("timept")]
    assert [2, 2] == [value / time for time, value in (warp[1], warp[1])]
    assert 190 == Fraction(fast.get("start")[:-1]) * 2 * NTSC
    assert first.find("adjust-blend/param/fadeIn") is not None
    assert fast.find("adjust-blend") is None
    assert last.find("adjust-volume/param/fadeOut") is not None


def test_edl_is_read_with_its_time_codes() -> None:
    """Source and record side are what OpenTimelineIO reads from the list."""
    text = written("edl")
    assert "FCM: DROP FRAME" in text
    assert "M2   AX       059.9 " in text
    found = otio.adapters.read_from_string(text, "cmx_3600", rate=float(NTSC))
    clips = video(found)
    assert [100, 190, 250] == [one.source_range.start_time.to_frames() for one in clips]
    assert ["A talk & more.mp4"] * 3 == [one.name for one in clips]
    assert [pytest.approx(2.0, abs=0.01)] == [effect.time_scalar for one in clips for effect in one.effects]
    assert [30, 30, 30] == [one.source_range.duration.to_frames() for one in clips]
    assert "* REELSMITH CROP: 29 690 0 607.5 1080" in text
    assert "FCM: NON-DROP FRAME" in written("edl", document(Fraction(25)))


@pytest.mark.parametrize(("code", "counting"), [("10:00:00:00", "NON-DROP FRAME"), ("10:00:00;00", "DROP FRAME")])
def test_source_is_named_by_its_own_time_code(code: str, counting: str) -> None:
    """A camera's file begins where its time code says, counted as it counts, in every format."""
    filmed = document(source=document()["source"] | {"timecode": code})
    text = written("edl", filmed)
    assert f"FCM: {counting}" in text
    assert f"{code[:8].replace('00:00', '00:03')}{code[8]}10 " in text
    (first, *_) = video(otio.adapters.read_from_string(written("otio", filmed), "otio_json"))
    start = first.source_range.start_time.to_frames()
    assert 100 == start - (1_080_000 if code[8] == ":" else 1_080_000 - 2 * 540)
    root = ET.fromstring(written("fcpxml", filmed))
    asset, clip = root.find(".//asset"), root.find(".//asset-clip")
    assert 100 == (Fraction(clip.get("start")[:-1]) - Fraction(asset.get("start")[:-1])) * NTSC


@pytest.mark.parametrize("rate", [NTSC, Fraction(60_000, 1001), Fraction(25), Fraction(30), Fraction(24_000, 1001)])
def test_time_code_is_that_of_opentimelineio(rate: Fraction) -> None:
    """Around every minute of three hours, the tenth ones too, each frame has the code that the library gives it."""
    count = timecode.nominal(rate)
    frames = {round(minute * 60 * rate) + step for minute in range(0, 181) for step in (-2, -1, 0, 1, 2, count)}
    for frame in sorted(one for one in frames if one >= 0):
        expected = otio.opentime.to_timecode(otio.opentime.RationalTime(frame, float(rate)), float(rate))
        assert expected == timecode.text(frame, rate)
        assert frame == timecode.frame(expected, rate)


def test_drop_frame_keeps_up_with_the_clock() -> None:
    """After an hour of 29.97 the code says one hour; counting every frame would be 3.6 s behind."""
    hour = round(3600 * NTSC)
    assert "01:00:00;00" == timecode.text(hour, NTSC)
    assert "00:59:56:12" == timecode.text(hour, Fraction(30))
    assert ("00:00:59;29", "00:01:00;02") == (timecode.text(1799, NTSC), timecode.text(1800, NTSC))


@pytest.mark.parametrize(
    "change",
    [
        {"edit": {"source_rate": "25", "pieces": [], "fades": {}}},
        {"edit": None},
        {"edit": {"source_rate": "1e999999999", "pieces": [], "fades": {}}},
        {"source": {"name": "x", "width": 0, "height": 1080}},
        {"crop_path": [{"frame": 0}]},
        {"clip": {"file": "x.mp4", "frame_rate_exact": "0", "width": 1, "height": 1, "source_constant_rate": True}},
    ],
)
def test_malformed_manifest_is_named(change: dict[str, Any]) -> None:
    """What cannot be a clip is refused, not written."""
    with pytest.raises(manifest.Malformed):
        timelines.read(document(**change))


def test_time_code_of_a_camera_is_found(tmp_path: pathlib.Path) -> None:
    """The survey reads the time code that a MOV file carries; a file without one has none."""
    for code in ("10:00:00;00", None):
        path = tmp_path / "film.mov"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=NTSC, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            if code:
                stream.metadata["timecode"] = code
            for number in range(4):
                frame = av.VideoFrame.from_ndarray(np.full((96, 64), 40 + number, np.uint8), format="yuv420p")
                frame.pts, frame.time_base = number, 1 / NTSC
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        with path.open("rb") as file:
            facts, _ = survey.find(file, survey.Wanted(frames=(0, 2)), (), decoding=False, report=lambda _: None)
        assert code == facts["timecode"]


def test_names_break_no_line() -> None:
    """A line feed in a name or a word stays on its line in every format."""
    odd = document(source=document()["source"] | {"name": "a\nb\x00<c>.mp4"})
    assert "* FROM CLIP NAME: a_b_<c>.mp4\n" in written("edl", odd)
    assert "a_b_<c>.mp4" == ET.fromstring(written("fcpxml", odd)).find(".//asset").get("name")
    assert "a_b_<c>.mp4" == json.loads(written("otio", odd))["tracks"]["children"][0]["children"][0]["name"]


def test_still_window_is_one_key_and_whole_picture_none() -> None:
    """No keyframes are written where nothing moves, and no crop where all is shown."""
    still = timelines.read(document(crop_path=document()["crop_path"][:1]))
    assert [[sequence.Key(0, 600.0, 0.0, 607.5, 1080.0)], [30], [60]] == [
        still.path(still.events[0]), *[[key.frame for key in still.path(one)] for one in still.events[1:]],
    ]  # fmt: skip
    whole = written("fcpxml", document(crop_path=[]))
    assert "adjust-transform" not in whole
    assert "REELSMITH CROP" not in written("edl", document(crop_path=[]))
