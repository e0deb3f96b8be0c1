"""The command as a person or a script runs it: output, exit codes, interruption."""

import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import grpc
import pytest
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.jobs.v1 import jobs_pb2_grpc as jobs_rpc

COMMAND = (sys.executable, "-m", "client")


def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    """An environment in which no suite of this machine is found."""
    return {**os.environ, "REELSMITH_HOME": str(tmp_path / "home"), "COLUMNS": "200", "TERM": "dumb"}


@pytest.fixture
def reelsmith(tmp_path):
    """Runs the command in a process of its own."""

    async def run(*arguments: object) -> subprocess.CompletedProcess:

        child = await asyncio.create_subprocess_exec(
            *COMMAND,
            *map(str, arguments),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), timeout=60)
        return subprocess.CompletedProcess(arguments, child.returncode, out.decode(), err.decode())

    return run


async def test_clip_prints_where_everything_is(fake, serve, finished, files, steps, video, reelsmith, tmp_path):
    """Results go to stdout, progress to stderr, files into the folder of the job."""
    async with serve(fake(finished, files, steps)) as address:
        result = await reelsmith("clip", video, "--out", "out", "--gateway", address)
    assert 0 == result.returncode, result.stderr
    clip = tmp_path / "out" / finished.id / "final_output" / "clip-01.mp4"
    assert files["final_output/clip-01.mp4"] == clip.read_bytes()
    assert files["scripts/clip-01.srt"] == (clip.parent.parent / "scripts" / "clip-01.srt").read_bytes()
    assert re.search(r"clip 1  0:03\.5 to 1:11\.2  score 0\.750", result.stdout)
    assert str(pathlib.Path("out") / finished.id / "metadata" / "report.html") in result.stdout
    assert "analyze 50% (measure, 812 frames/s), 0:12 left" in result.stderr
    assert "analyze done in 3.0 s" in result.stderr


async def test_clip_asks_for_what_the_options_say(fake, serve, finished, files, video, reelsmith):
    """Every option arrives at the gateway."""
    player = fake(finished, files)
    options = "--count 3 --min 7 --max 9.5 --aspect 4:5 --preset tiktok --layout fit-blur --keyword a --keyword b"
    async with serve(player) as address:
        result = await reelsmith("clip", video, *options.split(), "--title", "My talk", "--gateway", address)
    assert 0 == result.returncode, result.stderr
    spec = player.requests[0].spec
    assert (3, 7.0, 9.5, "tiktok", ["a", "b"], "My talk") == (
        spec.count,
        spec.duration_min_s,
        spec.duration_max_s,
        spec.preset,
        list(spec.keywords),
        spec.title,
    )
    assert ("ASPECT_RATIO_4_5", "LAYOUT_FIT_BLUR") == (
        spec.DESCRIPTOR.fields_by_name["aspect_ratio"].enum_type.values_by_number[spec.aspect_ratio].name,
        spec.DESCRIPTOR.fields_by_name["layout"].enum_type.values_by_number[spec.layout].name,
    )
    assert video.as_uri() == spec.source_uri


async def test_captions_and_overlays_are_asked_for(fake, serve, finished, files, video, reelsmith, tmp_path):
    """Style, files, track, texts, bar and logo arrive as they were said; nothing said asks for nothing."""
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"png")
    options = "--captions pop --caption-files srt,ass --caption-track --progress-bar --logo-corner bottom-left"
    player = fake(finished, files)
    async with serve(player) as address:
        texts = ("--title-card", "A title", "--hook-card", "A hook", "--logo", logo)
        await reelsmith("clip", video, *options.split(), *texts, "--gateway", address)
        await reelsmith("clip", video, "--gateway", address)
    spec, bare = (request.spec for request in player.requests if hasattr(request, "spec"))
    assert exporter_pb2.CaptionOptions(style="pop", formats=[1, 3], text_track=True) == spec.captions
    assert (
        exporter_pb2.Overlays(
            title="A title", hook="A hook", progress_bar=True, logo_uri=logo.as_uri(), logo_corner="CORNER_BOTTOM_LEFT"
        )
        == spec.overlays
    )
    assert not bare.HasField("captions")
    assert not bare.HasField("overlays")


