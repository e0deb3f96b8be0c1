"""OpenTimelineIO's JSON: a timeline per clip, with the crop as metadata and as effects, speeds as time warps."""

import json
from collections.abc import Sequence as Listing
from fractions import Fraction
from typing import Any

from services.exporter.timelines import sequence

NAME = "otio"
SUFFIX = ".otio"
OURS = "reelsmith"  # the key below which metadata is ours


def text(found: Listing[sequence.Sequence]) -> str:
    """One timeline, or a collection of them."""
    timelines = [_timeline(one) for one in found]
    whole = timelines[0] if len(timelines) == 1 else {
        "OTIO_SCHEMA": "SerializableCollection.1", "metadata": {}, "name": OURS, "children": timelines
    }  # fmt: skip
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _timeline(one: sequence.Sequence) -> dict[str, Any]:
    kinds = ("Video", "Audio") if one.media.sound else ("Video",)
    canvas = {"width": one.width, "height": one.height, "fades": dict(one.fades)}
    return {
        "OTIO_SCHEMA": "Timeline.1",
        "name": one.name,
        "metadata": {OURS: canvas},
        "global_start_time": None,
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "name": "tracks",
            "metadata": {},
            "source_range": None,
            "effects": [],
            "markers": [],
            "enabled": True,
            "children": [_track(one, kind) for kind in kinds],
        },
    }


def _track(one: sequence.Sequence, kind: str) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Track.1",
        "name": kind,
        "kind": kind,
        "metadata": {},
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": True,
        "children": [_clip(one, event, kind) for event in one.events],
    }


def _clip(one: sequence.Sequence, event: sequence.Event, kind: str) -> dict[str, Any]:
    media = one.media
    path = one.path(event) if kind == "Video" else []
    effects = [_effect("LinearTimeWarp.1", "speed", {}) | {"time_scalar": float(event.speed)}] * (event.speed != 1)
    if path:
        keys = [
            {"frame": key.frame - event.first, "x": key.x, "y": key.y, "width": key.width, "height": key.height}
            for key in path
        ]
        crop = {"keyframes": keys, "picture": {"width": media.width, "height": media.height}}
        effects.append(_effect("Effect.1", "crop", {OURS: crop}))
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": media.name,
        "metadata": {OURS: {"reason": event.reason, "text": event.text, "speed": str(event.speed)}},
        "source_range": {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": _time(media.first + event.source_start, media.rate),
            "duration": _time(event.frames, one.rate),
        },
        "effects": effects,
        "markers": [],
        "enabled": True,
        "active_media_reference_key": "DEFAULT_MEDIA",
        "media_references": {
            "DEFAULT_MEDIA": {
                "OTIO_SCHEMA": "ExternalReference.1",
                "name": media.name,
                "target_url": media.url,
                "available_range": None,
                "available_image_bounds": None,
                "metadata": {},
            }
        },
    }


def _effect(schema: str, name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    kind = "LinearTimeWarp" if schema.startswith("LinearTimeWarp") else f"{OURS}.{name}"
    return {"OTIO_SCHEMA": schema, "name": name, "effect_name": kind, "metadata": metadata, "enabled": True}


def _time(frames: int, rate: Fraction) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(frames)}
