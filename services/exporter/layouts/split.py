"""Split: two subjects, one over the other on an upright canvas; side by side on others, for a person is upright."""

from collections.abc import Sequence

import av.filter

from services.exporter import geometry
from services.exporter.layouts import parts, window

NAME = "split"
UPRIGHT = 1.5  # height to width of a canvas from which on its upper and lower halves suit heads and shoulders better


def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
    """Two halves: the upper and the lower one, or the left and the right one."""
    width, height = canvas.width, canvas.height
    if height < UPRIGHT * width:
        left = width // 4 * 2  # even: chroma has half the pixels
        return geometry.Canvas(left, height), geometry.Canvas(width - left, height)
    top = height // 4 * 2
    return geometry.Canvas(width, top), geometry.Canvas(width, height - top)


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str, zooms: Sequence[float]
) -> parts.Built:
    """Adds a window for each half and joins them."""
    halves = panes(picture, canvas)
    twice = graph.add("split", "outputs=2")
    joined = graph.add("hstack" if halves[0].height == canvas.height else "vstack", "inputs=2")
    aims = []
    for index, (half, zoom) in enumerate(zip(halves, zooms, strict=True)):
        head, tail, aim = window.build(graph, picture, half, scaling, zoom)
        twice.link_to(head, index, 0)
        tail.link_to(joined, 0, index)
        aims.append(aim)

    def point(middles: Sequence[tuple[float, float]]) -> None:
        for aim, middle in zip(aims, middles, strict=True):
            aim(middle)

    return parts.Built(twice, joined, point)
