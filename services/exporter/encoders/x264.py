"""H.264 by x264."""

from services.exporter.encoders import quality

NAME = "libx264"
CODEC = "h264"


def options(wanted: quality.Quality) -> dict[str, str]:
    """Options for constant quality under a highest bit rate."""
    return {"preset": wanted.speed, "crf": f"{wanted.crf:g}", "profile": "high", **wanted.bounds}


def edge(crf: float, number: int) -> dict[str, str]:
    """Options for one group of pictures in the order in which they are shown, with parameters under a number."""
    words = f"sps-id={number}:scenecut=0:bframes=0:rc-lookahead=10:keyint=infinite"
    return {"preset": "veryfast", "crf": f"{crf:g}", "x264-params": words}
