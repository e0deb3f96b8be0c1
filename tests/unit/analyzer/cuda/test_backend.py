"""Decoding and measuring on a card, as far as it goes without one.

FFmpeg, PyAV and the kernels' text are the real ones, and a pretend driver makes up the pictures.
"""

import json
import pathlib
import subprocess
import sys
from typing import Any

import av
import numpy as np
import pytest

from media import errors
from services.analyzer import backend, eye
from services.analyzer.kernels.cuda import reduction
from tests.unit.analyzer.cuda import build, faults

ROOT = pathlib.Path(__file__).resolve().parents[4]
FILMS = (
    "derived/tos10_h264_rot90_matrix.mp4",
    "derived/tos10_hevc_main10_pq_tagged.mp4",
    "derived/tos10_vp9_427x177_odd.webm",
    "real/bbb_fragmented_5s_h264.mp4",
    "real/full_range_bt709_1s.mp4",
    "real/portrait_selfie_1s_h264.ts",
    "real/webcam_vfr_7s_h264.mov",
    "malformed/header_says_70s_has_14s.webm",
)
UNFIT = (
    "derived/tos30_mpeg4_mp3_25.avi",
    "derived/tos5_prores422.mov",
    "real/speech_7s.mp3",
    "real/tos_office_17s_av1_1920x800.webm",
    "malformed/bbb_hevc_2pct_packets_lost.ts",
)


@pytest.fixture(scope="module")
def play(driver: dict[str, str], kernels: pathlib.Path):
    """Plays a scene with some films in a process that has the pretend driver, which variables tell how to behave."""

    def run(scene: str, *films: str | pathlib.Path, **told: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "tests.unit.analyzer.cuda.scenes", scene, str(kernels), *map(str, films)]
        done = subprocess.run(command, cwd=ROOT, env=driver | told, check=True, capture_output=True, text=True)
        return [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("found")]

    return run


def test_frames_stay_on_the_device_with_the_times_of_software(play, media_dir: pathlib.Path) -> None:
    """Same frames, times, ranges and key frames; nothing is copied to the host, or past FFmpeg's own stream.

    The first picture is decoded by the processor as well: frames of a device carry no rotation.
    """
    every = play("decode", *(media_dir / film for film in FILMS))
    assert [-90.0, "yuv420p"] == every[0]["sample"]
    for found in every:
        assert found["processor"] == found["device"]
        assert 0 == found["copies_to_host"] == found["copies_off_default_stream"]
        assert 0 == found["live"]


def test_eye_on_the_device_sees_what_the_processor_sees(play, media_dir: pathlib.Path) -> None:
    """Every frame, all its cells and the motion of its blocks; two batches of surfaces are held and no more."""
    for found in play("look", *(media_dir / film for film in FILMS[:4])):
        assert [] == found["wrong"]
        assert found["frames"] - 1 == found["moved"] > 0
        assert -(-found["frames"] // reduction.BATCH) == found["batches"] == 3
        assert found["peak"] <= 2 * reduction.BATCH + 2
        assert 0 == found["live"]


def test_frames_that_are_not_held_are_overwritten(play, media_dir: pathlib.Path) -> None:
    """Control: an eye that lets go of its frames reads what the decoder wrote later."""
    assert play("forget", media_dir / FILMS[3])[0]["wrong"]


def test_pass_on_the_device_says_the_same_about_the_source(play, media_dir: pathlib.Path) -> None:
    """All that does not come from the made-up pictures is what the processor says."""
    (found,) = play("analyze", media_dir / "real/face_rot90_1s_h264.mov")
    assert [] == found["different"]
    assert {"motion", "focus", "loudness_lufs"} <= set(found["arrays"])


def test_stream_that_is_not_for_the_device_is_said_so(play, media_dir: pathlib.Path) -> None:
    """Other codings, sound alone, AV1 on a card without it, and packets that are damaged."""
    found = play("analyze", *(media_dir / film for film in UNFIT))
    assert [["Unsupported", "NOT_ON_DEVICE"]] * len(UNFIT) == [one["error"] for one in found]


def test_silent_fall_back_of_ffmpeg_is_noticed(play, tmp_path: pathlib.Path) -> None:
    """FFmpeg goes on in software with 4:2:2, and PyAV still calls that accelerated."""
    (found,) = play("decode", film(tmp_path / "film.mkv", "libx264", "yuv422p"))
    assert ["Unsupported", "NOT_ON_DEVICE"] == found["error"]


def test_av1_is_decoded_where_the_card_can(play, tmp_path: pathlib.Path) -> None:
    """PyAV alone would never ask the card."""
    (found,) = play("decode", film(tmp_path / "film.mkv", "libsvtav1", "yuv420p"), CUDA_PRETEND_AV1="1")
    assert found["processor"] == found["device"]
    assert 4 == len(found["device"])


def film(path: pathlib.Path, encoder: str, pixels: str) -> pathlib.Path:
    """Writes four frames."""
    with av.open(str(path), "w") as sink:
        video = sink.add_stream(encoder, rate=25, width=320, height=192, pix_fmt=pixels)
        for _ in range(4):
            sink.mux(video.encode(av.VideoFrame(320, 192, pixels)))
        sink.mux(video.encode())
    return path


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"CUDA_PRETEND_FAIL_AT": "10"}, "DEVICE_FAILED"),
        ({"CUDA_PRETEND_SURFACES_MAX": "10"}, "DEVICE_MEMORY"),
        ({"CUDA_PRETEND_NO_DEVICE": "1"}, "DEVICE_FAILED"),
    ],
)
def test_failing_device_is_no_damaged_file(play, media_dir: pathlib.Path, told: dict[str, str], reason: str) -> None:
    """An error of the driver, no memory, or no card: the worker is lost, and nothing is said about the source."""
    (found,) = play("analyze", media_dir / "real/face_rot90_1s_h264.mov", **told)
    assert ["WorkerLost", reason] == found["error"]


