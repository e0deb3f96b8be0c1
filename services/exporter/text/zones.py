"""Where a platform lays nothing over the picture: a data file beside the code, by shape and preset."""

import functools
import json
import pathlib
from collections.abc import Mapping

FILE = pathlib.Path(__file__).with_suffix(".json")


@functools.cache
def _known() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    return json.loads(FILE.read_text())


def zone(preset: str, aspect_ratio: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge in pixels of what stays free.

    Args:
        preset: Name of the preset; one that is not listed gets what is free everywhere.
        aspect_ratio: Such as `9:16`; only upright pictures lie under the controls of a platform.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
    """
    shapes = _known()
    listed = shapes.get(aspect_ratio, shapes["other"])
    edges = listed.get(preset, listed["default"])
    return (
        round(edges["left"] * width),
        round(edges["top"] * height),
        width - round(edges["right"] * width),
        height - round(edges["bottom"] * height),
    )
