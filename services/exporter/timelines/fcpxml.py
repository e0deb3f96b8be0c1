"""Final Cut Pro's XML: a project per clip, with the crop as keyframes of position and scale that can be moved.

Source: Apple's FCPXML reference and DTD, version 1.8, which is the newest that names the file in the asset itself, as
other programs expect it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence as Listing
from fractions import Fraction

from services.exporter.timelines import sequence, timecode

NAME = "fcpxml"
SUFFIX = ".fcpxml"
VERSION = "1.8"
PERCENT = 100  # positions are shares of the height of the frame


def text(found: Listing[sequence.Sequence]) -> str:
    """The document."""
    root = ET.Element("fcpxml", version=VERSION)
    resources = ET.SubElement(root, "resources")
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name="reelsmith")
    formats: dict[tuple[Fraction, int, int], str] = {}
    assets: dict[sequence.Media, str] = {}
    for one in found:
        asset = _asset(resources, formats, assets, one.media, found)
        _project(event, one, asset, _format(resources, formats, one.rate, one.width, one.height))
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{ET.tostring(root, encoding="unicode")}\n'


def _format(
    resources: ET.Element, known: dict[tuple[Fraction, int, int], str], rate: Fraction, width: int, height: int
) -> str:
    """Identifier of a format, added where it is new."""
    key = (rate, width, height)
    if key not in known:
        known[key] = f"r{len(resources) + 1}"
        size = {"width": str(width), "height": str(height)}
        frame = f"{rate.denominator}/{rate.numerator}s"
        ET.SubElement(resources, "format", id=known[key], frameDuration=frame, **size,
                      colorSpace="1-1-1 (Rec. 709)")  # fmt: skip
    return known[key]


def _asset(
    resources: ET.Element,
    formats: dict[tuple[Fraction, int, int], str],
    known: dict[sequence.Media, str],
    media: sequence.Media,
    found: Listing[sequence.Sequence],
) -> str:
    """Identifier of the source, added where it is new; its length is what is used of it, at least."""
    if media not in known:
        shape = _format(resources, formats, media.rate, media.width, media.height)
        known[media] = f"r{len(resources) + 1}"
        end = max(
            one.source_seconds(event) + event.frames / one.rate * event.speed
            for one in found if one.media == media for event in one.events
        )  # fmt: skip
        start = media.first / media.rate
        frames = -(-(end - start) * media.rate // 1)
        sound = {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"} if media.sound else {}
        ET.SubElement(resources, "asset", id=known[media], name=media.name, src=media.url, start=_time(start),
                      duration=_time(frames / media.rate), hasVideo="1", format=shape, **sound)  # fmt: skip
    return known[media]


def _project(event: ET.Element, one: sequence.Sequence, asset: str, shape: str) -> None:
    counting = "DF" if timecode.drops(one.rate) else "NDF"
    held = ET.SubElement(ET.SubElement(event, "project", name=one.name), "sequence", format=shape, tcStart="0s",
                         tcFormat=counting, duration=_time(one.frames / one.rate), audioLayout="stereo",
                         audioRate="48k")  # fmt: skip
    spine = ET.SubElement(held, "spine")
    for number, piece in enumerate(one.events):
        _clip(spine, one, piece, asset, (number == 0, number == len(one.events) - 1))


def _clip(
    spine: ET.Element, one: sequence.Sequence, event: sequence.Event, asset: str, edges: tuple[bool, bool]
) -> None:
    """An event; times inside of it count in its own time, which runs at the speed of the clip."""
    start = one.source_seconds(event) / event.speed
    length = event.frames / one.rate
    clip = ET.SubElement(spine, "asset-clip", ref=asset, name=one.media.name, offset=_time(event.first / one.rate),
                         start=_time(start), duration=_time(length),
                         tcFormat="DF" if one.media.dropping else "NDF")  # fmt: skip
    ET.SubElement(clip, "note").text = event.why
    if event.speed != 1:
        warp = ET.SubElement(clip, "timeMap")
        for time in (Fraction(0), start + length):
            ET.SubElement(warp, "timept", time=_time(time), value=_time(time * event.speed), interp="linear")
    _crop(clip, one, event, start)
    _blend(clip, one, edges)
    if one.media.sound:
        _volume(clip, one, edges)


def _crop(clip: ET.Element, one: sequence.Sequence, event: sequence.Event, start: Fraction) -> None:
    """The picture is fitted into the frame first; scale and position then bring the window onto the frame."""
    path = one.path(event)
    if not path:
        return
    fitted = min(one.width / one.media.width, one.height / one.media.height)
    moved = ET.SubElement(
        clip, "adjust-transform", scale=_scale(one, path[0], fitted), position=_position(one, path[0])
    )
    if len(path) == 1:
        return
    params = [("position", lambda key: _position(one, key))]
    if len({key.width for key in path}) > 1:
        params.append(("scale", lambda key: _scale(one, key, fitted)))
    for name, value in params:
        keys = ET.SubElement(ET.SubElement(moved, "param", name=name), "keyframeAnimation")
        for key in path:
            time = start + (key.frame - event.first) / one.rate
            ET.SubElement(keys, "keyframe", time=_time(time), value=value(key), curve="linear")


def _scale(one: sequence.Sequence, key: sequence.Key, fitted: float) -> str:
    scale = one.width / key.width / fitted
    return f"{scale:.5f} {scale:.5f}"


def _position(one: sequence.Sequence, key: sequence.Key) -> str:
    """Where the middle of the picture lies: to the right and up, in percent of the height of the frame."""
    grown = one.width / key.width
    right = (one.media.width / 2 - key.x - key.width / 2) * grown
    up = (key.y + key.height / 2 - one.media.height / 2) * grown
    return f"{right / one.height * PERCENT + 0.0:.4f} {up / one.height * PERCENT + 0.0:.4f}"


def _blend(clip: ET.Element, one: sequence.Sequence, edges: tuple[bool, bool]) -> None:
    """Fades of the picture, on the first and the last event."""
    lengths_s = _fades(one, "picture", edges)
    if any(lengths_s):
        _fading(ET.SubElement(ET.SubElement(clip, "adjust-blend", amount="1.0"), "param", name="amount"), lengths_s)


def _volume(clip: ET.Element, one: sequence.Sequence, edges: tuple[bool, bool]) -> None:
    lengths_s = _fades(one, "sound", edges)
    if any(lengths_s):
        _fading(ET.SubElement(ET.SubElement(clip, "adjust-volume", amount="0dB"), "param", name="amount"), lengths_s)


def _fades(one: sequence.Sequence, what: str, edges: tuple[bool, bool]) -> tuple[float, float]:
    rise, fall = (one.fades.get(f"{what}_{side}_s", 0.0) for side in ("in", "out"))
    return rise * edges[0], fall * edges[1]


def _fading(param: ET.Element, lengths_s: tuple[float, float]) -> None:
    for name, length_s in zip(("fadeIn", "fadeOut"), lengths_s, strict=True):
        if length_s:
            ET.SubElement(param, name, type="linear", duration=_time(Fraction(length_s).limit_denominator(1000)))


def _time(seconds: Fraction) -> str:
    """A time as a ratio of whole numbers, so that nothing is rounded."""
    return f"{seconds.numerator}/{seconds.denominator}s" if seconds.denominator != 1 else f"{seconds.numerator}s"
