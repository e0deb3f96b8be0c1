"""Real videos become clips that any player takes."""

import csv
import hashlib
import json
import math
import pathlib

import av
import grpc
import pytest
from reelsmith.gateway.v1 import gateway_pb2 as gateway
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from tests import tiers

CLIP_MIN_S, CLIP_MAX_S = 3.0, 5.0
LONG_ENOUGH = [
    "bbb_480p_30s_h264_51audio.mp4",
    "bike_ride_30s_vp8.webm",
    "bottles_noaudio_40s_h264.mp4",
    "cars_silent_audio_12.5fps_30s.mp4",
    "man_talking_10s_h264_datastreams.mp4",
    "nasa_2video_2audio_2sub_13s.mp4",
    "psd_transitions_24s_h264.mp4",
    "speech_silence_timecode_42s_h264.mp4",
    "tos_battle_70s_vp8.webm",
    "tos_office_17s_av1_1920x800.webm",
    "tos_office_17s_vp9_1920x800.webm",
    "two_people_desk_38s_vp9.webm",
]
QUICK = {"man_talking_10s_h264_datastreams.mp4", "nasa_2video_2audio_2sub_13s.mp4"}
SEVERAL = {"speech_silence_timecode_42s_h264.mp4"}  # rendering is what takes the time
WITHOUT_SOUND = {"bottles_noaudio", "cars_silent", "psd_transitions", "tos_office", "two_people"}


