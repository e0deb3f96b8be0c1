"""The one pass: frames in order, bounded memory, every kind of film, and what is wrong with it."""

import json
import math
import pathlib
import tracemalloc
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from media import errors, pool
from services.analyzer import document, eye, measure, picture, probe
from services.analyzer.proposals import material
from tests import tiers
from tests.unit.analyzer import conftest as made

FILMS = {  # frames, width and height as shown, rotation
    "derived/tos10_vp9_427x177_odd.webm": (240, 427, 177, 0),
    "derived/tos10_h264_rot90_matrix.mp4": (240, 800, 332, 90),
    "derived/tos10_hevc_main10_pq_tagged.mp4": (240, 800, 332, 0),
    "derived/bike_15s_mpeg2_480i.ts": (450, 853, 480, 0),
    "derived/tos5_prores422.mov": (60, 400, 166, 0),
    "real/phone_vfr_rot180_h264.mp4": (25, 1280, 720, 180),
    "real/testsrc_hevc_10bit_1s.mp4": (30, 200, 200, 0),
    "malformed/16x4000_pixels.ts": (30, 16, 4000, 0),
    "malformed/single_frame.ts": (1, 1152, 720, 0),
}

WIDE = {"numerator": 32, "denominator": 27}


def measured(path: pathlib.Path, **request: Any) -> tuple[dict, dict]:
    """What a pass gives."""
    with path.open("rb") as file:
        return measure.run({"threads": 2, **request}, pool.Files({"source": file}, {}), lambda report: None)


def probed(path: pathlib.Path) -> dict:
    """What a probe gives."""
    with path.open("rb") as file:
        return probe.run({}, pool.Files({"source": file}, {}), lambda report: None)


def documented(path: pathlib.Path, **request: Any) -> dict:
    """The analysis as it is kept."""
    return json.loads(document.encode(document.analysis(path.name, "0" * 64, *measured(path, **request))))


@pytest.mark.parametrize("film", tiers.few(sorted(FILMS), set(FILMS) - {"derived/tos10_vp9_427x177_odd.webm"}))
def test_every_kind_of_film_is_measured(film: str, media_dir: pathlib.Path) -> None:
    """Odd, rotated, 10-bit, interlaced and anamorphic, 4:2:2, variable, extreme and single pictures."""
    found = documented(media_dir / film)
    video = found["video"]
    assert FILMS[film] == tuple(video[name] for name in ("frame_count", "display_width", "display_height", "rotation"))
    assert FILMS[film][0] == found["shots"][-1]["end_frame"]
    count = math.ceil(found["source"]["duration_s"] / 0.5 - 1e-6)
    assert all(count == len(found["curve"][name]) for name in ("highlight", "motion", "first_frame"))
    assert all(0 <= sample[axis] <= 1 for sample in found["focus"]["samples"] for axis in ("x", "y"))
    assert all(0 <= value <= 1 for name in ("highlight", "exposure") for value in found["curve"][name])


def test_rotated_film_has_the_cuts_and_the_focus_of_the_upright_one(media_dir: pathlib.Path) -> None:
    """The same film stored sideways: the same borders, and the focus within a tenth of the picture on most samples."""
    upright = documented(media_dir / "derived" / "tos10_h264_2audio.mkv")
    turned = documented(media_dir / "derived" / "tos10_h264_rot90_matrix.mp4")
    assert [item["frame"] for item in upright["transitions"]] == [item["frame"] for item in turned["transitions"]]
    pairs = zip(upright["focus"]["samples"], turned["focus"]["samples"], strict=True)
    near = [abs(one["x"] - other["x"]) < 0.1 and abs(one["y"] - other["y"]) < 0.15 for one, other in pairs]
    assert sum(near) > 0.6 * len(near)


def test_focus_follows_what_moves(write_film: Callable[..., pathlib.Path]) -> None:
    """A square that wanders over a still scene is where the focus is."""
    scene = made.scene(4, (144, 256))
    pictures = []
    for index in range(60):
        picture, left = scene.copy(), 20 + 3 * index
        picture[90:120, left : left + 30] = made.scene(9, (30, 30))
        pictures.append(picture)
    samples = documented(write_film(pictures))["focus"]["samples"]
    for sample in samples[4:-1]:
        assert abs(sample["x"] - (35 + 75 * sample["t_s"]) / 256) < 0.15
        assert abs(sample["y"] - 105 / 144) < 0.15


