"""Speech recognition: words that are wrong and time with a real model; memory and time of its surroundings without one.

    REELSMITH_ASR_MODEL=PATH python benchmarks/recognition.py [FOLDER]

Models that are made here have the sizes of real ones and do as much work per token, but say the same of any sound: they
show what loading and computing take, and that memory does not grow with the source. Accuracy needs a real model: with
one, every film in FOLDER that brings text is recognized, and its text is what the words are compared with. The tables
are Markdown.
"""

import asyncio
import importlib.util
import os
import pathlib
import re
import sys
import tempfile
import unicodedata
from collections.abc import Sequence

import av
import numpy as np

from media import pool
from services.analyzer import tasks
from services.analyzer.recognition import model, recognizer

MEDIA = pathlib.Path(os.environ.get("REELSMITH_TEST_MEDIA", pathlib.Path(__file__).parents[2] / "shared" / "media"))
SPOKEN = MEDIA / "real" / "speech_silence_timecode_42s_h264.mp4"
MINUTES = (1, 10, 60)
SHAPES = {"tiny": (4, 6, 384), "base": (6, 8, 512), "small": (12, 12, 768)}  # layers, heads, width
TOKENS = 50_000
WINDOWS = 3  # of a source, for the time of one
THREADS = os.cpu_count() or 1
LONG = " As many letters as the tokens of an unhurried talk, for each letter but a first one is a token here."
SPEAKER = re.compile(r"^-?\s*[A-Z][A-Z .]+:", re.MULTILINE)
SUFFIXES = (".mp4", ".mkv", ".webm", ".mov")
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uabff\uf900-\ufaff]")  # compared by letters


async def heard(place: pathlib.Path, source: pathlib.Path, spans: Sequence, pauses_s: Sequence) -> pool.Result:
    """What the task gives, with the memory and the time of its worker."""
    one = model.Model.open(str(place), place.parent, "")
    memory_bytes = recognizer.MEMORY_MIN_BYTES + recognizer.MEMORY_PER_BYTE * one.size_bytes
    settings = pool.PoolSettings(workers=1, memory_bytes=memory_bytes, output_max_bytes=0, preload=recognizer.PRELOAD)
    files = {f"{model.INPUT}{name}": file for name, file in one.files.items()}
    request = {
        "speech": spans, "pauses_s": pauses_s, "begin_s": 0.0, "start_s": 0.0, "end_s": None, "language": "",
        "threads": THREADS, "name": one.name, "sha256": one.sha256,
    }  # fmt: skip
    async with pool.Pool(settings) as workers:
        with source.open("rb") as file:
            inputs = {"source": file, **files}
            return await workers.run(recognizer.TASKS["run"], request, inputs=inputs, heartbeat_s=3600)


async def measured(source: pathlib.Path) -> dict:
    """What the analyzer finds: speech, pauses, and the text that the source brings."""
    async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
        with source.open("rb") as file:
            request = {"measures": ["speech", "transcript"], "threads": 1}
            return (await workers.run(tasks.MEASURE, request, inputs={"source": file})).value


def repeated(target: pathlib.Path, length_s: float) -> pathlib.Path:
    """A sound file of a length, made of the same speech again and again."""
    with av.open(str(target), "w") as sink, av.open(str(SPOKEN)) as source:
        speech = list(source.decode(audio=0))
        stream = sink.add_stream("flac", rate=speech[0].sample_rate, layout="mono")
        resampler = av.AudioResampler("s16", "mono", speech[0].sample_rate)
        samples = np.concatenate([part.to_ndarray() for frame in speech for part in resampler.resample(frame)], axis=1)
        place = 0
        while place < length_s * speech[0].sample_rate:  # ends, for it goes forward
            part = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            part.sample_rate, part.pts = speech[0].sample_rate, place
            sink.mux(stream.encode(part))
            place += samples.shape[1]
        sink.mux(stream.encode())
    return target


def memory(folder: pathlib.Path) -> None:
    """Prints the memory of sources of several lengths."""
    from tests import tiny_whisper  # needs the engine

    place = tiny_whisper.write(folder / "made", [(0.4, " Good day.", 1.6)], "en")
    print("| source, min | windows | peak memory, MB | CPU, s |\n|---|---|---|---|")
    for minutes in MINUTES:
        source = repeated(folder / f"{minutes}.mkv", 60 * minutes)
        pauses_s = np.arange(1.0, 60 * minutes, 2.0).tolist()
        result = asyncio.run(heard(place, source, [[0.0, 60.0 * minutes]], pauses_s))
        windows = len(result.value["transcript"]["cues"])
        print(f"| {minutes} | {windows} | {result.memory_peak_bytes / 1e6:.0f} | {result.cpu_s:.1f} |")


