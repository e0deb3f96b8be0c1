"""How many clips that a person could post a mixed film of ten minutes yields: default settings, several seeds.

    python benchmarks/mixed.py [FOLDER] [SEED ...]

A film is a row of pieces of the real test videos, hard cut: speech with and without faces, action, a film, music, still
life without sound, and now and then a frozen picture or black. Its plan depends on its seed alone, and so what is said,
seen and cut when is known to the frame. It goes through the whole analysis, faces too, and the default request. A clip
is usable where all of this holds, judged by the plan and by the samples of the film, never by the analysis:

- its length is as asked, and it overlaps no other;
- neither edge lies inside a word: farther inside labelled speech than the labels are exact;
- neither edge leaves a sliver of another shot: it is at a border, or half a second from each one inside;
  a whole shot that is shorter is none;
- black and frozen pictures are a tenth of it at most, and at least half of it is louder than -50 dBFS;
- for half of its time at least there is a face, motion or speech in it.

Per request the table says usable/proposed clips, how many of the usable ones are not mostly footage of a better one
(for the films repeat theirs), and what is wrong with the others by rank. The goal is four usable clips by default.
"""

import asyncio
import csv
import dataclasses
import itertools
import math
import pathlib
import random
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from benchmarks import shots
from media import pool
from services.analyzer import document, settings, tasks
from services.analyzer.proposals import material, proposing

SEEDS = (11, 12, 13, 14)
SECONDS, RATE, WIDTH, HEIGHT, SOUND_HZ = 600, 25, 480, 270, 48_000
PIECE_S = (6.0, 30.0)
BLACK, GREY = 16, 128
EQUAL_S = 1e-4  # times nearer than this are one
EXACT_S, SLIVER_S = 0.15, 0.5  # what labels of speech are good for; what a viewer sees as a flash of another shot
DEAD_MAX, LOUD_MIN, LIVELY_MIN, QUIET_DBFS = 0.1, 0.5, 0.5, -50.0


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of footage.

    Attributes:
        picture: File of the pictures; empty for black.
        sound: File of the sound; empty for silence.
        lively: Whether there is a face, motion or speech in it.
        often: How often it is taken, beside the others.
        whole_s: Its length where it must not be cut, for it would be within a word; 0 where any part will do.
        frozen: Whether its first picture stands still.
    """

    picture: str
    sound: str
    lively: bool
    often: int = 2
    whole_s: float = 0.0
    frozen: bool = False


MAN, VOICE, PAIR = "man_talking_10s_h264_datastreams", "speech_silence_timecode_42s_h264", "two_people_desk_38s_vp9"
KINDS = (
    Kind(f"{MAN}.mp4", f"{MAN}.mp4", lively=True, whole_s=10.24),
    Kind(f"{PAIR}.webm", f"{VOICE}.mp4", lively=True, whole_s=17.4),
    Kind(f"{VOICE}.mp4", f"{VOICE}.mp4", lively=True, whole_s=17.4),
    Kind("bike_ride_30s_vp8.webm", "bike_ride_30s_vp8.webm", lively=True),
    Kind("tos_battle_70s_vp8.webm", "tos_battle_70s_vp8.webm", lively=True, often=4),
    Kind("bbb_480p_30s_h264_51audio.mp4", "bbb_480p_30s_h264_51audio.mp4", lively=True),
    Kind("tos_office_17s_vp9_1920x800.webm", "", lively=True, often=1),
    Kind("cars_silent_audio_12.5fps_30s.mp4", "", lively=True, often=1),
    Kind("bottles_noaudio_40s_h264.mp4", "", lively=False),
    Kind("psd_transitions_24s_h264.mp4", "", lively=False, often=1),
    Kind("bottles_noaudio_40s_h264.mp4", "", lively=False, often=1, frozen=True),
    Kind("", "", lively=False, often=1),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of a film: frames from `first` up to `end`, from `start_s` of its files on."""

    kind: Kind
    start_s: float
    first: int
    end: int


def plan(seed: int, media: pathlib.Path) -> list[Piece]:
    """The pieces of a film; no file twice in a row."""
    dice = random.Random(seed)
    pieces: list[Piece] = []
    while not pieces or pieces[-1].end < SECONDS * RATE:
        kind = dice.choices(KINDS, [kind.often for kind in KINDS])[0]
        if pieces and pieces[-1].kind.picture == kind.picture:
            continue
        length_s, start_s = kind.whole_s or dice.uniform(*PIECE_S), 0.0
        if not kind.whole_s and kind.picture:
            there_s = _length_s(media / kind.picture)
            length_s = min(length_s, there_s - 0.5)
            start_s = dice.uniform(0.0, there_s - 0.5 - length_s)
        first = pieces[-1].end if pieces else 0
        pieces.append(Piece(kind, start_s, first, first + round(length_s * RATE)))
    return pieces


