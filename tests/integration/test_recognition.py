"""An analyzer with a model of speech recognition: what is heard becomes the transcript, unless text is there."""

import json
import pathlib
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from reelsmith.analyzer.v1 import analyzer_pb2 as pb
from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from chassis import testing
from chassis.testing import process
from media import sessions

SPOKEN = "real/speech_silence_timecode_42s_h264.mp4"
TITLED = "real/nasa_2video_2audio_2sub_13s.mp4"
SPEECH = (pb.MEASURE_SPEECH, pb.MEASURE_LOUDNESS, pb.MEASURE_TRANSCRIPT)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The storage root of the processes."""
    return tmp_path_factory.mktemp("recognition")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(root: pathlib.Path, models_dir: pathlib.Path) -> AsyncIterator[str]:
    """The address of an analyzer with the tiny model."""
    environment = {
        "REELSMITH_DISCOVERY": "static",
        "REELSMITH_SESSIONS_ROOT": str(root),
        "REELSMITH_ANALYZER_MODELS_DIR": str(models_dir),
        "REELSMITH_ANALYZER_ASR_MODEL": "tiny",
    }
    async with process.running("analyzer", "services.analyzer", 1, root, environment) as processes:
        yield processes[0].address


@pytest.fixture
async def stub(address: str, connect) -> AsyncIterator[rpc.AnalyzerServiceStub]:
    """A plain stub of it."""
    async with connect(address) as channel:
        yield rpc.AnalyzerServiceStub(channel)


@pytest.fixture
def session(root: pathlib.Path) -> sessions.Session:
    """A new session."""
    return sessions.Sessions(root).create()


async def analyzed(stub, source: pathlib.Path, session: sessions.Session, **fields) -> pb.AnalyzeResult:
    """The result of an analysis, after progress that only went up."""
    request = pb.AnalyzeRequest(
        source_uri=source.as_uri(), output=media_pb2.Output(session_id=session.id), measures=SPEECH, **fields
    )
    shares, stages = [0.0], set()
    async for message in stub.Analyze(request, timeout=240):
        if message.WhichOneof("event") == "result":
            assert sorted(shares) == shares
            return message.result
        shares.append(message.progress.fraction)
        stages.add(message.progress.stage)
    raise AssertionError("the stream ended without a result")


async def test_speech_is_recognized_and_found_by_its_words(stub, media_dir, session) -> None:
    """The transcript says what heard it; words raise the clip that has them; sentences are where words are."""
    result = await analyzed(stub, media_dir / SPOKEN, session)
    told = result.analysis.transcript
    assert (pb.Transcript.SOURCE_RECOGNITION, "whisper", "de", "tiny", True) == (
        told.source, told.format, told.language, told.model, told.word_times
    )  # fmt: skip
    assert told.language_probability > 0.9
    assert told.sentences == told.cues >= 2
    assert {"sound", "recognize"} <= {timing.stage for timing in result.timings}
    found = json.loads(session.read(result.artifact.path, 1 << 20))
    speech = [(one["start_s"] - 0.21, one["end_s"] + 0.21) for one in found["speech"]]
    assert all(any(first <= word["start_s"] <= word["end_s"] <= last for first, last in speech)
               for word in found["transcript"]["words"])  # fmt: skip
    rocket_s = [word["start_s"] for word in found["transcript"]["words"] if word["text"] == "Rakete"]
    request = pb.ProposeClipsRequest(
        output=media_pb2.Output(session_id=session.id), count=1, duration_min_s=4, duration_max_s=8, keywords=["rakete"]
    )
    request.weights["keyword"] = 100
    best = (await stub.ProposeClips(request)).proposals[0]
    assert any(best.time.start_s < t_s < best.time.end_s for t_s in rocket_s)
    (term,) = [one for one in best.terms if one.name == "keyword"]
    assert pb.Term.STATE_MEASURED == term.state
    assert result.artifact == (await analyzed(stub, media_dir / SPOKEN, session)).artifact


@pytest.mark.parametrize(
    ("language", "code", "words"),
    [("fr", grpc.StatusCode.FAILED_PRECONDITION, "'fr'"), ("fr-FR", grpc.StatusCode.INVALID_ARGUMENT, "two or three")],
)
async def test_language_that_cannot_be_heard_is_refused_at_once(
    stub, media_dir, session, language, code, words
) -> None:
    """Before anything is measured: the model does not know it, or it is none."""
    with pytest.raises(grpc.RpcError) as raised:
        await analyzed(stub, media_dir / SPOKEN, session, language=language)
    assert code == raised.value.code()
    assert words in raised.value.details()


async def test_text_that_is_there_comes_before_recognition(stub, media_dir, root, session) -> None:
    """A named file, then one beside the source, then its own track; a broken one leaves it to the speech."""
    film, other = root / "talk.mp4", root / "other.vtt"
    film.write_bytes((media_dir / SPOKEN).read_bytes())
    other.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nNothing.\n")
    beside = film.with_suffix(".srt")
    beside.write_text("1\n00:00:01,000 --> 00:00:02,000\nBeside.\n")
    named = (await analyzed(stub, film, session, transcript_uri=other.as_uri())).analysis.transcript
    assert ("other.vtt", pb.Transcript.SOURCE_SIDECAR, "") == (named.name, named.source, named.model)
    assert "talk.srt" == (await analyzed(stub, film, session)).analysis.transcript.name
    track = (await analyzed(stub, media_dir / TITLED, session)).analysis.transcript
    assert pb.Transcript.SOURCE_EMBEDDED == track.source
    beside.write_text("no subtitles")
    spoken = (await analyzed(stub, film, session)).analysis
    assert pb.Transcript.SOURCE_RECOGNITION == spoken.transcript.source
    assert "BAD_TRANSCRIPT" in {fault.code for fault in spoken.media.faults}


async def test_nothing_is_recognized_where_nobody_asks_or_speaks(stub, media_dir, session) -> None:
    """Without the measure, or without speech, the transcript is unknown."""
    request = {"output": media_pb2.Output(session_id=session.id), "measures": [pb.MEASURE_SPEECH]}
    uri = (media_dir / SPOKEN).as_uri()
    results = [
        one.result async for one in stub.Analyze(pb.AnalyzeRequest(source_uri=uri, **request)) if one.HasField("result")
    ]
    assert not results[0].analysis.HasField("transcript")
    wordless = await analyzed(stub, media_dir / "real/bbb_480p_30s_h264_51audio.mp4", session)
    assert not wordless.analysis.speech
    assert not wordless.analysis.HasField("transcript")


async def test_caller_that_leaves_ends_the_recognition(stub, media_dir, session) -> None:
    """The worker with the model is gone as well, and nothing is kept."""

    async def busy(count: int) -> bool:
        found = await stub.GetCapabilities(pb.GetCapabilitiesRequest())
        return count == found.recognition.capacity.busy_workers

    call = stub.Analyze(
        pb.AnalyzeRequest(
            source_uri=(media_dir / SPOKEN).as_uri(), output=media_pb2.Output(session_id=session.id), measures=SPEECH
        )
    )
    await testing.wait_until(lambda: busy(1), 60, "speech is being recognized")
    call.cancel()
    await testing.wait_until(lambda: busy(0), 60, "the worker is free")
    assert [] == [path for path in session.root.rglob("*") if path.is_file()]


async def test_capabilities_say_what_recognizes(stub) -> None:
    """The model, its hash, its languages, and its workers."""
    found = (await stub.GetCapabilities(pb.GetCapabilitiesRequest())).recognition
    assert (True, "tiny", 3, 64) == (found.available, found.model, found.languages, len(found.sha256))
    assert (1, 0) == (found.capacity.workers, found.capacity.busy_workers)


@pytest.mark.slow
async def test_model_that_does_not_load_leaves_transcripts_unknown(
    new_process, connect, models_dir, media_dir, tmp_path
) -> None:
    """The service serves, says why nothing is recognized, and analyses go on: the term for words is unknown."""
    (tmp_path / "bad").mkdir()
    for file in (models_dir / "tiny").iterdir():
        (tmp_path / "bad" / file.name).write_bytes(file.read_bytes()[:1000])
    session = sessions.Sessions(tmp_path).create()
    analyzer = new_process("services.analyzer", REELSMITH_ASR_MODEL=str(tmp_path / "bad"))
    await analyzer.start()
    async with connect(analyzer.address) as channel:
        stub = rpc.AnalyzerServiceStub(channel)
        found = (await stub.GetCapabilities(pb.GetCapabilitiesRequest())).recognition
        assert (False, "") == (found.available, found.model)
        assert found.detail
        assert not found.HasField("capacity")
        result = await analyzed(stub, media_dir / SPOKEN, session)
        assert not result.analysis.HasField("transcript")
        request = pb.ProposeClipsRequest(
            output=media_pb2.Output(session_id=session.id), duration_min_s=4, duration_max_s=8, keywords=["rakete"]
        )
        best = (await stub.ProposeClips(request)).proposals[0]
        (term,) = [one for one in best.terms if one.name == "keyword"]
        assert (pb.Term.STATE_UNKNOWN, 0.0) == (term.state, term.contribution)
