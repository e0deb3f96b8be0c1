"""What a whole analysis costs: ours beside merely decoding every frame, and beside PySceneDetect.

    python benchmarks/analysis.py [--runs 3] [--films FOLDER]

Films of 1080p and 720p are made by encoding real footage once as H.264 with B-frames, a key frame at least every 2 s,
and AAC; with `--films` they are kept for the next time. All programs take turns, and decode with as many threads. Ours
runs in the sandboxed pool as in the service: all measures of pictures and sound but the neural networks that look for
people (`subjects.py` says what those cost), the document, and the proposals. CPU seconds are those of all threads and
processes; the table, in Markdown, has medians, as shares of bare decoding.
"""

import argparse
import asyncio
import dataclasses
import itertools
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
import scenedetect

from media import pool
from services.analyzer import document, measures, settings, tasks
from services.analyzer.proposals import material, proposing

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media" / "real"
SECONDS, RATE, SOUND_HZ = 60, 30, 48_000
SOUND = "tos_battle_70s_vp8.webm"
FILMS = {
    "720p": ((1280, 720), ("psd_transitions_24s_h264.mp4", "two_people_desk_38s_vp9.webm", SOUND)),
    "1080p": ((1920, 1080), ("tos_office_17s_vp9_1920x800.webm", "bbb_1080p_5s_hevc.ts", SOUND)),
}
ENCODING = {"preset": "fast", "crf": "21", "g": str(2 * RATE)}
THREADS = settings.Settings().threads


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in seconds."""

    wall_s: float
    cpu_s: float


def pictures(names: tuple[str, ...], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """The frames of some files, again and again."""
    for name in itertools.cycle(names):
        with av.open(str(MEDIA / name)) as film:
            for frame in film.decode(film.streams.video[0]):
                yield frame.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="BICUBIC")


def sound() -> Iterator[av.AudioFrame]:
    """The sound of a file, again and again."""
    while True:
        with av.open(str(MEDIA / SOUND)) as film:
            resampler = av.AudioResampler("fltp", "stereo", SOUND_HZ)
            for frame in film.decode(film.streams.audio[0]):
                yield from resampler.resample(frame)


def make(path: pathlib.Path, size: tuple[int, int], names: tuple[str, ...]) -> None:
    """Encodes a film of SECONDS."""
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libx264", rate=RATE, width=size[0], height=size[1], options=ENCODING)
        audio = sink.add_stream("aac", rate=SOUND_HZ, layout="stereo")
        for index, frame in enumerate(itertools.islice(pictures(names, size), SECONDS * RATE)):
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, RATE), 0
            sink.mux(video.encode(frame))
        sink.mux(video.encode())
        samples, heard = 0, sound()
        while samples < SECONDS * SOUND_HZ:
            frame = next(heard)
            frame.pts, frame.time_base = samples, Fraction(1, SOUND_HZ)
            samples += frame.samples
            sink.mux(audio.encode(frame))
        sink.mux(audio.encode())


def films(folder: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    """The films by name, made where they are missing."""
    for film, (size, names) in FILMS.items():
        path = folder / f"{film}.mp4"
        if not path.exists():
            make(path, size, names)
        yield film, path


def decode(path: pathlib.Path, threads: int = THREADS) -> None:
    """Decodes every frame, and does nothing with it."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        stream.codec_context.thread_count, stream.codec_context.thread_type = threads, "AUTO"
        for _ in film.decode(stream):
            pass


def detect(path: pathlib.Path) -> None:
    """PySceneDetect's adaptive detector with its defaults, as `scenedetect detect-adaptive` runs it."""
    scenedetect.detect(str(path), scenedetect.AdaptiveDetector())


def timed(program: Callable[[pathlib.Path], None], path: pathlib.Path) -> Cost:
    """Runs a program in this process."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    program(path)
    return Cost(time.perf_counter() - wall_s, time.process_time() - cpu_s)


async def ours(workers: pool.Pool, path: pathlib.Path, *, every_frame: bool) -> tuple[Cost, dict[str, float]]:
    """Our analysis and its proposals, and the CPU seconds of its stages."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    with path.open("rb") as file:
        names = sorted(measures.MEASURES - {"subjects"})
        request = {"threads": THREADS, "every_frame": every_frame, "measures": names}
        measured = await workers.run(tasks.MEASURE, request, inputs={"source": file})
    found = document.encode(document.analysis(path.name, "0" * 64, measured.value, measured.arrays))
    proposing.propose(material.Material.parse(found), proposing.Order())
    cost = Cost(time.perf_counter() - wall_s, time.process_time() - cpu_s + measured.cpu_s)
    return cost, {entry["stage"]: entry["cpu_s"] for entry in measured.value["timings"]}


async def compare(workers: pool.Pool, path: pathlib.Path, runs: int) -> tuple[dict[str, list[Cost]], dict[str, float]]:
    """All programs in turns; the costs of every run, and medians of our stages."""
    costs: dict[str, list[Cost]] = {"decode": [], "ours": [], "ours, every frame": [], "PySceneDetect adaptive": []}
    stages = []
    for _ in range(runs):
        costs["decode"].append(timed(decode, path))
        cost, stage = await ours(workers, path, every_frame=False)
        costs["ours"].append(cost)
        stages.append(stage)
        costs["ours, every frame"].append((await ours(workers, path, every_frame=True))[0])
        costs["PySceneDetect adaptive"].append(timed(detect, path))
    return costs, {name: float(np.median([stage[name] for stage in stages])) for name in stages[0]}


def row(film: str, costs: dict[str, list[Cost]], stages: dict[str, float]) -> str:
    """One film as a line of the table."""
    base = {kind: statistics.median(getattr(cost, kind) for cost in costs["decode"]) for kind in ("wall_s", "cpu_s")}
    cells = [f"{base['wall_s']:.1f} / {base['cpu_s']:.1f} s"]
    for name in list(costs)[1:]:
        shares = [statistics.median(getattr(cost, kind) for cost in costs[name]) / base[kind] for kind in base]
        cells.append(f"{shares[0]:.2f} / {shares[1]:.2f}")
    spent = ", ".join(f"{stage} {cpu_s / base['cpu_s']:.2f}" for stage, cpu_s in stages.items())
    return f"| {film} | " + " | ".join([*cells, spent]) + " |"


async def main(folder: pathlib.Path, runs: int) -> None:
    """Makes the films that are missing and prints the table."""
    print("| film | decode, wall / CPU | ours | ours, every frame | PySceneDetect adaptive | CPU of our stages |")
    print("|---" * 6 + "|")
    async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
        for film, path in films(folder):
            print(row(film, *await compare(workers, path, runs)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--films", type=pathlib.Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        asyncio.run(main(chosen.films or pathlib.Path(spare), chosen.runs))
