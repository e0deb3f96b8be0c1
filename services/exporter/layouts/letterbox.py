"""Letterbox: the whole picture between plain bars."""

from collections.abc import Sequence

import av.filter

from services.exporter import geometry
from services.exporter.layouts import parts

NAME = "letterbox"


def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
    """None: the whole picture is shown."""
    return ()


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str, zooms: Sequence[float]
) -> parts.Built:
    """Adds the scaler and black bars."""
    width, height = geometry.fitted(picture, canvas)
    left, top = (canvas.width - width) // 4 * 2, (canvas.height - height) // 4 * 2  # even: chroma has half the pixels
    scale = graph.add("scale", f"w={width}:h={height}:{scaling}")
    plain = graph.add("format", "pix_fmts=yuv420p")
    bars = graph.add("pad", f"w={canvas.width}:h={canvas.height}:x={left}:y={top}:color=black")
    graph.link_nodes(scale, plain, bars)
    return parts.Built(scale, bars, lambda middles: None)