async def test_edit_and_timelines_are_asked_for(fake, serve, finished, files, video, reelsmith):
    """Tightening, speed, fades, sound and timelines arrive as they were said; nothing said is no edit."""
    player = fake(finished, files)
    options = "--tighten --speed 1.25 --fade 0.5:1 --audio de --timeline edl,otio"
    async with serve(player) as address:
        for said in (options.split(), ["--audio", "1", "--fade", "2", "--join", "1:00-1:20", "--join", "5-9"], []):
            result = await reelsmith("clip", video, *said, "--gateway", address)
            assert 0 == result.returncode, result.stderr
        wrong = await reelsmith("clip", video, "--fade", "long", "--timeline", "aaf", "--gateway", address)
    first, second, third = (request.spec for request in player.requests if hasattr(request, "spec"))
    edit = first.edit
    assert (True, 1.25, "de", [3, 1]) == (
        edit.HasField("tightening"), edit.speed, edit.audio_track.language, list(first.timelines)
    )  # fmt: skip
    assert (0.5, 1.0, 0.5, 1.0) == (
        edit.fades.picture_in_s, edit.fades.picture_out_s, edit.fades.sound_in_s, edit.fades.sound_out_s
    )  # fmt: skip
    assert (1, 2.0) == (second.edit.audio_track.number, second.edit.fades.sound_out_s)
    assert [(60, 80), (5, 9)] == [(one.time.start_s, one.time.end_s) for one in second.edit.ranges]
    assert not third.HasField("edit")
    assert (2, True) == (wrong.returncode, "--fade long" in wrong.stderr)


async def test_render_sends_manifest_and_video(fake, serve, finished, files, video, reelsmith, tmp_path):
    """The manifest is named beside the video, with where its clip lies; what is none is refused."""
    player, manifest, logo = fake(finished, files), tmp_path / "clip-01.manifest.json", tmp_path / "logo.png"
    logo.write_bytes(b"png")
    manifest.write_text('{"range": {"start_s": 2.5, "end_s": 9}}')
    async with serve(player) as address:
        result = await reelsmith(
            "render", manifest, video, "--timeline", "fcpxml", "--logo", logo, "--gateway", address
        )
        assert 0 == result.returncode, result.stderr
        assert 2 == (await reelsmith("render", video, video, "--gateway", address)).returncode
    (spec,) = (request.spec for request in player.requests if hasattr(request, "spec"))
    assert (manifest.as_uri(), video.as_uri(), [2]) == (spec.manifest_uri, spec.source_uri, list(spec.timelines))
    assert logo.as_uri() == spec.overlays.logo_uri
    assert [(2.5, 9.0)] == [(clip.start_s, clip.end_s) for clip in spec.clips]


@pytest.mark.parametrize("command", ["clip", "analyze"])
async def test_ways_to_choose_clips_are_asked_for(fake, serve, finished, video, reelsmith, command):
    """Genre, difference, lengths, distance and exclusions arrive as they were said."""
    player = fake(finished)
    options = "--genre auto --diversity 0.4 --duration 15:3 --duration 60 --apart --gap 2 --exclude 1:00-1:02:03.5"
    explain = ("--explain", 7) if command == "analyze" else ()
    async with serve(player) as address:
        await reelsmith(
            command, video, *options.split(), "--exclude", "3-4.5", "--language", "de", *explain, "--gateway", address
        )
    spec = player.requests[0].spec
    assert ("auto", 0.4, True, 2.0, "de", 7 if explain else 0) == (
        spec.genre, spec.diversity, spec.durations_apart, spec.gap_min_s, spec.language, spec.explain
    )  # fmt: skip
    assert [(15.0, 3), (60.0, 0)] == [(one.target_s, one.count) for one in spec.durations]
    assert [(60.0, 3723.5), (3.0, 4.5)] == [(one.start_s, one.end_s) for one in spec.exclusions]


@pytest.mark.parametrize(
    "options",
    [("--duration", "long"), ("--exclude", "9"), ("--exclude", "1:2:3:4-5"), ("--caption-files", "doc"),
     ("--start-at", "soon")],
)  # fmt: skip
async def test_unreadable_option_is_told(video, reelsmith, options):
    """Wrong usage has its exit code and shows an example."""
    result = await reelsmith("clip", video, *options)
    assert (2, True) == (result.returncode, "such as" in result.stderr)


async def test_json_is_all_there_is_on_stdout(fake, serve, finished, files, steps, video, reelsmith):
    """A program can read stdout as one document."""
    async with serve(fake(finished, files, steps)) as address:
        result = await reelsmith("clip", video, "--json", "--gateway", address)
    document = json.loads(result.stdout)
    assert (0, "reelsmith.clip/1", "SUCCEEDED") == (result.returncode, document["schema"], document["job"]["state"])