def loudness(path: pathlib.Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP, as FFmpeg's own ebur128 filter measures them."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter, sink = graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        last: dict[str, str] = {}
        for frame in container.decode(stream):
            graph.push(frame)
            last = drained(graph, last)
        graph.push(None)
        last = drained(graph, last)
    return float(last["lavfi.r128.I"]), 20 * math.log10(float(last["lavfi.r128.true_peak"]) or 1e-10)


def drained(graph: av.filter.Graph, last: dict[str, str]) -> dict[str, str]:
    """The metadata of the newest frame that the graph gives."""
    while True:
        try:
            last = graph.pull().metadata or last  # the last frame may be too short to carry any
        except (av.error.BlockingIOError, av.error.EOFError):
            return last


def facts(path: pathlib.Path) -> dict:
    """What a player sees of a clip, read with plain PyAV."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(video))
        return {
            "codecs": (video.codec_context.name, audio.codec_context.name),
            "size": (video.codec_context.width, video.codec_context.height),
            "frames": frames,
            "duration_s": frames / float(video.average_rate),
        }


def speech(media_dir: pathlib.Path, name: str) -> list[tuple[float, float]]:
    """Labelled stretches of speech of a source."""
    path = media_dir / "real" / f"{pathlib.Path(name).stem}.speech.csv"
    if not path.exists():
        return []
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [(float(row["start_s"]), float(row["end_s"])) for row in rows if row["label"] == "speech"]


def check_clip(session: pathlib.Path, clip: jobs.Clip, sound: bool) -> None:
    """One clip is what was asked for, and its bytes are what its manifest says."""
    path = session / clip.video.path
    manifest = json.loads((session / clip.manifest.path).read_text())
    seen = facts(path)
    assert (("h264", "aac"), (1080, 1920)) == (seen["codecs"], seen["size"])
    assert CLIP_MIN_S - 0.1 <= seen["duration_s"] <= CLIP_MAX_S + 0.1
    assert manifest["clip"]["sha256"] == clip.video.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {check["state"] for check in manifest["checks"]} <= {"passed", "skipped"}
    if sound and manifest["loudness"]:
        integrated, peak = loudness(path)
        assert -14.5 <= integrated <= -13.5
        assert peak <= -0.95


@pytest.mark.parametrize("name", tiers.few(LONG_ENOUGH, QUICK))
def test_real_video_gives_clips_that_pass_every_check(suite, media_dir: pathlib.Path, name: str) -> None:
    """Clips are 1080x1920 H.264 and AAC, of the asked length, at -14 LUFS, and start and end outside words."""
    source = media_dir / "real" / name
    count = 2 if name in SEVERAL else 1
    job = suite.run(source, count=count, duration_min_s=CLIP_MIN_S, duration_max_s=CLIP_MAX_S, preset="tiktok")
    assert (jobs.Job.STATE_SUCCEEDED, count) == (job.state, len(job.clips)), job
    session = suite.session(job.id)
    sound = not name.startswith(tuple(WITHOUT_SOUND))
    for clip in job.clips:
        check_clip(session, clip, sound)
        for start_s, end_s in speech(media_dir, name):
            for edge in (clip.time.start_s, clip.time.end_s):
                assert not start_s + 0.15 < edge < end_s - 0.15, f"{edge} s is inside speech {start_s}-{end_s} s"


def test_session_holds_every_promised_file(suite, media_dir: pathlib.Path) -> None:
    """A finished session has clips, manifests, pictures, the analysis and the report, and no leftovers."""
    job = suite.run(
        media_dir / "real" / "man_talking_10s_h264_datastreams.mp4", count=1, duration_min_s=3, duration_max_s=6
    )
    session = suite.session(job.id)
    found = {path.relative_to(session).as_posix() for path in session.rglob("*") if path.is_file()}
    assert {
        "final_output/clip-01.mp4",
        "images/clip-01.jpg",
        "images/contact_sheet.jpg",
        "metadata/analysis.json",
        "metadata/clip-01.manifest.json",
        "metadata/config.json",
        "metadata/media_info.json",
        "metadata/proposals.json",
        "metadata/report.html",
    } == found


MALFORMED = [
    "16x4000_pixels.ts",
    "bbb_hevc_2pct_packets_lost.ts",
    "broken_4kB.mp4",
    "empty_13bytes.flv",
    "failing_audio.mp4",
    "header_says_70s_has_14s.webm",
    "missing_sei_and_pes.ts",
    "no_duration.webm",
    "random_64k.mkv",
    "single_frame.ts",
    "text_file.mp4",
    "tos_400_bad_bytes.mp4",
    "tos_no_moov.mp4",
    "tos_truncated_60pct.webm",
    "zero_bytes.mp4",
    "zero_video_frames.ts",
]
GIVE_CLIPS = {"header_says_70s_has_14s.webm", "tos_400_bad_bytes.mp4", "tos_truncated_60pct.webm"}  # one more does


@pytest.mark.parametrize("name", tiers.few(MALFORMED, set(MALFORMED) - GIVE_CLIPS))
def test_malformed_file_fails_with_a_reason_or_gives_clips(suite, media_dir: pathlib.Path, name: str) -> None:
    """A damaged file ends in a typed error that says what is wrong, or in a degraded result; never in a bug of ours."""
    job = suite.run(media_dir / "malformed" / name, count=1, duration_min_s=1, duration_max_s=5)
    assert job.state in {jobs.Job.STATE_SUCCEEDED, jobs.Job.STATE_PARTIAL, jobs.Job.STATE_FAILED}
    if job.state == jobs.Job.STATE_FAILED:
        assert job.error.code in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}, job.error
        assert job.error.reason
        assert len(job.error.message) > 10


def test_misspelled_names_are_refused_at_submission(suite) -> None:
    """With the nearest genre of the configuration and the nearest preset of the exporters; auto and known ones pass."""
    for names, told in (({"genre": "tallk"}, "did you mean talk?"), ({"preset": "titkok"}, "did you mean tiktok?")):
        spec = jobs.JobSpec(source_uri="file:///films/talk.mp4", **names)
        with pytest.raises(grpc.RpcError) as failure:
            suite.stub().CreateClips(gateway.CreateClipsRequest(spec=spec), timeout=60, wait_for_ready=True)
        assert grpc.StatusCode.INVALID_ARGUMENT is failure.value.code()
        assert told in failure.value.details()
