"""Timelines for editing programs: one format per file, written from manifests alone; media is named, never bundled."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from services.exporter import manifest
from services.exporter.timelines import edl, fcpxml, otio
from services.exporter.timelines import sequence as sequences

CLIPS_MAX = 100  # a job has no more


class Format(Protocol):
    """A format of timelines."""

    NAME: str
    SUFFIX: str

    @staticmethod
    def text(found: Sequence[sequences.Sequence]) -> str:
        """The file that holds the clips, in order."""


CATALOGUE: Mapping[str, Format] = {one.NAME: one for one in (otio, fcpxml, edl)}


def read(document: Mapping[str, Any]) -> sequences.Sequence:
    """A clip as a sequence of events.

    Args:
        document: its manifest.

    Raises:
        manifest.Malformed: a part is missing or of the wrong kind.
    """
    try:
        found = _sequence(document)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise manifest.Malformed(f"the manifest has a malformed entry: {error!r}") from error
    sizes = (found.rate, found.media.rate, found.media.width, found.media.height, found.width, found.height)
    shown = [event.frames >= 1 and event.speed > 0 for event in found.events]
    if min(sizes) <= 0 or not shown or not all(shown) or any(key.width <= 0 or key.height <= 0 for key in found.keys):
        raise manifest.Malformed("the manifest has a rate, a size, a length or a speed that is none")
    return found


def _sequence(document: Mapping[str, Any]) -> sequences.Sequence:
    clip, source, edit = document["clip"], document["source"], document["edit"]
    source_rate = manifest.ratio(edit["source_rate"])
    return sequences.Sequence(
        name=_plain(str(clip["file"]).rsplit(".", 1)[0]),
        rate=manifest.ratio(clip["frame_rate_exact"]),
        width=int(clip["width"]),
        height=int(clip["height"]),
        media=sequences.Media(
            name=_plain(str(source["name"])),
            rate=source_rate,
            width=int(source["width"]),
            height=int(source["height"]),
            sound=document["loudness"] is not None,
            timecode=str(source["timecode"] or ""),
        ),
        events=tuple(_event(one, source_rate, bool(clip["source_constant_rate"])) for one in edit["pieces"]),
        keys=tuple(_key(one) for one in document["crop_path"]),
        fades={str(name): float(length_s) for name, length_s in edit["fades"].items()},
    )


def _event(piece: Mapping[str, Any], source_rate: Fraction, constant: bool) -> sequences.Event:
    return sequences.Event(
        source_start=int(piece["start_frame"]) if constant else round(float(piece["start_s"]) * source_rate),
        first=int(piece["clip_start_frame"]),
        frames=int(piece["clip_frame_count"]),
        speed=manifest.ratio(piece["speed"]),
        reason=_plain(str(piece["reason"])),
        text=_plain(str(piece["text"])),
    )


def _key(entry: Mapping[str, Any]) -> sequences.Key:
    return sequences.Key(int(entry["frame"]), *(float(entry[name]) for name in ("x", "y", "width", "height")))


def _plain(words: str) -> str:
    """Words that break no line and no XML."""
    return "".join(one if one.isprintable() else "_" for one in words)
