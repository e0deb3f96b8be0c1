"""What is wrong with an edit that a job asks for, before anything is measured. Pure.

An edit is kept as the API writes it in JSON, and handed on as it came.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

RANGES_MAX = 64  # as the API says
SPEED_MIN, SPEED_MAX = 0.25, 4.0  # as the API says
FADE_MAX_S = 10.0  # as the API says
BOUNDS = {"silence_min_s": (0.2, 10.0), "pre_roll_s": (0.0, 2.0), "post_roll_s": (0.0, 2.0)}  # as the API says
FILLERS_MAX, FILLER_LENGTH_MAX = 100, 40  # as the API says
TRACKS_MAX = 64  # audio streams of a source

Violation = tuple[str, str]  # path of the field, and what is wrong with it


def violations(edit: Mapping[str, Any]) -> Iterator[Violation]:
    """Everything that is wrong with an edit, field by field."""
    ranges = edit.get("ranges") or ()
    if len(ranges) > RANGES_MAX:
        yield "ranges", f"must be at most {RANGES_MAX}, are {len(ranges)}"
    for index, one in enumerate(ranges[:RANGES_MAX]):
        yield from ((f"ranges[{index}]{name}", text) for name, text in _range_violations(one))
    if "speed" in edit:
        yield from _bounded("speed", edit["speed"], SPEED_MIN, SPEED_MAX)
    for name, length_s in (edit.get("fades") or {}).items():
        yield from _bounded(f"fades.{name}", length_s, 0.0, FADE_MAX_S)
    tightening = edit.get("tightening") or {}
    for name, bounds in BOUNDS.items():
        if name in tightening:
            yield from _bounded(f"tightening.{name}", tightening[name], *bounds)
    words = tightening.get("filler_words") or ()
    if len(words) > FILLERS_MAX:
        yield "tightening.filler_words", f"must be at most {FILLERS_MAX}, are {len(words)}"
    for index, word in enumerate(words[:FILLERS_MAX]):
        if not 1 <= len(word) <= FILLER_LENGTH_MAX or not word.isprintable():
            yield f"tightening.filler_words[{index}]", f"must have 1 to {FILLER_LENGTH_MAX} printable characters"
    track = edit.get("audio_track") or {}
    if not 0 <= track.get("number", 0) < TRACKS_MAX:
        yield "audio_track.number", f"must be 0 to {TRACKS_MAX - 1}, is {track['number']}"
    if "language" in track and not (2 <= len(track["language"]) <= 35 and track["language"].isprintable()):
        yield "audio_track.language", "must be a language such as `de`"


def span(edit: Mapping[str, Any]) -> tuple[float, float]:
    """Earliest and latest moment of the ranges, in seconds."""
    edges = [_edges(one) for one in edit["ranges"]]
    return min(start_s for start_s, _ in edges), max(end_s for _, end_s in edges)


def _edges(one: Mapping[str, Any]) -> tuple[float, float]:
    time = one.get("time") or {}
    return float(time.get("start_s", 0.0)), float(time.get("end_s", 0.0))


def _range_violations(one: Mapping[str, Any]) -> Iterator[Violation]:
    if "frames" in one:
        yield "", "must be given by time: a job shows people when its clips are"
        return
    start_s, end_s = _edges(one)
    if not (math.isfinite(start_s) and start_s >= 0):
        yield ".time.start_s", f"must be at least 0, is {start_s}"
    if not (math.isfinite(end_s) and end_s > start_s):
        yield ".time.end_s", f"must be after start_s, is {end_s}"
    if "speed" in one:
        yield from _bounded(".speed", one["speed"], SPEED_MIN, SPEED_MAX)


def _bounded(name: str, value: Any, low: float, high: float) -> Iterator[Violation]:
    number = float(value)  # what is no number is a word in JSON
    if not low <= number <= high:
        yield name, f"must be {low:g} to {high:g}, is {number:g}"
