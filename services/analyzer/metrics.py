"""How much the analyzer has looked at, for Prometheus; what it cost are the processor seconds of its workers."""

from collections.abc import Mapping
from typing import Any

import prometheus_client

MEDIA_SECONDS = prometheus_client.Counter(
    "reelsmith_analyzer_media_seconds_total", "Seconds of sources that were analysed."
)
FRAMES = prometheus_client.Counter("reelsmith_analyzer_frames_total", "Frames of sources that were analysed.")


def analyzed(duration_s: float, video: Mapping[str, Any] | None) -> None:
    """Counts a finished analysis.

    Args:
        duration_s: Seconds of the source that it covers.
        video: The video of the document; None where no picture was measured.
    """
    MEDIA_SECONDS.inc(duration_s)
    FRAMES.inc(video["frame_count"] if video else 0)
