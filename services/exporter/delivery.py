"""What a clip is delivered as: a preset, with all that it leaves to the source decided."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from chassis import errors
from services.exporter import containers, geometry, presets
from services.exporter.encoders import quality

SOURCE = presets.SOURCE
SIDE_MAX = 8192  # pixels of a side: more than any encoder here takes with certainty


@dataclasses.dataclass(frozen=True, slots=True)
class Delivery:
    """What is delivered."""

    container: str
    video_codec: str
    audio_codec: str
    crf: float
    """On the scale of the codec."""
    aspect_ratio: str
    canvas: geometry.Canvas

    def to_value(self) -> dict[str, Any]:
        """What was decided beside the size, as plain JSON values."""
        names = ("container", "video_codec", "audio_codec", "crf", "aspect_ratio")
        return {name: getattr(self, name) for name in names}


def decide(preset: presets.Preset, facts: Mapping[str, Any], aspect_ratio: str, video_codec: str) -> Delivery:
    """Decides what a clip is delivered as.

    Args:
        preset: what is asked for.
        facts: of the source; see `survey.run`.
        aspect_ratio: shape of the picture; empty for the preset's.
        video_codec: codec of the picture; empty for the preset's.

    Raises:
        errors.FailedPrecondition: the container does not take the codec (CODEC_UNFIT).
    """
    container = facts["container"] if preset.container == SOURCE else preset.container
    video = video_codec or preset.video_codec
    if video == SOURCE:
        kept = containers.CATALOGUE[container].video
        video = facts["coding"] if facts["coding"] in kept else kept[0]
    if preset.container == SOURCE and video not in containers.CATALOGUE[container].video:
        container = "mp4"
    kind = containers.CATALOGUE[container]
    if video not in kind.video:
        raise errors.FailedPrecondition(
            f"{container} takes {', '.join(kind.video)}, not {video}", reason="CODEC_UNFIT", metadata={"codec": video}
        )
    audio = preset.audio_codec
    if audio == SOURCE:
        audio = facts["audio"]["coding"] if facts["audio"] else ""
    shape = aspect_ratio or preset.aspect_ratio
    return Delivery(
        container=container,
        video_codec=video,
        audio_codec=audio if audio in kind.audio else kind.audio[0],
        crf=quality.converted(preset.crf, preset.video_codec, video),
        aspect_ratio=shape,
        canvas=canvas(facts, shape),
    )


def canvas(facts: Mapping[str, Any], aspect_ratio: str) -> geometry.Canvas:
    """The delivered picture; that of the source in square pixels, where its shape is kept."""
    if aspect_ratio != SOURCE:
        return geometry.Canvas(*presets.ASPECT_RATIOS[aspect_ratio])
    aspect = Fraction(facts["pixel_aspect"]) if facts["pixel_aspect"] else None
    width, height = geometry.upright(facts["width"], facts["height"], aspect, facts["rotation"]).shown
    shrink = max(1.0, width / SIDE_MAX, height / SIDE_MAX)
    return geometry.Canvas(geometry.even(width / shrink), geometry.even(height / shrink))
