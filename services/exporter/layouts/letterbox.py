"""Letterbox: the whole picture between plain bars."""

from collections.abc import Callable

import av.filter
import av.filter.context

from services.exporter import geometry

NAME = "letterbox"
FOLLOWS = False


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str
) -> tuple[av.filter.context.FilterContext, av.filter.context.FilterContext, Callable[[float, float], None]]:
    """Adds the scaler and black bars."""
    width, height = geometry.fitted(picture, canvas)
    left, top = (canvas.width - width) // 4 * 2, (canvas.height - height) // 4 * 2  # even: chroma has half the pixels
    scale = graph.add("scale", f"w={width}:h={height}:{scaling}")
    plain = graph.add("format", "pix_fmts=yuv420p")
    bars = graph.add("pad", f"w={canvas.width}:h={canvas.height}:x={left}:y={top}:color=black")
    graph.link_nodes(scale, plain, bars)
    return scale, bars, lambda x, y: None
