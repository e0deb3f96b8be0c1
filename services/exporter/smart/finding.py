"""Looks at the packets around a range, and finds what of it can be copied."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np

from media import source
from services.exporter import reading
from services.exporter.smart import keys, spans, units

LEAD_S = 2  # seconds before the range: some containers find packets by when they are decoded
PACKETS_MAX = 1 << 21  # of a range; more than any preset takes
NUMBERED = ("h264", "hevc")  # codecs whose parameters have identifiers


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """What a worker is asked to cut."""

    facts: Mapping[str, Any]
    pts: np.ndarray
    start_s: Fraction
    duration_s: Fraction
    rate: Fraction
    container: str
    threads: int

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        numbers = {name: str(getattr(self, name)) for name in ("start_s", "duration_s", "rate")}
        plain = {"facts": self.facts, "container": self.container, "threads": self.threads}
        return {**plain, **numbers, "pts": self.pts.tolist()}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> "Job":
        """Reads what `to_value` wrote."""
        numbers = {name: Fraction(value[name]) for name in ("start_s", "duration_s", "rate")}
        plain = {name: value[name] for name in ("facts", "container", "threads")}
        return cls(**plain, **numbers, pts=np.array(value["pts"], np.int64))


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What was found in the source."""

    codec: str
    length_bytes: int
    sets: Mapping[tuple[str, int], bytes]
    read: Sequence[spans.Read]
    spans: spans.Spans


def find(job: Job, file: BinaryIO) -> Plan:
    """Finds what can be copied.

    Raises:
        spans.Uncuttable: nothing.
        units.Unusual: the stream's parameters leave no room for others.
    """
    facts, codec = job.facts, job.facts["coding"]
    if codec not in keys.CODECS:
        raise spans.Uncuttable(f"{facts['codec']} is not cut without encoding it")
    if facts["interlaced"]:
        raise spans.Uncuttable("interlaced pictures are not cut without encoding them")
    if facts["counted"] or facts["decoded"]:
        raise spans.Uncuttable("the time stamps of packets are not those of frames")
    with reading.opened(file) as opened:
        reading.only(opened, opened.video)
        head = header(opened, codec)
        read, groups = [], [head.sets]
        for packet in packets(opened, job.pts):
            data = bytes(packet)
            read.append(spans.Read(packet.pts, keys.entry(codec, data, head.length_bytes)))
            if codec in NUMBERED:
                sets = (unit for unit in units.split(data, head.length_bytes) if units.is_set(unit, codec))
                groups += [tuple(sets)]
    sets = units.merged(*groups, codec=codec) if codec in NUMBERED else {}
    return Plan(codec, head.length_bytes, sets, read, spans.spans(read, job.pts))


def header(opened: source.Source, codec: str) -> units.Header:
    """What the container says ahead of the packets; nothing for codecs without numbered parameters.

    Raises:
        units.Unusual: it cannot be read.
    """
    if codec not in NUMBERED:
        return units.Header(0, ())
    return units.header(opened.video.codec_context.extradata or b"", codec)


def packets(opened: source.Source, pts: np.ndarray) -> Iterator[av.Packet]:
    """Packets around a range in the order of decoding, from before it to the last that is decoded within it."""
    video, first, last = opened.video, int(pts[0]), int(pts[-1])
    try:
        opened.container.seek(first - int(LEAD_S / video.time_base), stream=video, backward=True)
    except (OSError, ValueError) as error:
        raise spans.Uncuttable(f"the source cannot be searched: {error}") from error
    for _, packet in itertools.islice(opened.packets(video), PACKETS_MAX):
        if packet is None or (packet.dts is not None and packet.dts > last):
            return
        if packet.pts is None:
            raise spans.Uncuttable("a packet has no time stamp")
        if not packet.is_discard:
            yield packet
