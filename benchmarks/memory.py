"""What an analysis keeps in memory: a film of many hours beside one of a minute.

    python benchmarks/memory.py [--hours 10] [--film FILE]

The films repeat real footage without coding it anew: the packets of a file again and again, with later time stamps, in
Matroska; of MP4, FFmpeg keeps an index of every packet in memory, some 30 bytes each. The
analysis runs as in the service: a sandboxed worker measures everything, people included, and the service writes the
document. Peaks are those of the resident memory, of the worker and of a process that does the part of the service; each
film has processes of its own. The table is Markdown.
"""

import argparse
import asyncio
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import av

from media import pool
from services.analyzer import document, settings, tasks

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media" / "real"
FILM = MEDIA / "man_talking_10s_h264_datastreams.mp4"  # small pictures, a face and speech
SHORT_S = 60.0


def repeat(film: pathlib.Path, path: pathlib.Path, seconds: float) -> None:
    """Writes the pictures and the sound of a film again and again, until they last for some time."""
    with av.open(str(film)) as source, av.open(str(path), "w") as sink:
        streams = [streams[0] for streams in (source.streams.video, source.streams.audio) if streams]
        copies = {stream.index: sink.add_stream_from_template(stream) for stream in streams}
        length_s = max(float(stream.duration * stream.time_base) for stream in streams)
        for turn in range(round(seconds / length_s)):
            source.seek(0)
            for packet in source.demux(streams):
                if packet.dts is None:  # the end
                    continue
                shift = round(turn * length_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = copies[packet.stream.index]
                sink.mux(packet)


async def analyze(path: pathlib.Path) -> dict[str, float]:
    """Analyzes a film; peaks in MB, of the worker and of this process, and the seconds it took."""
    begin_s = time.perf_counter()
    limits = settings.Settings().limits
    async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
        with path.open("rb") as file:
            request = {"threads": limits.threads}
            measured = await workers.run(
                tasks.MEASURE, request, inputs={"source": file}, deadline_s=limits.analyze_deadline_s
            )
    found = document.analysis(path.name, "0" * 64, measured.value, measured.arrays)
    size = len(document.encode(found))
    return {
        "worker_mb": measured.memory_peak_bytes / 1e6,
        "service_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "document_mb": size / 1e6,
        "frames": measured.value["video"]["frame_count"],
        "seconds": time.perf_counter() - begin_s,
    }


def main(film: pathlib.Path, hours: float) -> None:
    """Makes the films, analyzes each in a process of its own, and prints the table."""
    print("| film | frames | worker, MB | service, MB | document, MB | seconds |")
    print("|---" * 6 + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in (("1 minute", SHORT_S), (f"{hours:g} hours", hours * 3600)):
            path = pathlib.Path(folder) / "film.mkv"
            repeat(film, path, seconds)
            command = [sys.executable, __file__, "--one", str(path)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            print(f"| {name} | {found['frames']:,} | {found['worker_mb']:.0f} | {found['service_mb']:.0f} "
                  f"| {found['document_mb']:.1f} | {found['seconds']:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--film", type=pathlib.Path, default=FILM)
    parser.add_argument("--one", type=pathlib.Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(asyncio.run(analyze(chosen.one))))
    else:
        main(chosen.film, chosen.hours)
