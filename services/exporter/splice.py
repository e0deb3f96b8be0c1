"""The sound of an edit list: pieces read at their places, at their speeds, joined without a click."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from services.exporter import asked, sound, tempo

RATE_HZ = sound.RATE_HZ
CROSS = 384  # samples on each side of a join in which one piece passes into the next, 8 ms: no click, and no echo
NEAR = 4 * RATE_HZ  # samples that are rather read over than sought
KEPT = 8192  # samples that can be read once more: what two pieces share at a join, at any speed; else it is sought
ENDLESS = 1 << 40  # samples: a source is followed by silence
Open = Callable[[Fraction], Iterator[np.ndarray]]  # sound from a moment of the container's clock on, without end


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """The sound of a piece."""

    start_s: Fraction
    """Where it begins, on the container's clock."""
    speed: Fraction
    samples: int
    """Its length in the clip."""

    def to_value(self) -> list[Any]:
        """The same as plain JSON values."""
        return [str(self.start_s), str(self.speed), self.samples]

    @classmethod
    def from_value(cls, value: Sequence[Any]) -> "Part":
        """Reads what `to_value` wrote."""
        return cls(Fraction(value[0]), Fraction(value[1]), int(value[2]))


def joined(open_at: Open, parts: Sequence[Part], lead: int) -> Iterator[np.ndarray]:
    """The sound of a clip.

    At a join both pieces are heard for a moment, each as it goes on in the source, and their weights add up to one:
    where the source goes on unbroken over a join, nothing changes.

    Args:
        open_at: opens the sound of the source.
        parts: the pieces in order.
        lead: samples before the first piece that are wanted too.

    Yields:
        float32 (2, n) chunks, `lead` samples more than the parts have.
    """
    crosses = [0, *(min(CROSS, a.samples // 2, b.samples // 2) for a, b in itertools.pairwise(parts)), 0]
    with contextlib.closing(Tape(open_at)) as tape:
        held = np.zeros((2, 0), np.float32)
        for number, part in enumerate(parts):
            before, after = crosses[number], crosses[number + 1]
            front = before if number else lead
            reader = _Reader(_sounding(tape, part, front, part.samples + front + after))
            if number:
                yield held * _fall(2 * before) + reader.take(2 * before) * _fall(2 * before)[::-1]
            yield from reader.chunks(part.samples + front - after - (2 * before if number else 0))
            held = reader.take(2 * after)


def _fall(samples: int) -> np.ndarray:
    """Weights from 1 to 0, which add up to 1 with themselves turned round."""
    return np.cos((np.arange(samples) + 0.5) / max(samples, 1) * np.pi / 2).astype(np.float32) ** 2


def _sounding(tape: "Tape", part: Part, front: int, samples: int) -> Iterator[np.ndarray]:
    """A piece from some samples before its beginning on."""
    if part.speed == 1:
        yield from tape.read(part.start_s - Fraction(front, RATE_HZ), samples)
        return
    place_s = part.start_s - Fraction(front, RATE_HZ) * part.speed - Fraction(tempo.lead(), RATE_HZ)
    yield from tempo.stretched(_Reader(tape.read(place_s, ENDLESS)).take, part.speed, samples)


class _Reader:
    """Takes as many samples as are wanted from chunks."""

    def __init__(self, chunks: Iterator[np.ndarray]) -> None:
        self._chunks, self._rest = chunks, np.zeros((2, 0), np.float32)

    def chunks(self, samples: int) -> Iterator[np.ndarray]:
        """The next samples, in chunks as they come."""
        while samples > 0:
            part = self._rest if self._rest.shape[1] else next(self._chunks)
            self._rest = part[:, samples:]
            yield part[:, :samples]
            samples -= min(part.shape[1], samples)

    def take(self, samples: int) -> np.ndarray:
        """The next samples, float32 (2, samples)."""
        return np.concatenate([np.zeros((2, 0), np.float32), *self.chunks(samples)], axis=1)


class Tape:
    """The sound of a source by moment, read forward, its end kept for a while; what lies elsewhere is opened anew."""

    def __init__(self, open_at: Open) -> None:
        self._open = open_at
        self._chunks: Iterator[np.ndarray] = iter(())
        self._origin_s: Fraction | None = None
        self._kept = np.zeros((2, 0), np.float32)
        self._end = 0

    def close(self) -> None:
        """Closes the source."""
        self._chunks.close() if self._origin_s is not None else None

    def read(self, start_s: Fraction, samples: int) -> Iterator[np.ndarray]:
        """Sound from a moment on: float32 (2, n) chunks. Only one reading goes on at a time."""
        place = self._place(start_s)
        while samples > 0:
            first = self._end - self._kept.shape[1]
            if place >= self._end:
                self._advance()
                continue
            part = self._kept[:, place - first : place - first + samples]
            yield part
            place, samples = place + part.shape[1], samples - part.shape[1]

    def _place(self, start_s: Fraction) -> int:
        if self._origin_s is not None:
            place = round((start_s - self._origin_s) * RATE_HZ)
            if self._end - self._kept.shape[1] <= place <= self._end + NEAR:
                return place
        self.close()
        self._chunks, self._origin_s = self._open(start_s), start_s
        self._kept, self._end = self._kept[:, :0], 0
        return 0

    def _advance(self) -> None:
        chunk = next(self._chunks)
        self._kept = np.concatenate((self._kept[:, -KEPT:], chunk), axis=1)
        self._end += chunk.shape[1]


def faded(chunks: Iterator[np.ndarray], fades: asked.Fades, samples: int, lead: int) -> Iterator[np.ndarray]:
    """Fades sound in and out, by equal steps of amplitude.

    Args:
        chunks: float32 (2, n), `lead` samples and then `samples`.
        fades: how long.
        samples: length of the clip.
        lead: samples before it.
    """
    rise, fall = (round(length_s * RATE_HZ) for length_s in (fades.sound_in_s, fades.sound_out_s))
    place = -lead
    for chunk in chunks:
        if (rise and place < rise) or (fall and place + chunk.shape[1] > samples - fall):
            moments = np.arange(place, place + chunk.shape[1])
            gains = np.ones(chunk.shape[1])
            if rise:
                gains = np.clip(moments / rise, 0.0, 1.0)
            if fall:
                gains = np.minimum(gains, np.clip((samples - moments) / fall, 0.0, 1.0))
            chunk = (chunk * gains).astype(np.float32)
        yield chunk
        place += chunk.shape[1]
