"""The plan of one clip: which frames at which rate, which stretch of sound, and whether the preset takes it."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from chassis import errors
from services.exporter import presets, rate

AUDIO_HZ = 48_000
HEADROOM = 0.94  # share of a size limit that the streams may use: the index and bursts take the rest
VIDEO_BPS_MIN = 400_000  # below it an upright HD picture is a mush nobody would post


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A planned clip."""

    pts: np.ndarray
    """int64 (n,), time stamps of the source's frames that are decoded."""
    schedule: rate.Schedule
    start_s: Fraction
    """Time of the first frame on the source's own clock of the container."""
    times_s: np.ndarray
    """float64 (n,), times of the source's frames, counted from the first frame of the source."""
    samples: int
    """Length of the sound at 48 kHz."""
    video_bps_max: int

    @property
    def frames(self) -> int:
        """Frames of the clip."""
        return len(self.schedule.shown)


def plan(facts: Mapping[str, Any], pts: np.ndarray, preset: presets.Preset) -> Edit:
    """Plans a clip.

    Args:
        facts: of the source; see `survey.run`.
        pts: int64 (n,), time stamps of the frames of the range.
        preset: how it is delivered.

    Raises:
        errors.OutOfRange: the range holds no frame.
        errors.FailedPrecondition: the preset does not take such a clip (CLIP_TOO_LONG, CLIP_TOO_LARGE).
    """
    if not len(pts):
        raise errors.OutOfRange("the range holds no frame of the source", reason="RANGE_EMPTY")
    base, origin = Fraction(facts["time_base"]), int(facts["origin_pts"])
    times = [(int(stamp) - origin) * base for stamp in pts]
    end = None if facts["end_pts"] is None else (int(facts["end_pts"]) - origin) * base
    nominal = Fraction(facts["nominal"]) if facts["nominal"] else None
    _refuse_long(float(times[-1] - times[0]), preset)
    try:
        schedule = rate.schedule(times, end, nominal, preset.frame_rate_max)
    except rate.Unpaced as error:
        raise errors.FailedPrecondition(f"the range cannot be paced: {error}", reason="UNPACED") from error
    _refuse_long(float(schedule.duration_s), preset)
    return Edit(
        pts=pts,
        schedule=schedule,
        start_s=int(pts[0]) * base if not facts["counted"] else times[0],
        times_s=np.array([float(time) for time in times]),
        samples=round(schedule.duration_s * AUDIO_HZ),
        video_bps_max=video_bps_max(float(schedule.duration_s), preset),
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
