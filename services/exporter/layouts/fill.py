"""Fill: a window of the delivered shape that follows the subject."""

from collections.abc import Sequence

import av.filter

from services.exporter import geometry
from services.exporter.layouts import parts, window

NAME = "fill"


def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
    """The whole canvas."""
    return (canvas,)


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str, zooms: Sequence[float]
) -> parts.Built:
    """Adds one window."""
    head, tail, aim = window.build(graph, picture, canvas, scaling, zooms[0])
    return parts.Built(head, tail, lambda middles: aim(middles[0]))