def test_trial_films_tell_what_a_card_decodes(play) -> None:
    """The pretend card is a Hopper card, which has no AV1."""
    found = dict(zip(backend.TRIALS, play("trial", *backend.TRIALS), strict=True))
    assert ["av1"] == [name for name, one in found.items() if not one["decodes"]]


def test_rehearsal_passes_on_sound_kernels(kernels: pathlib.Path) -> None:
    """Every depth, and a second batch."""
    backend.rehearse(build.Device(kernels))


@pytest.mark.parametrize("fault", [faults.FAULTS[1], faults.FAULTS[3], faults.FAULTS[-1]], ids=lambda fault: fault.name)
def test_rehearsal_notices_a_device_that_computes_otherwise(
    require_tool, tmp_path: pathlib.Path, fault: faults.Fault
) -> None:
    """Such a device is not used."""
    library = build.library(require_tool("g++"), tmp_path, {fault.name: faults.planted(fault)})
    with pytest.raises(errors.WorkerLost, match="computes otherwise"):
        backend.rehearse(build.Device(library, fault.name))


def test_card_that_nobody_opened_is_not_used() -> None:
    """A process has to open it before it is shut in."""
    assert isinstance(backend.of("cpu"), backend.Processor)
    with pytest.raises(errors.WorkerLost) as caught:
        backend.of("cuda")
    assert "DEVICE_FAILED" == caught.value.reason


def test_reduction_refuses_what_is_no_batch(kernels: pathlib.Path) -> None:
    """Too many surfaces, none, or surfaces of different pitches."""
    layout = reduction.Layout(320, 192, 8)
    reducing = reduction.Reduction(build.Device(kernels), layout, eye.planes.grid(320, 192), 2)
    surface, other = reduction.Surface(0, 0, 512, 512), reduction.Surface(0, 0, 1024, 512)
    for surfaces in ([], [surface] * 3, [surface, other]):
        with pytest.raises(ValueError, match="no batch"):
            reducing.submit(surfaces)


def test_looks_are_the_same_only_if_every_bit_is(kernels: pathlib.Path) -> None:
    """Control: the comparison that decides about a card sees the smallest difference."""
    frame = av.VideoFrame.from_ndarray(np.full((96, 64), 77, np.uint8), format="yuv420p")
    one, other = (eye.Processor().add(frame, 0.0)[0] for _ in "ab")
    assert backend.same(one, other)
    other.look.picture.chroma[1, 2, 3] += 1
    assert not backend.same(one, other)
