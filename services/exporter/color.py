"""What the numbers of a picture mean, and how they become delivered ones: BT.709, limited range, 8 bit."""

import dataclasses

# Codes of ITU-T H.273, as FFmpeg numbers them, and the names that its scaler takes.
MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 11: "smpte431",
             12: "smpte432"}  # fmt: skip
HDR = {16: "smpte2084", 18: "arib-std-b67"}
FULL = 2
BT709 = 1
SD_HEIGHT_MAX = 576  # untagged pictures up to this height are standard definition, so BT.601


@dataclasses.dataclass(frozen=True, slots=True)
class Tags:
    """Color description of a stream, in H.273 codes; 2 and 0 mean that nobody said."""

    matrix: int
    range: int
    transfer: int
    primaries: int
    height: int

    @property
    def hdr(self) -> str | None:
        """Name of the HDR transfer curve, or None for standard dynamic range."""
        return HDR.get(self.transfer)


MAPPED = "flags=bicubic+accurate_rnd:in_range=full:out_range=limited:out_color_matrix=bt709"
"""The same for pictures whose colors were mapped before, see `tones`."""


def scaling(tags: Tags) -> str:
    """Options of the `scale` filter that turn a picture into what is delivered.

    Args:
        tags: what the stream says about its colors.

    Returns:
        Options without sizes, from fixed words only. Brightness of HDR is mapped by the scaler's perceptual intent,
        which costs seconds; where there is a table, `tones` does the same.
    """
    untagged = "smpte170m" if tags.height <= SD_HEIGHT_MAX else "bt709"
    options = {
        "flags": "bicubic+accurate_rnd",
        "in_range": "full" if tags.range == FULL else "limited",
        "in_color_matrix": MATRICES.get(tags.matrix, "bt2020nc" if tags.hdr else untagged),
        "out_range": "limited",
        "out_color_matrix": "bt709",
    }
    if tags.hdr:
        options |= {
            "in_transfer": tags.hdr,
            "in_primaries": PRIMARIES.get(tags.primaries, "bt2020"),
            "out_transfer": "bt709",
            "out_primaries": "bt709",
            "intent": "perceptual",
        }
    return ":".join(f"{name}={value}" for name, value in options.items())