async def test_partial_job_exits_with_three(fake, serve, partial, files, video, reelsmith):
    """Good clips are kept, failures are named, the exit code says that not all is well."""
    async with serve(fake(partial, files)) as address:
        result = await reelsmith("clip", video, "--gateway", address)
    assert 3 == result.returncode
    assert "clip-01.mp4" in result.stdout
    assert "clip 2: the clip is black (INTERNAL/CHECK_FAILED)" in result.stderr


async def test_failed_job_exits_with_one_clear_line(fake, serve, failed, video, reelsmith):
    """The reason of the suite comes out, no traceback."""
    async with serve(fake(failed)) as address:
        result = await reelsmith("clip", video, "--gateway", address)
    assert 1 == result.returncode
    assert "failed: text.mp4 is not a media file (INVALID_ARGUMENT/NOT_MEDIA)" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("options", [[], ["--evidence"]])
async def test_analyze_asks_for_evidence_on_request(fake, serve, failed, video, reelsmith, options):
    """The option arrives at the gateway, and only where it is given."""
    player = fake(failed)
    async with serve(player) as address:
        await reelsmith("analyze", video, *options, "--gateway", address)
    spec = player.requests[0].spec
    assert (True, bool(options)) == (spec.analyze_only, spec.evidence)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], ("default", 0, 0)),
        (["--mode", "smart-cut"], ("source", 2, 0)),
        (["--mode", "render", "--codec", "av1", "--preset", "wide"], ("wide", 1, 3)),
    ],
)
async def test_clip_asks_for_a_mode_and_a_codec(fake, serve, failed, video, reelsmith, options, asked):
    """The options arrive at the gateway; a cut without encoding takes the preset that keeps the source as it is."""
    player = fake(failed)
    async with serve(player) as address:
        await reelsmith("clip", video, *options, "--gateway", address)
    spec = player.requests[0].spec
    assert asked == (spec.preset, spec.mode, spec.video_codec)


async def test_success_without_a_clip_is_a_failure(fake, serve, finished, video, reelsmith):
    """No clip, no exit code 0."""
    del finished.clips[:], finished.artifacts[:]
    async with serve(fake(finished)) as address:
        result = await reelsmith("clip", video, "--gateway", address)
    assert (1, True) == (result.returncode, "without a clip" in result.stderr)


async def test_unreadable_path_is_sent_instead(fake, serve, finished, files, video, reelsmith):
    """A suite that may not read the file gets it over the wire."""
    player = fake(finished, files, refuse_paths=True)
    async with serve(player) as address:
        result = await reelsmith("clip", video, "--gateway", address)
    assert 0 == result.returncode, result.stderr
    assert (video.read_bytes(), "upload:abc") == (player.uploaded, player.job.spec.source_uri)
    assert "sending it" in result.stderr


async def test_dead_gateway_is_named(video, reelsmith):
    """The message says what does not answer, and what to do."""
    result = await reelsmith("clip", video, "--gateway", "127.0.0.1:9")
    assert (1, True) == (result.returncode, "no gateway answers at 127.0.0.1:9" in result.stderr)


async def test_error_with_json_is_json_too(video, reelsmith):
    """A program gets the error where it looks for the result."""
    result = await reelsmith("clip", video, "--json", "--gateway", "127.0.0.1:9")
    assert (1, "NO_SUITE") == (result.returncode, json.loads(result.stdout)["error"]["reason"])


