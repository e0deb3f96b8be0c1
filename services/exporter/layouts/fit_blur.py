"""Fit over blur: the whole picture over a blurred, darker copy of itself."""

from collections.abc import Sequence

import av.filter
import av.filter.context

from services.exporter import geometry
from services.exporter.layouts import parts

NAME = "fit_blur"
SHRINK = 8  # the background is blurred at an eighth of its size: the same look for a sixty-fourth of the work
SIGMA = 5  # of the shrunken background; 40 delivered pixels
DIM = "(val-16)*0.62+16"  # limited-range luma: dark enough that the eye goes to the picture


def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
    """None: the whole picture is shown."""
    return ()


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str, zooms: Sequence[float]
) -> parts.Built:
    """Adds both branches and joins them."""
    split = graph.add("split", "outputs=2")
    laid = graph.add("overlay", _place(picture, canvas))
    _background(graph, picture, canvas, scaling, split, laid)
    width, height = geometry.fitted(picture, canvas)
    front = graph.add("scale", f"w={width}:h={height}:{scaling}")
    plain = graph.add("format", "pix_fmts=yuv420p")
    split.link_to(front, 1, 0)
    front.link_to(plain)
    plain.link_to(laid, 0, 1)
    return parts.Built(split, laid, lambda middles: None)


def _place(picture: geometry.Picture, canvas: geometry.Canvas) -> str:
    width, height = geometry.fitted(picture, canvas)
    left, top = (canvas.width - width) // 4 * 2, (canvas.height - height) // 4 * 2
    return f"x={left}:y={top}:eval=init:format=yuv420:eof_action=endall"


def _background(
    graph: av.filter.Graph,
    picture: geometry.Picture,
    canvas: geometry.Canvas,
    scaling: str,
    split: av.filter.context.FilterContext,
    laid: av.filter.context.FilterContext,
) -> None:
    share = geometry.window(picture, canvas)
    width, height = (max(2, 2 * int(size * part / 2)) for size, part in
                     zip((picture.width, picture.height), share, strict=True))  # fmt: skip
    small = geometry.even(canvas.width / SHRINK), geometry.even(canvas.height / SHRINK)
    nodes = [
        graph.add("crop", f"w={min(width, picture.width)}:h={min(height, picture.height)}:exact=1"),
        graph.add("scale", f"w={small[0]}:h={small[1]}:{scaling}"),
        graph.add("format", "pix_fmts=yuv420p"),
        graph.add("gblur", f"sigma={SIGMA}:steps=2"),
        graph.add("lutyuv", f"y={DIM}"),
        graph.add("scale", f"w={canvas.width}:h={canvas.height}:flags=bicubic:in_range=limited:out_range=limited"),
        graph.add("format", "pix_fmts=yuv420p"),
    ]
    split.link_to(nodes[0], 0, 0)
    graph.link_nodes(*nodes)
    nodes[-1].link_to(laid, 0, 0)
