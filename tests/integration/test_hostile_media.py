"""Files made to reach out, to exhaust or to crash: each is told off in time, and reaches nothing."""

import asyncio
import contextlib
import io
import json
import os
import pathlib
import random
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from media import errors, pool, source
from tests import hostile

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOOK = "tests.unit.media.tasks:look"
LOOK_UNGUARDED = "tests.unit.media.tasks:look_unguarded"
REFUSED_IN_S = 5.0
MEMORY_MAX_BYTES = 512 << 20
MUTATIONS = 240


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[pool.Pool]:
    """A warm pool."""
    async with pool.Pool(pool.PoolSettings(workers=2, preload=("tests.unit.media.tasks",))) as found:
        yield found


@pytest.fixture
def secret(tmp_path: pathlib.Path) -> pathlib.Path:
    """A film of somebody else."""
    path = tmp_path / "secret.ts"
    path.write_bytes(hostile.film("mpegts"))
    return path


class Trap:
    """The targets that hostile files name, and whether they were reached."""

    def __init__(self, secret: pathlib.Path, wire: hostile.Tripwire) -> None:
        self.folder = secret.parent
        self.wire = wire
        self.udp_port = hostile.free_udp_port()
        self.url = f"http://127.0.0.1:{wire.port}/x.ts"
        self.reached: set[str] = set()

    def attacks(self) -> dict[str, bytes]:
        """Content by the name that makes it most dangerous."""
        secret = f"file://{self.folder}/secret.ts"
        return {
            "hls_file.m3u8": hostile.playlist(secret),
            "hls_relative.m3u8": hostile.playlist("secret.ts"),
            "hls_http.m3u8": hostile.playlist(self.url),
            "hls_tcp.m3u8": hostile.playlist(f"tcp://127.0.0.1:{self.wire.port}"),
            "hls_concat.m3u8": hostile.playlist(f"concat:{self.url}|{secret}"),
            "hls_subfile.m3u8": hostile.playlist(f"subfile,,start,0,end,100,,:{secret}"),
            "concat_file.ffconcat": hostile.concat(f"'{self.folder}/secret.ts'"),
            "concat_relative.ffconcat": hostile.concat("secret.ts"),
            "concat_relative.mp4": hostile.concat("secret.ts"),
            "concat_http.ffconcat": hostile.concat(self.url),
            "session.sdp": hostile.session_description(self.udp_port),
            "session.mp4": hostile.session_description(self.udp_port),
            "manifest.mpd": hostile.dash(self.url),
            "gab2_http.avi": hostile.avi_with_subtitles(hostile.playlist(self.url)),
            "gab2_file.avi": hostile.avi_with_subtitles(hostile.playlist(secret)),
            "reference.mp4": hostile.film_by_reference("secret.ts"),
        }

    def watch(self) -> None:
        """Notes what has been reached so far."""
        if self.wire.visits:
            self.reached.add("tcp")
        if hostile.listens_on_udp(self.udp_port):
            self.reached.add("udp")


@pytest.fixture
def trap(secret: pathlib.Path) -> Iterator[Trap]:
    """Fresh targets."""
    with hostile.tripwire() as wire:
        yield Trap(secret, wire)


NAMES = tuple(sorted(Trap(pathlib.Path("/nowhere/secret.ts"), hostile.Tripwire(1)).attacks()))


async def watched(trap: Trap, awaited: Any) -> Any:
    """Awaits something, looking at the trap all the time."""
    running = asyncio.ensure_future(awaited)
    while not running.done():  # bounded by what is awaited
        trap.watch()
        await asyncio.wait([running], timeout=0.01)
    trap.watch()
    return running.result()


async def looked(workers: pool.Pool, path: pathlib.Path, task: str = LOOK, **options: Any) -> Any:
    """What a task says about a file, within the time that a file may take: of the processor, not of a busy machine."""
    with path.open("rb") as file:
        result = await workers.run(task, {"frames_max": 300}, inputs={"source": file}, **options)
    assert result.cpu_s < REFUSED_IN_S
    return result.value


# --- reaching out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_file_that_reaches_out_is_refused_in_a_worker(workers: pool.Pool, trap: Trap, name: str) -> None:
    """In time, within memory, with a typed error, and nothing was reached."""
    path = trap.folder / name
    path.write_bytes(trap.attacks()[name])
    found = await watched(trap, looked(workers, path))
    assert found["memory_peak_bytes"] < MEMORY_MAX_BYTES
    assert set() == trap.reached
    # An MP4 that names another file for its data holds the right data by itself here, and gives that.
    assert "error" in found or name == "reference.mp4", found


