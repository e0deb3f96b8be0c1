"""The sound of a clip as it is in the source: packets whose first ones are only decoded, not heard.

MP4 cuts to the sample by an edit list, Matroska by the delay of a codec; see `template`. Sound that does not fit the
container is encoded anew; see `write`.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from media import source
from services.exporter import reading
from services.exporter.smart import template

# Packets ahead of the first one that is heard, by codec: what decoders need to give the same samples as in the middle.
# Overlap of one packet for AAC and AC-3, the reservoir of MP3, 80 ms for Opus (RFC 7845, section 4.6).
LEADS = {"aac": 2, "mp3": 10, "mp3float": 10, "ac3": 2, "eac3": 2, "opus": 4, "libopus": 4, "flac": 0, "alac": 0}
FITTING = {
    "mp4": tuple(LEADS),
    "mkv": tuple(codec for codec in LEADS if codec in template.NAMES),
    "webm": ("opus", "libopus"),
}
SEEK_S = Fraction(1)  # before the first sample: more than any lead is long
ROUNDED_S = 0.0011  # by which Matroska's milliseconds may miss the length of a packet
GAP_MAX_S = Fraction(6, 100)  # time stamps of containers are rounded; only a larger hole is one
PACKETS_MAX = 4_000_000  # a day of AAC


@dataclasses.dataclass(frozen=True, slots=True)
class Packet:
    """A packet of the sound; times in samples from the beginning of the clip."""

    data: bytes
    place: int
    length: int


def fits(codec: str, header: bool, container: str) -> bool:
    """Whether packets of a codec may be copied into a container, cut to the sample.

    AAC without a header comes from a stream that repeats it in each packet, which files do not take.
    """
    return codec in LEADS and container in FITTING and codec in FITTING[container] and (header or codec != "aac")


def packets(file: BinaryIO, start: Fraction, duration: Fraction) -> list[Packet]:
    """Packets that hold a stretch of the sound, with those ahead of it that its decoder needs.

    Args:
        file: the source.
        start: beginning of the stretch in seconds of the container's own clock.
        duration: length of the stretch in seconds.

    Returns:
        In order, the last one cut to the end; empty where there is no sound.
    """
    with reading.opened(file) as opened:
        if opened.audio is None:
            return []
        context = opened.audio.codec_context
        lead, rate = LEADS[context.name], context.sample_rate
        reading.only(opened, opened.audio)
        found: list[Packet] = []
        end = int(duration * rate)
        for packet in itertools.islice(_placed(opened, start, rate), PACKETS_MAX):
            if packet.place >= end:
                break
            found.append(packet)
            if packet.place + packet.length <= 0:
                found = found[-lead:] if lead else []
        if found and found[-1].place + found[-1].length > end:
            found[-1] = dataclasses.replace(found[-1], length=end - found[-1].place)
        return found if found and found[-1].place + found[-1].length > 0 else []


def _placed(opened: source.Source, start: Fraction, rate: int) -> Iterator[Packet]:
    stream, position = opened.audio, None
    gap = float(GAP_MAX_S * rate)
    scale, first = float(stream.time_base * rate), float(start * rate)  # fractions would take longer than reading
    wanted = int((start - SEEK_S) / stream.time_base)
    if wanted > (stream.start_time or 0):
        opened.container.seek(wanted, stream=stream, backward=True)
    for _, packet in opened.packets(stream):
        if packet is None or (packet.pts is None and position is None):
            continue
        place = position if packet.pts is None else round(packet.pts * scale - first)
        if position is None or abs(place - position) > gap:
            position = place
        length = _length((packet.duration or 0) * scale, stream.codec_context.frame_size, ROUNDED_S * rate)
        yield Packet(bytes(packet), position, length)
        position += length


def _length(stated: float, usual: int, slack: float) -> int:
    """Samples of a packet: as many as its codec always has, unless the container clearly says otherwise."""
    if usual and (not stated or abs(stated - usual) <= slack):
        return usual
    return max(round(stated), 1)
