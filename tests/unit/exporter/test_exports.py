"""Exports end to end with real workers: whole or not at all."""

import asyncio
import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from chassis import errors, pins
from media import errors as media_errors
from media import pool, sessions
from services.exporter import again, analysis, exports, gallery, gate, progress, report, survey

Film = Callable[..., pathlib.Path]
ORDERED = survey.Wanted(frames=(6, 42))


def quiet(now: progress.Progress) -> None:
    """Takes progress and does nothing."""


def files(session: sessions.Session) -> list[str]:
    """Every file below a session, temporary ones too."""
    return sorted(
        os.path.relpath(os.path.join(folder, name), session.root)
        for folder, _, names in os.walk(session.root)
        for name in names
    )


async def test_clip_and_manifest_stand_in_the_session(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """The result names files whose hashes are right, and says what was made and by which configuration.

    That is the one that the job is pinned to; progress went up to 1.
    """
    heard: list[progress.Progress] = []
    proposal, preset = {"rank": 1, "score": 0.5}, {"default": {"crf": 31}}
    session.write_bytes(pins.PATH, pins.packed(pins.Pin("production", 3, {"exporter": {"presets": preset}})))
    async with workers:
        asked = order(film(beeps_s=(0.5, 1.0)), ORDERED, proposal=proposal, config_path=pins.PATH)
        made = await exporter.export(asked, heard.append)
    assert ["final_output/clip-01.mp4", "metadata/clip-01.manifest.json", pins.PATH] == files(session)
    assert made.clip == session.stat(made.clip.path)
    document = json.loads(session.read(made.manifest.path, 1 << 20))
    assert (36, "24", made.clip.sha256) == tuple(
        document["clip"][key] for key in ("frame_count", "frame_rate_exact", "sha256")
    )
    assert (6, 42) == (document["range"]["start_frame"], document["range"]["end_frame"])
    assert (proposal, "centre", 3) == (document["proposal"], document["focus_source"], document["config_version"])
    assert ({"version": 3, "pinned": True}, 31) == (document["config"], document["settings"]["preset"]["crf"])
    assert {"version": 3, "pinned": True} == again.read(document).config
    assert all(one.state != gate.FAILED for one in made.checks)
    assert 1.0 == heard[-1].fraction
    assert {"sound", "encode", "check"} <= {now.stage for now in heard}


async def test_same_order_gives_the_same_manifest(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """Clip and manifest have the same bytes the second time, and stand in the folder of the call."""
    source = film()
    async with workers:
        first = await exporter.export(order(source, ORDERED, directory="video_clips/export-1.1"), quiet)
        second = await exporter.export(order(source, ORDERED, directory="video_clips/export-1.2"), quiet)
    assert "video_clips/export-1.1/clip-01.mp4" == first.clip.path
    document = json.loads(session.read(first.manifest.path, 1 << 20))
    assert ({"version": 0, "pinned": False}, 0) == (document["config"], document["config_version"])
    assert (first.clip.sha256, first.manifest.sha256) == (second.clip.sha256, second.manifest.sha256)


async def test_cancelled_export_stops_at_once_and_leaves_nothing(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, media_dir: pathlib.Path
) -> None:
    """In the middle of encoding, cancelling ends the worker and no file remains."""
    encoding = asyncio.Event()

    def heard(now: progress.Progress) -> None:
        if now.stage == "encode" and now.frames > 5:
            encoding.set()

    async with workers:
        wanted = survey.Wanted(seconds=(Fraction(0), Fraction(40)))
        source = media_dir / "real/tos_battle_70s_vp8.webm"
        work = asyncio.create_task(exporter.export(order(source, wanted), heard))
        await asyncio.wait_for(encoding.wait(), 60)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert [] == files(session)
        assert 0 == workers.busy


async def test_clip_that_fails_a_check_is_not_delivered(
    workers: pool.Pool,
    exporter: exports.Exporter,
    session: sessions.Session,
    order: Any,
    film: Film,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a bound that nothing meets, the error says the measure and no file remains."""
    monkeypatch.setattr(gate, "PICTURE_MAX", -1.0)
    async with workers:
        with pytest.raises(errors.DataLoss, match="picture is worst frame") as caught:
            await exporter.export(order(film(), ORDERED), quiet)
    assert "CHECK_FAILED" == caught.value.reason
    assert [] == files(session)


async def test_clip_too_long_for_the_preset_is_refused_before_rendering(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, media_dir: pathlib.Path
) -> None:
    """The refusal comes from the plan; no stage of rendering was reached."""
    heard: list[progress.Progress] = []
    source = media_dir / "real/tos_battle_70s_vp8.webm"
    exporter._document = lambda: ({"exporter": {"presets": {"brief": {"duration_max_s": 10}}}}, 3)
    async with workers:
        wanted = survey.Wanted(seconds=(Fraction(0), Fraction(20)))
        with pytest.raises(errors.FailedPrecondition) as caught:
            await exporter.export(order(source, wanted, preset="brief"), heard.append)
    assert "CLIP_TOO_LONG" == caught.value.reason
    assert {"encode", "sound"}.isdisjoint(now.stage for now in heard)
    assert [] == files(session)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"name": "../clip"}, errors.InvalidArgument),
        ({"wanted": survey.Wanted(frames=(9, 9))}, errors.InvalidArgument),
        ({"wanted": survey.Wanted(seconds=(Fraction(-1), Fraction(2)))}, errors.InvalidArgument),
        ({"layout": "split"}, errors.FailedPrecondition),
        ({"layout": "mosaic"}, errors.Unimplemented),
        ({"preset": "nowhere"}, errors.NotFound),
        ({"wanted": survey.Wanted(frames=(5000, 5010))}, errors.OutOfRange),
    ],
)
async def test_order_that_cannot_be_served_is_refused(
    workers: pool.Pool, exporter: exports.Exporter, order: Any, film: Film, change: dict[str, Any], kind: type
) -> None:
    """Each mistake has its own kind of error."""
    async with workers:
        with pytest.raises(kind):
            await exporter.export(dataclasses.replace(order(film(), ORDERED), **change), quiet)


async def test_analysis_of_another_file_is_refused(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """A crop planned for another film is worse than none."""
    document = {"schema": analysis.SCHEMA, "source": {"size_bytes": 1, "sha256": "00"}, "shots": [], "focus": {}}
    session.write_bytes("metadata/analysis.json", json.dumps(document).encode())
    async with workers:
        with pytest.raises(errors.FailedPrecondition) as caught:
            await exporter.export(order(film(), ORDERED, analysis_path="metadata/analysis.json"), quiet)
    assert "ANALYSIS_OF_OTHER_SOURCE" == caught.value.reason


async def test_crop_follows_the_analysis_and_says_so(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """The manifest holds the path in pixels of the source, and where the focus came from."""
    source = film()
    samples = [{"t_s": index / 5, "x": 0.8, "y": 0.5, "weight": 1.0} for index in range(10)]
    shots = [{"index": 0, "start_frame": 0, "end_frame": 48, "start_s": 0.0, "end_s": 2.0}]
    document = {
        "schema": analysis.SCHEMA,
        "source": {"size_bytes": source.stat().st_size, "sha256": "ab" * 32},
        "shots": shots,
        "focus": {"samples": samples},
    }
    session.write_bytes("metadata/analysis.json", json.dumps(document).encode())
    async with workers:
        made = await exporter.export(order(source, ORDERED, analysis_path="metadata/analysis.json"), quiet)
    manifest = json.loads(session.read(made.manifest.path, 1 << 20))
    assert ("analysis", "ab" * 32) == (manifest["focus_source"], manifest["source"]["sha256"])
    assert 1 == len(manifest["crop_path"])
    assert abs(manifest["crop_path"][0]["x"] + manifest["crop_path"][0]["width"] / 2 - 0.8 * 320) < 8


async def test_real_people_are_split_and_a_lost_subject_is_refused_before_rendering(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, media_dir: pathlib.Path
) -> None:
    """Two men at a desk get a window each and the clip verifies; a crop that holds no whole face is refused."""
    source = media_dir / "real/two_people_desk_38s_vp9.webm"
    wanted = survey.Wanted(frames=(0, 12))
    for name, boxes in (("pair", [(0.38, 0.1), (0.78, 0.14)]), ("wide", [(0.2, 0.6)])):
        subjects = [
            {"id": index, "samples": [{"t_s": 0.2, "left": left, "top": 0.2, "width": width, "height": 0.3}]}
            for index, (left, width) in enumerate(boxes)
        ]
        document = {
            "schema": analysis.SCHEMA,
            "source": {"size_bytes": source.stat().st_size, "sha256": "ab" * 32},
            "subjects": subjects,
        }
        session.write_bytes(f"metadata/{name}.json", json.dumps(document).encode())
    async with workers:
        made = await exporter.export(order(source, wanted, layout="auto", analysis_path="metadata/pair.json"), quiet)
        again = await exporter.verify(session.id, made.clip.path, made.manifest.path)
        heard: list[progress.Progress] = []
        with pytest.raises(media_errors.Unsupported, match=r"fully in 0\.0 %") as caught:
            await exporter.export(order(source, wanted, analysis_path="metadata/wide.json"), heard.append)
    assert "SUBJECT_LOST" == caught.value.reason
    assert {"sound", "encode"}.isdisjoint(now.stage for now in heard)
    manifest = json.loads(session.read(made.manifest.path, 1 << 20))
    assert [("split", [[0], [1]])] == [
        (scene["layout"], [window["subjects"] for window in scene["windows"]]) for scene in manifest["scenes"]
    ]
    assert 1.0 == manifest["framing"]["subject_inside"]
    assert {"subject": gate.PASSED}.items() <= {one.name: one.state for one in again}.items()


async def test_finished_clip_verifies_until_it_is_touched(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film
) -> None:
    """A clip agrees with its manifest; with one byte changed it does not."""
    async with workers:
        made = await exporter.export(order(film(beeps_s=(0.5,)), ORDERED), quiet)
        sound = await exporter.verify(session.id, made.clip.path, made.manifest.path)
        content = bytearray(session.read(made.clip.path, 1 << 26))
        content[len(content) // 2] ^= 0xFF
        session.write_bytes(made.clip.path, bytes(content))
        touched = await exporter.verify(session.id, made.clip.path, made.manifest.path)
    assert [] == [one for one in sound if one.state == gate.FAILED]
    assert "sha256" in {one.name for one in touched if one.state == gate.FAILED}


@pytest.mark.parametrize("name", ["tos_400_bad_bytes.mp4", "no_duration.webm", "missing_sei_and_pes.ts"])
async def test_damaged_source_still_gives_a_clip(
    workers: pool.Pool, exporter: exports.Exporter, order: Any, media_dir: pathlib.Path, name: str
) -> None:
    """What decodes is delivered, and passes every check."""
    async with workers:
        wanted = survey.Wanted(seconds=(Fraction(1, 2), Fraction(2)))
        made = await exporter.export(order(media_dir / "malformed" / name, wanted), quiet)
    assert [] == [one for one in made.checks if one.state == gate.FAILED]


@pytest.mark.parametrize("name", ["zero_video_frames.ts", "broken_4kB.mp4", "zero_bytes.mp4", "tos_no_moov.mp4"])
async def test_hopeless_source_is_a_typed_error(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, media_dir: Any, name: str
) -> None:
    """Where nothing decodes the caller learns why, and no file remains."""
    async with workers:
        with pytest.raises(media_errors.MediaError) as caught:
            await exporter.export(order(media_dir / "malformed" / name, ORDERED), quiet)
    assert "INVALID_ARGUMENT" == caught.value.code_name
    assert [] == files(session)


async def test_gallery_shows_every_clip(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Film, tmp_path: Any
) -> None:
    """Thumbnails and the sheet are JPEG, and the report holds a playable copy and the failed clip."""
    shown = gallery.Gallery(workers, sessions.Sessions(tmp_path / "store"), exports.Limits(2, 300, 300, 60))
    async with workers:
        made = await exporter.export(order(film(beeps_s=(0.5,)), ORDERED, proposal={"rank": 1, "score": 0.4}), quiet)
        thumbnails, sheet = await shown.render_images(session.id, "", [made.clip.path])
        entries = [report.Entry(1, made.clip.path, made.manifest.path), report.Entry(2, error="CHECK_FAILED: too loud")]
        page = await shown.render_report(session.id, "", "", ("metadata/a.json", "metadata/p.json"), entries)
    assert ["images/clip-01.jpg"] == [one.path for one in thumbnails]
    assert session.read(sheet.path, 1 << 20).startswith(b"\xff\xd8")
    text = session.read(page.path, 1 << 24).decode()
    assert 'src="data:video/mp4;base64,' in text
    assert 'href="../final_output/clip-01.mp4"' in text
    assert "CHECK_FAILED: too loud" in text