@pytest.mark.parametrize("name", NAMES)
async def test_file_that_reaches_out_is_refused_without_the_box(trap: Trap, name: str) -> None:
    """The settings of the opening hold alone, by a file that has its name, in the folder of the secret."""
    path = trap.folder / name
    path.write_bytes(trap.attacks()[name])
    code = (
        "import json, sys; from tests.unit.media import tasks; from media import pool; "
        "print(json.dumps(tasks.look({}, pool.Files({'source': open(sys.argv[1], 'rb')}, {}), None)))"
    )
    found = json.loads(await watched(trap, printed(code, path)))
    assert set() == trap.reached
    assert "error" in found or name == "reference.mp4", found


@pytest.mark.parametrize("name", NAMES)
async def test_default_opening_inside_the_box_reaches_nothing(workers: pool.Pool, trap: Trap, name: str) -> None:
    """The box holds alone: the same code that is fooled outside finds nothing to read and nobody to call."""
    path = trap.folder / name
    path.write_bytes(trap.attacks()[name])
    with contextlib.suppress(errors.WorkerLost, pool.TaskFailed):
        packets = await watched(trap, looked(workers, path, LOOK_UNGUARDED, deadline_s=3.0))
        assert packets <= OWN_PACKETS.get(name, 0)
    assert set() == trap.reached


# Files that hold packets of their own, beside pointing elsewhere.
OWN_PACKETS = {"reference.mp4": 25, "gab2_http.avi": 1, "gab2_file.avi": 1}

OPEN_BY_DEFAULT = """
import av, sys
source = sys.argv[1] if sys.argv[2] == "path" else open(sys.argv[1], "rb")
if sys.argv[2] == "nameless":
    import io
    source = io.BytesIO(source.read())
with av.open(source, timeout=3) as container:
    print(sum(packet.size > 0 for packet in container.demux()))
"""


async def printed(code: str, *arguments: object, timeout_s: float = 20.0) -> bytes:
    """What a Python process prints before it ends or is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return b""
    return output.strip()


@pytest.mark.parametrize(
    ("name", "by", "reached"),
    [
        ("hls_file.m3u8", "path", "secret"),
        ("hls_relative.m3u8", "path", "secret"),
        ("concat_relative.ffconcat", "path", "secret"),
        ("concat_relative.mp4", "path", "secret"),
        ("hls_http.m3u8", "object", "tcp"),
        ("session.sdp", "nameless", "udp"),
    ],
)
async def test_default_opening_reaches_out(trap: Trap, name: str, by: str, reached: str) -> None:
    """Control: the same files with PyAV's defaults deliver the secret, call the listener, open the port."""
    path = trap.folder / name
    path.write_bytes(trap.attacks()[name])
    packets = await watched(trap, printed(OPEN_BY_DEFAULT, path, by, timeout_s=3.0))
    if packets not in (b"", b"0"):
        trap.reached.add("secret")
    assert reached in trap.reached


# --- exhausting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(hostile.BOMBS))
async def test_bomb_is_told_off_or_harmless(workers: pool.Pool, tmp_path: pathlib.Path, name: str) -> None:
    """Within 5 s and 512 MiB."""
    path = tmp_path / name
    path.write_bytes(hostile.BOMBS[name]())
    found = await looked(workers, path)
    assert found["memory_peak_bytes"] < MEMORY_MAX_BYTES
    assert ("error" in found) is (name in ("many_samples", "many_streams", "nested_boxes", "huge_box")) or (
        "png" in name or "jpeg" in name
    ), found


