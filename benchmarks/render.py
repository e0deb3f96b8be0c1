"""How long half a minute takes to render, and how much memory: ours with a moving crop beside FFmpeg with a fixed one.

    python benchmarks/render.py [ROUNDS]

The film is real footage, coded as 1920x1080 with sound. Both make 1080x1920 by x264 (veryfast, CRF 20, two threads) and
AAC at 192 kbit/s, with the index in front. Ours moves the crop, measures the sound and brings it to -14 LUFS; the peer
does neither. They run one after the other, several times, each in a process of its own; the table has the medians, and
the peaks of resident memory. The peer is the program that FFMPEG names, or `ffmpeg`; without one, the same in PyAV.
"""

import itertools
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types
from fractions import Fraction

import av
import numpy as np

from benchmarks import shots
from services.exporter import analysis, asked, delivery, edit, placement, presets, render, survey
from services.exporter.encoders import x264

FILM, SIZE, RATE, SECONDS, THREADS = "derived/tos30_h264_23976.mp4", (1920, 1080), 24, 30, 2
CROP = "crop=608:1080:656:0,scale=1080:1920:flags=bicubic"


def film(path: pathlib.Path) -> pathlib.Path:
    """Codes the footage anew, larger."""
    with av.open(str(shots.MEDIA / FILM)) as source, av.open(str(path), "w") as out:
        options = {"preset": "veryfast", "crf": "20"}
        video, audio = out.add_stream("libx264", rate=RATE, options=options), out.add_stream("aac", rate=44_100)
        video.width, video.height = SIZE
        for number, frame in enumerate(itertools.islice(source.decode(video=0), SECONDS * RATE)):
            picture = frame.reformat(*SIZE, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            picture.pict_type = av.video.frame.PictureType.NONE
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        source.seek(0)
        for frame in source.decode(audio=0):
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


def ours(source: pathlib.Path, target: pathlib.Path) -> None:
    """Renders with a crop that goes from side to side."""
    preset = presets.builtin()["default"]
    turns = [analysis.Focus(t_s=at / 4, x=0.5 + 0.3 * np.sin(at / 12), y=0.5, weight=1.0) for at in range(4 * SECONDS)]
    found = analysis.Analysis((analysis.Shot(0, SECONDS * RATE, 0.0, float(SECONDS)),), tuple(turns))
    with source.open("rb") as file, target.open("w+b") as out:
        wanted = survey.Wanted(frames=(0, SECONDS * RATE))
        facts, pts = survey.find(file, wanted, found.shots, decoding=False, report=lambda value: None)
        planned, decided = edit.plan(facts, pts, preset), delivery.decide(preset, facts, "", "")
        job = render.Job.of(
            planned,
            facts=facts,
            canvas=decided.canvas,
            layout="fill",
            preset=preset.to_value() | decided.to_value() | {"encoder": x264.NAME},
            found=placement.placed(found, planned.pieces, planned.schedule.rate),
            threads=THREADS,
            audio_track=asked.BY_RULE,
        )
        files = types.SimpleNamespace(inputs={"source": file}, outputs={"clip": out})
        made, _ = render.run(job.to_value(), files, lambda value: None)
        assert len(made["crop"]) > 4, "the crop stands still"


def plain(source: pathlib.Path, target: pathlib.Path) -> None:
    """The same in PyAV with a fixed crop, where there is no program."""
    with av.open(str(source)) as film_, av.open(str(target), "w", options={"movflags": "+faststart"}) as out:
        pictures, sound = film_.streams.video[0], film_.streams.audio[0]
        pictures.thread_type, pictures.codec_context.thread_count = "AUTO", THREADS
        options = {"preset": "veryfast", "crf": "20"}
        video, audio = out.add_stream("libx264", rate=RATE, options=options), out.add_stream("aac", rate=48_000)
        video.width, video.height, audio.bit_rate = 1080, 1920, 192_000
        video.codec_context.thread_count = THREADS
        graph = av.filter.Graph()
        nodes = [graph.add_buffer(template=pictures)]
        nodes += [graph.add(*word.split("=", 1)) for word in CROP.split(",")] + [graph.add("buffersink")]
        graph.link_nodes(*nodes).configure()
        for frame in film_.decode(pictures, sound):
            if isinstance(frame, av.AudioFrame):
                out.mux(audio.encode(frame))
                continue
            graph.push(frame)
            picture = graph.pull()
            picture.pict_type = av.video.frame.PictureType.NONE
            out.mux(video.encode(picture))
        out.mux([*video.encode(None), *audio.encode(None)])


def ffmpeg(source: pathlib.Path, target: pathlib.Path) -> None:
    """The same by FFmpeg's program with a fixed crop."""
    threads = str(THREADS)
    coding = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "20",
        "-threads",
        threads,
        "-c:a",
        "aac",
        "-b:a",
        "192k",
    ]
    words = [program(), "-v", "error", "-y", "-threads", threads, "-i", str(source), "-vf", CROP, *coding]
    subprocess.run([*words, "-movflags", "+faststart", str(target)], check=True)


def program() -> str | None:
    """FFmpeg's program."""
    return os.environ.get("FFMPEG") or shutil.which("ffmpeg")


RENDERS = {"ours": ours, "plain": plain, "ffmpeg": ffmpeg}


def one(name: str, source: pathlib.Path) -> None:
    """Renders once; prints seconds and the peak of resident memory in MB, of this process or of its child."""
    begin = time.perf_counter()
    RENDERS[name](source, source.with_name(f"{name}.mp4"))
    spent_s = time.perf_counter() - begin
    who = resource.RUSAGE_CHILDREN if name == "ffmpeg" else resource.RUSAGE_SELF
    print(json.dumps([spent_s, resource.getrusage(who).ru_maxrss / 1024]))


def main(rounds: int) -> None:
    """Measures in turn and prints a table."""
    peers = ("ours", "ffmpeg" if program() else "plain")
    found: dict[str, list[list[float]]] = {name: [] for name in peers}
    with tempfile.TemporaryDirectory() as folder:
        source = film(pathlib.Path(folder) / "film.mp4")
        for name in peers * rounds:
            words = [sys.executable, "-m", "benchmarks.render", name, str(source)]
            found[name].append(json.loads(subprocess.run(words, check=True, capture_output=True).stdout))
    print("| | seconds | peak, MB |\n|---|---|---|")
    for name, values in found.items():
        spent_s, peak_mb = statistics.median(one[0] for one in values), max(one[1] for one in values)
        print(f"| {name} | {spent_s:.1f} | {peak_mb:.0f} |")
    ratios = [first[0] / second[0] for first, second in zip(*found.values(), strict=True)]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"ratio of neighbouring runs: median {statistics.median(ratios):.2f} of {each}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        one(sys.argv[1], pathlib.Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
