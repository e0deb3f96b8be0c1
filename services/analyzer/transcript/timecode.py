"""Times as subtitle files write them."""

import re

STAMP = r"(?:[0-9]{1,4}:)?[0-9]{1,2}:[0-9]{1,2}[.,][0-9]{1,3}"
INLINE = re.compile(f"<({STAMP})>")
LINE = re.compile(rf"\s*({STAMP})\s*-->\s*({STAMP})(?:\s.*)?$")


def seconds(stamp: str) -> float | None:
    """Seconds of `hours:minutes:seconds.fraction`, hours left out or not; None where it is no such time."""
    if not re.fullmatch(STAMP, stamp):
        return None
    clock, _, fraction = stamp.replace(",", ".").partition(".")
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total + int(fraction) / 10 ** len(fraction)


def interval(line: str) -> tuple[float, float] | None:
    """Start and end of a line of timing; None where it is none, or ends before it starts."""
    found = LINE.match(line)
    if found is None:
        return None
    start_s, end_s = (seconds(stamp) for stamp in found.groups())
    return (start_s, end_s) if start_s is not None and end_s is not None and start_s < end_s else None
