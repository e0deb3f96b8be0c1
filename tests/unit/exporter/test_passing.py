"""Which clips are cut, which are rendered, and what the manifest says about it."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from chassis import errors
from media import errors as media_errors
from media import pool, sessions
from services.exporter import asked as asked_module
from services.exporter import (
    delivery,
    edit,
    encoders,
    exports,
    gate,
    manifest,
    orders,
    passing,
    pieces,
    presets,
    survey,
)
from services.exporter.encoders import quality, svtav1, vp9, x264, x265
from services.exporter.smart import edges

Film = Callable[..., pathlib.Path]
WANTED = survey.Wanted(frames=(6, 42))
SOURCE = presets.builtin()["source"]
FACTS = {
    "coding": "h264", "container": "mkv", "width": 320, "height": 180, "rotation": 0, "pixel_aspect": None,
    "audio": {"coding": "aac"},
}  # fmt: skip


def quiet(now: object) -> None:
    """Takes progress and does nothing."""


def document(session: sessions.Session, made: exports.Clip) -> dict[str, Any]:
    """The manifest of a clip."""
    return json.loads(session.read(made.manifest.path, 1 << 20))


async def test_clip_that_keeps_all_is_cut_and_verified(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """In its own container, with a manifest that it is checked against and that gives the same bytes once more."""
    async with workers:
        source = film()
        made = await exporter.export(order(source, WANTED, preset="source"), quiet)
        checks = await exporter.verify(session.id, made.clip.path, made.manifest.path)
        recipe = await exporter.recipe(session.id, made.manifest.path)
        again = await exporter.export(order(source, WANTED, name="again", recipe=recipe), quiet)
    found = document(session, made)
    assert made.clip.sha256 == again.clip.sha256
    assert ("final_output/clip-01.mkv", "video/x-matroska") == (made.clip.path, made.clip.media_type)
    assert (True, "libx264", None) == (found["smart_cut"]["used"], found["encoder"]["name"], found["loudness"])
    assert (36, 320, 180) == tuple(found["clip"][name] for name in ("frame_count", "width", "height"))
    assert {"copied", "edges", "frame_times"} <= {one.name for one in made.checks}
    assert {"sha256", "copied", "picture"} <= {one.name for one in checks}
    assert [] == [one for one in (*made.checks, *checks) if one.state == gate.FAILED]


async def test_clip_that_cannot_be_cut_is_rendered_and_says_why(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """A film with one key frame has nothing to copy; the clip is the same kind of file all the same."""
    source = film(options=(("preset", "ultrafast"), ("g", "250")))
    async with workers:
        made = await exporter.export(order(source, WANTED, preset="source", mode=passing.SMART_CUT), quiet)
    found = document(session, made)
    assert (False, "final_output/clip-01.mkv", "h264") == (
        found["smart_cut"]["used"],
        made.clip.path,
        found["delivery"]["video_codec"],
    )
    assert "too little of the range" in found["smart_cut"]["reason"]
    assert (320, 180) == (found["clip"]["width"], found["clip"]["height"])


async def test_cut_that_fails_a_check_is_thrown_away_and_rendered(
    workers: pool.Pool,
    exporter: exports.Exporter,
    session: sessions.Session,
    order: Any,
    film: Film,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a bound that no edge meets, one good file is left, and the manifest has the measure."""
    monkeypatch.setattr(edges, "PSNR_MIN_DB", 200.0)  # where checks are judged; workers have a copy of their own
    async with workers:
        made = await exporter.export(order(film(), WANTED, preset="source"), quiet)
    assert "edges is" in document(session, made)["smart_cut"]["reason"]
    assert [made.clip.path] == [f"final_output/{path.name}" for path in (session.root / "final_output").iterdir()]


@pytest.mark.parametrize(("codec", "container"), [("hevc", "mp4"), ("av1", "mkv"), ("vp9", "webm")])
async def test_preset_may_name_codec_and_container(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film, codec: str,
    container: str,
) -> None:  # fmt: skip
    """Every codec is rendered, passes its checks, and is verified by its manifest."""
    sound = "opus" if container == "webm" else "aac"
    overlay = {"aspect_ratio": "source", "video_codec": codec, "audio_codec": sound, "container": container}
    exporter._document = lambda: ({"exporter": {"presets": {"ours": overlay | {"crf": 30}}}}, 1)
    async with workers:
        made = await exporter.export(order(film(beeps_s=(0.5, 1.0)), WANTED, preset="ours"), quiet)
        checks = await exporter.verify(session.id, made.clip.path, made.manifest.path)
    found = document(session, made)
    assert (codec, f"final_output/clip-01.{container}") == (found["delivery"]["video_codec"], made.clip.path)
    named = {one.name: one.measured for one in made.checks}
    assert (f"{codec} yuv420p", f"{sound} 48000 Hz 2 channels") == (named["video_codec"], named["audio_codec"])
    assert [] == [one for one in checks if one.state == gate.FAILED]


def test_manifest_of_an_older_version_is_still_read() -> None:
    """It says nothing of codecs and cuts: H.264 and AAC in MP4, rendered."""
    assert not manifest.was_cut({"schema": manifest.SCHEMA})
    with pytest.raises(manifest.Malformed):
        manifest.was_cut({"smart_cut": "yes"})


