"""The sound of a clip: read exactly, mixed to stereo, brought to its loudness, encoded."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO

import av
import av.audio
import av.container
import numpy as np

from media import source
from services.exporter import asked, loudness, reading, tracks

RATE_HZ = loudness.RATE_HZ
LEADS_S = (1.0, 5.0, 30.0)  # where decoding begins before the range: decoders need some packets to settle
GAP_MAX_S = 0.06  # time stamps of containers are rounded; only a larger hole or overlap is one
CHUNK = 8192  # samples that are handled at once
ROUNDS_MAX = 6  # attempts at loudness and peak; two are the rule
# Samples before the range that are encoded and thrown away. The first packets of FFmpeg's AAC encoder are far off what
# went in (0.6 of full scale were measured, as a click 3 dB over the limiter); behind two packets the error is 0.04.
LEAD = 2048


@dataclasses.dataclass(frozen=True, slots=True)
class Coding:
    """A codec that sound is delivered in."""

    encoder: str
    decoder: str
    sample_format: str
    """Of the encoder."""
    lead: int
    """Samples before the range that are encoded and thrown away, in whole packets."""
    priming: int
    """Samples that the encoder puts in front."""

    def context(self, bit_rate_bps: int) -> av.AudioCodecContext:
        """An encoder of stereo at 48 kHz."""
        made = av.CodecContext.create(self.encoder, "w")
        made.sample_rate, made.layout, made.format = RATE_HZ, "stereo", self.sample_format
        made.bit_rate, made.time_base = bit_rate_bps, Fraction(1, RATE_HZ)
        made.open()
        return made

    def add(self, container: av.container.OutputContainer, bit_rate_bps: int) -> av.audio.stream.AudioStream:
        """Adds a stream to a file; its encoder is never used, but describes the packets in the header."""
        stream = container.add_stream(self.encoder, rate=RATE_HZ, layout="stereo")
        stream.bit_rate = bit_rate_bps
        return stream


AAC = Coding("aac", "aac", "fltp", LEAD, 1024)
OPUS = Coding("libopus", "libopus", "flt", 0, 312)  # its decoder begins in the state that its encoder began in
CODINGS = {"aac": AAC, "opus": OPUS}


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """A finished track."""

    packets: list[av.Packet]
    """Encoded, in order; a clip of an hour at 192 kbit/s is 86 MB."""
    before: loudness.Loudness
    """Of the source's sound in the range, mixed to stereo."""
    delivered: loudness.Loudness
    """Of the packets, decoded again."""
    treatment: loudness.Treatment | None
    rounds: int


def pcm(file: BinaryIO, start: Fraction, samples: int, choice: asked.Track = asked.BY_RULE) -> Iterator[np.ndarray]:
    """The sound of a range, mixed to stereo at 48 kHz.

    Args:
        file: the source.
        start: beginning of the range in seconds of the container's own clock.
        samples: length of the range at 48 kHz.
        choice: which sound, where there are several.

    Yields:
        float32 (2, n) chunks, `samples` in all; silence where the source has no sound.
    """
    position = 0
    for place, chunk in _placed(_frames(file, start, choice), start, samples):
        if place > position:
            yield from silence(place - position)
        yield chunk
        position = place + chunk.shape[1]
    yield from silence(samples - position)


def silence(samples: int) -> Iterator[np.ndarray]:
    """Digital silence: float32 (2, n) chunks, `samples` in all."""
    while samples > 0:
        yield np.zeros((2, min(samples, CHUNK)), np.float32)
        samples -= CHUNK