DECODE_BY_DEFAULT = """
import av, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    with av.open(sys.argv[1]) as container:
        next(container.decode(video=0))
except (av.error.FFmpegError, MemoryError):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.parametrize("name", ["many_samples", "png", "png_as_film", "many_streams"])
async def test_bomb_goes_off_with_default_opening(tmp_path: pathlib.Path, name: str) -> None:
    """Control: more time or memory than allowed."""
    path = tmp_path / name
    path.write_bytes(hostile.BOMBS[name]())
    began = time.monotonic()
    memory_peak = await printed(DECODE_BY_DEFAULT, path, timeout_s=REFUSED_IN_S + 0.1)
    over_time = time.monotonic() - began > REFUSED_IN_S
    assert over_time or int(memory_peak) > MEMORY_MAX_BYTES


@pytest.mark.parametrize("content", ["mpegts", "mpeg", "mp3", "adts", "flac", "ogg", "matroska"])
async def test_terabyte_of_nothing_ends_in_time(workers: pool.Pool, tmp_path: pathlib.Path, content: str) -> None:
    """After a film or a song the file goes on without end: it is read no further, or the worker is killed."""
    path = tmp_path / "endless"
    codecs = {"mpeg": "mpeg2video", "mp3": "libmp3lame", "adts": "aac", "flac": "flac", "ogg": "libopus"}
    made = hostile.tone if content in ("mp3", "adts", "flac", "ogg") else hostile.film
    path.write_bytes(made(content, codecs.get(content, "libx264")))
    os.truncate(path, 1 << 40)
    try:
        found = await looked(workers, path, deadline_s=2.0)
        outcome = "read" if found.get("frames", 0) >= 24 or found.get("samples") else found.get("error")
    except errors.WorkerLost as error:
        outcome = error.reason
    assert outcome in ("read", "Unreadable", "Refused", "DEADLINE")


# --- crashing -------------------------------------------------------------------------------------------------------


async def test_every_malformed_film_gives_an_error_or_what_is_there(
    workers: pool.Pool, media_dir: pathlib.Path
) -> None:
    """The same outcome for each file, whatever the order."""
    expected = {
        "broken_4kB.mp4": "NOT_MEDIA",
        "empty_13bytes.flv": "NOT_MEDIA",
        "random_64k.mkv": "NOT_MEDIA",
        "text_file.mp4": "NOT_MEDIA",
        "tos_no_moov.mp4": "NOT_MEDIA",
        "zero_bytes.mp4": "EMPTY",
    }
    frames = {
        "16x4000_pixels.ts": 30,
        "bbb_hevc_2pct_packets_lost.ts": 34,
        "failing_audio.mp4": 280,
        "header_says_70s_has_14s.webm": 300,
        "missing_sei_and_pes.ts": 12,
        "no_duration.webm": 74,
        "single_frame.ts": 1,
        "tos_400_bad_bytes.mp4": 300,
        "tos_truncated_60pct.webm": 300,
        "zero_video_frames.ts": 0,
    }
    for path in sorted((media_dir / "malformed").iterdir()):
        found = await looked(workers, path)
        assert expected.get(path.name) == found.get("reason"), path.name
        assert frames.get(path.name) == found.get("frames"), path.name


def mutated(content: bytes, random_source: random.Random) -> bytes:
    """A copy with some bytes changed, most near the ends, or cut short."""
    changed = bytearray(content)
    for _ in range(random_source.choice((1, 3, 10, 40))):
        place = random_source.randrange(len(changed))
        if random_source.random() < 0.5:
            place = place % 2048 if random_source.random() < 0.5 else -1 - place % 2048
        changed[place] = random_source.randrange(256)
    return bytes(changed[: random_source.randrange(len(changed))] if random_source.random() < 0.2 else changed)


async def test_mutated_film_gives_frames_or_one_typed_error(workers: pool.Pool, tmp_path: pathlib.Path) -> None:
    """Hundreds of damaged files: nothing else ever comes out, and no worker hangs."""
    originals = [
        hostile.film(*kind) for kind in (("mp4",), ("matroska",), ("mpegts",), ("avi", "mpeg4"), ("webm", "libvpx"))
    ]
    originals.append(hostile.tone("mp4", "aac"))
    random_source = random.Random(20)
    outcomes: dict[str, int] = {}

    async def one(number: int) -> None:
        path = tmp_path / str(number)
        path.write_bytes(mutated(originals[number % len(originals)], random_source))
        try:
            found = await looked(workers, path, deadline_s=10.0)
            outcome = found.get("reason", "decoded")
        except errors.WorkerLost as error:
            outcome = error.reason
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    for start in range(0, MUTATIONS, 20):
        await asyncio.gather(*(one(start + number) for number in range(20)))
    assert MUTATIONS == sum(outcomes.values())
    assert outcomes["decoded"] > 0
    assert not {"DEADLINE", "SILENT"} & set(outcomes), outcomes
    assert 0 == workers.busy == workers.waiting


async def test_mutated_film_in_the_service_raises_only_our_errors() -> None:
    """The list of what PyAV raises is complete as far as hundreds of damaged files show."""
    originals = [hostile.film("mp4"), hostile.film("matroska"), hostile.film("avi", "mpeg4")]
    random_source = random.Random(7)
    for number in range(300):
        with (
            contextlib.suppress(errors.MediaError),
            source.open_source(io.BytesIO(mutated(originals[number % 3], random_source))) as opened,
        ):
            for stream, packet in opened.packets(*filter(None, (opened.video, opened.audio))):
                opened.decode(stream, packet)


async def test_no_process_is_left(workers: pool.Pool) -> None:
    """After all of the above."""
    assert "" == children(workers._parent.process_id)


def children(process: int) -> str:
    """Numbers of the processes that a process has started and that are left."""
    return pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().strip()
