"""AV1 by SVT-AV1."""

import os

from services.exporter.encoders import quality

NAME = "libsvtav1"
CODEC = "av1"
os.environ.setdefault("SVT_LOG", "1")  # errors only: it would print its settings for every clip
PRESETS = (12, 11, 10, 9, 8, 7, 6, 5)  # for each of `quality.SPEEDS`
PARALLEL = "lp=2"  # level of parallelism: the bytes do not depend on it, the memory does


def options(wanted: quality.Quality) -> dict[str, str]:
    """Options for constant quality under a highest bit rate."""
    words = f"{PARALLEL}:mbr={wanted.bit_rate_max_bps // 1000}"
    return {"preset": str(PRESETS[wanted.effort]), "crf": f"{wanted.crf:.0f}", "svtav1-params": words}


def edge(crf: float, number: int) -> dict[str, str]:
    """Options for one group of pictures in the order in which they are shown; there is nothing to number."""
    return {"preset": "10", "crf": f"{crf:.0f}", "svtav1-params": f"{PARALLEL}:pred-struct=1"}