def test_sound_is_placed_on_the_time_of_the_pictures(write_film: Callable[..., pathlib.Path]) -> None:
    """Silence in the middle of a tone lies where it was written; motion and loudness share one axis."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000 * 4) / 48_000)
    tone[48_000 * 2 : 48_000 * 3] = 0
    found = documented(write_film([made.scene(1, (96, 128))] * 100, sound=tone))
    assert [(2.0, 3.0)] == [(round(item["start_s"], 1), round(item["end_s"], 1)) for item in found["silence"]]
    levels = found["curve"]["loudness_lufs"]
    assert levels[5] < levels[2] - 20
    assert [] == found["speech"]
    assert found["audio"]["channels"] == 1


def test_film_with_neither_motion_nor_sound_has_a_curve(write_film: Callable[..., pathlib.Path]) -> None:
    """Black pictures only: everything is measured, nothing is found, nothing fails."""
    found = documented(write_film([np.full((64, 64), 16.0)] * 50))
    assert ([], None, None) == (found["transitions"], found["audio"], found["loudness"])
    assert 4 == len(found["curve"]["highlight"])
    assert 0 == found["curve"]["exposure"][2]


def test_picture_that_changes_its_size_is_measured() -> None:
    """Frames of another size are brought to the first one's."""
    looking = eye.Processor()
    meter = picture.Meter(shots=True, interval_s=0.5, looking=looking)
    for index, size in enumerate([(96, 128)] * 12 + [(200, 64)] * 12 + [(9, 7)] * 2):
        gray = made.scene(index // 12, size).astype(np.uint8)
        for seen in looking.add(av.VideoFrame.from_ndarray(gray, format="gray"), index / 25):
            meter.add(seen)
    found = meter.finish(26 / 25)
    assert 26 == found.frame_count
    assert [12, 24] == [item.frame for item in found.transitions if item.kind == "cut"]


def test_wanted_part_keeps_the_numbers_of_the_whole(media_dir: pathlib.Path) -> None:
    """Frames, times and borders of a part are those of the whole film; the reading stops at its end."""
    path = media_dir / "derived" / "tos30_h264_23976.mp4"
    found = documented(path, start_s=5.0, end_s=10.0)
    assert [122, 158, 221] == [item["frame"] for item in found["transitions"]]
    assert (120, 240) == (found["shots"][0]["start_frame"], found["shots"][-1]["end_frame"])
    assert 5.0 == pytest.approx(found["shots"][0]["start_s"], abs=0.05)
    parsed = material.Material.parse(document.encode(found))
    assert (120, 240) == (parsed.frame(parsed.start_s), parsed.frame_end)
    with pytest.raises(errors.Unreadable) as caught:
        measured(path, start_s=500.0)
    assert "NO_FRAMES" == caught.value.reason


@pytest.mark.slow
def test_sound_of_a_wanted_part_keeps_the_times_of_the_whole(media_dir: pathlib.Path) -> None:
    """Speech and silence of a part lie where they lie in the whole, with pictures and without."""
    path = media_dir / "real" / "speech_silence_timecode_42s_h264.mp4"
    for measures in (["shots", "speech"], ["speech"]):
        whole, part = (documented(path, measures=measures, **edges) for edges in ({}, {"start_s": 10.0, "end_s": 30.0}))
        for kind in ("speech", "silence"):
            expected = [span for span in whole[kind] if 10.5 < span["start_s"] and span["end_s"] < 29.5]
            found = [span for span in part[kind] if 10.5 < span["start_s"] and span["end_s"] < 29.5]
            assert len(expected) == len(found) > 0
            for one, other in zip(expected, found, strict=True):
                assert one["start_s"] == pytest.approx(other["start_s"], abs=0.05)
        assert 10.0 == material.Material.parse(document.encode(part)).start_s


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_make_no_difference(threads: int, media_dir: pathlib.Path) -> None:
    """The same bytes however many threads decode."""
    path = media_dir / "real" / "nasa_2video_2audio_2sub_13s.mp4"
    assert documented(path, threads=2) == documented(path, threads=threads)


def test_what_is_not_asked_for_is_unknown(media_dir: pathlib.Path) -> None:
    """Null says that nobody looked."""
    path = media_dir / "real" / "man_talking_10s_h264_datastreams.mp4"
    found = documented(path, measures=["loudness"])
    assert (None, None, [], None) == (
        found["video"], found["curve"]["speech"], found["transitions"], found["curve"]["motion"]
    )  # fmt: skip
    assert [] == found["faults"]
    assert -24.6 == pytest.approx(found["loudness"]["integrated_lufs"], abs=0.1)


def test_progress_goes_up(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports come while the file is read, each farther than the one before."""
    monkeypatch.setattr(measure, "REPORT_S", 0.01)
    reports: list[float] = []
    with (media_dir / "derived" / "tos30_h264_23976.mp4").open("rb") as file:
        files = pool.Files({"source": file}, {})
        measure.run({"measures": ["shots"], "threads": 2}, files, lambda report: reports.append(report["fraction"]))
    assert len(reports) > 5
    assert sorted(reports) == reports
    assert 0.8 < reports[-1] <= 1


@pytest.mark.parametrize(("film", "code"), [
    ("malformed/header_says_70s_has_14s.webm", "TRUNCATED"),
    ("malformed/tos_truncated_60pct.webm", "TRUNCATED"),
    ("malformed/no_duration.webm", "NO_DURATION"),
    ("malformed/bbb_hevc_2pct_packets_lost.ts", "DAMAGED"),
    ("malformed/zero_video_frames.ts", "NO_VIDEO_FRAMES"),
    ("real/bbb_wrong_keyframe_flags_5s.mp4", "WRONG_KEY_FRAMES"),
])  # fmt: skip
def test_fault_is_named(film: str, code: str, media_dir: pathlib.Path) -> None:
    """What is wrong with a file is said by the probe and by the analysis alike."""
    path = media_dir / film
    assert code in {fault["code"] for fault in probed(path)["faults"]}
    assert code in {fault["code"] for fault in measured(path)[0]["media"]["faults"]}


def test_good_files_have_no_faults(media_dir: pathlib.Path) -> None:
    """No false alarm in films as they are found and made."""
    films = [
        path
        for path in sorted((media_dir / "real").iterdir())
        if path.suffix in {".mp4", ".webm", ".mkv", ".mov", ".ts"}
    ]
    found = {path.name: [fault["code"] for fault in probed(path)["faults"]] for path in films}
    assert {"bbb_wrong_keyframe_flags_5s.mp4": ["WRONG_KEY_FRAMES"]} == {
        name: codes for name, codes in found.items() if codes
    }


@pytest.mark.parametrize(("film", "expected"), [
    ("derived/bike_15s_mpeg2_480i.ts", {"interlaced": True, "sample_aspect_ratio": WIDE}),
    ("derived/tos10_hevc_main10_pq_tagged.mp4", {"hdr": True, "pixel_format": "yuv420p10le", "profile": "Main 10"}),
    ("real/full_range_bt709_1s.mp4", {"hdr": False, "variable_frame_rate": False}),
    ("real/webcam_vfr_7s_h264.mov", {"variable_frame_rate": True, "packets": 123}),
    ("derived/tos30_h264_vfr.mp4", {"variable_frame_rate": True, "packets": 458}),
    ("real/face_rot90_1s_h264.mov", {"rotation": 90, "codec": "h264"}),
    ("real/tos_office_17s_av1_1920x800.webm", {"codec": "av1", "variable_frame_rate": False}),
    ("real/tos_battle_70s_vp8.webm", {"codec": "vp8", "frame_rate": {"numerator": 24, "denominator": 1}}),
    ("real/portrait_selfie_1s_h264.ts", {"width": 720, "height": 1280, "variable_frame_rate": False}),
])  # fmt: skip
def test_probe_tells_what_a_video_is(film: str, expected: dict, media_dir: pathlib.Path) -> None:
    """Interlaced, HDR, full range, variable rate, rotation and shape of pixels."""
    info = probed(media_dir / film)
    stream = next(one for one in info["video_streams"] if one["index"] == info["selected_video_stream"])
    assert expected == {name: stream[name] for name in expected}


def test_memory_does_not_grow_with_the_film() -> None:
    """What is kept of the frames is bounded: three times as many leave as much behind."""
    looking = eye.Processor()
    meter, kept = picture.Meter(shots=True, interval_s=0.5, looking=looking), []
    tracemalloc.start()
    for index in range(2400):
        gray = made.scene(index // 50, (72, 128)).astype(np.uint8)
        for seen in looking.add(av.VideoFrame.from_ndarray(gray, format="gray"), index / 25):
            meter.add(seen)
        if index in (799, 2399):
            kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert kept[1] - kept[0] < 2_000_000
