"""Clips that carry text, made by real workers: in the pictures, beside the file, and inside of it."""

import hashlib
import io
import json
import pathlib
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from chassis import errors
from media import errors as media_errors
from media import pool, sessions
from services.exporter import asked, captions, dressing, exports, gate, overlays, progress, survey

WANTED = survey.Wanted(frames=(6, 30))
CUES = [(0.0, 0.7, "Hello \u65e5\u672c\u8a9e \u0645\u0631\u062d\u0628\u0627"), (0.7, 1.3, "Bye \U0001f44b <b>{x}")]
DRESSED = dressing.Wish(
    captions.Wish("karaoke", ("srt", "vtt", "ass"), track=True), overlays.Wish(hook="Look", hook_s=0.5)
)


def quiet(now: progress.Progress) -> None:
    """Takes progress and does nothing."""


def analyzed(session: sessions.Session, source: pathlib.Path, cues: Any = CUES) -> str:
    """Path of an analysis of a source in which something is said."""
    said = [{"start_s": start_s, "end_s": end_s, "text": text} for start_s, end_s, text in cues]
    document = {
        "schema": "reelsmith.analysis/1",
        "source": {"size_bytes": source.stat().st_size, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
        "transcript": {"source": "sidecar", "language": "en", "cues": said, "words": None},
    }
    session.write_bytes("metadata/analysis.json", json.dumps(document).encode())
    return "metadata/analysis.json"


def state(made: exports.Clip, name: str) -> str:
    return next((one.state for one in made.checks if one.name == name), "none")


async def test_clip_carries_its_text_everywhere(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Any, decoded: Any
) -> None:
    """Burned in where the manifest says and nowhere else, beside the clip, inside of it, and found again."""
    source = film()
    fields = {"analysis_path": analyzed(session, source), "preset": "tiktok"}
    async with workers:
        bare = await exporter.export(order(source, WANTED, name="bare", **fields), quiet)
        made = await exporter.export(order(source, WANTED, dressing=DRESSED, **fields), quiet)
        again = await exporter.export(order(source, WANTED, dressing=DRESSED, name="again", **fields), quiet)
        verified = await exporter.verify(session.id, made.clip.path, made.manifest.path)
        document = json.loads(session.read(made.manifest.path, 1 << 20))
        document["captions"]["track_texts"] += 1
        session.write_bytes("metadata/false.json", json.dumps(document).encode())
        doubted = await exporter.verify(session.id, made.clip.path, "metadata/false.json")
    assert again.clip.sha256 == made.clip.sha256 != bare.clip.sha256
    assert {gate.PASSED} == {state(made, name) for name in ("captions", "safe_zone", "text_track", "picture")}
    assert gate.FAILED not in {one.state for one in verified}
    assert ["text_track"] == [one.name for one in doubted if one.state == gate.FAILED]
    assert [f"scripts/clip-01.{kind}" for kind in ("srt", "vtt", "ass")] == [one.path for one in made.captions]
    said = document["captions"]
    assert ("shared out by letters", "sidecar", []) == (
        said["word_times"], said["transcript"], said["missing_signs"]
    )  # fmt: skip
    assert CUES[1][2] in session.read("scripts/clip-01.srt", 1 << 20).decode()
    heard = " ".join(text for _, _, text in CUES).removeprefix("Hello ")  # most of that word lies before the clip
    assert [heard] == texts(session.root / made.clip.path)
    check_pictures(document, decoded(session.root / bare.clip.path), decoded(session.root / made.clip.path))


def texts(path: pathlib.Path) -> list[str]:
    """What the text track of a file says, lines joined."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams.subtitles[0]) if packet.size]
    return [packet[2:].decode().replace("\n", " ") for packet in packets if packet[:2] != b"\0\0"]


def check_pictures(document: Any, bare: list[av.VideoFrame], made: list[av.VideoFrame]) -> None:
    """Outside of what the manifest says was drawn, both clips show the same; inside they do not."""
    bounds = document["overlays"]["drawn"]["bounds"]
    assert {"card", "captions"} == set(bounds)
    for number, seen in ((4, {"card", "captions"}), (20, {"captions"})):
        away = np.abs(bare[number].to_ndarray()[:1920].astype(int) - made[number].to_ndarray()[:1920])
        for name, (left, top, right, bottom) in bounds.items():
            part = away[top:bottom, left:right]
            assert (part.max() > 100) == (name in seen)
            part[...] = 0
        assert away.mean() < 1.0


async def test_clip_without_transcript_is_made_without_captions(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Any
) -> None:
    """The clip is the same as if none had been asked for; a check and the manifest say why."""
    source = film(frames=36, sound=False)
    async with workers:
        bare = await exporter.export(order(source, WANTED, name="bare"), quiet)
        made = await exporter.export(order(source, WANTED, dressing=dressing.Wish(DRESSED.captions)), quiet)
        path = analyzed(session, source, cues=[(50.0, 60.0, "Later")])
        later = await exporter.export(
            order(source, WANTED, name="later", analysis_path=path, dressing=dressing.Wish(DRESSED.captions)), quiet
        )
    assert bare.clip.sha256 == made.clip.sha256 == later.clip.sha256
    for clip, why in ((made, "the analysis has no transcript"), (later, "nothing is said in the clip")):
        assert (gate.SKIPPED, ()) == (state(clip, "captions"), clip.captions)
        assert why == json.loads(session.read(clip.manifest.path, 1 << 20))["captions"]["absent"]
    assert "none" == state(bare, "captions")


async def test_manifest_renders_its_text_again(
    workers: pool.Pool, exporter: exports.Exporter, session: sessions.Session, order: Any, film: Any
) -> None:
    """Without the analysis, the words that the manifest kept give the same bytes; captions follow a jump in it."""
    source = film(sound=False)
    ranges = tuple(asked.Range(survey.Wanted(frames=edges)) for edges in ((24, 36), (0, 12)))
    fields = {"edit": asked.Edit(ranges), "dressing": dressing.Wish(captions.Wish("plain", ("srt",)))}
    path = analyzed(session, source, cues=[(0.0, 0.5, "early"), (0.5, 1.0, "never"), (1.0, 1.5, "late")])
    async with workers:
        made = await exporter.export(order(source, WANTED, analysis_path=path, **fields), quiet)
        session.remove(path)
        recipe = await exporter.recipe(session.id, made.manifest.path)
        again = await exporter.export(order(source, WANTED, name="again", recipe=recipe, **fields), quiet)
    assert (made.clip.sha256, made.captions[0].sha256) == (again.clip.sha256, again.captions[0].sha256)
    pages = json.loads(session.read(again.manifest.path, 1 << 20))["captions"]["pages"]
    assert [(0, ["late"]), (12, ["early"])] == [(page["start_frame"], page["lines"]) for page in pages]


async def test_logo_is_decoded_in_the_sandbox(
    workers: pool.Pool, exporter: exports.Exporter, order: Any, film: Any, tmp_path: pathlib.Path
) -> None:
    """A good one is drawn in its corner; what is no PNG, and a wish that cannot be, are refused with a reason."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 255, 255)).save(out, "PNG")
    good.write_bytes(out.getvalue())
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))

    def wish(**fields: Any) -> dressing.Wish:
        return dressing.Wish(overlays=overlays.Wish(**fields))

    source = film(frames=36, sound=False)
    async with workers:
        made = await exporter.export(order(source, WANTED, dressing=wish(logo_uri=good.as_uri())), quiet)
        with pytest.raises(media_errors.Unreadable, match="no PNG"):
            await exporter.export(order(source, WANTED, dressing=wish(logo_uri=bad.as_uri())), quiet)
        with pytest.raises(media_errors.NotThere):
            await exporter.export(order(source, WANTED, dressing=wish(logo_uri="file:///nowhere.png")), quiet)
        with pytest.raises(errors.InvalidArgument, match=r"overlays\.title"):
            await exporter.export(order(source, WANTED, dressing=wish(title="x" * 301)), quiet)
    (check,) = [one for one in made.checks if one.name == "safe_zone"]
    assert (gate.PASSED, True) == (check.state, check.measured.startswith("logo"))
