"""The box: nothing gets out, and everything that honest media needs still works inside."""

import asyncio
import pathlib
import platform
import subprocess
import sys
from typing import BinaryIO

import pytest

from media import errors, pool, sandbox
from tests import hostile
from tests.unit.media import tasks

pytestmark = pytest.mark.asyncio(loop_scope="package")
TASKS = "tests.unit.media.tasks"

# Ways out that anyone may go who is not shut in, and that break nothing.
OPEN_TO_ALL = (
    "open_file open_own_memory open_parent_environment list_folder stat_name stat_name_as_descriptor access_name tcp "
    "udp unix_socket fork kill_parent signal_parent_thread signal_parent_by_file take_parent_file cut_tie_to_parent "
    "memory_file take_much_at_once_in_codec"
).split()
# Without this many in force, the box is not what the tests below promise.
EXPECTED = {"allocation", "rlimits", "empty-root", "capabilities", "parent-death", "landlock", "seccomp"}

only_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86_64")


@pytest.fixture(autouse=True)
def _whole(shared_pool: pool.Pool) -> None:
    missing = EXPECTED - {item.name for item in shared_pool.protections() if item.active}
    if missing:
        pytest.skip(f"this system lacks {', '.join(sorted(missing))}")


async def test_protections_say_which_are_in_force(shared_pool: pool.Pool) -> None:
    """Each with what it does."""
    assert EXPECTED == {item.name for item in shared_pool.protections()}
    assert all(item.detail for item in shared_pool.protections())


@only_x86
@pytest.mark.parametrize("way", sorted(tasks.ESCAPES))
async def test_way_out_is_blocked(shared_pool: pool.Pool, way: str) -> None:
    """The attempt fails, or ends the child."""
    try:
        outcome = (await shared_pool.run(f"{TASKS}:escape", way)).value
    except errors.WorkerLost as error:
        outcome = "blocked" if error.metadata["status"] == "SIGSYS" else str(error)
    assert outcome.startswith("blocked")


@only_x86
async def test_ways_out_are_open_without_the_box() -> None:
    """Control: the same attempts succeed in a plain process."""
    code = (
        f"from {TASKS} import escape; print([way for way in {OPEN_TO_ALL!r} if escape(way, None, None) != 'escaped'])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    closed, _ = await process.communicate()
    assert b"[]" == closed.strip()


async def test_missing_protection_is_reported_and_the_others_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without one of them says so instead of failing."""

    def absent() -> str:
        raise OSError("not on this kernel")

    assert sandbox.Protection("x", False, "not on this kernel") == sandbox._attempt("x", absent)
    assert sandbox.Protection("x", False, "no library") == sandbox._attempt("x", _no_library)


def _no_library() -> str:
    raise ImportError("no library")


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
async def test_encoders_work_inside(shared_pool: pool.Pool, output: BinaryIO, codec: str, threads: int) -> None:
    """Picture and sound, with threads, into a given file."""
    await shared_pool.run(f"{TASKS}:encode", {"codec": codec, "threads": threads}, outputs={"clip": output})
    found = (await shared_pool.run(f"{TASKS}:look", {}, inputs={"source": output})).value
    assert (25, 40 * 1024) == (found["frames"], found["samples"] // 1024 * 1024)


async def test_compiled_code_works_inside(shared_pool: pool.Pool) -> None:
    """Numba, linear algebra and transforms."""
    result = await shared_pool.run("tests.unit.media.heavy:compute", None)
    assert 1000 + 0.5 + 8 == result.value


async def test_pictures_are_written_inside(shared_pool: pool.Pool, output: BinaryIO) -> None:
    """Pillow writes into a given file."""
    await shared_pool.run("tests.unit.media.heavy:thumbnail", None, outputs={"image": output})
    output.seek(0)
    assert b"\xff\xd8\xff" == output.read(3)


FILMS = {
    "h264.mp4": ("mp4", "libx264", "yuv420p"),
    "h264.mkv": ("matroska", "libx264", "yuv420p"),
    "h264.ts": ("mpegts", "libx264", "yuv420p"),
    "h264.flv": ("flv", "libx264", "yuv420p"),
    "hevc.mp4": ("mp4", "libx265", "yuv420p"),
    "av1.mp4": ("mp4", "libsvtav1", "yuv420p"),
    "vp8.webm": ("webm", "libvpx", "yuv420p"),
    "vp9.webm": ("webm", "libvpx-vp9", "yuv420p"),
    "mpeg4.avi": ("avi", "mpeg4", "yuv420p"),
    "mjpeg.avi": ("avi", "mjpeg", "yuvj420p"),
    "mpeg2.ts": ("mpegts", "mpeg2video", "yuv420p"),
    "mpeg2.mpg": ("mpeg", "mpeg2video", "yuv420p"),
    "prores.mov": ("mov", "prores_ks", "yuv422p10le"),
}
TONES = {
    "aac.m4a": ("mp4", "aac"),
    "aac.aac": ("adts", "aac"),
    "alac.m4a": ("mp4", "alac"),
    "mp3.mp3": ("mp3", "libmp3lame"),
    "mp2.mpg": ("mpeg", "mp2"),
    "ac3.ts": ("mpegts", "ac3"),
    "eac3.mp4": ("mp4", "eac3"),
    "opus.ogg": ("ogg", "libopus"),
    "flac.flac": ("flac", "flac"),
    "s16.wav": ("wav", "pcm_s16le"),
    "s24.wav": ("wav", "pcm_s24le"),
    "float.mov": ("mov", "pcm_f32le"),
    "alaw.wav": ("wav", "pcm_alaw"),
}


@pytest.mark.parametrize("name", FILMS)
async def test_every_picture_format_is_decoded_inside(shared_pool: pool.Pool, output: BinaryIO, name: str) -> None:
    """What the lists name works behind the box."""
    output.write(hostile.film(FILMS[name][0], FILMS[name][1], pixels=FILMS[name][2]))
    found = (await shared_pool.run(f"{TASKS}:look", {"threads": 2}, inputs={"source": output})).value
    assert 25 == found.get("frames"), found


@pytest.mark.parametrize("name", TONES)
async def test_every_sound_format_is_decoded_inside(shared_pool: pool.Pool, output: BinaryIO, name: str) -> None:
    """A second of sound, but for what the coder adds or cuts off."""
    output.write(hostile.tone(*TONES[name]))
    found = (await shared_pool.run(f"{TASKS}:look", {}, inputs={"source": output})).value
    assert 46_000 <= found.get("samples", 0) <= 51_000, found


def real_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Test videos in two of the folders; none where they are absent."""
    return [
        path
        for part in ("real", "derived")
        for path in sorted((folder / part).glob("*"))
        if path.suffix not in (".csv", ".txt")
    ]


@pytest.mark.slow
async def test_real_films_decode_inside_as_outside(shared_pool: pool.Pool, media_dir: pathlib.Path) -> None:
    """The same frames, samples and faults, with two threads."""
    for path in real_files(media_dir):
        with path.open("rb") as file:
            request = {"threads": 2, "frames_max": 150}
            inside = (await shared_pool.run(f"{TASKS}:look", request, inputs={"source": file})).value
            outside = tasks._seen(request, pool.Files({"source": file}, {}))
        inside.pop("memory_peak_bytes")
        assert outside == inside, path.name


async def test_picture_that_asks_for_too_much_at_once_is_refused_by_the_codecs(shared_pool: pool.Pool) -> None:
    """The bound holds for the codecs' allocator, beside the one on all memory."""
    assert "blocked: MemoryError" == (await shared_pool.run(f"{TASKS}:escape", "take_much_at_once_in_codec")).value