def shapes(folder: pathlib.Path) -> None:
    """Prints what loading and hearing take with models of the sizes of real ones."""
    from tests import tiny_whisper  # needs the engine

    source = repeated(folder / "shapes.mkv", 30 * WINDOWS)
    print("\n| size of | file, MB | loading and one window, CPU s | each further window, CPU s | wall, s "
          "| peak memory, MB |\n|---|---|---|---|---|---|")  # fmt: skip
    for name, shape in SHAPES.items():
        place = tiny_whisper.write(folder / name, [(0.4, LONG, 28.0)], "en", tiny_whisper.Shape(*shape, TOKENS))
        walls, cpus = [], []
        for count in (1, WINDOWS):
            spans = [[30.0 * k + 0.5, 30.0 * k + 29.5] for k in range(count)]
            result = asyncio.run(heard(place, source, spans, []))
            walls.append(result.value["timing"]["wall_s"])
            cpus.append(result.cpu_s)
        wall_s, cpu_s = ((times[1] - times[0]) / (WINDOWS - 1) for times in (walls, cpus))
        size_bytes = (place / "model.bin").stat().st_size
        print(f"| {name} | {size_bytes / 1e6:.0f} | {cpus[0]:.1f} | {cpu_s:.2f} | {wall_s:.1f} "
              f"| {result.memory_peak_bytes / 1e6:.0f} |")  # fmt: skip


def accuracy(place: pathlib.Path, folder: pathlib.Path) -> None:
    """Prints how many words are wrong, and how long they took."""
    print("\n| source | words | wrong | speech, s | wall, s | times as fast as speech | peak memory, MB |"
          "\n|---|---|---|---|---|---|---|")  # fmt: skip
    for path in sorted(one for one in folder.rglob("*") if one.suffix in SUFFIXES):
        found = asyncio.run(measured(path))
        if not found["media"]["audio_streams"] or found["transcript"] is None or not found["speech"]:
            continue
        result = asyncio.run(heard(place, path, found["speech"], found["pauses"]))
        cues = [cue for cue in found["transcript"]["cues"] if cue["end_s"] <= found["duration_s"]]  # those left whole
        told = tokens(cues)
        wrong = distance(told, tokens((result.value["transcript"] or {"cues": []})["cues"])) / max(len(told), 1)
        spoken_s = sum(end_s - start_s for start_s, end_s in found["speech"])
        wall_s = result.value["timing"]["wall_s"]
        print(f"| {path.name} | {len(told)} | {wrong:.1%} | {spoken_s:.0f} | {wall_s:.1f} | {spoken_s / wall_s:.1f} "
              f"| {result.memory_peak_bytes / 1e6:.0f} |")  # fmt: skip


def tokens(cues: Sequence[dict]) -> list[str]:
    """Words without case, punctuation and who says them; letters, where the script puts no space between words."""
    text = SPEAKER.sub("", "\n".join(cue["text"] for cue in cues))
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    apart = UNSPACED.sub(lambda letter: f" {letter.group()} ", folded)
    return re.findall(r"[\w'\u0e31-\u0e4e]+", apart)


def distance(told: Sequence[str], said: Sequence[str]) -> int:
    """Words that have to be put in, left out or replaced (Levenshtein)."""
    costs = list(range(len(said) + 1))
    for row, one in enumerate(told, start=1):
        above = costs
        costs = [row]
        for column, other in enumerate(said, start=1):
            costs.append(min(above[column] + 1, costs[-1] + 1, above[column - 1] + (one != other)))
    return costs[-1]


def main() -> None:
    """Prints all that can be measured here."""
    if importlib.util.find_spec("faster_whisper") is None:
        print("skipped: reelsmith[asr] is not installed")
        return
    print(f"{THREADS} threads\n")
    with tempfile.TemporaryDirectory() as name:
        memory(pathlib.Path(name))
        shapes(pathlib.Path(name))
    place = os.environ.get("REELSMITH_ASR_MODEL")
    if place:
        accuracy(pathlib.Path(place), pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
    else:
        print("\nskipped: words that are wrong. REELSMITH_ASR_MODEL names no model, and none is downloaded.")


if __name__ == "__main__":
    main()
