"""What the exporter has delivered and what its checks refused, for Prometheus."""

from collections.abc import Sequence

import prometheus_client

from services.exporter import gate

CLIPS = prometheus_client.Counter(
    "reelsmith_exporter_clips_total", "Clips that passed their checks, by how they were made: render or cut.", ["way"]
)
FRAMES = prometheus_client.Counter("reelsmith_exporter_frames_total", "Frames of clips that passed.", ["way"])
JUDGED = prometheus_client.Counter(
    "reelsmith_exporter_gate_total", "Finished clips that were checked: passed, or failed and thrown away.",
    ["way", "outcome"],
)  # fmt: skip
CHECKS_FAILED = prometheus_client.Counter(
    "reelsmith_exporter_gate_checks_failed_total", "Single checks that a finished clip failed.", ["check"]
)
for way in ("render", "cut"):  # a counter that begins with its first event shows no increase for it
    for outcome in ("passed", "failed"):
        JUDGED.labels(way, outcome)


def judged(way: str, checks: Sequence[gate.Check]) -> None:
    """Counts a verdict.

    Args:
        way: `render` or `cut`.
        checks: What was checked.
    """
    failed = [one.name for one in checks if one.state == gate.FAILED]
    JUDGED.labels(way, "failed" if failed else "passed").inc()
    for name in failed:
        CHECKS_FAILED.labels(name).inc()


def delivered(way: str, frames: int) -> None:
    """Counts a clip that stands in its session."""
    CLIPS.labels(way).inc()
    FRAMES.labels(way).inc(frames)
