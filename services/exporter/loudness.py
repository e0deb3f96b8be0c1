"""Loudness and true peak, and the gain that brings them to what a platform asks for.

Source: ITU-R BS.1770-4 and EBU R128, as FFmpeg's `ebur128` filter measures them.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Any

import av
import av.error
import av.filter
import av.filter.context
import numpy as np

RATE_HZ = 48_000
SILENT_LUFS = -70.0  # the absolute gate of the measure: below it there is nothing that counts as sound
TOLERANCE_LU = 0.4  # a finished track this near to its target is not made again
PEAK_STEP_DB = 0.15  # beyond the overshoot, so that one more round is enough
CEILING_START_DB = -1.0  # below the limit at first: the encoder adds peaks, and resampling adds some
SLOPE_FIRST = 0.8  # loudness per gain that is assumed before there are two rounds to compare
SLOPE_MIN = 0.2  # where the limiter takes nearly all; smaller ones would make wild steps
ATTACK_MS, RELEASE_MS = 4, 25  # of the limiter: short enough to keep loudness, long enough not to distort voices


@dataclasses.dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured; None where nothing was loud or long enough to count."""

    integrated_lufs: float | None
    true_peak_dbtp: float | None

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> "Loudness":
        """Reads what `to_value` wrote."""
        return cls(value["integrated_lufs"], value["true_peak_dbtp"])


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a platform asks for."""

    integrated_lufs: float
    true_peak_max_dbtp: float
    gain_max_db: float


@dataclasses.dataclass(frozen=True, slots=True)
class Treatment:
    """Gain, and the ceiling of the limiter behind it, both in dB."""

    gain_db: float
    ceiling_dbtp: float
    limited: bool
    """Whether more gain was asked for than is allowed."""


class Meter:
    """Measures a stream of stereo samples on their way."""

    def __init__(self) -> None:
        self._graph = Chain(("ebur128", "peak=true:metadata=1:framelog=quiet"))
        self._last: dict[str, str] = {}

    def add(self, samples: np.ndarray) -> None:
        """Takes float32 (2, n) samples at 48 kHz, full scale 1."""
        for _, metadata in self._graph.run(samples):
            self._last = metadata or self._last

    def result(self) -> Loudness:
        """What was measured so far."""
        for _, metadata in self._graph.end():
            self._last = metadata or self._last
        integrated = float(self._last.get("lavfi.r128.I", "-inf"))
        peak = float(self._last.get("lavfi.r128.true_peak", "0"))
        return Loudness(
            round(integrated, 2) if integrated > SILENT_LUFS else None,
            round(20 * math.log10(peak), 2) if peak > 0 else None,
        )


class Chain:
    """Audio filters in a row, fed with stereo samples at 48 kHz."""

    def __init__(self, *filters: tuple[str, str]) -> None:
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        layout = f"sample_rate={RATE_HZ}:sample_fmt=fltp:channel_layout=stereo:time_base=1/{RATE_HZ}"
        nodes = [self._graph.add("abuffer", layout)]
        nodes += [self._graph.add(name, options) for name, options in filters]
        nodes.append(self._graph.add("abuffersink"))
        self._graph.link_nodes(*nodes)
        self._graph.configure()
        self._source, self._sink, self._position = nodes[0], nodes[-1], 0

    def run(self, samples: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
        """Takes samples float32 (2, n); gives what comes out, with the metadata of each frame."""
        self._source.push(frame(samples, self._position))
        self._position += samples.shape[1]
        yield from self._pull()

    def end(self) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
        """Gives what is left."""
        self._source.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
        for _ in range(1 << 20):  # more frames than one push can hold
            try:
                out = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield out.to_ndarray(), out.metadata


def frame(samples: np.ndarray, position: int) -> av.AudioFrame:
    """Samples float32 (2, n) as a frame that begins at a position, in samples."""
    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    made.sample_rate = RATE_HZ
    made.pts = position
    return made


def measure(chunks: Iterable[np.ndarray]) -> Loudness:
    """Measures float32 (2, n) chunks at 48 kHz."""
    meter = Meter()
    for chunk in chunks:
        meter.add(chunk)
    return meter.result()


class Steering:
    """Finds gain and ceiling in few rounds.

    Args:
        target: what is asked for.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._earlier: tuple[float, float] | None = None

    def first(self, found: Loudness) -> Treatment | None:
        """The treatment to begin with; None leaves the sound alone, because there is none."""
        target = self._target
        if found.integrated_lufs is None:
            return None
        wanted = target.integrated_lufs - found.integrated_lufs
        return Treatment(
            gain_db=min(wanted, target.gain_max_db),
            ceiling_dbtp=target.true_peak_max_dbtp + CEILING_START_DB,
            limited=wanted > target.gain_max_db,
        )

    def again(self, used: Treatment, delivered: Loudness) -> Treatment | None:
        """The treatment for one more round.

        Args:
            used: the treatment of this round.
            delivered: what the encoded and decoded track measures.

        Returns:
            A corrected treatment, or None where the track is good, or as good as the greatest gain makes it.
        """
        target = self._target
        if delivered.integrated_lufs is None or delivered.true_peak_dbtp is None:
            return None
        missing = target.integrated_lufs - delivered.integrated_lufs
        over = delivered.true_peak_dbtp - target.true_peak_max_dbtp
        off = abs(missing) > TOLERANCE_LU and not (used.limited and missing > 0)
        if over <= 0 and not off:
            return None
        gain = used.gain_db + (missing / self._slope(used, delivered.integrated_lufs) if off else 0.0)
        return Treatment(
            gain_db=min(gain, target.gain_max_db),
            ceiling_dbtp=used.ceiling_dbtp - (over + PEAK_STEP_DB if over > 0 else 0.0),
            limited=gain > target.gain_max_db,
        )

    def _slope(self, used: Treatment, lufs: float) -> float:
        """How much loudness a decibel of gain gives: the limiter takes a part of it."""
        earlier, self._earlier = self._earlier, (used.gain_db, lufs)
        if earlier is None or abs(used.gain_db - earlier[0]) < 0.1:
            return SLOPE_FIRST
        return min(max((lufs - earlier[1]) / (used.gain_db - earlier[0]), SLOPE_MIN), 1.0)

    def fault(self, delivered: Loudness) -> tuple[bool, float]:
        """How bad a track is, for picking the best: a peak over the limit is worse than any loudness."""
        if delivered.integrated_lufs is None or delivered.true_peak_dbtp is None:
            return False, 0.0
        over = delivered.true_peak_dbtp > self._target.true_peak_max_dbtp
        return over, abs(self._target.integrated_lufs - delivered.integrated_lufs)


