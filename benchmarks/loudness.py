"""How near finished sound comes to its loudness and peak, over every file with sound: ours beside FFmpeg's loudnorm.

    python benchmarks/loudness.py [FILE ...]

Up to three clips of 15 s of each file are brought to -14 LUFS and -1 dBTP, encoded as AAC at 192 kbit/s, decoded again
and measured by FFmpeg's `ebur128`, as a platform would. The peer is one pass of `loudnorm` with the same targets,
encoded by the same encoder. Clips in which nothing counts as sound, below -70 LUFS throughout, are left out. The table
is Markdown.
"""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from services.exporter import loudness, sound

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
TARGET = loudness.Target(-14.0, -1.0, 80.0)
CLIP_S, CLIPS_MAX, BIT_RATE_BPS = 15, 3, 192_000
LOUDNORM = ("loudnorm", "I=-14:TP=-1:LRA=11")


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """How the clips of a file came out: distance to the target in LU, and true peak in dBTP, for ours and the peer."""

    ours: list[tuple[float, float]]
    peer: list[tuple[float, float]]
    rounds: int


def files() -> list[pathlib.Path]:
    """The files to measure."""
    if sys.argv[1:]:
        return [pathlib.Path(name) for name in sys.argv[1:]]
    return sorted(
        path for folder in ("real", "derived") for path in (MEDIA / folder).iterdir() if path.suffix != ".csv"
    )


def starts(path: pathlib.Path) -> list[Fraction]:
    """Where clips begin, on the clock of the container; none without sound."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return []
            stream = container.streams.audio[0]
            first = (stream.start_time or 0) * stream.time_base
            length_s = (container.duration or 0) / av.time_base
    except av.error.FFmpegError:
        return []
    count = max(1, min(CLIPS_MAX, int(length_s // CLIP_S)))
    return [Fraction(first) + CLIP_S * number for number in range(count)]


def delivered(chunks: Iterator[np.ndarray]) -> loudness.Loudness:
    """What chunks measure after they were encoded and decoded."""
    return loudness.measure(sound.decode(*sound.encode(chunks, BIT_RATE_BPS)))


def judged(path: pathlib.Path) -> Row:
    """All clips of a file."""
    row = Row([], [], 0)
    rounds = 0
    for start in starts(path):
        samples = CLIP_S * sound.RATE_HZ
        with path.open("rb") as file:

            def chunks(start: Fraction = start, samples: int = samples, file=file) -> Iterator[np.ndarray]:
                return sound.pcm(file, start - Fraction(sound.LEAD, sound.RATE_HZ), samples + sound.LEAD)

            track = sound.track(chunks, samples, TARGET, BIT_RATE_BPS, lambda: None)
            if track.treatment is None:
                continue
            rounds = max(rounds, track.rounds)
            row.ours.append(off(track.delivered))
            chain = loudness.Chain(LOUDNORM, ("aresample", "48000"), ("aformat", "sample_fmts=fltp"))
            normal = (out for chunk in chunks() for out, _ in chain.run(chunk))
            row.peer.append(off(delivered(iter([*normal, *(out for out, _ in chain.end())]))))
    return dataclasses.replace(row, rounds=rounds)


def off(found: loudness.Loudness) -> tuple[float, float]:
    """Distance to the target, and the peak."""
    return (found.integrated_lufs or -70.0) - TARGET.integrated_lufs, found.true_peak_dbtp or -70.0


def told(found: list[tuple[float, float]]) -> str:
    """Clips that are right, the worst distance and the worst peak."""
    right = sum(abs(lu) <= 0.5 and peak <= TARGET.true_peak_max_dbtp for lu, peak in found)
    worst = max((abs(lu) for lu, _ in found), default=0.0)
    return f"{right} of {len(found)}, {worst:.2f} LU, {max(peak for _, peak in found):.2f} dBTP"


def main() -> None:
    """Prints the table."""
    print("| file | ours: right, worst distance, worst peak | rounds | loudnorm, one pass |")
    print("|---|---|---|---|")
    whole, began = Row([], [], 0), time.process_time()
    for path in files():
        row = judged(path)
        if not row.ours:
            continue
        print(f"| {path.name} | {told(row.ours)} | {row.rounds} | {told(row.peer)} |", flush=True)
        whole.ours.extend(row.ours)
        whole.peer.extend(row.peer)
    if not whole.ours:
        print("no file with sound: nothing was measured")
        return
    print(f"| all | **{told(whole.ours)}** | | {told(whole.peer)} |")
    print(f"\n{len(whole.ours)} clips, {time.process_time() - began:.0f} s of processor time.")


if __name__ == "__main__":
    main()
