"""Measures the sound of a source frame by frame."""

import array
import dataclasses
from collections.abc import Callable, Sequence

import av
import numpy as np

from services.analyzer.audio import loudness, music, rhythm, silero, speech

SURROUND = frozenset({"SL", "SR", "BL", "BR", "BC", "SBL", "SBR"})  # FFmpeg's names of channels beside and behind
EFFECTS = frozenset({"LFE", "LFE2"})
MIX = {"FC": 1.0, "FL": 0.7, "FR": 0.7, "LFE": 0.0, "LFE2": 0.0}  # shares of the mono mix: people speak in the middle
MIX_OTHER = 0.5
BATCH_CHUNKS = 32  # pieces that the voice detector takes at once; a second of sound
GAP_MIN_S = 0.1  # time stamps that jump farther leave a hole that is filled with silence
GAP_MAX_S = 3600.0  # longer holes are nonsense and are not filled
SAMPLE_MAX = 16.0  # 24 dB above full scale: louder is damage, not sound
PIECE_SAMPLES = 16_384  # that are measured at once; a third of a second
VOICE_STEP = round(speech.STEP_S * silero.RATE_HZ)

Ear = Callable[[np.ndarray, float], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """What was measured in the sound; times count from its first sample.

    Attributes:
        start_s: Time stamp of the first sample, in seconds.
        duration_s: Length in seconds.
        loudness: EBU R 128; None where it was not asked for.
        energies: Mean squares of the mono mix per speech.STEP_S, float32.
        voice: Probabilities of speech per silero.CHUNK_S; None where they were not asked for.
        music: How much like music it is, per music.STEP_S; None where it was not asked for.
        flux: Spectral flux per rhythm.STEP_S; the same.
    """

    start_s: float
    duration_s: float
    loudness: loudness.Loudness | None
    energies: np.ndarray
    voice: np.ndarray | None
    music: np.ndarray | None = None
    flux: np.ndarray | None = None


class Meter:
    """Takes decoded frames of sound in order; all are brought to the format of the first.

    Args:
        loud: Whether to measure loudness.
        voice: Whether to look for speech.
        notes: Whether to look for music and its rhythm.
        ear: Is given the mono mix at silero.RATE_HZ in pieces of seconds, and the time stamp of each.
    """

    def __init__(self, *, loud: bool, voice: bool, notes: bool = False, ear: Ear | None = None) -> None:
        self._loud = loud
        self._ear, self._given = ear, 0
        self._detector = silero.Detector() if voice else None
        self._music, self._rhythm = (music.Meter(), rhythm.Meter()) if notes else (None, None)
        self._format: tuple[str, int] | None = None
        self._source: tuple[str, str, int] | None = None
        self._unifier: av.AudioResampler | None = None
        self._narrower: av.AudioResampler | None = None
        self._mix = np.ones(1, np.float32)
        self._meter: loudness.Meter | None = None
        self._start_s = 0.0
        self._samples = 0
        self._pieces: list[np.ndarray] = []
        self._gathered = 0
        self._mono: list[np.ndarray] = []
        self._waiting = 0
        self._energies = array.array("f")
        self._voice = array.array("f")

    @property
    def started(self) -> bool:
        """Whether any sound has come."""
        return self._format is not None

    def add(self, frame: av.AudioFrame, stamp_s: float | None) -> None:
        """Takes the next frame.

        Args:
            frame: As the decoder gave it.
            stamp_s: Its time stamp in seconds; None where it has none.
        """
        if frame.samples < 1 or frame.sample_rate < 1 or not frame.layout.nb_channels:
            return
        if self._format is None:
            self._begin(frame, stamp_s)
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            self._change(source)
        self._fill_gap(stamp_s)
        if self._unifier is None:
            self._gather(frame.to_ndarray())
        else:
            frame.pts = None  # the resampler would fill gaps its own way
            self._unify(frame)

    def _begin(self, frame: av.AudioFrame, stamp_s: float | None) -> None:
        self._format = (frame.layout.name, frame.sample_rate)
        self._start_s = stamp_s or 0.0
        self._narrower = av.AudioResampler("fltp", "mono", silero.RATE_HZ)
        names = [channel.name for channel in frame.layout.channels]
        mix = np.array([MIX.get(name, MIX_OTHER) for name in names], np.float32)
        self._mix = mix / mix.sum() if mix.sum() > 0 else np.full(len(names), 1 / len(names), np.float32)
        if self._loud:
            self._meter = loudness.Meter(frame.sample_rate, gains(names))

    def _change(self, source: tuple[str, str, int]) -> None:
        """Sound of another format begins: it is brought to that of the first."""
        self._unify(None)
        self._source = source
        same = source == ("fltp", *(self._format or ()))
        self._unifier = None if same or self._format is None else av.AudioResampler("fltp", *self._format)

    def _unify(self, frame: av.AudioFrame | None) -> None:
        for piece in self._unifier.resample(frame) if self._unifier is not None else ():
            self._gather(piece.to_ndarray())

    def _fill_gap(self, stamp_s: float | None) -> None:
        rate_hz = self._format[1] if self._format else 1
        missing_s = 0.0 if stamp_s is None else stamp_s - self._start_s - self._samples / rate_hz
        remaining = round(missing_s * rate_hz) if GAP_MIN_S < missing_s < GAP_MAX_S else 0
        while remaining > 0:  # a second at a time: ends, for it counts down
            count = min(remaining, rate_hz)
            self._gather(np.zeros((self._mix.size, count), np.float32))
            remaining -= count

    def _gather(self, samples: np.ndarray) -> None:
        self._pieces.append(samples)
        self._samples += samples.shape[1]
        self._gathered += samples.shape[1]
        if self._gathered >= PIECE_SAMPLES:
            self._measure()

    def _measure(self) -> None:
        """Measures what was gathered: many samples at once cost less than few."""
        joined = np.concatenate(self._pieces, axis=1).astype(np.float32, copy=False)
        self._pieces, self._gathered = [], 0
        samples = np.clip(np.nan_to_num(joined, nan=0.0), -SAMPLE_MAX, SAMPLE_MAX)
        if self._meter is not None:
            self._meter.add(samples)
        mono = av.AudioFrame.from_ndarray((self._mix @ samples)[None, :], format="fltp", layout="mono")
        mono.sample_rate = self._format[1] if self._format else silero.RATE_HZ
        self._narrow(mono)

    def _narrow(self, mono: av.AudioFrame | None) -> None:
        for piece in self._narrower.resample(mono) if self._narrower is not None else ():
            self._hear(piece.to_ndarray()[0].astype(np.float32, copy=False))

    def _hear(self, samples: np.ndarray) -> None:
        self._mono.append(samples)
        self._waiting += samples.size
        if self._waiting >= BATCH_CHUNKS * silero.CHUNK * 5:  # whole steps of energy and whole pieces fit in alike
            self._listen(self._waiting // (silero.CHUNK * 5) * silero.CHUNK * 5)

    def _listen(self, count: int) -> None:
        joined = np.concatenate([*self._mono, np.zeros(max(count - self._waiting, 0), np.float32)])
        samples, rest = joined[:count], joined[count:]
        self._mono, self._waiting = [rest], rest.size
        squares = samples[: count // VOICE_STEP * VOICE_STEP].astype(np.float64) ** 2
        self._energies.extend(squares.reshape(-1, VOICE_STEP).mean(axis=1, dtype=np.float64).astype(np.float32))
        if self._ear is not None:
            self._ear(samples, self._start_s + self._given / silero.RATE_HZ)
            self._given += samples.size
        if self._detector is not None:
            self._voice.extend(self._detector.run(samples))
        if self._music is not None and self._rhythm is not None:
            self._music.add(samples)
            self._rhythm.add(samples)

    def finish(self) -> Sound:
        """Measures what is left; no frame may follow."""
        self._unify(None)
        if self._pieces:
            self._measure()
        self._narrow(None)
        if self._waiting:
            self._listen(-(-self._waiting // (silero.CHUNK * 5)) * silero.CHUNK * 5)
        duration_s = self._samples / self._format[1] if self._format else 0.0
        return Sound(
            start_s=self._start_s,
            duration_s=duration_s,
            loudness=self._meter.finish() if self._meter is not None else None,
            energies=np.array(self._energies, np.float32)[: round(duration_s / speech.STEP_S)],
            voice=None if self._detector is None else np.array(self._voice, np.float32),
            music=None if self._music is None else self._music.finish(),
            flux=None if self._rhythm is None else self._rhythm.finish(),
        )


def gains(names: Sequence[str]) -> np.ndarray:
    """Energy gain of each channel in the measure of loudness, by FFmpeg's names of the channels."""
    return np.array([0.0 if name in EFFECTS else loudness.SURROUND_GAIN if name in SURROUND else 1.0 for name in names])
