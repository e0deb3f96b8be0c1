"""How good and how large pictures are to be, in words that every encoder translates for itself."""

import dataclasses
from collections.abc import Mapping

BUFFER_S = 2  # seconds over which the highest bit rate is an average
SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")


@dataclasses.dataclass(frozen=True, slots=True)
class Quality:
    """What is asked of an encoder."""

    crf: float
    """Constant rate factor on the encoder's own scale: lower is better and larger."""
    speed: str
    """Of SPEEDS."""
    bit_rate_max_bps: int

    @property
    def effort(self) -> int:
        """Place of the speed among all, from 0 for the fastest."""
        return SPEEDS.index(self.speed)

    @property
    def bounds(self) -> Mapping[str, str]:
        """Options that bound the bit rate."""
        return {"maxrate": str(self.bit_rate_max_bps), "bufsize": str(self.bit_rate_max_bps * BUFFER_S)}


# How much higher the factor of equal quality is than that of x264, by codec: rules of thumb of the encoders' authors.
SCALES = {"h264": 0, "hevc": 3, "vp9": 10, "av1": 12}
CRF_MAX = {"h264": 51, "hevc": 51, "vp9": 63, "av1": 63}


def converted(crf: float, scale: str, codec: str) -> float:
    """A factor of about equal quality on the scale of another codec.

    Args:
        crf: the factor.
        scale: the codec on whose scale it is; another name means H.264.
        codec: the codec that it is wanted for.
    """
    return float(min(max(crf + SCALES[codec] - SCALES.get(scale, 0), 0), CRF_MAX[codec]))