@dataclasses.dataclass(frozen=True, slots=True)
class Captioned(orders.Order):
    """An order of a later version, which asks for more."""

    captions: str = ""


def reason(
    facts: Mapping[str, Any] = FACTS, preset: presets.Preset = SOURCE, speed: Fraction = Fraction(1), **asked: Any
) -> str:
    """Why a clip is rendered."""
    order = Captioned("", "", "", "c", WANTED, preset.name, "", "fill", "", None, **asked)
    stamps = {
        "time_base": "1/24",
        "origin_pts": 0,
        "end_pts": None,
        "nominal": "24",
        "counted": False,
        "decoded": False,
        "start_frame": 0,
    }
    takes = [pieces.Take(dict(facts) | stamps, np.arange(48))]
    planned = edit.joined(takes, [pieces.Cut(0, 0, 48, speed=speed)], preset)
    return passing.refusal(order, preset, facts, planned, delivery.decide(preset, facts, "", order.video_codec))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"mode": passing.SMART_CUT}, ""),
        ({"config_path": "metadata/config.json", "config": {"version": 3, "pinned": True}}, ""),
        ({"mode": passing.RENDER}, "rendering was asked for"),
        ({"captions": "boxed"}, "captions change"),
        ({"speed": Fraction(2)}, "the time line is edited"),
        ({"edit": asked_module.Edit(track=asked_module.Track(number=1))}, "the time line is edited"),
        ({"video_codec": "av1"}, "the source is h264, the clip av1"),
        ({"facts": FACTS | {"coding": "mpeg4"}}, "the source is mpeg4"),
        ({"preset": presets.builtin()["wide"]}, "its own coding"),
        ({"preset": dataclasses.replace(SOURCE, aspect_ratio="1:1")}, "another size"),
        ({"preset": dataclasses.replace(SOURCE, frame_rate_max=12.0)}, "left out"),
        ({"preset": dataclasses.replace(SOURCE, size_target_bytes=1_000_000)}, "asks for a size"),
        ({"preset": dataclasses.replace(SOURCE, normalize_loudness=True)}, "loudness"),
        ({"preset": dataclasses.replace(SOURCE, silent_track=True), "facts": FACTS | {"audio": None}}, "silent"),
    ],
)
def test_only_what_keeps_picture_and_sound_is_cut(change: dict[str, Any], why: str) -> None:
    """Anything that changes a picture or a sample is rendered, and each reason has its words."""
    found = reason(**change)
    assert why in found
    assert bool(why) == bool(found)


def test_cut_by_a_preset_of_its_own_coding_is_an_error() -> None:
    """Who asks for a cut and names a platform gets told before anything is rendered."""
    with pytest.raises(errors.FailedPrecondition) as refused:
        reason(preset=presets.builtin()["tiktok"], mode=passing.SMART_CUT)
    assert "PASSTHROUGH_REFUSED" == refused.value.reason


def test_codec_must_fit_the_container() -> None:
    """A request is refused before rendering, a preset when it is configured; the source's container gives way."""
    fields = {"container": "webm", "video_codec": "vp9", "audio_codec": "opus"}
    preset = dataclasses.replace(SOURCE, **fields)
    with pytest.raises(errors.FailedPrecondition) as refused:
        delivery.decide(preset, FACTS, "", "h264")
    assert "CODEC_UNFIT" == refused.value.reason
    with pytest.raises(errors.FailedPrecondition, match="audio_codec must be one of opus"):
        presets.in_force({"exporter": {"presets": {"ours": fields | {"audio_codec": "aac"}}}}, 1)
    assert "mp4" == delivery.decide(SOURCE, FACTS | {"container": "webm"}, "", "h264").container


def test_encoder_that_does_not_work_gives_way_to_the_next_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the stated order; where none works, the error names all that were tried."""
    monkeypatch.setattr(encoders, "works", lambda name: name == "h264_nvenc")
    assert {"name": "h264_nvenc", "reason": "libx264 does not work here"} == encoders.choose(
        {"codec": "h264"}, None, quiet
    )
    with pytest.raises(media_errors.Unsupported, match="tried libx265, hevc_nvenc") as refused:
        encoders.choose({"codec": "hevc"}, None, quiet)
    assert "ENCODER_MISSING" == refused.value.reason


def test_quality_is_translated_for_every_encoder() -> None:
    """Speed, factor and highest rate reach each encoder in its own words, and factors move with the codec."""
    wanted = quality.Quality(20, "veryfast", 2_000_000)
    assert ("veryfast", "20", "2000000") == tuple(x264.options(wanted)[name] for name in ("preset", "crf", "maxrate"))
    assert "vbv-maxrate=2000:vbv-bufsize=4000" in x265.options(wanted)["x265-params"]
    assert ("10", "mbr=2000") == (svtav1.options(wanted)["preset"], svtav1.options(wanted)["svtav1-params"][-8:])
    assert ("realtime", "6", "2000000") == tuple(vp9.options(wanted)[name] for name in ("deadline", "cpu-used", "b"))
    assert (20, 32, 18, 51) == (
        quality.converted(20, "h264", "h264"),
        quality.converted(20, "h264", "av1"),
        quality.converted(30, "av1", "h264"),
        quality.converted(63, "h264", "hevc"),
    )
