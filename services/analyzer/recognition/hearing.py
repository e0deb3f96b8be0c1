"""The task: listens to a source once more, and writes down what is said where speech was found.

The sound comes in pieces of seconds; what is kept of it is the window that is being filled, and the first few windows
until the language is known: a few megabytes, however long the source.
"""

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import av
import numpy as np

from media import errors, pool, source
from services.analyzer import clock
from services.analyzer.audio import meter, silero, speech
from services.analyzer.recognition import captions, model, whisper, windows
from services.analyzer.transcript import cue, reader, script

LANGUAGE_WINDOWS = 3  # in which the language is looked for: the first words of a film are often a jingle or a name


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What to write down; times in seconds.

    Attributes:
        speech: Stretches with speech, since the beginning of the part.
        pauses_s: Quiet moments within them; the same.
        begin_s: Time stamp that the part begins with.
        start_s: Where the part begins in the source.
        end_s: Where it ends.
        language: Of what is said; found out where empty.
        threads: That compute at once.
        name: Of the model.
        sha256: Hash of the model.
    """

    speech: tuple[windows.Span, ...]
    pauses_s: tuple[float, ...]
    begin_s: float
    start_s: float
    end_s: float
    language: str
    threads: int
    name: str
    sha256: str

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "Order":
        """What a request of the task says."""
        end_s = request["end_s"]
        return cls(
            **{name: request[name] for name in ("begin_s", "start_s", "language", "threads", "name", "sha256")},
            speech=tuple((start_s, end_s) for start_s, end_s in request["speech"]),
            pauses_s=tuple(request["pauses_s"]),
            end_s=math.inf if end_s is None else end_s,
        )


def warm() -> None:
    """Has everything loaded that is needed later, when no file can be opened any more."""
    sound = meter.Meter(loud=False, voice=False, ear=lambda samples, stamp_s: None)
    tone = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
    tone.sample_rate = 48_000
    sound.add(tone, 0.0)
    sound.finish()


def probe(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """The task: loads the model and has it hear a second of silence; says which languages it knows.

    Raises:
        errors.Unsupported: The language that was given is not among them (WRONG_LANGUAGE).
    """
    engine = _loaded(files, request["threads"])
    silence = np.zeros(silero.RATE_HZ, np.float32)
    known = engine.language(silence)
    language = request["language"] or _likeliest([known])[0]
    if language not in known:
        raise errors.Unsupported(f"the model does not know the language {language!r}", reason="WRONG_LANGUAGE")
    engine.transcribe(silence, language)
    return {"languages": sorted(known)}


def run(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """The task: the transcript as the document has it, None where no word was heard, and how long it took."""
    order = Order.from_request(request)
    begin_s = time.perf_counter()
    writer = Writer(_loaded(files, order.threads), order, report)
    with source.open_source(files.inputs["source"], threads=1) as opened:
        sound = _heard(opened, order, writer)
    writer.finish()
    heard = reader.Heard(order.speech, sound.energies, speech.STEP_S, sound.start_s - order.begin_s)
    spoken = writer.script()
    transcript = reader.documented(spoken, spoken.cues, heard, order.start_s) if spoken.cues else None
    timing = {"stage": "recognize", "wall_s": time.perf_counter() - begin_s, "cpu_s": time.process_time()}
    return {"transcript": transcript, "timing": timing}


class Writer:
    """Fills windows with the sound of a source, and writes down what the model hears in them.

    Args:
        engine: The model.
        order: What to write down.
        report: Called with the progress.
    """

    def __init__(self, engine: whisper.Whisper, order: Order, report: pool.Report) -> None:
        self._engine, self._order, self._report = engine, order, report
        self._windows = windows.cut(order.speech, order.pauses_s)
        self._filled = 0  # windows that are full
        self._parts: list[np.ndarray] = []  # of the window that is being filled
        self._waiting: list[np.ndarray] = []  # windows whose language is not known yet
        self._written = 0
        self._language, self._probability = order.language, None
        self._words: list[cue.Word] = []

    def take(self, samples: np.ndarray, start_s: float) -> None:
        """Takes the next sound.

        Args:
            samples: Mono at 16 kHz, (n,) float32.
            start_s: Where it begins, in seconds since the beginning of the part.
        """
        end_s = start_s + samples.size / silero.RATE_HZ
        while self._filled < len(self._windows):  # ends, for it fills one or leaves
            window = self._windows[self._filled]
            self._parts.extend(_within(window.pieces, samples, start_s))
            if window.pieces[-1][1] > end_s:
                return
            self._fill()

    def finish(self) -> None:
        """Writes down the rest; the sound may end before the last window does."""
        if self._parts:
            self._fill()
        self._write()

    def script(self) -> script.Script:
        """What was written down, in the times of the source."""
        return script.Script(
            source="recognition",
            format=whisper.NAME,
            language=self._language,
            cues=cue.moved(captions.cues(self._words), self._order.start_s),
            model=script.Model(self._order.name, self._order.sha256, self._probability),
        )

    def _fill(self) -> None:
        self._waiting.append(np.concatenate([*self._parts, np.empty(0, np.float32)]))
        self._parts = []
        self._filled += 1
        if self._language or len(self._waiting) == LANGUAGE_WINDOWS:
            self._write()

    def _write(self) -> None:
        if not self._language and self._waiting:
            self._language, self._probability = _likeliest([self._engine.language(one) for one in self._waiting])
        for samples in self._waiting:
            window = self._windows[self._written]
            self._words += windows.aligned(window, self._engine.transcribe(samples, self._language))
            self._written += 1
            self._report({"stage": "recognize", "fraction": self._written / len(self._windows)})
        self._waiting = []


def _loaded(files: pool.Files, threads: int) -> whisper.Whisper:
    given = {name.removeprefix(model.INPUT): file for name, file in files.inputs.items() if name != "source"}
    return whisper.Whisper(given, threads)


def _heard(opened: source.Source, order: Order, writer: Writer) -> meter.Sound:
    """The sound of the part, which the writer has been given."""
    sound = meter.Meter(
        loud=False, voice=False, ear=lambda samples, stamp_s: writer.take(samples, stamp_s - order.begin_s)
    )
    for frame, stamp_s in _frames(opened):
        t_s = (stamp_s or 0.0) - order.begin_s
        if t_s >= order.end_s - order.start_s:
            break
        if t_s >= 0 or order.start_s <= 0:
            sound.add(frame, stamp_s)
    return sound.finish()


def _frames(opened: source.Source) -> Iterator[tuple[Any, float | None]]:
    if opened.audio is None:
        return
    for stream, packet in opened.packets(opened.audio):
        for frame in opened.decode(stream, packet):
            yield frame, clock.stamp(frame.pts, stream.time_base)


def _within(pieces: Sequence[windows.Span], samples: np.ndarray, start_s: float) -> Iterator[np.ndarray]:
    """The samples that lie in some stretches."""
    for edges in pieces:
        first, last = (round((edge_s - start_s) * silero.RATE_HZ) for edge_s in edges)
        if last > 0 and first < samples.size:
            yield samples[max(first, 0) : last].copy()  # a part would keep the whole


def _likeliest(found: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """The language that is most likely over several windows, and how likely it is; ties go to the first name."""
    means = {name: sum(one.get(name, 0.0) for one in found) / len(found) for name in sorted(set().union(*found))}
    best = max(means, key=lambda name: means[name])
    return best, means[best]
