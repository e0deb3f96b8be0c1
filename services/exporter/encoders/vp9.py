"""VP9 by libvpx."""

from services.exporter.encoders import quality

NAME = "libvpx-vp9"
CODEC = "vp9"
SPEEDS = (8, 7, 6, 5, 4, 3, 2, 1)  # for each of `quality.SPEEDS`
ROWS = {"row-mt": "1"}


def options(wanted: quality.Quality) -> dict[str, str]:
    """Options for constrained quality: constant, under a highest bit rate."""
    effort = SPEEDS[wanted.effort]
    deadline = "realtime" if effort > 5 else "good"  # higher speeds exist in real time only
    rate = str(wanted.bit_rate_max_bps)
    return {"deadline": deadline, "cpu-used": str(effort), "crf": f"{wanted.crf:.0f}", "b": rate, **ROWS}


def edge(crf: float, number: int) -> dict[str, str]:
    """Options for one group of pictures in the order in which they are shown; there is nothing to number."""
    still = {"lag-in-frames": "0", "auto-alt-ref": "0"}  # each packet is one picture, shown at once
    return {"deadline": "realtime", "cpu-used": "7", "crf": f"{crf:.0f}", "b": "0", **still, **ROWS}
