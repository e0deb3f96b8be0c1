"""Measures the sound of a source frame by frame."""

import array
import dataclasses

import av
import numpy as np

from services.analyzer.audio import loudness, silero, speech

SURROUND = frozenset({"SL", "SR", "BL", "BR", "BC", "SBL", "SBR"})  # FFmpeg's names of channels beside and behind
EFFECTS = frozenset({"LFE", "LFE2"})
BATCH_CHUNKS = 32  # pieces that the voice detector takes at once; a second of sound
GAP_MIN_S = 0.1  # time stamps that jump farther leave a hole that is filled with silence
GAP_MAX_S = 3600.0  # longer holes are nonsense and are not filled
SAMPLE_MAX = 16.0  # 24 dB above full scale: louder is damage, not sound
VOICE_STEP = round(speech.STEP_S * silero.RATE_HZ)


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """What was measured in the sound; times count from its first sample.

    Attributes:
        start_s: Time stamp of the first sample, in seconds.
        duration_s: Length in seconds.
        loudness: EBU R 128; None where it was not asked for.
        energies: Mean squares of the mono mix per speech.STEP_S.
        voice: Probabilities of speech per silero.CHUNK_S; None where they were not asked for.
    """

    start_s: float
    duration_s: float
    loudness: loudness.Loudness | None
    energies: np.ndarray
    voice: np.ndarray | None


class Meter:
    """Takes decoded frames of sound in order; all are brought to the format of the first.

    Args:
        loud: Whether to measure loudness.
        voice: Whether to look for speech.
    """

    def __init__(self, *, loud: bool, voice: bool) -> None:
        self._loud = loud
        self._detector = silero.Detector() if voice else None
        self._format: tuple[str, int] | None = None
        self._source: tuple[str, str, int] | None = None
        self._resamplers: list[av.AudioResampler] = []
        self._meter: loudness.Meter | None = None
        self._start_s = 0.0
        self._samples = 0
        self._mono: list[np.ndarray] = []
        self._waiting = 0
        self._energies = array.array("d")
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
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._format is None:
            self._begin(frame, stamp_s)
        if source != self._source:
            self._flush()
            self._source = source
            layout, rate_hz = self._format or (frame.layout.name, frame.sample_rate)
            self._resamplers = [
                av.AudioResampler("fltp", layout, rate_hz),
                av.AudioResampler("fltp", "mono", silero.RATE_HZ),
            ]
        self._fill_gap(stamp_s)
        frame.pts = None  # the resampler would fill gaps its own way
        self._take(frame)

    def _begin(self, frame: av.AudioFrame, stamp_s: float | None) -> None:
        self._format = (frame.layout.name, frame.sample_rate)
        self._start_s = stamp_s or 0.0
        if self._loud:
            self._meter = loudness.Meter(frame.sample_rate, gains(frame.layout))

    def _fill_gap(self, stamp_s: float | None) -> None:
        assert self._format is not None  # noqa: S101 - set by the first frame
        rate_hz = self._format[1]
        missing_s = 0.0 if stamp_s is None else stamp_s - self._start_s - self._samples / rate_hz
        if GAP_MIN_S < missing_s < GAP_MAX_S:
            remaining = round(missing_s * rate_hz)
            self._samples += remaining
            channels = av.AudioLayout(self._format[0]).nb_channels
            while remaining > 0:  # a second at a time: ends, for it counts down
                count = min(remaining, rate_hz)
                if self._meter is not None:
                    self._meter.add(np.zeros((channels, count), np.float32))
                self._hear(np.zeros(round(count * silero.RATE_HZ / rate_hz), np.float32))
                remaining -= count

    def _take(self, frame: av.AudioFrame | None) -> None:
        whole, mono = self._resamplers
        for piece in whole.resample(frame):
            samples = np.ascontiguousarray(piece.to_ndarray(), np.float32)
            self._samples += samples.shape[1]
            if self._meter is not None:
                self._meter.add(_sane(samples))
        for piece in mono.resample(frame):
            self._hear(_sane(piece.to_ndarray()[0].astype(np.float32)))

    def _flush(self) -> None:
        if self._resamplers:
            self._take(None)

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
        self._energies.extend(squares.reshape(-1, VOICE_STEP).mean(axis=1))
        if self._detector is not None:
            self._voice.extend(self._detector.run(samples))

    def finish(self) -> Sound:
        """Measures what is left; no frame may follow."""
        self._flush()
        if self._waiting:
            self._listen(-(-self._waiting // (silero.CHUNK * 5)) * silero.CHUNK * 5)
        duration_s = self._samples / self._format[1] if self._format else 0.0
        return Sound(
            start_s=self._start_s,
            duration_s=duration_s,
            loudness=self._meter.finish() if self._meter is not None else None,
            energies=np.array(self._energies)[: round(duration_s / speech.STEP_S)],
            voice=None if self._detector is None else np.array(self._voice, np.float32),
        )


def gains(layout: av.AudioLayout) -> np.ndarray:
    """Energy gain of each channel in the measure of loudness."""
    names = [channel.name for channel in layout.channels]
    return np.array([0.0 if name in EFFECTS else loudness.SURROUND_GAIN if name in SURROUND else 1.0 for name in names])


def _sane(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.nan_to_num(samples, nan=0.0), -SAMPLE_MAX, SAMPLE_MAX)