def _length_s(path: pathlib.Path) -> float:
    with av.open(str(path)) as film:
        return float(film.duration / av.time_base)


def pictures(piece: Piece, media: pathlib.Path) -> Iterator[av.VideoFrame]:
    """Its frames, at the rate of the film."""
    count = piece.end - piece.first
    if not piece.kind.picture:
        black = np.full((HEIGHT * 3 // 2, WIDTH), GREY, np.uint8)
        black[:HEIGHT] = BLACK
        yield from (av.VideoFrame.from_ndarray(black, format="yuv420p") for _ in range(count))
        return
    with av.open(str(media / piece.kind.picture)) as film:
        frames = (frame for frame in film.decode(video=0) if frame.time is not None)
        frame, following = next(frames), next(frames, None)
        for index in range(count):
            while following and following.time <= piece.start_s + index / RATE + EQUAL_S:
                if piece.kind.frozen and index:
                    break
                frame, following = following, next(frames, None)
            yield frame.reformat(WIDTH, HEIGHT, "yuv420p")


def sound(piece: Piece, media: pathlib.Path) -> np.ndarray:
    """Its sound: (samples,) float32, one channel."""
    wanted = round((piece.end - piece.first) * SOUND_HZ / RATE)
    samples = np.zeros(wanted, np.float32)
    if piece.kind.sound:
        resampler = av.AudioResampler("fltp", "mono", SOUND_HZ)
        with av.open(str(media / piece.kind.sound)) as film:
            frames = itertools.chain(film.decode(audio=0), [None])
            heard = np.concatenate([part.to_ndarray()[0] for one in frames for part in resampler.resample(one)])
        part = heard[round(piece.start_s * SOUND_HZ) :][:wanted]
        samples[: part.size] = part
    return samples


def write(pieces: list[Piece], media: pathlib.Path, path: pathlib.Path) -> np.ndarray:
    """Encodes a film and returns its sound."""
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libx264", rate=RATE, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        video.options = {"crf": "23", "preset": "veryfast"}
        audio = sink.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for index, frame in enumerate(frame for piece in pieces for frame in pictures(piece, media)):
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, RATE), 0
            sink.mux(video.encode(frame))
        sink.mux(video.encode())
        samples = np.concatenate([sound(piece, media) for piece in pieces])
        for start in range(0, samples.size, SOUND_HZ):
            one = av.AudioFrame.from_ndarray(samples[None, start : start + SOUND_HZ], format="fltp", layout="mono")
            one.sample_rate, one.pts, one.time_base = SOUND_HZ, start, Fraction(1, SOUND_HZ)
            sink.mux(audio.encode(one))
        sink.mux(audio.encode())
    return samples


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a film: times in seconds, shares per frame."""

    words: list[tuple[float, float]]
    borders: np.ndarray
    dead: np.ndarray
    lively: np.ndarray
    loud: np.ndarray


def truth(pieces: list[Piece], samples: np.ndarray, media: pathlib.Path) -> Truth:
    """What the plan says of a film."""
    words: list[tuple[float, float]] = []
    borders = [piece.first / RATE for piece in pieces[1:]]
    for piece in pieces:
        at_s, end_s = piece.first / RATE - piece.start_s, piece.end / RATE
        words += [(at_s + a, min(at_s + b, end_s)) for a, b in _speech(media / piece.kind.sound) if at_s + a < end_s]
        cuts = () if piece.kind.frozen else _cuts(media / piece.kind.picture)
        shown = [piece.first + math.ceil((cut_s - piece.start_s - EQUAL_S) * RATE) for cut_s in cuts]
        borders += [frame / RATE for frame in shown if piece.first < frame < piece.end]
    lengths = [piece.end - piece.first for piece in pieces]
    step = SOUND_HZ // RATE
    power = np.square(samples[: samples.size // step * step].reshape(-1, step).astype(np.float64)).mean(axis=1)
    return Truth(
        words, np.sort(np.array(borders)),
        np.repeat([not piece.kind.picture or piece.kind.frozen for piece in pieces], lengths),
        np.repeat([piece.kind.lively for piece in pieces], lengths),
        10 * np.log10(power + 1e-12) > QUIET_DBFS,
    )  # fmt: skip


def _speech(path: pathlib.Path) -> list[tuple[float, float]]:
    labels = path.with_suffix(".speech.csv")
    if not path.suffix or not labels.exists():
        return []
    with labels.open() as file:
        return [
            (float(row["start_s"]), float(row["end_s"])) for row in csv.DictReader(file) if row["label"] == "speech"
        ]


def _cuts(path: pathlib.Path) -> list[float]:
    labels = path.with_suffix(".cuts.csv")
    if not path.suffix or not labels.exists():
        return []
    with av.open(str(path)) as film:
        rate = float(film.streams.video[0].average_rate)
    with labels.open() as file:
        return [int(row[name]) / rate for row in csv.DictReader(file) for name in ("start_frame", "end_frame")]


def faults(known: Truth, start_s: float, end_s: float) -> list[str]:
    """What keeps a clip from being usable."""
    found = []
    if not proposing.SHORTEST_S - 1e-6 <= end_s - start_s <= proposing.LONGEST_S + 1e-6:
        found.append("length")
    if any(a + EXACT_S < edge < b - EXACT_S for a, b in known.words for edge in (start_s, end_s)):
        found.append("word")
    ahead_s = known.borders[:, None] * [1, -1] - [start_s, -end_s]  # of each border, inwards from each edge
    at_border = (np.abs(ahead_s) < 0.5 / RATE).any(axis=0)
    if (((ahead_s > 0) & (ahead_s < SLIVER_S - EQUAL_S)).any(axis=0) & ~at_border).any():
        found.append("sliver")
    part = slice(round(start_s * RATE), round(end_s * RATE))
    shares = (known.dead[part].mean(), known.loud[part].mean(), known.lively[part].mean())
    kept = (shares[0] <= DEAD_MAX, shares[1] >= LOUD_MIN, shares[2] >= LIVELY_MIN)
    return found + [name for name, good in zip(("dead", "silent", "dull"), kept, strict=True) if not good]


async def analyzed(workers: pool.Pool, path: pathlib.Path) -> bytes:
    """The analysis of a film, with all measures."""
    with path.open("rb") as file:
        request = {"threads": settings.Settings().threads}
        measured = await workers.run(tasks.MEASURE, request, inputs={"source": file})
    return document.encode(document.analysis(path.name, "0" * 64, measured.value, measured.arrays))


def footage(pieces: list[Piece], start_s: float, end_s: float) -> set[tuple[str, int]]:
    """The seconds of files that a clip shows."""
    found = set()
    for piece in pieces:
        first, end = max(piece.first, round(start_s * RATE)), min(piece.end, round(end_s * RATE))
        at_s = piece.start_s - piece.first / RATE
        found |= {(piece.kind.picture, int(at_s + frame / RATE)) for frame in range(first, end, RATE // 5)}
    return found


def cell(pieces: list[Piece], known: Truth, content: bytes, order: proposing.Order) -> str:
    """Usable clips of one request, those among them that are not mostly footage of a better one, and faults."""
    shown: set[tuple[str, int]] = set()
    usable, fresh, wrong = 0, 0, []
    found = proposing.propose(material.Material.parse(content), order)
    for item in found:
        seconds = footage(pieces, item.start_s, item.end_s)
        told = faults(known, item.start_s, item.end_s)
        usable += not told
        fresh += not told and len(seconds & shown) < len(seconds) / 2
        wrong += [f"{item.rank}: {' and '.join(told)}"] if told else []
        shown |= seconds
    return f"{usable}/{len(found)}, {fresh}{'; ' * bool(wrong)}{', '.join(wrong)}"


ORDERS = {
    "default": proposing.Order(),
    "diversity 0.5": proposing.Order(diversity=0.5),
    "10 clips": proposing.Order(count=10),
}


async def main(media: pathlib.Path, seeds: tuple[int, ...], kept: pathlib.Path) -> None:
    """Composes the films, proposes clips of them and prints the table."""
    print(f"| seed | pieces | {' | '.join(ORDERS)} |\n|---|---{'|---' * len(ORDERS)}|")
    async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
        for seed in seeds:
            pieces, path = plan(seed, media), kept / f"mixed {seed}.mp4"
            known = truth(pieces, write(pieces, media, path), media)
            content = await analyzed(workers, path)
            cells = [cell(pieces, known, content, order) for order in ORDERS.values()]
            print(f"| {seed} | {len(pieces)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else shots.MEDIA / "real"
    with tempfile.TemporaryDirectory() as spare:
        asyncio.run(main(folder, tuple(int(text) for text in sys.argv[2:]) or SEEDS, pathlib.Path(spare)))
