"""How much faster ten minutes are cut than rendered, and whether every frame is what it must be.

    python benchmarks/smart_cut.py [--all] [CODEC ...]

Ten seconds of real footage are coded as 1280x720 in each codec, and repeated to eleven minutes with their sound, in
each container that takes the codec. Ten minutes are exported, from the middle of a group of pictures to the middle of
another one: cut, and rendered in the same codec, both with all checks, as a client gets them. Rendering is slow and
even, so 20 seconds are rendered and their time is taken thirty times. Then the clips are decoded again: frames that
were copied must be equal to the source's, frames that were encoded as near as the PSNR says. Half a minute is decoded
at each end; what lies between is the same packets, by their hash, or is decoded as well with --all.

`ffmpeg -c copy` of the same range, where FFMPEG names such a program or one is in the PATH, shows what copying alone
costs, and by how many frames it misses the range: it begins at a key frame.
"""

import asyncio
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from benchmarks import shots
from media import pool, sessions
from services.exporter import exports, orders, passing, survey, warm
from services.exporter.smart import edges, spans

FILM = "derived/tos30_h264_23976.mp4"
SIZE, RATE, PIECE, ROUNDS = (1280, 720), 24, 240, 66
FIRST, FRAMES, PART = 487, 14_400, 480
ENDS = 720  # frames at each end that are decoded in every container
CODINGS = {
    "h264": ("libx264", {"preset": "veryfast", "crf": "23", "g": "96", "bf": "3"}),
    "hevc": ("libx265", {"preset": "ultrafast", "crf": "26", "x265-params": "keyint=96:bframes=3:log-level=error"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "7", "crf": "34", "b": "0", "g": "96", "row-mt": "1",
                           "lag-in-frames": "16", "auto-alt-ref": "1"}),
    "av1": ("libsvtav1", {"preset": "12", "crf": "34", "g": "96"}),
}  # fmt: skip
KINDS = {"mp4": ("mp4", "aac"), "mkv": ("matroska", "aac"), "webm": ("webm", "libopus")}


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """A clip that was cut."""

    path: pathlib.Path
    seconds: float
    facts: dict


def piece(path: pathlib.Path, codec: str, sound: str) -> pathlib.Path:
    """Codes some seconds of pictures and sound."""
    name, options = CODINGS[codec]
    with av.open(str(shots.MEDIA / FILM)) as source, av.open(str(path), "w", format="matroska") as out:
        video = out.add_stream(name, rate=RATE, options=options)
        video.width, video.height = SIZE
        audio = out.add_stream(sound, rate=48_000, layout="stereo")
        for number, frame in enumerate(itertools.islice(source.decode(video=0), PIECE)):
            picture = frame.reformat(*SIZE, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            picture.pict_type = av.video.frame.PictureType.NONE
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        source.seek(0)
        for frame in source.decode(audio=0):
            if frame.time < PIECE / RATE:
                out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


def film(path: pathlib.Path, coded: pathlib.Path) -> pathlib.Path:
    """Repeats the coded pictures and their sound."""
    with av.open(str(coded)) as source, av.open(str(path), "w", format=KINDS[path.suffix[1:]][0]) as out:
        streams = source.streams.video[0], source.streams.audio[0]
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in streams]
        copies[0].time_base = Fraction(1, 24_000) if path.suffix == ".mp4" else Fraction(1, 1000)
        pictures = [one for one in source.demux(streams[0]) if one.size]
        places = [round(one.pts * one.time_base * RATE) for one in pictures]
        dts = spans.decoding_times(places)
        source.seek(0)
        sounds = [one for one in source.demux(streams[1]) if one.size]
        length = 960 if streams[1].codec_context.name == "opus" else 1024
        for turn in range(ROUNDS):
            for data, pts, decoded in zip(pictures, places, dts, strict=True):
                write(out, copies[0], data, (pts + turn * PIECE, decoded + turn * PIECE, 1), Fraction(1, RATE))
            for index, data in enumerate(sounds):
                place = (index + turn * len(sounds)) * length
                write(out, copies[1], data, (place, place, length), Fraction(1, 48_000))
    return path


def write(
    out: av.container.OutputContainer,
    stream: av.stream.Stream,
    data: av.Packet,
    times: tuple[int, int, int],
    base: Fraction,
) -> None:
    """Writes a copy of a packet at another time."""
    packet = av.Packet(bytes(data))
    packet.stream, packet.time_base, packet.is_keyframe = stream, base, data.is_keyframe
    packet.pts, packet.dts, packet.duration = times
    out.mux(packet)


