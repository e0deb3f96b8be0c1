"""HEVC by x265."""

from services.exporter.encoders import quality

NAME = "libx265"
CODEC = "hevc"
QUIET = "log-level=error:info=0"  # no line with its version in every stream


def options(wanted: quality.Quality) -> dict[str, str]:
    """Options for constant quality under a highest bit rate."""
    rate = wanted.bit_rate_max_bps // 1000
    words = f"{QUIET}:open-gop=0:vbv-maxrate={rate}:vbv-bufsize={rate * quality.BUFFER_S}"
    return {"preset": wanted.speed, "crf": f"{wanted.crf:g}", "x265-params": words}


def edge(crf: float, number: int) -> dict[str, str]:
    """Options for one group of pictures in the order in which they are shown; `units.renamed` numbers it.

    Without wavefronts, slices have no table of places, which renaming would have to correct.
    """
    words = f"{QUIET}:bframes=0:keyint=-1:scenecut=0:wpp=0:frame-threads=2:rc-lookahead=5"
    return {"preset": "superfast", "crf": f"{crf:g}", "x265-params": words}
