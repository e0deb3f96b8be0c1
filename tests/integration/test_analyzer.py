"""The analyzer as a process: probes, analyses and proposals over gRPC, weights changed live, broken files told off."""

import asyncio
import itertools
import json
import pathlib
import signal
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
import pytest_asyncio
from google.protobuf import json_format
from reelsmith.analyzer.v1 import analyzer_pb2 as pb
from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import errors, pins, testing
from chassis.testing import process
from media import pool, sessions
from services.analyzer import tasks

FILM = "real/tos_battle_70s_vp8.webm"
TALK = "real/man_talking_10s_h264_datastreams.mp4"
PAIR = "real/nasa_2video_2audio_2sub_13s.mp4"
PEOPLE = "real/two_people_desk_38s_vp9.webm"
SPOKEN = "real/speech_silence_timecode_42s_h264.mp4"
# What each broken file gives: the reason of the refusal, or the faults of a result.
BROKEN = {
    "16x4000_pixels.ts": set(),
    "bbb_hevc_2pct_packets_lost.ts": {"DAMAGED"},
    "broken_4kB.mp4": "NOT_MEDIA",
    "empty_13bytes.flv": "NOT_MEDIA",
    "failing_audio.mp4": set(),
    "header_says_70s_has_14s.webm": {"TRUNCATED"},
    "missing_sei_and_pes.ts": set(),
    "no_duration.webm": {"NO_DURATION"},
    "random_64k.mkv": "NOT_MEDIA",
    "single_frame.ts": set(),
    "text_file.mp4": "NOT_MEDIA",
    "tos_400_bad_bytes.mp4": {"DAMAGED"},
    "tos_no_moov.mp4": "NOT_MEDIA",
    "tos_truncated_60pct.webm": {"TRUNCATED"},
    "zero_bytes.mp4": "EMPTY",
    "zero_video_frames.ts": {"NO_VIDEO_FRAMES"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The storage root of the process that the tests share."""
    return tmp_path_factory.mktemp("analyzer")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(root: pathlib.Path) -> AsyncIterator[str]:
    """The address of an analyzer that the tests share: a start takes longer than most of them."""
    environment = {"REELSMITH_DISCOVERY": "static", "REELSMITH_SESSIONS_ROOT": str(root)}
    async with process.running("analyzer", "services.analyzer", 1, root, environment) as processes:
        yield processes[0].address


@pytest.fixture
async def stub(address: str, connect) -> AsyncIterator[rpc.AnalyzerServiceStub]:
    """A plain stub of the running analyzer."""
    async with connect(address) as channel:
        yield rpc.AnalyzerServiceStub(channel)


@pytest.fixture
def session(root: pathlib.Path) -> sessions.Session:
    """A new session under the root that the process uses."""
    return sessions.Sessions(root).create()


@pytest.fixture
def uri(media_dir: pathlib.Path) -> Callable[[str], str]:
    """The source URI of a test video."""
    return lambda name: (media_dir / name).as_uri()


async def analyzed(stub: rpc.AnalyzerServiceStub, source: str, session: sessions.Session, **fields) -> pb.AnalyzeResult:
    """The result of an analysis, after progress that only went up."""
    request = pb.AnalyzeRequest(source_uri=source, output=media_pb2.Output(session_id=session.id), **fields)
    shares, result = [0.0], None
    async for message in stub.Analyze(request, timeout=240):
        if message.WhichOneof("event") == "progress":
            shares.append(message.progress.fraction)
        else:
            result = message.result
    assert sorted(shares) == shares
    return result


def proposal_request(session: sessions.Session, **fields) -> pb.ProposeClipsRequest:
    """A request for clips from the analysis of a session."""
    return pb.ProposeClipsRequest(output=media_pb2.Output(session_id=session.id), **fields)


async def test_probe_tells_all_streams_and_keeps_them(stub, uri, session) -> None:
    """Six streams of three kinds, the larger picture chosen, nothing wrong; the file says the same."""
    request = pb.ProbeRequest(source_uri=uri(PAIR), output=media_pb2.Output(session_id=session.id))
    response = await stub.Probe(request)
    media = response.media
    assert [(320, 180), (480, 270)] == [(stream.width, stream.height) for stream in media.video_streams]
    assert ([0, 3], 3) == ([stream.index for stream in media.video_streams], media.selected_video_stream)
    assert [8000, 16000] == [stream.sample_rate_hz for stream in media.audio_streams]
    assert ["subtitle", "subtitle"] == [stream.kind for stream in media.other_streams]
    assert [] == list(media.faults)
    assert 390 == media.video_streams[1].packets
    kept = json.loads(session.read(response.artifact.path, 1 << 20))
    assert (media.sha256, "metadata/media_info.json") == (kept["sha256"], response.artifact.path)


async def test_analysis_is_kept_and_repeatable(stub, uri, session) -> None:
    """Two analyses of one source are the same bytes, with the border, the words and the loudness of the film."""
    first = await analyzed(stub, uri(PAIR), session)
    second = await analyzed(stub, uri(PAIR), session, measures=[])
    assert first.artifact == second.artifact
    document = json.loads(session.read(first.artifact.path, 1 << 20))
    assert ("reelsmith.analysis/1", 390) == (document["schema"], document["video"]["frame_count"])
    cuts = [item.frame for item in first.analysis.transitions if item.kind == pb.Transition.KIND_CUT]
    assert [240] == cuts
    assert [240] == [item["frame"] for item in document["transitions"] if item["kind"] == "cut"]
    assert len(document["transitions"]) + 1 == len(first.analysis.shots)
    assert first.analysis.speech
    assert -19.15 == pytest.approx(first.analysis.loudness.integrated_lufs, abs=0.1)
    assert 2.77 == pytest.approx(first.analysis.loudness.range_lu, abs=0.1)
    script = first.analysis.transcript
    assert (pb.Transcript.SOURCE_EMBEDDED, "mov_text", 2, 4, 2) == (
        script.source, script.format, script.stream, script.cues, script.sentences
    )  # fmt: skip
    assert not first.analysis.HasField("tempo_bpm")
    assert len(document["curve"]["highlight"]) == len(first.analysis.curve.highlight)
    assert {"decode", "picture", "sound"} <= {timing.stage for timing in first.timings}


async def test_evidence_is_there_on_request_only(stub, uri, session) -> None:
    """Why each border is there, and why other changes are none; all else is as without it."""
    plain = await analyzed(stub, uri(PAIR), session)
    document = json.loads(session.read(plain.artifact.path, 1 << 20))
    asked = await analyzed(stub, uri(PAIR), session, evidence=True)
    explained = json.loads(session.read(asked.artifact.path, 1 << 20))
    assert plain.analysis.transitions == asked.analysis.transitions
    seen = [item.pop("evidence") for item in explained["transitions"]]
    assert [item["kind"] for item in explained["transitions"]] == [item["detector"] for item in seen]
    assert seen
    refused = explained.pop("rejected_transitions")
    assert all(item["reason"] and item["evidence"]["curve"]["values"] for item in refused)
    assert document == explained


async def test_file_beside_the_source_is_its_transcript(stub, media_dir, root, session) -> None:
    """Found by its name, or named and then anywhere; its words raise the clip that has them; a bad name is refused."""
    library = root / "library"
    library.mkdir()
    film, told = library / "talk.mp4", library / "other.vtt"
    film.write_bytes((media_dir / SPOKEN).read_bytes())
    told.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nNothing.\n")
    (library / "talk.en.srt").write_text("1\n00:00:40,100 --> 00:00:40,500\nThe rocket.\n")
    beside = await analyzed(stub, film.as_uri(), session)
    assert ("talk.en.srt", "en", 1) == tuple(
        getattr(beside.analysis.transcript, name) for name in ("name", "language", "cues")
    )
    request = proposal_request(session, count=1, duration_min_s=5, duration_max_s=10, keywords=["rocket"])
    request.weights["keyword"] = 100
    best = (await stub.ProposeClips(request)).proposals[0]
    assert best.time.start_s < 40.2 < best.time.end_s
    named = await analyzed(stub, film.as_uri(), session, transcript_uri=told.as_uri())
    assert "other.vtt" == named.analysis.transcript.name
    for uri, code in (
        (film.as_uri(), grpc.StatusCode.INVALID_ARGUMENT),
        (f"{film.as_uri()}.srt", grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await analyzed(stub, film.as_uri(), session, transcript_uri=uri, measures=[pb.MEASURE_TRANSCRIPT])
        assert code == caught.value.code()


async def test_part_and_measures_are_as_asked(stub, uri, session) -> None:
    """A part keeps the frame numbers of the whole, and what was not asked for is unknown."""
    part = media_pb2.TimeRange(start_s=5.0, end_s=10.0)
    result = await analyzed(stub, uri(FILM), session, range=part, measures=[pb.MEASURE_SHOTS])
    assert [122, 158, 221] == [item.frame for item in result.analysis.transitions]
    assert (120, 240) == (result.analysis.shots[0].frames.start_frame, result.analysis.shots[-1].frames.end_frame)
    document = json.loads(session.read(result.artifact.path, 1 << 20))
    assert (None, None, []) == (document["loudness"], document["curve"]["speech"], document["focus"]["samples"])


async def test_people_are_followed_in_the_worker(stub, uri, session) -> None:
    """Two people from beginning to end, with boxes in the artifact; left out of a request they are unknown."""
    wanted = [pb.MEASURE_PICTURE, pb.MEASURE_SUBJECTS]
    part = media_pb2.TimeRange(start_s=2.0, end_s=8.0)
    result = await analyzed(stub, uri(PEOPLE), session, range=part, measures=wanted)
    assert [(0, 0), (1, 0)] == [(item.id, item.shot) for item in result.analysis.subjects]
    for item in result.analysis.subjects:
        assert item.time.start_s == pytest.approx(2.0, abs=0.6)
        assert item.time.end_s == pytest.approx(8.0, abs=0.6)
        assert item.score > 0.9
        assert not item.HasField("speaking")
    document = json.loads(session.read(result.artifact.path, 1 << 20))
    assert all(50 <= sample["frame"] < 200 for item in document["subjects"] for sample in item["samples"])
    boxes = [box for item in document["subjects"] for box in item["samples"]]
    left, right = sorted(item["samples"][0]["left"] for item in document["subjects"])
    assert left < 0.5 < right
    assert all(0 <= box["left"] and box["left"] + box["width"] <= 1.0001 for box in boxes)
    focused = document["focus"]["samples"]
    assert 0.9 * len(focused) < sum(any(near(sample, box) for box in boxes) for sample in focused)
    result = await analyzed(stub, uri(PEOPLE), session, range=part, measures=[pb.MEASURE_PICTURE])
    assert json.loads(session.read(result.artifact.path, 1 << 20))["subjects"] is None


def near(sample: dict, box: dict) -> bool:
    """Whether the focus is on a face."""
    apart = (sample["x"] - box["left"] - box["width"] / 2, sample["y"] - box["top"] - box["height"] / 2)
    return abs(apart[0]) < box["width"] / 2 and abs(apart[1]) < box["height"] / 2


async def test_faces_need_the_warm_process(media_dir) -> None:
    """Control: a worker whose weights were not read before it was shut in cannot read them."""
    settings = pool.PoolSettings(workers=1, preload=("services.analyzer.measure",))
    with (media_dir / PEOPLE).open("rb") as file:
        async with pool.Pool(settings) as workers:
            with pytest.raises(pool.TaskFailed, match="networks"):
                await workers.run(tasks.MEASURE, {"measures": ["subjects"], "end_s": 1.0}, inputs={"source": file})


async def test_clips_keep_their_bounds_and_their_words(stub, uri, session) -> None:
    """Clips do not overlap, are as long as asked, begin and end between words; the score is the sum of its terms."""
    await analyzed(stub, uri(SPOKEN), session)
    response = await stub.ProposeClips(proposal_request(session, count=4, duration_min_s=5, duration_max_s=15))
    assert 4 == len(response.proposals)
    spoken = [(0.14, 0.70), (1.28, 4.85), (5.04, 10.45), (10.67, 13.17), (13.80, 17.32), (39.94, 40.68)]
    for proposal in response.proposals:
        assert 5 <= proposal.time.end_s - proposal.time.start_s <= 15
        for edge in (proposal.time.start_s, proposal.time.end_s):
            assert not any(start + 0.02 < edge < end - 0.02 for start, end in spoken)
        assert proposal.score == pytest.approx(sum(term.contribution for term in proposal.terms))
        unknown = {term.name for term in proposal.terms if term.state == pb.Term.STATE_UNKNOWN}
        assert {"reaction", "keyword", "opening", "closing"} == unknown
    ordered = sorted(response.proposals, key=lambda item: item.time.start_s)
    assert all(one.time.end_s <= other.time.start_s for one, other in itertools.pairwise(ordered))
    assert (0, "metadata/proposals.json") == (response.config_version, response.artifact.path)
    again = await stub.ProposeClips(proposal_request(session, count=4, duration_min_s=5, duration_max_s=15))
    assert response.artifact.sha256 == again.artifact.sha256


async def test_clips_are_chosen_as_asked(stub, uri, session) -> None:
    """By genre, of several lengths, apart, different; what was left out is told with its reason; the file says all."""
    await analyzed(stub, uri(SPOKEN), session)
    lengths = [media_pb2.ClipDuration(target_s=6, count=2), media_pb2.ClipDuration(target_s=12, count=1)]
    wanted = {"durations": lengths, "durations_apart": True, "genre": "talk", "diversity": 0.5, "explain": 5}
    request = proposal_request(session, gap_min_s=0.5, **wanted)
    request.exclusions.add(start_s=20, end_s=24)
    response = await stub.ProposeClips(request)
    assert {6.0, 12.0} == {item.target_s for item in response.proposals}
    assert sum(item.target_s == 6 for item in response.proposals) == 2
    ordered = sorted((item.time.start_s, item.time.end_s) for item in response.proposals)
    assert all(one[1] + 0.5 <= other[0] + 1e-6 for one, other in itertools.pairwise(ordered))
    assert all(end <= 20 or start >= 24 for start, end in ordered)
    assert ("talk", "", 2.0) == (
        response.genre,
        response.genre_reason,
        next(term.weight for term in response.proposals[0].terms if term.name == "closing"),
    )
    assert {pb.LeftOutClip.REASON_EXCLUDED, pb.LeftOutClip.REASON_OVERLAPS} <= {one.reason for one in response.left_out}
    assert all(item.detail and item.clip.rank == 0 for item in response.left_out)
    kept = json.loads(session.read(response.artifact.path, 1 << 20))
    assert ("talk", 0.5, True) == tuple(kept["request"][name] for name in ("genre", "diversity", "durations_apart"))
    assert [list(item.ranks) for item in response.left_out] == [item["ranks"] for item in kept["left_out"]]
    told = await stub.ProposeClips(proposal_request(session, genre="auto"))
    assert ("", "a source of 42 s is too short to tell its genre") == (told.genre, told.genre_reason)


async def test_short_source_gives_one_clip_of_all(stub, uri, session) -> None:
    """Ten seconds are less than the fifteen that are asked for by default: they are proposed whole."""
    await analyzed(stub, uri(TALK), session)
    response = await stub.ProposeClips(proposal_request(session))
    assert [(0, 309)] == [(item.frames.start_frame, item.frames.end_frame) for item in response.proposals]


@pytest.mark.parametrize("name", sorted(BROKEN))
async def test_broken_file_is_told_off_or_degrades(stub, uri, session, name) -> None:
    """Each broken file gives a typed refusal or a result that names its faults, and the worker is free again."""
    expected = BROKEN[name]
    if isinstance(expected, str):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await analyzed(stub, uri(f"malformed/{name}"), session)
        assert (grpc.StatusCode.INVALID_ARGUMENT, expected) == (
            caught.value.code(),
            errors.from_rpc(caught.value).reason,
        )
    else:
        result = await analyzed(stub, uri(f"malformed/{name}"), session)
        assert expected <= {fault.code for fault in result.analysis.media.faults}
        assert result.analysis.duration_s > 0
    capacity = (await stub.GetCapabilities(pb.GetCapabilitiesRequest())).capacity
    assert 0 == capacity.busy_workers


async def test_cancelled_stream_frees_the_worker(stub, uri, session) -> None:
    """A caller that goes away ends the worker in the middle of its work; nothing is kept."""
    call = stub.Analyze(pb.AnalyzeRequest(source_uri=uri(FILM), output=media_pb2.Output(session_id=session.id)))
    async for message in call:
        if message.progress.frames > 3:
            break
    call.cancel()

    async def idle() -> bool:
        return 0 == (await stub.GetCapabilities(pb.GetCapabilitiesRequest())).capacity.busy_workers

    await testing.wait_until(idle, 60, "the worker is free")
    assert [] == [path for path in session.root.rglob("*") if path.is_file()]


async def test_mistakes_have_their_own_status(stub, uri, session) -> None:
    """What is wrong with a request is told in the status, its reason and its fields."""
    output = media_pb2.Output(session_id=session.id)
    absent = media_pb2.Output(session_id="0" * 32)
    reverse = media_pb2.TimeRange(start_s=5, end_s=4)
    analyses = [
        (pb.AnalyzeRequest(output=output), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (pb.AnalyzeRequest(source_uri=uri(TALK)), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (pb.AnalyzeRequest(source_uri="http://example.com/x", output=output), "INVALID_ARGUMENT", "BAD_SOURCE_URI"),
        (pb.AnalyzeRequest(source_uri="file:///nowhere.mp4", output=output), "NOT_FOUND", "NOT_FOUND"),
        (pb.AnalyzeRequest(source_uri=uri(TALK), output=absent), "NOT_FOUND", "NOT_FOUND"),
        (pb.AnalyzeRequest(source_uri=uri(TALK), output=output, range=reverse), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (pb.AnalyzeRequest(source_uri=uri(TALK), output=output, measures=[99]), "INVALID_ARGUMENT", "BAD_REQUEST"),
    ]
    for request, code, reason in analyses:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [message async for message in stub.Analyze(request)]
        assert (code, reason) == (caught.value.code().name, errors.from_rpc(caught.value).reason), request
    await analyzed(stub, uri(TALK), session)
    everything = [media_pb2.TimeRange(start_s=0, end_s=100)]
    proposals = [
        (proposal_request(session, count=101), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (proposal_request(session, duration_min_s=9, duration_max_s=3), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (proposal_request(session, weights={"moton": 1}), "INVALID_ARGUMENT", "BAD_WEIGHTS"),
        (proposal_request(session, weights={"motion": -1}), "INVALID_ARGUMENT", "BAD_WEIGHTS"),
        (proposal_request(session, genre="tlak"), "INVALID_ARGUMENT", "NO_SUCH_GENRE"),
        (proposal_request(session, diversity=1.5), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (proposal_request(session, explain=101), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (proposal_request(session, durations=[media_pb2.ClipDuration()]), "INVALID_ARGUMENT", "BAD_REQUEST"),
        (
            proposal_request(session, durations=[media_pb2.ClipDuration(target_s=9, count=-1)]),
            "INVALID_ARGUMENT",
            "BAD_REQUEST",
        ),
        (proposal_request(session, analysis_path="../secret"), "INVALID_ARGUMENT", "PATH_REFUSED"),
        (proposal_request(session, analysis_path="metadata/none.json"), "NOT_FOUND", "NOT_FOUND"),
        (proposal_request(session, exclusions=everything), "FAILED_PRECONDITION", "NOTHING_FITS"),
    ]
    for request, code, reason in proposals:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ProposeClips(request)
        assert (code, reason) == (caught.value.code().name, errors.from_rpc(caught.value).reason), request
    session.write_bytes("metadata/other.json", b'{"schema": "something else"}')
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ProposeClips(proposal_request(session, analysis_path="metadata/other.json"))
    assert "NOT_AN_ANALYSIS" == errors.from_rpc(caught.value).reason


async def test_capabilities_name_decoders_and_protections(stub) -> None:
    """What the instance can do is told, and the limits on its workers are in force."""
    found = await stub.GetCapabilities(pb.GetCapabilitiesRequest())
    assert ("cpu", "0.1.0") == (found.backend, found.version)
    assert found.backend_detail
    assert not found.devices
    assert {"h264", "vp9"} <= set(found.decoders)
    assert {"rlimits"} <= {protection.name for protection in found.protections if protection.active}
    assert found.capacity.workers >= 1


async def test_weights_change_live_and_survive_the_configuration_service(new_process, connect, uri, tmp_path) -> None:
    """New weights are in force without a restart; a request has the last word; the source may go away."""
    session = sessions.Sessions(tmp_path).create()
    config = new_process("services.config")
    await config.start()
    following = new_process("services.analyzer", REELSMITH_STATIC_REGISTRY=f"config={config.address}")
    await following.start()
    async with connect(config.address) as config_channel, connect(following.address) as channel:
        stub = rpc.AnalyzerServiceStub(channel)
        await analyzed(stub, uri(TALK), session)
        request = config_pb2.UpdateConfigRequest(expected_version=0)
        json_format.ParseDict({"analyzer": {"weights": {"motion": 7.5}}}, request.config.document)
        request.update_mask.paths.append("analyzer.weights.motion")
        await config_pb2_grpc.ConfigServiceStub(config_channel).UpdateConfig(request)

        async def weight(**fields) -> tuple[float, int]:
            response = await stub.ProposeClips(proposal_request(session, **fields))
            terms = {term.name: term.weight for term in response.proposals[0].terms}
            return terms["motion"], response.config_version

        async def changed() -> bool:
            return (7.5, 1) == await weight()

        await testing.wait_until(changed, 60, "the weight has changed")
        assert (2.0, 1) == await weight(weights={"motion": 2.0})
        assert (0.25, 1) == await weight(genre="talk")
        request = config_pb2.UpdateConfigRequest(expected_version=1)
        json_format.ParseDict({"analyzer": {"genres": {"talk": {"motion": 0.75}}}}, request.config.document)
        request.update_mask.paths.append("analyzer.genres.talk.motion")
        await config_pb2_grpc.ConfigServiceStub(config_channel).UpdateConfig(request)

        async def changed_genre() -> bool:
            return (0.75, 2) == await weight(genre="talk")

        await testing.wait_until(changed_genre, 60, "the weight of the genre has changed")
        config.stop(signal.SIGKILL)
        assert await changed_genre()
        assert (7.5, 2) == await weight()

        pin = pins.Pin("production", 1, {"analyzer": {"weights": {"motion": "${REELSMITH_VAR_NONE:0.5}"}}})
        session.write_bytes(pins.PATH, pins.packed(pin))
        assert (0.5, 1) == await weight(config_path=pins.PATH)
        assert (2.0, 1) == await weight(config_path=pins.PATH, weights={"motion": 2.0})
        session.write_bytes(pins.PATH, b"[]")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await weight(config_path=pins.PATH)
        assert "BAD_PIN" == errors.from_rpc(refusal.value).reason


async def test_several_analyses_share_the_workers(stub, uri, root) -> None:
    """Calls that come together all end well, one after another where workers are fewer."""
    rooms = [sessions.Sessions(root).create() for _ in range(3)]
    results = await asyncio.gather(*(analyzed(stub, uri(PAIR), room) for room in rooms))
    assert 1 == len({result.artifact.sha256 for result in results})
