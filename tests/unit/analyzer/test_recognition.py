"""Speech recognition: speech cut into windows, words put back in their places, and a real engine with a tiny model."""

import asyncio
import dataclasses
import hashlib
import io
import itertools
import json
import os
import pathlib
import shutil
import wave
from collections.abc import AsyncIterator

import jsonschema
import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from chassis import testing
from media import errors, pool
from services.analyzer import document, progress
from services.analyzer.recognition import captions, model, recognizer, windows
from services.analyzer.transcript import cue

SPOKEN = "real/speech_silence_timecode_42s_h264.mp4"
SPEECH = ((1.0, 3.0), (3.3, 8.0), (10.0, 20.0), (21.0, 40.5))
PAUSES_S = (13.0, 17.0, 24.0, 31.0, 36.0)
ORDER = {"speech": SPEECH, "pauses_s": PAUSES_S, "begin_s": 0.0, "start_s": 0.0, "end_s": None}
SCHEMA = json.loads(pathlib.Path("client/analysis.schema.json").read_text())
shared_loop = pytest.mark.asyncio(loop_scope="module")
LINE_S = st.lists(st.floats(0.05, 50.0), min_size=1, max_size=12)


def spans(steps_s: list[float]) -> list[windows.Span]:
    """Stretches and the gaps between them, by their lengths."""
    edges = list(itertools.accumulate(steps_s))
    return list(zip(edges[::2], edges[1::2], strict=False))


def covered(found: list[windows.Window]) -> list[windows.Span]:
    """All pieces in the order in which they are heard."""
    return [piece for window in found for piece in window.pieces]


@given(LINE_S, st.lists(st.floats(0.0, 600.0), max_size=40).map(sorted))
def test_windows_hold_all_speech_once_and_never_more_than_is_heard(steps_s: list[float], pauses_s: list[float]) -> None:
    """Whatever the speech: none longer than half a minute, in order, apart, and nothing that is said is left out."""
    speech = spans(steps_s)
    found = windows.cut(speech, pauses_s)
    assert all(0 < window.duration_s <= windows.LONGEST_S + 1e-6 for window in found)
    pieces = covered(found)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(pieces))
    for start_s, end_s in speech:
        inside = sum(max(min(end_s, last) - max(start_s, first), 0.0) for first, last in pieces)
        assert end_s - start_s == pytest.approx(inside)


def test_speech_is_gathered_until_a_window_is_full() -> None:
    """Short stretches share a window without the silence between them; one that does not fit begins the next."""
    first, second = windows.cut([(10.0, 15.0), (60.0, 80.0), (100.0, 110.0)], [])
    assert ((9.8, 15.2), (59.8, 80.2)) == first.pieces
    assert ((99.8, 110.2),) == second.pieces
    assert [((9.8, 15.95),)] == [window.pieces for window in windows.cut([(10.0, 12.0), (12.25, 15.75)], [])]
    assert [] == windows.cut([], [5.0])


def test_long_speech_is_cut_at_its_last_pause_and_without_one_where_the_window_ends() -> None:
    """Seventy seconds: at 25 s and 49 s, for the pauses after these come too late; else every thirty seconds."""
    paused = windows.cut([(0.2, 70.0)], [3.0, 25.0, 31.0, 49.0, 56.0])
    assert [((0.0, 25.0),), ((25.0, 49.0),), ((49.0, 70.2),)] == [window.pieces for window in paused]
    assert [30.0, 60.0] == [window.pieces[0][1] for window in windows.cut([(0.2, 70.0)], [])[:2]]


def test_words_lie_in_speech_and_in_order() -> None:
    """A word that seems to last over a pause ends before it or begins after it, as its middle says; none goes back."""
    window = windows.Window(((10.0, 12.0), (50.0, 53.0)), ((10.2, 11.8), (50.2, 52.8)))
    heard = [cue.Word(0.0, 1.0, "one"), cue.Word(1.0, 2.8, "two"), cue.Word(1.9, 3.0, "three"), cue.Word(4, 9, "four")]
    expected = [(10.2, 11.0), (11.0, 11.8), (50.2, 51.0), (52.0, 52.8)]
    assert expected == [(word.start_s, word.end_s) for word in windows.aligned(window, heard)]
    backwards = [cue.Word(1.5, 1.75, "late"), cue.Word(0.25, 0.5, "early")]
    assert [(11.5, 11.75), (11.75, 11.75)] == [
        (word.start_s, word.end_s) for word in windows.aligned(window, backwards)
    ]


