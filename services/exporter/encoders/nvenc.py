"""H.264, HEVC and AV1 by the encoder of NVIDIA's cards."""

import dataclasses

from services.exporter.encoders import quality

PRESETS = ("p1", "p1", "p2", "p3", "p4", "p5", "p6", "p7")  # for each of `quality.SPEEDS`


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """One codec of the card."""

    NAME: str
    CODEC: str

    def options(self, wanted: quality.Quality) -> dict[str, str]:
        """Options for constant quality under a highest bit rate."""
        rate = {"rc": "vbr", "b": "0", **wanted.bounds}
        return {"preset": PRESETS[wanted.effort], "cq": f"{wanted.crf:g}", **rate}

    def edge(self, crf: float, number: int) -> dict[str, str]:
        """Options for one group of pictures; never asked for, for its parameters cannot be numbered."""
        return {"preset": "p4", "rc": "constqp", "qp": f"{crf:.0f}", "bf": "0"}


H264 = Card("h264_nvenc", "h264")
HEVC = Card("hevc_nvenc", "hevc")
AV1 = Card("av1_nvenc", "av1")
