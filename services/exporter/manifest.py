"""The manifest of a clip: what it was made of, how, and what was checked. The same clip has the same manifest."""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from services.exporter import gate, prints

RATIO = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?")
SCHEMA = "reelsmith.manifest/1"
FORMER = {"video_codec": "h264", "audio_codec": "aac", "container": "mp4"}  # of manifests that do not say
BYTES_MAX = 4 << 20  # key points of a path and checks: a long clip has some hundred kilobytes


class Malformed(ValueError):
    """The document is not a manifest that this version reads."""


def dump(document: Mapping[str, Any]) -> bytes:
    """The bytes of a document of ours: sorted keys, so that equal content is equal bytes."""
    return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def load(data: bytes) -> dict[str, Any]:
    """Reads a manifest.

    Raises:
        Malformed: it is no JSON, has a number that is none, or another schema.
    """
    try:
        document = json.loads(data, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:  # a deep nest of brackets ends in RecursionError
        raise Malformed(f"the manifest is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise Malformed(f"the manifest is not of schema {SCHEMA}")
    return document


def _finite(text: str) -> float:
    """A number; Python also reads those that JSON does not have, and those that are too large to be one."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


def ratio(text: Any) -> Fraction:
    """A rate or a speed, as manifests write it.

    Raises:
        ValueError: it is none, or longer than any of ours.
    """
    if not RATIO.fullmatch(str(text)):
        raise ValueError(f"{str(text)[:40]!r} is no ratio")
    return Fraction(str(text))


def expected(document: Mapping[str, Any]) -> gate.Expected:
    """What a clip must be, by its manifest.

    Raises:
        Malformed: a part is missing or of the wrong kind.
    """
    try:
        clip, preset, sound = document["clip"], document["settings"]["preset"], document["loudness"]
        return gate.Expected(
            frames=int(clip["frame_count"]),
            rate=ratio(clip["frame_rate_exact"]),
            width=int(clip["width"]),
            height=int(clip["height"]),
            sound=sound is not None,
            loudness_lufs=float(preset["loudness_lufs"]) if sound and sound["treatment"] else None,
            loudness_limited=bool(sound and sound["treatment"] and sound["treatment"]["limited"]),
            true_peak_max_dbtp=float(preset["true_peak_max_dbtp"]),
            size_max_bytes=int(preset["size_max_bytes"]),
            duration_max_s=float(preset["duration_max_s"]),
            pictures=prints.Facts(**document["pictures"]),
            texts=int((document.get("captions") or {}).get("track_texts", 0)),
            **{name: str(document.get("delivery", FORMER)[name]) for name in FORMER},
            framing=_framing(document.get("framing")),
            subject_inside_min=float(preset.get("subject_inside_min", 0)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Malformed(f"the manifest has a malformed entry: {error!r}") from error


def was_cut(document: Mapping[str, Any]) -> bool:
    """Whether a part of the clip was copied from the source; manifests of older versions know no such clips.

    Raises:
        Malformed: it is said in the wrong way.
    """
    return _says(document, "smart_cut", "used")


def signed(document: Mapping[str, Any]) -> bool:
    """Whether the clip holds credentials; manifests of older versions know of none.

    Raises:
        Malformed: it is said in the wrong way.
    """
    return _says(document, "credentials", "signed")


def _says(document: Mapping[str, Any], part: str, name: str) -> bool:
    try:
        return bool(document.get(part, {name: False})[name])
    except (KeyError, TypeError) as error:
        raise Malformed(f"the manifest has a malformed entry: {error!r}") from error


def container(document: Mapping[str, Any]) -> str:
    """The container of the clip.

    Raises:
        Malformed: it is said in the wrong way.
    """
    try:
        return str(document.get("delivery", FORMER)["container"])
    except (KeyError, TypeError) as error:
        raise Malformed(f"the manifest has a malformed entry: {error!r}") from error


def sounds(document: Mapping[str, Any]) -> bool:
    """Whether the clip has sound: rendered with its loudness, or cut."""
    cut = document.get("smart_cut")
    return document.get("loudness") is not None or bool(isinstance(cut, Mapping) and cut.get("sound"))


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the clip, 64 hexadecimal digits.

    Raises:
        Malformed: it is missing.
    """
    try:
        return str(document["clip"]["sha256"])
    except (KeyError, TypeError) as error:
        raise Malformed(f"the manifest has a malformed entry: {error!r}") from error


def _framing(value: Any) -> dict[str, float | None] | None:
    """The measures of the framing; None in a manifest of a version that had none."""
    if value is None:
        return None
    measures = {name: value[name] for name in ("subject_inside", "reversals_per_s", "travel_px_per_s", "jerk_max")}
    return {name: None if one is None else float(one) for name, one in measures.items()}


def checks(found: Sequence[gate.Check]) -> list[dict[str, str]]:
    """Checks as they stand in a manifest."""
    return [dataclasses.asdict(one) for one in found]