@pytest.mark.parametrize(("words", "expected"), [
    ([" Hello.", " This", " is", " it."], ["Hello.", "This is it."]),
    ([" Mr.", " Smith", "|", " went", " home"], ["Mr. Smith", "went home"]),
    (["\u6771", "\u4eac", "\u3002", "\u306f\u3044"], ["\u6771\u4eac\u3002", "\u306f\u3044"]),
    ([" word"] * 20, [" ".join(["word"] * 14), " ".join(["word"] * 6)]),
    ([], []),
])  # fmt: skip
def test_cues_end_with_sentences_before_pauses_and_before_they_are_too_long(words, expected) -> None:
    """Half a second for each word; a pause of two seconds where a bar stands."""
    said, t_s = [], 0.0
    for text in words:
        if text != "|":
            said.append(cue.Word(t_s, t_s + 0.5, text))
        t_s += 2.0 if text == "|" else 0.5
    found = captions.cues(said)
    assert expected == [one.text for one in found]
    assert [word.text.strip() for word in said] == [word.text for one in found for word in one.words]
    assert all((one.words[0].start_s, one.words[-1].end_s) == (one.start_s, one.end_s) for one in found)


@given(LINE_S, st.lists(st.tuples(st.floats(-1.0, 40.0), st.floats(-1.0, 40.0)), min_size=1, max_size=20))
def test_no_word_is_placed_outside_of_its_window(steps_s: list[float], times: list[tuple[float, float]]) -> None:
    """Whatever times a model gives."""
    words = [cue.Word(*time, "word") for time in times]
    for window in windows.cut(spans(steps_s), []):
        edges = [edge for word in windows.aligned(window, words) for edge in (word.start_s, word.end_s)]
        assert sorted(edges) == edges
        assert all(any(first <= edge <= last for first, last in window.spoken) for edge in edges)


def test_progress_of_two_tasks_is_one_that_only_goes_up() -> None:
    """The second begins where the first ended, and neither says that all is done."""
    meter = progress.Meter(0.3)
    shares = [meter.take({"fraction": share}).fraction for share in (0.5, 1.0)]
    meter.next()
    shares += [meter.take({"fraction": share, "stage": "recognize"}).fraction for share in (0.0, 0.5, 1.0)]
    assert [0.15, 0.3, 0.3, 0.65, progress.NEARLY] == pytest.approx(shares)


def test_model_is_found_by_name_and_by_path_and_known_by_its_hash(models_dir: pathlib.Path) -> None:
    """Both open the same files; the hash of all files, or of the largest one, is taken as proof, another is refused."""
    folder = models_dir / "tiny"
    named = model.Model.open("tiny", models_dir, "")
    placed = model.Model.open(str(folder), pathlib.Path("/nowhere"), named.sha256)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.iterdir())]
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == named.sha256 == placed.sha256
    assert (sum(file.stat().st_size for file in folder.iterdir()), "tiny") == (named.size_bytes, placed.name)
    weights = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    model.Model.open("tiny", models_dir, weights).close()
    with pytest.raises(errors.Unsupported) as caught:
        model.Model.open("tiny", models_dir, "0" * 64)
    assert "WRONG_MODEL" == caught.value.reason
    for one in (named, placed):
        one.close()


@pytest.mark.parametrize("place", ["absent", "../models", "tiny/"])
def test_what_is_no_model_is_named_with_what_it_lacks(models_dir: pathlib.Path, tmp_path: pathlib.Path, place) -> None:
    """A name stays within the folder of models, and with a slash it is a path of its own."""
    with pytest.raises(errors.NotThere, match=r"it lacks config\.json, model\.bin, tokenizer\.json"):
        model.Model.open(place, models_dir, "")
    shutil.copytree(models_dir / "tiny", tmp_path / "partial")
    (tmp_path / "partial" / "vocabulary.json").unlink()
    with pytest.raises(errors.NotThere, match=r"it lacks vocabulary\.json"):
        model.Model.open("partial", tmp_path, "")


