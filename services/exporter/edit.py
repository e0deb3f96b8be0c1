"""The plan of one clip: which frames at which rate, which stretches of sound, and whether the preset takes it."""

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chassis import errors
from services.exporter import asked, pieces, placement, presets, rate, splice

AUDIO_HZ = 48_000
HEADROOM = 0.94  # share of a size limit that the streams may use: the index and bursts take the rest
VIDEO_BPS_MIN = 400_000  # below it an upright HD picture is a mush nobody would post


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A planned clip."""

    pts: np.ndarray
    """int64 (n,), time stamps of the source's frames that are shown, in the order of the clip."""
    schedule: rate.Schedule
    start_s: Fraction
    """Time of the first frame on the source's own clock of the container."""
    times_s: np.ndarray
    """float64 (n,), times of these frames on the time line of the clip; a plain clip keeps those of the source."""
    samples: int
    """Length of the sound at 48 kHz."""
    video_bps_max: int
    pieces: tuple[pieces.Piece, ...]
    spans: tuple[pieces.Span, ...]
    fades: asked.Fades

    @property
    def frames(self) -> int:
        """Frames of the clip."""
        return len(self.schedule.shown)

    @property
    def plain(self) -> bool:
        """Whether it is one stretch of the source, at its own speed and without fades."""
        return len(self.pieces) == 1 and self.pieces[0].speed == 1 and self.fades == asked.UNFADED

    @property
    def sounds(self) -> list[splice.Part]:
        """The sound of every piece: it changes with the picture, to the sample."""
        ends = [0, *(round((one.first + one.frames) / self.schedule.rate * AUDIO_HZ) for one in self.pieces)]
        return [
            splice.Part(one.sound_s, one.speed, end - start)
            for one, start, end in zip(self.pieces, ends[:-1], ends[1:], strict=True)
        ]

    @property
    def joins_s(self) -> list[float]:
        """Times of the jump cuts on the time line of the clip."""
        return placement.joins(self.pieces, self.schedule.rate)


def plan(facts: Mapping[str, Any], pts: np.ndarray, preset: presets.Preset) -> Edit:
    """Plans a clip of one range, as it is.

    Args:
        facts: of the source; see `survey.run`.
        pts: int64 (n,), time stamps of the frames of the range.
        preset: how it is delivered.

    Raises:
        errors.OutOfRange: the range holds no frame.
        errors.FailedPrecondition: the preset does not take such a clip (CLIP_TOO_LONG, CLIP_TOO_LARGE).
    """
    return joined([pieces.Take(facts, pts)], [pieces.Cut(0, 0, len(pts))] if len(pts) else [], preset)


def joined(
    takes: Sequence[pieces.Take],
    stretches: Sequence[pieces.Cut],
    preset: presets.Preset,
    fades: asked.Fades = asked.UNFADED,
) -> Edit:
    """Plans a clip of several stretches.

    Args:
        takes: what was surveyed.
        stretches: what is shown of them, in order.
        preset: how it is delivered.
        fades: how it begins and ends.

    Raises:
        errors.OutOfRange: there is no frame.
        errors.FailedPrecondition: the preset does not take such a clip (CLIP_TOO_LONG, CLIP_TOO_LARGE), or the fades
            are longer than it.
    """
    if not stretches:
        raise errors.OutOfRange("the range holds no frame of the source", reason="RANGE_EMPTY")
    for cut in stretches:
        take = takes[cut.take]
        _refuse_long(float((take.seconds(cut.last - 1) - take.seconds(cut.first)) / cut.speed), preset)
    try:
        paced = pieces.paced(takes, stretches, preset.frame_rate_max)
    except rate.Unpaced as error:
        raise errors.FailedPrecondition(f"the range cannot be paced: {error}", reason="UNPACED") from error
    schedule = paced.schedule
    _refuse_long(float(schedule.duration_s), preset)
    _refuse_fades(fades, float(schedule.duration_s))
    return Edit(
        pts=np.concatenate([takes[cut.take].pts[cut.first : cut.last] for cut in stretches]),
        schedule=schedule,
        start_s=paced.pieces[0].sound_s,
        times_s=paced.times_s,
        samples=round(schedule.duration_s * AUDIO_HZ),
        video_bps_max=video_bps_max(float(schedule.duration_s), preset),
        pieces=paced.pieces,
        spans=tuple(pieces.spans(takes, stretches)),
        fades=fades,
    )


def _refuse_fades(fades: asked.Fades, duration_s: float) -> None:
    longest_s = max(fades.picture_in_s + fades.picture_out_s, fades.sound_in_s + fades.sound_out_s)
    if longest_s > duration_s:
        raise errors.FailedPrecondition(
            f"the fades take {longest_s:g} s, the clip has {duration_s:.3f} s",
            reason="FADES_TOO_LONG",
            metadata={"fades_s": f"{longest_s:g}", "duration_s": f"{duration_s:.3f}"},
        )


def _refuse_long(duration_s: float, preset: presets.Preset) -> None:
    if duration_s > preset.duration_max_s:
        raise errors.FailedPrecondition(
            f"the clip would have {duration_s:.3f} s; preset {preset.name} takes {preset.duration_max_s:g} s at most",
            reason="CLIP_TOO_LONG",
            metadata={"duration_s": f"{duration_s:.3f}", "duration_max_s": f"{preset.duration_max_s:g}"},
        )


def video_bps_max(duration_s: float, preset: presets.Preset) -> int:
    """The highest bit rate at which the clip stays below the preset's size.

    Raises:
        errors.FailedPrecondition: it would be too low to look at.
    """
    fitting = int(preset.size_max_bytes * 8 * HEADROOM / duration_s) - preset.audio_bit_rate_bps
    if fitting < VIDEO_BPS_MIN:
        raise errors.FailedPrecondition(
            f"{duration_s:.1f} s in {preset.size_max_bytes} bytes leave {max(fitting, 0)} bit/s for the picture; "
            f"{VIDEO_BPS_MIN} are needed",
            reason="CLIP_TOO_LARGE",
            metadata={"bit_rate_bps": str(fitting)},
        )
    return min(preset.video_bit_rate_max_bps, fitting)