class Suite:
    """An exporter with one worker, as it is deployed."""

    def __init__(self, workers: pool.Pool, root: pathlib.Path) -> None:
        store = sessions.Sessions(root)
        self._session = store.create()
        sources, limits = sessions.Sources(sessions.Uploads(root)), exports.Limits(os.cpu_count(), 7200, 7200, 600)
        self._exporter = exports.Exporter(workers, exports.Storage(store, sources), lambda: ({}, 0), limits)

    async def export(self, source: pathlib.Path, frames: int, mode: str) -> Cut:
        """Exports a range with all checks."""
        wanted = survey.Wanted(frames=(FIRST, FIRST + frames))
        name = f"{source.stem}-{source.suffix[1:]}-{mode.replace('_', '-')}"
        order = orders.Order(source.as_uri(), self._session.id, "", name, wanted, "source", "", "fill", "", None, mode)
        start = time.perf_counter()
        made = await self._exporter.export(order, lambda now: None)
        spent_s = time.perf_counter() - start
        document = json.loads(self._session.read(made.manifest.path, 1 << 22))
        assert document["smart_cut"]["used"] == (mode != passing.RENDER), document["smart_cut"]
        return Cut(self._session.root / made.clip.path, spent_s, document["smart_cut"])


def frames(path: pathlib.Path, first: int, last: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames of a clip with their numbers."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        if first:
            container.seek(round(Fraction(first, RATE) / video.time_base), stream=video)
        for frame in container.decode(video):
            number = round(frame.pts * video.time_base * RATE)
            if number >= last:
                return
            if number >= first:
                yield number, frame


def compare(clip: Cut, pictures: list[list[np.ndarray]], whole: bool) -> tuple[int, int, float]:
    """Copied frames that were looked at, how many of them are equal, and the PSNR of the worst encoded one."""
    looked = equal = 0
    worst, copied = edges.PSNR_EQUAL_DB, clip.facts["copied"]
    for first, last in [(0, FRAMES)] if whole else [(0, ENDS), (FRAMES - ENDS, FRAMES)]:
        numbers = []
        for number, frame in frames(clip.path, first, last):
            numbers.append(number)
            source = pictures[(FIRST + number) % PIECE]
            if copied["start_frame"] <= number < copied["end_frame"]:
                looked += 1
                equal += all(map(np.array_equal, edges.planes(frame), source))
            else:
                errors = (np.square(one.astype(np.float32) - other).mean()
                          for one, other in zip(edges.planes(frame), source, strict=True))  # fmt: skip
                worst = min(worst, *(10 * np.log10(255**2 / error) if error else worst for error in errors))
        assert numbers == list(range(first, last)), f"frames are missing in {clip.path.name}"
    return looked, equal, worst


def copied_by_ffmpeg(source: pathlib.Path) -> str:
    """Seconds of `ffmpeg -c copy`, and by how many frames it misses the range."""
    program = os.environ.get("FFMPEG") or shutil.which("ffmpeg")
    if program is None:
        return "-"
    target = source.with_name(f"copied{source.suffix}")
    start, length = f"{FIRST / RATE:.6f}", f"{FRAMES / RATE:.6f}"
    began = time.perf_counter()
    words = [program, "-v", "error", "-y", "-ss", start, "-i", str(source), "-t", length, "-c", "copy", str(target)]
    subprocess.run(words, check=True)
    spent_s = time.perf_counter() - began
    with av.open(str(target)) as container:
        count = sum(bool(packet.size) for packet in container.demux(video=0))
    return f"{spent_s:.1f}, {count - FRAMES:+d} frames"


async def main(codecs: list[str], whole: bool) -> None:
    """Measures and prints a table."""
    print("| film | cut, s | rendered, s | faster | equal/copied | edges, dB | sound | ffmpeg -c copy, s |")
    print("|---|---|---|---|---|---|---|---|")
    preload = pool.PoolSettings(workers=1, memory_bytes=3 << 30, preload=warm.PRELOAD)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        async with pool.Pool(preload) as workers:
            suite = Suite(workers, folder / "store")
            for codec in codecs:
                rendered_s = 0.0
                for kind in KINDS if codec in ("vp9", "av1") else ("mp4", "mkv"):
                    coded = folder / f"{codec}.{KINDS[kind][1]}.piece"
                    if not coded.exists():
                        piece(coded, codec, KINDS[kind][1])
                        pictures = [[plane.copy() for plane in edges.planes(frame)] for _, frame in
                                    frames(coded, 0, PIECE)]  # fmt: skip
                    source = film(folder / f"{codec}.{kind}", coded)
                    cut = await suite.export(source, FRAMES, passing.SMART_CUT)
                    if not rendered_s:
                        rendered = await suite.export(source, PART, passing.RENDER)
                        rendered_s = rendered.seconds * FRAMES / PART
                    looked, equal, worst = compare(cut, pictures, whole)
                    print(f"| {source.name} | {cut.seconds:.1f} | {rendered_s:.0f} | {rendered_s / cut.seconds:.0f}x "
                          f"| {equal}/{looked} | {worst:.1f} | {cut.facts['sound']} | {copied_by_ffmpeg(source)} |",
                          flush=True)  # fmt: skip
                    source.unlink()


if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if word in CODINGS]
    asyncio.run(main(chosen or list(CODINGS), "--all" in sys.argv))