@pytest.fixture(scope="module")
def settings(models_dir: pathlib.Path) -> recognizer.Settings:
    """Settings with the tiny model."""
    return recognizer.Settings("tiny", models_dir, threads=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hearing(settings: recognizer.Settings) -> AsyncIterator[recognizer.Recognizer]:
    """A recognizer that works."""
    async with recognizer.Recognizer(settings) as one:
        assert one.status.available, one.status.detail
        yield one


@shared_loop
async def test_speech_becomes_words_with_times_in_a_shut_in_worker(hearing, media_dir: pathlib.Path) -> None:
    """The whole way, twice: what the model says, once per window, in speech, in order, in the same bytes."""
    with (media_dir / SPOKEN).open("rb") as file:
        reports: list[float] = []
        told = await hearing.transcribe(file, ORDER, lambda report: reports.append(report["fraction"]))
        again = await hearing.transcribe(file, ORDER, lambda report: None)
    found = told["transcript"]
    assert document.encode(found) == document.encode(again["transcript"])
    assert ("recognition", "whisper", "de", "tiny") == (
        found["source"], found["format"], found["language"], found["model"]["name"]
    )  # fmt: skip
    assert (hearing.status.sha256, 3) == (found["model"]["sha256"], len(hearing.status.languages))
    assert found["model"]["language_probability"] > 0.9
    jsonschema.validate(found, {"$defs": SCHEMA["$defs"], **SCHEMA["properties"]["transcript"]})
    pieces = [window.spoken for window in windows.cut(SPEECH, PAUSES_S)]
    assert ["Guten Tag.", "Die Rakete startet!"] * len(pieces) == [one["text"] for one in found["cues"]]
    assert "Guten Tag. Die Rakete startet!".split() * len(pieces) == [word["text"] for word in found["words"]]
    edges = [edge for word in found["words"] for edge in (word["start_s"], word["end_s"])]
    assert sorted(edges) == edges
    assert all(any(first <= edge <= last for one in pieces for first, last in one) for edge in edges)
    assert all(0 <= word["probability"] <= 1 for word in found["words"])
    # The first window begins 0.2 s before the speech; the model says its phrases letter by letter.
    assert found["words"][1]["start_s"] == pytest.approx(0.8 + 0.4 + 1.2 * 5 / 9, abs=0.2)
    assert found["words"][4]["start_s"] == pytest.approx(0.8 + 2.4 + 1.6 * 9 / 17, abs=0.2)
    assert len(found["cues"]) == len(found["sentences"])
    assert [(index + 1) / len(pieces) for index in range(len(pieces))] == reports
    protections = {one.name for one in hearing.pools[0].protections() if one.active}
    assert {"rlimits", "seccomp", "capabilities", "empty-root"} <= protections


async def test_language_that_is_given_is_not_looked_for(settings, media_dir: pathlib.Path) -> None:
    """It is in the transcript, with no probability."""
    async with recognizer.Recognizer(dataclasses.replace(settings, language="en")) as one:
        with (media_dir / SPOKEN).open("rb") as file:
            found = (await one.transcribe(file, ORDER, lambda report: None))["transcript"]
    assert ("en", None) == (found["language"], found["model"]["language_probability"])


@shared_loop
async def test_language_that_is_told_is_not_looked_for(hearing, media_dir: pathlib.Path) -> None:
    """The model hears in it, and how likely it was is unknown; one that it does not know is refused by its name."""
    with (media_dir / SPOKEN).open("rb") as file:
        order = {**ORDER, "speech": ORDER["speech"][:1], "language": "en"}
        found = (await hearing.transcribe(file, order, lambda report: None))["transcript"]
    assert ("en", None) == (found["language"], found["model"]["language_probability"])
    hearing.refuse_unknown("de")
    hearing.refuse_unknown("")
    with pytest.raises(errors.Unsupported, match="'fr'; it knows de, en") as raised:
        hearing.refuse_unknown("fr")
    assert "WRONG_LANGUAGE" == raised.value.reason


@shared_loop
async def test_part_of_a_source_keeps_the_times_of_the_whole(hearing, media_dir: pathlib.Path) -> None:
    """Speech two seconds after the beginning of a part that begins at 20 s is said at 22 s."""
    order = {**ORDER, "speech": ((2.0, 8.0),), "pauses_s": (), "begin_s": 20.0, "start_s": 20.0, "end_s": 30.0}
    with (media_dir / SPOKEN).open("rb") as file:
        found = (await hearing.transcribe(file, order, lambda report: None))["transcript"]
    assert found["words"][0]["start_s"] == pytest.approx(21.8 + 0.2, abs=0.3)
    assert all(22.0 <= word["start_s"] <= word["end_s"] <= 28.0 for word in found["words"])


async def test_silent_worker_is_killed(settings, media_dir: pathlib.Path) -> None:
    """One that gives no sign for too long is lost to its call, and its place is free again."""
    async with recognizer.Recognizer(dataclasses.replace(settings, heartbeat_s=0.01)) as hasty:
        with (media_dir / SPOKEN).open("rb") as file, pytest.raises(errors.WorkerLost) as caught:
            await hasty.transcribe(file, ORDER, lambda report: None)
        assert ("SILENT", 0) == (caught.value.reason, hasty.pools[0].busy)


@shared_loop
async def test_cancelled_call_frees_the_worker(hearing, media_dir: pathlib.Path) -> None:
    """Whoever goes away takes the worker along, in the middle of its work."""

    async def works() -> bool:
        return 1 == hearing.pools[0].busy

    with (media_dir / SPOKEN).open("rb") as file:
        call = asyncio.ensure_future(hearing.transcribe(file, ORDER, lambda report: None))
        await testing.wait_until(works, 30, "the worker works")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert 0 == hearing.pools[0].busy


async def peak_bytes(models_dir: pathlib.Path, source: pathlib.Path, minutes: int) -> int:
    """The most memory that hearing the first minutes of a source takes."""
    one = model.Model.open("tiny", models_dir, "")
    settings = pool.PoolSettings(workers=1, memory_bytes=recognizer.MEMORY_MIN_BYTES, preload=recognizer.PRELOAD)
    order = {**ORDER, "speech": [[0.0, 60.0 * minutes]], "pauses_s": [], "language": "", "threads": 1}
    files = {f"{model.INPUT}{name}": file for name, file in one.files.items()}
    async with pool.Pool(settings) as workers:
        with source.open("rb") as file:
            inputs = {"source": file, **files}
            request = {**order, "name": one.name, "sha256": one.sha256}
            result = await workers.run(recognizer.TASKS["run"], request, inputs=inputs)
    one.close()
    assert 4 * minutes <= len(result.value["transcript"]["cues"]) <= 4 * minutes + 4  # two of each half minute
    return result.memory_peak_bytes


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_source(models_dir, tmp_path: pathlib.Path) -> None:
    """Ten minutes of speech, 38 MB of samples, take a small part of that more than one minute."""
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as sink:
        sink.setparams((1, 2, 16_000, 0, "NONE", ""))
        sink.writeframes(np.random.default_rng(0).integers(-9999, 9999, 600 * 16_000, np.int16).tobytes())
    short, long = [await peak_bytes(models_dir, path, minutes) for minutes in (1, 10)]
    assert long - short < 0.4 * 600 * 16_000 * 4


def spoiled(models: pathlib.Path, target: pathlib.Path, name: str, content: bytes) -> pathlib.Path:
    """A copy of the tiny model with one file replaced."""
    shutil.copytree(models / "tiny", target / "tiny")
    (target / "tiny" / name).write_bytes(content)
    return target


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.bin", b"\x06\x00\x00\x00" + b"\xff" * 4096),
        ("vocabulary.json", b"[]"),
        ("tokenizer.json", b"{}"),
    ],
)
async def test_model_that_does_not_load_is_a_state_and_no_crash(models_dir, tmp_path, name, content) -> None:
    """Whatever is wrong with a file of the model: nothing is raised, nothing runs, and the state says what it is."""
    folder = spoiled(models_dir, tmp_path, name, content)
    async with recognizer.Recognizer(recognizer.Settings("tiny", folder)) as one:
        assert (False, ()) == (one.status.available, one.pools)
        assert one.status.detail


