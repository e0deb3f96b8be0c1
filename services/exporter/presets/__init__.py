"""How clips are delivered to one platform: data files, overlaid live by the shared configuration."""

import dataclasses
import functools
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from chassis import errors
from services.exporter import containers

FOLDER = pathlib.Path(__file__).parent
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ASPECT_RATIOS: Mapping[str, tuple[int, int]] = {
    "9:16": (1080, 1920),
    "1:1": (1080, 1080),
    "4:5": (1080, 1350),
    "16:9": (1920, 1080),
}
SOURCE = "source"  # instead of a shape, a codec or a container: the source's own
CODECS = ("h264", "hevc", "av1", "vp9", SOURCE)
SOUNDS = ("aac", "opus", SOURCE)
CONTAINERS = (*containers.CATALOGUE, SOURCE)
ENCODER_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")
PRESETS_MAX = 256  # a document with more is a mistake, and every one of them is listed

# Bounds of every number: outside of them an encoder fails, or the clip is useless.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "crf": (0, 63),
    "video_bit_rate_max_bps": (200_000, 100_000_000),
    "audio_bit_rate_bps": (32_000, 512_000),
    "loudness_lufs": (-40, -5),
    "true_peak_max_dbtp": (-9, 0),
    "gain_max_db": (0, 90),
    "frame_rate_max": (1, 120),
    "subject_inside_min": (0, 1),
    "duration_max_s": (1, 14_400),
    "size_max_bytes": (100_000, 100_000_000_000),
    "size_target_bytes": (0, 100_000_000_000),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """How clips are delivered. Rates in bits per second, sizes in bytes, times in seconds."""

    name: str
    description: str
    aspect_ratio: str
    video_codec: str
    crf: float
    encoder_preset: str
    video_bit_rate_max_bps: int
    audio_codec: str
    audio_bit_rate_bps: int
    loudness_lufs: float
    true_peak_max_dbtp: float
    gain_max_db: float
    frame_rate_max: float
    subject_inside_min: float
    duration_max_s: float
    size_max_bytes: int
    silent_track: bool
    container: str = "mp4"
    passthrough: bool = False
    """Whether the source's own coding may be delivered where nothing else is asked for."""
    normalize_loudness: bool = True
    size_target_bytes: int = 0
    """Size of the file that quality is chosen for; 0 for the quality of `crf`."""
    config_version: int = 0

    @property
    def size_limit_bytes(self) -> int:
        """Largest size of a file that is delivered."""
        return min(self.size_max_bytes, self.size_target_bytes or self.size_max_bytes)

    def to_value(self) -> dict[str, Any]:
        """The preset in full, as plain JSON values."""
        return dataclasses.asdict(self)


FIELDS = tuple(field.name for field in dataclasses.fields(Preset) if field.name not in {"name", "config_version"})
DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(Preset) if field.default is not dataclasses.MISSING
}
WHOLE = {field.name for field in dataclasses.fields(Preset) if field.type is int}


@functools.cache
def builtin() -> Mapping[str, Preset]:
    """The presets that are shipped, by name."""
    files = sorted(FOLDER.glob("*.json"))
    return {file.stem: build(file.stem, json.loads(file.read_text()), version=0) for file in files}


def in_force(document: Mapping[str, Any], version: int) -> dict[str, Preset]:
    """The shipped presets with the configuration laid over them.

    Args:
        document: the shared configuration; `exporter.presets` maps names to some or all fields of a preset. A name
            that is not shipped starts from `default`.
        version: version of the document.

    Returns:
        Every preset, by name.

    Raises:
        errors.FailedPrecondition: an entry is no preset; says which field of which.
    """
    found = dict(builtin())
    overlays = (document.get("exporter") or {}).get("presets") or {}
    if not isinstance(overlays, Mapping) or len(overlays) > PRESETS_MAX:
        raise refusal("exporter.presets", f"must be an object of at most {PRESETS_MAX} presets")
    for name, overlay in sorted(overlays.items()):
        if not NAME.fullmatch(name) or not isinstance(overlay, Mapping):
            raise refusal(f"exporter.presets.{name[:80]}", "must be an object under a name of a-z 0-9 _ -")
        start = found.get(name, found["default"]).to_value()
        found[name] = build(name, {key: start[key] for key in FIELDS} | dict(overlay), version)
    return found


def accept(document: Mapping[str, Any]) -> None:
    """Refuses a configuration whose presets cannot be used.

    Raises:
        errors.FailedPrecondition: see `in_force`.
    """
    in_force(document, version=1)


def build(name: str, fields: Mapping[str, Any], version: int) -> Preset:
    """Makes a preset of its fields, all checked."""
    unknown = set(fields) - set(FIELDS) - {"name", "config_version"}
    missing = set(FIELDS) - set(fields) - set(DEFAULTS)
    if unknown or missing:
        raise refusal(f"exporter.presets.{name}", f"unknown fields {sorted(unknown)}, missing fields {sorted(missing)}")
    found = DEFAULTS | dict(fields)
    values = {key: checked(f"exporter.presets.{name}.{key}", key, found[key]) for key in FIELDS}
    made = Preset(name=name, config_version=version, **values)
    _refuse_misfits(made)
    return made


def _refuse_misfits(preset: Preset) -> None:
    if preset.container == SOURCE:
        return
    kind = containers.CATALOGUE[preset.container]
    for field, fitting in (("video_codec", kind.video), ("audio_codec", kind.audio)):
        codec = getattr(preset, field)
        if codec not in (*fitting, SOURCE):
            path, words = f"exporter.presets.{preset.name}.{field}", ", ".join(fitting)
            raise refusal(path, f"must be one of {words} in {preset.container}, not {codec}")


def checked(path: str, field: str, value: Any) -> Any:
    """One field of a preset, in bounds and of the right type."""
    if field in BOUNDS:
        low, high = BOUNDS[field]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise refusal(path, f"must be a number from {low:g} to {high:g}, not {value!r:.40}")
        return int(value) if field in WHOLE else float(value)
    allowed = {
        "aspect_ratio": (*ASPECT_RATIOS, SOURCE),
        "encoder_preset": ENCODER_PRESETS,
        "video_codec": CODECS,
        "audio_codec": SOUNDS,
        "container": CONTAINERS,
        "silent_track": (True, False),
        "passthrough": (True, False),
        "normalize_loudness": (True, False),
    }.get(field)
    if allowed is not None and (value not in allowed or isinstance(value, float)):
        raise refusal(path, f"must be one of {', '.join(map(str, allowed))}, not {value!r:.40}")
    if allowed is None and (not isinstance(value, str) or len(value) > 400):
        raise refusal(path, "must be a text of at most 400 characters")
    return value


def refusal(path: str, rule: str) -> errors.FailedPrecondition:
    """The error of a preset that cannot be used."""
    return errors.FailedPrecondition(
        f"the configuration holds a preset that cannot be used: {path} {rule}",
        reason="PRESET_INVALID",
        metadata={"path": path},
    )