@pytest.mark.parametrize(
    "arguments",
    [["clip", "nowhere.mp4"], ["clip"], ["clip", "--count", "0"], ["jobs", "list", "--state", "odd"], ["nonsense"]],
)
async def test_wrong_usage_exits_with_two(reelsmith, arguments):
    """What cannot be meant is refused before anything starts."""
    result = await reelsmith(*arguments)
    assert (2, False) == (result.returncode, "Traceback" in result.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_run_cancels_its_job(fake, serve, finished, steps, video, tmp_path, number):
    """Ctrl-C and SIGTERM cancel the job and exit with 130."""

    player = fake(finished, steps=steps, hang=True)
    async with serve(player) as address:
        child = await asyncio.create_subprocess_exec(
            *COMMAND,
            *("clip", str(video), "--gateway", address),
            env=environment(tmp_path),
            stderr=asyncio.subprocess.PIPE,
        )
        while b"analyze done" not in await asyncio.wait_for(child.stderr.readline(), timeout=30):
            pass
        child.send_signal(number)
        _, said = await asyncio.wait_for(child.communicate(), timeout=30)
    assert (130, True) == (child.returncode, player.cancelled.is_set())
    assert b"interrupted" in said
    assert b"Traceback" not in said


async def test_status_shows_every_service(fake, serve, finished, reelsmith):
    """A service without an instance is shown, and the exit code says that not all serve."""
    async with serve(fake(finished)) as address:
        result = await reelsmith("status", "--gateway", address)
    assert 1 == result.returncode
    assert re.search(r"jobs.*127\.0\.0\.1:1.*serving", result.stdout)
    assert re.search(r"analyzer.*none", result.stdout)
    assert "NOT serving, discovery static, gateway version 9.9" in result.stdout


async def test_jobs_are_listed_and_shown(fake, serve, partial, reelsmith):
    """The list names the job, the details name its clips."""
    async with serve(fake(partial)) as address:
        listed = await reelsmith("jobs", "list", "--state", "partial", "--gateway", address)
        shown = await reelsmith("jobs", "show", partial.id, "--gateway", address)
        missing = await reelsmith("jobs", "show", "f" * 32, "--gateway", address)
    assert (0, True) == (listed.returncode, partial.id in listed.stdout)
    assert "final_output/clip-01.mp4" in shown.stdout
    assert (1, True) == (missing.returncode, "there is no job" in missing.stderr)


async def test_job_is_scheduled_and_left(fake, serve, finished, video, reelsmith):
    """With --detach the identifier is all that is printed, and when and how urgently it runs is asked for."""
    player = fake(finished)
    options = ("--detach", "--priority", "5", "--start-at", "+2h", "--deadline", "2126-01-31T22:00Z")
    async with serve(player) as address:
        result = await reelsmith("clip", video, *options, "--gateway", address)
    assert (0, f"{finished.id}\n") == (result.returncode, result.stdout), result.stderr
    (request,) = player.requests
    assert (5, video.as_uri(), video.name) == (request.spec.priority, request.spec.source_uri, request.spec.title)
    assert 7000 < request.spec.start_time.seconds - time.time() <= 7200
    assert "2126-01-31T22:00:00Z" == request.spec.deadline.ToJsonString()


class FakeManager(jobs_rpc.JobServiceServicer):
    """Remembers the last word about the queue."""

    stats = jobs.QueueStats(flow=jobs.QueueStats.FLOW_OPEN, ready_steps=3)

    async def PauseQueue(self, request, context):
        self.stats.flow = jobs.QueueStats.FLOW_DRAINING if request.drain else jobs.QueueStats.FLOW_PAUSED
        self.stats.pause_reason = request.reason
        return self.stats

    async def ResumeQueue(self, request, context):
        self.stats = jobs.QueueStats(flow=jobs.QueueStats.FLOW_OPEN, ready_steps=3)
        return self.stats

    async def GetQueueStats(self, request, context):
        return self.stats


async def test_queue_is_paused_and_resumed(reelsmith):
    """The job manager is asked, and what the queue does is told in one line."""
    server = grpc.aio.server()
    jobs_rpc.add_JobServiceServicer_to_server(FakeManager(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    told = []
    for words in (("pause", "--reason", "upgrade"), ("pause", "--drain"), ("queue",), ("resume",)):
        result = await reelsmith("jobs", *words, "--jobs", address)
        assert 0 == result.returncode, result.stderr
        told.append(result.stdout)
    await server.stop(0)
    states = ("paused (upgrade)", "draining", "draining", "open")
    assert [f"queue {state}: 0 steps run, 3 wait\n" for state in states] == told
    missing = await reelsmith("jobs", "pause", "--jobs", address)
    assert (1, True) == (missing.returncode, "--jobs" in missing.stderr)


async def test_running_suite_of_the_user_is_found(fake, serve, finished, files, video, reelsmith, tmp_path):
    """Without an option the suite of this user's home is asked."""
    player = fake(finished, files)
    async with serve(player) as address:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "suite.json").write_text(json.dumps({"gateway": address, "processes": []}))
        result = await reelsmith("clip", video)
    assert (0, True) == (result.returncode, len(player.requests) > 0), result.stderr