async def test_absent_and_changed_models_are_states_too(models_dir: pathlib.Path) -> None:
    """No model asked for, none there, and one that is not the one that was promised."""
    for settings, word in (
        (recognizer.Settings("", models_dir), "ASR_MODEL"),
        (recognizer.Settings("absent", models_dir), "lacks"),
        (recognizer.Settings("tiny", models_dir, sha256="0" * 64), "not 0000"),
        (recognizer.Settings("tiny", models_dir, language="fr"), "language 'fr'"),
    ):
        async with recognizer.Recognizer(settings) as one:
            assert not one.status.available
            assert word in one.status.detail
            with pytest.raises(errors.Unsupported, match="not recognized"):
                await one.transcribe(io.BytesIO(), ORDER, lambda report: None)


async def test_real_model_hears_what_is_said(media_dir: pathlib.Path) -> None:
    """A voice says that it will say a word at 40 s, and does."""
    place = os.environ.get("REELSMITH_ASR_MODEL")
    if not place:
        pytest.skip("REELSMITH_ASR_MODEL names no model, and none is downloaded")
    spoken = ((0.2, 0.7), (1.31, 4.83), (5.08, 10.46), (10.72, 13.09), (13.86, 17.34), (40.03, 40.58))  # as detected
    order = {**ORDER, "speech": spoken, "pauses_s": ()}
    async with recognizer.Recognizer(recognizer.Settings(place, pathlib.Path.cwd(), threads=2)) as one:
        with (media_dir / SPOKEN).open("rb") as file:
            found = (await one.transcribe(file, order, lambda report: None))["transcript"]
    heard_s = [word["start_s"] for word in found["words"] if word["text"].strip(".").lower() == "banana"]
    assert [16.8, 40.1] == pytest.approx(heard_s, abs=0.3)
    assert "en" == found["language"]


async def test_engine_that_may_not_open_files_needs_none(models_dir: pathlib.Path) -> None:
    """Control: in the same box the folder of the model is out of reach, so what was read came as open files."""
    settings = pool.PoolSettings(workers=1, preload=(*recognizer.PRELOAD, "tests.unit.media.tasks"))
    async with pool.Pool(settings) as workers:
        found = (await workers.run("tests.unit.media.tasks:use_devices", [str(models_dir / "tiny/config.json")])).value
    assert {str(models_dir / "tiny/config.json"): "PermissionError"} == found