def _placed(frames: Iterable[av.AudioFrame], start: Fraction, samples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Chunks inside the range with their places, in order and without overlap."""
    position = 0
    for place, chunk in mixed(frames, start):
        if place >= samples:
            return
        skip = max(position - place, 0)
        part = chunk[:, skip : samples - place]
        if part.shape[1]:
            yield place + skip, part
            position = place + skip + part.shape[1]


def mixed(frames: Iterable[av.AudioFrame], start: Fraction) -> Iterator[tuple[int, np.ndarray]]:
    """Decoded frames as stereo at 48 kHz, each chunk with its place, counted in samples from `start`.

    Small errors of the container's clock are ignored, so that rounded time stamps make no clicks. After a real hole,
    or where the format changes, counting starts anew.
    """
    mixer: Mixer | None = None
    for frame in frames:
        place = None if frame.pts is None else round((frame.pts * frame.time_base - start) * RATE_HZ)
        if mixer is not None and not mixer.continues(frame, place):
            yield from mixer.end()
            mixer = None
        if mixer is None:
            mixer = Mixer(frame, place or 0)
        yield from mixer.add(frame)
    if mixer is not None:
        yield from mixer.end()


class Mixer:
    """Mixes frames of one format to stereo at 48 kHz, without a gap.

    Source: ITU-R BS.775-4 downmix, as FFmpeg's resampler does it: centre and surround at -3 dB, so dialogue is kept,
    and no low-frequency effects.
    """

    def __init__(self, first: av.AudioFrame, place: int) -> None:
        self._shape = _shape(first)
        self._resampler = av.AudioResampler("fltp", "stereo", RATE_HZ)
        self._place = place
        self._start = place
        self._taken = 0

    def continues(self, frame: av.AudioFrame, place: int | None) -> bool:
        """Whether a frame belongs right behind what was taken so far."""
        if _shape(frame) != self._shape:
            return False
        expected = self._start + self._taken * RATE_HZ / frame.sample_rate
        return place is None or abs(place - expected) <= GAP_MAX_S * RATE_HZ

    def add(self, frame: av.AudioFrame) -> Iterator[tuple[int, np.ndarray]]:
        """Takes a frame."""
        frame.pts = None  # the place is kept here: the resampler must not look for gaps of its own
        self._taken += frame.samples
        yield from self._given(self._resampler.resample(frame))

    def end(self) -> Iterator[tuple[int, np.ndarray]]:
        """Gives what the resampler still holds."""
        yield from self._given(self._resampler.resample(None))

    def _given(self, frames: Iterable[av.AudioFrame]) -> Iterator[tuple[int, np.ndarray]]:
        for out in frames:
            yield self._place, out.to_ndarray()
            self._place += out.samples


def _shape(frame: av.AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _frames(file: BinaryIO, start: Fraction, choice: asked.Track) -> Iterator[av.AudioFrame]:
    """Frames of the sound from a little before a moment on."""
    with reading.opened(file) as opened:
        tracks.choose(opened, choice)
        if opened.audio is None:
            return
        landed = _land(opened, start)
        if landed is not None:
            yield from landed
            return
    with reading.opened(file) as opened:
        tracks.choose(opened, choice)
        yield from reading.frames(opened, opened.audio)


def _land(opened: source.Source, start: Fraction) -> Iterator[av.AudioFrame] | None:
    stream = opened.audio
    for lead_s in LEADS_S:
        place = int((start - Fraction(lead_s)) / stream.time_base)
        if place <= (stream.start_time or 0):
            return None
        try:
            opened.container.seek(place, stream=stream, backward=True)
        except (OSError, ValueError):  # not seekable
            return None
        coming = reading.frames(opened, opened.audio)
        first = next(coming, None)
        if first is not None and first.pts is not None and first.pts * stream.time_base <= start - Fraction(lead_s) / 2:
            return itertools.chain((first,), coming)
    return None


def encode(chunks: Iterable[np.ndarray], bit_rate_bps: int, coding: Coding = AAC) -> tuple[list[av.Packet], bytes]:
    """Encodes a track.

    Args:
        chunks: float32 (2, n) at 48 kHz; the range, with the coding's lead before it.
        bit_rate_bps: bit rate.
        coding: the codec.

    Returns:
        The packets of the range, the first of which is priming with a negative time stamp, and the decoder's
        configuration.
    """
    context = coding.context(bit_rate_bps)
    packets, position = [], -coding.lead
    for chunk in chunks:
        packets += context.encode(loudness.frame(chunk, position))
        position += chunk.shape[1]
    packets += context.encode(None)
    return [packet for packet in packets if packet.pts >= -coding.priming], bytes(context.extradata or b"")


def decode(packets: Sequence[av.Packet], configuration: bytes, coding: Coding = AAC) -> Iterator[np.ndarray]:
    """Decodes what `encode` made, as a player does: float32 (2, n) chunks without the priming."""
    context = av.CodecContext.create(coding.decoder, "r")
    context.extradata = configuration
    frames = (planar(frame) for packet in packets for frame in context.decode(packet))
    return frames if coding.decoder == "libopus" else behind(frames, coding.priming)  # libopus leaves it out itself


def planar(frame: av.AudioFrame) -> np.ndarray:
    """Samples of a stereo frame: float32 (2, n)."""
    samples = frame.to_ndarray()
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32_768
    return samples if frame.format.is_planar else np.ascontiguousarray(samples.reshape(-1, 2).T)


def behind(chunks: Iterable[np.ndarray], skipped: int) -> Iterator[np.ndarray]:
    """Chunks without their first samples."""
    for chunk in chunks:
        part = chunk[:, skipped:]
        skipped -= min(chunk.shape[1], skipped)
        if part.shape[1]:
            yield part


def track(
    chunks: Callable[[], Iterable[np.ndarray]],
    samples: int,
    target: loudness.Target | None,
    bit_rate_bps: int,
    beat: Callable[[], None],
    coding: Coding = AAC,
) -> Track:
    """Makes the track of a clip: measures, treats, encodes, measures what was encoded, and corrects.

    The AAC encoder adds peaks that are not in its input, so only the decoded packets tell whether the track is good.

    Args:
        chunks: reads the sound of the range anew: float32 (2, n) at 48 kHz, the coding's lead before the range and
            `samples` of it.
        samples: length of the range.
        target: loudness and peak to reach; None leaves the sound as it is.
        bit_rate_bps: bit rate of the track.
        beat: called now and then, as a sign of life.
        coding: the codec.

    Returns:
        The first good track, else the best of `ROUNDS_MAX`.
    """
    before = loudness.measure(behind(_beating(chunks(), beat), coding.lead))
    if target is None:
        packets, configuration = encode(_beating(chunks(), beat), bit_rate_bps, coding)
        return Track(packets, before, loudness.measure(decode(packets, configuration, coding)), None, 1)
    steering = loudness.Steering(target)
    treatment = steering.first(before)
    best: Track | None = None
    for count in range(1, ROUNDS_MAX + 1):
        sounding = loudness.treated(_beating(chunks(), beat), treatment, samples + coding.lead)
        packets, configuration = encode(sounding, bit_rate_bps, coding)
        delivered = loudness.measure(_beating(decode(packets, configuration, coding), beat))
        made = Track(packets, before, delivered, treatment, count)
        if best is None or steering.fault(made.delivered) < steering.fault(best.delivered):
            best = made
        if treatment is None:
            return best
        treatment = steering.again(treatment, delivered)
        if treatment is None:
            return best
    return best


def _beating(chunks: Iterable[np.ndarray], beat: Callable[[], None]) -> Iterator[np.ndarray]:
    for chunk in chunks:
        beat()
        yield chunk
