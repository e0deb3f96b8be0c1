"""CMX 3600 edit decision list: cuts and speeds, with names and the crop in comments, as it knows no pictures.

Source: CMX 3600 as EDL readers know it; M2 gives frames per second of a retimed event, FCM how time code counts.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Listing

from services.exporter.timelines import sequence, timecode

NAME = "edl"
SUFFIX = ".edl"
REEL = "AX"  # a file that has no reel; its name stands in a comment
EVENTS_MAX = 9999  # four digits


def text(found: Listing[sequence.Sequence]) -> str:
    """The list; clips follow each other on the record side."""
    rate = found[0].rate
    lines = [f"TITLE: {found[0].name if len(found) == 1 else 'reelsmith'}",
             f"FCM: {'DROP FRAME' if _drops(found[0]) else 'NON-DROP FRAME'}", ""]  # fmt: skip
    number, place = 0, _hour(found[0])
    for one in found:
        for event in one.events:
            number += 1
            if number > EVENTS_MAX:
                break
            lines += _event(one, event, number, place)
            place += round(event.frames / one.rate * rate)
    return "\n".join(lines) + "\n"


def _drops(one: sequence.Sequence) -> bool:
    """Whether the list counts in drop-frame: as the source does, for a list counts in one way only."""
    return timecode.drops(one.rate) and (one.media.dropping or one.media.rate not in timecode.DROPPING)


def _hour(one: sequence.Sequence) -> int:
    """The frame whose time code is one hour."""
    return timecode.frame(f"01:00:00{';' if _drops(one) else ':'}00", one.rate)


def _event(one: sequence.Sequence, event: sequence.Event, number: int, place: int) -> Iterator[str]:
    rate = one.rate  # source time code at the rate of the clip: a list counts in one rate only
    start = round(one.source_seconds(event) * rate)
    edges = (start, start + round(event.frames * event.speed), place, place + event.frames)
    codes = " ".join(timecode.text(edge, rate, dropping=_drops(one)) for edge in edges)
    yield f"{number:03}  {REEL:<8} {'B' if one.media.sound else 'V':<5} C        {codes}"
    if event.speed != 1:
        entry = timecode.text(start, rate, dropping=_drops(one)).replace(
            ";", ":"
        )  # readers of M2 lines know colons only
        yield f"M2   {REEL:<8} {float(rate * event.speed):05.1f}                {entry}"
    yield f"* FROM CLIP NAME: {one.media.name}"
    yield f"* COMMENT: {one.name} {event.why}"
    for key in one.path(event):
        yield f"* REELSMITH CROP: {key.frame - event.first} {key.x:g} {key.y:g} {key.width:g} {key.height:g}"
