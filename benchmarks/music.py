"""How well music is told from speech and noise: ours beside the share of quiet moments, at its best threshold.

    python benchmarks/music.py [FOLDER]

FOLDER has folders `music`, `speech` and `noise` of sound files; without it, files of the test media that are one of
these throughout. Counts are half seconds. The peer is the classic single feature of E. Scheirer and M. Slaney (1997):
speech has more quiet moments than music; its threshold is chosen on the very files that are scored, which favours it.
The table is Markdown.
"""

import pathlib
import sys
import time
from collections.abc import Sequence

import av
import numpy as np

from services.analyzer.audio import music, rhythm

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
KINDS = ("music", "speech", "noise")
KNOWN = {
    "music": ("real/bbb_480p_30s_h264_51audio.mp4",),
    "speech": ("real/man_talking_10s_h264_datastreams.mp4", "real/speech_7s.mp3",
               "real/nasa_2video_2audio_2sub_13s.mp4", "real/speech_silence_timecode_42s_h264.mp4"),
    "noise": ("real/bike_ride_30s_vp8.webm", "malformed/header_says_70s_has_14s.webm"),
}  # fmt: skip
STEP, AROUND = round(music.STEP_S * music.RATE_HZ), 5  # samples of half a second; half seconds that one looks at
FRAME = 320  # samples: 20 ms, as the peer's authors took
PIECE = 81_920  # samples that are measured at once, as in the analyzer


def sound(path: pathlib.Path) -> np.ndarray:
    """The sound of a file at 16 kHz."""
    resampler = av.AudioResampler("fltp", "mono", music.RATE_HZ)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def quiet_share(samples: np.ndarray) -> np.ndarray:
    """The peer's feature per half second: share of the 20 ms around it with less than half of their mean energy."""
    frames = np.sqrt((samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64) ** 2).mean(axis=1))
    size = AROUND * STEP // FRAME
    windows = np.lib.stride_tricks.sliding_window_view(frames, size)[:: STEP // FRAME]
    return (windows < 0.5 * windows.mean(axis=1, keepdims=True)).mean(axis=1)


def judged(samples: np.ndarray) -> tuple[np.ndarray, float | None]:
    """What the analyzer says per half second, and the tempo."""
    notes, beats = music.Meter(), rhythm.Meter()
    for start in range(0, samples.size, PIECE):
        notes.add(samples[start : start + PIECE])
        beats.add(samples[start : start + PIECE])
    return music.judged(notes.finish()), rhythm.tempo(beats.finish())


def sounds(folder: pathlib.Path | None) -> dict[str, list[np.ndarray]]:
    """The sounds of each kind; those of speech are joined, for single words are too short to judge."""
    found = {}
    for kind in KINDS:
        paths = sorted((folder / kind).iterdir()) if folder else [MEDIA / name for name in KNOWN[kind]]
        one = [sound(path) for path in paths]
        found[kind] = [np.concatenate(one)] if kind == "speech" else [item for item in one if item.size > AROUND * STEP]
    return found


def best_threshold(values: dict[str, np.ndarray]) -> float:
    """The peer's threshold that gets most right, each kind counting the same."""

    def right(edge: float) -> float:
        return sum(np.mean((found < edge) == (kind == "music")) for kind, found in values.items())

    return max(np.linspace(0, 1, 101).tolist(), key=right)


def main(arguments: Sequence[str]) -> None:
    """Scores all and prints the table."""
    found = sounds(pathlib.Path(arguments[0]) if arguments else None)
    peer = {kind: np.concatenate([quiet_share(item) for item in items]) for kind, items in found.items()}
    edge = best_threshold(peer)
    seconds = sum(item.size for items in found.values() for item in items) / music.RATE_HZ
    begin = time.process_time()
    print("| what plays | half seconds | ours: music, none, unknown | quiet moments: music | with a tempo |")
    print("|---" * 5 + "|")
    for kind, items in found.items():
        said = [judged(item) for item in items]
        values = np.concatenate([one for one, _ in said])
        shares = [np.mean(values == 1), np.mean(values == 0), np.mean(np.isnan(values))]
        cells = ", ".join(f"{share:.1%}" for share in shares)
        tempi = sum(tempo is not None for _, tempo in said)
        print(f"| {kind} | {values.size} | {cells} | {np.mean(peer[kind] < edge):.1%} | {tempi} of {len(said)} |")
    print(f"\n{(time.process_time() - begin) / seconds:.2%} of real time on one core, {seconds:.0f} s of sound")


if __name__ == "__main__":
    main(sys.argv[1:])
