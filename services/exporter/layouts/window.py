"""One window that follows a subject: the part that the layouts which crop are made of."""

from collections.abc import Callable

import av.filter
import av.filter.context

from services.exporter import geometry


def build(
    graph: av.filter.Graph, picture: geometry.Picture, pane: geometry.Canvas, scaling: str, zoom: float
) -> tuple[av.filter.context.FilterContext, av.filter.context.FilterContext, Callable[[tuple[float, float]], None]]:
    """Adds a coarse cut, the scaler and a fine cut; see `geometry.Slide`.

    Args:
        graph: Where to.
        picture: The upright picture.
        pane: What the window fills.
        scaling: Options of color for the scaler.
        zoom: Size of the window as a share of the largest one of its shape.

    Returns:
        Where pictures go in, where windows come out, and what points the window at a middle x, y.
    """
    share = geometry.window(picture, pane)
    across = geometry.slide(picture.width, share[0] * zoom, pane.width)
    down = geometry.slide(picture.height, share[1] * zoom, pane.height)
    coarse = graph.add("crop", f"w={across.cut}:h={down.cut}:x=0:y=0:exact=1")
    scale = graph.add("scale", f"w={across.scaled}:h={down.scaled}:{scaling}")
    plain = graph.add("format", "pix_fmts=yuv420p")
    fine = graph.add("crop", f"w={pane.width}:h={pane.height}:x=0:y=0:exact=1")
    graph.link_nodes(coarse, scale, plain, fine)
    last: dict[tuple[int, str], int] = {}

    def place(filter_: av.filter.context.FilterContext, axis: str, offset: int) -> None:
        if last.get((id(filter_), axis), 0) != offset:
            filter_.process_command(axis, str(offset))
            last[id(filter_), axis] = offset

    def aim(middle: tuple[float, float]) -> None:
        for axis, movement, share in zip("xy", (across, down), middle, strict=True):
            if not movement.fixed:
                first, second = movement.offsets(share)
                place(coarse, axis, first)
                place(fine, axis, second)

    return coarse, fine, aim