def treated(chunks: Iterable[np.ndarray], treatment: Treatment | None, samples: int) -> Iterator[np.ndarray]:
    """Applies gain and limiter; the length and the place of every sample are kept.

    The limiter works at four times the rate, where the peaks between samples can be seen.

    Args:
        chunks: float32 (2, n) at 48 kHz.
        treatment: gain and ceiling; None passes everything through.
        samples: length of the whole.

    Yields:
        float32 (2, n) chunks, `samples` in all.
    """
    if treatment is None:
        yield from chunks
        return
    ceiling = min(max(10 ** (treatment.ceiling_dbtp / 20), 0.0625), 1.0)  # the bounds of the filter
    chain = Chain(
        ("volume", f"volume={treatment.gain_db:.4f}dB:precision=float"),
        ("aresample", f"{4 * RATE_HZ}"),
        ("alimiter", f"limit={ceiling:.6f}:attack={ATTACK_MS}:release={RELEASE_MS}:level=0:latency=1"),
        ("aresample", f"{RATE_HZ}"),
        ("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
    )
    left = samples
    for chunk in chunks:
        for out, _ in chain.run(chunk):
            yield out[:, :left]
            left -= min(out.shape[1], left)
    for out, _ in chain.end():
        yield out[:, :left]
        left -= min(out.shape[1], left)
    if left:
        yield np.zeros((2, left), np.float32)
