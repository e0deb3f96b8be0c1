"""Fill: a window of the delivered shape that follows the subject."""

from collections.abc import Callable

import av.filter
import av.filter.context

from services.exporter import geometry

NAME = "fill"
FOLLOWS = True


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str
) -> tuple[av.filter.context.FilterContext, av.filter.context.FilterContext, Callable[[float, float], None]]:
    """Adds a coarse cut, the scaler and a fine cut; see `geometry.Slide`."""
    share = geometry.window(picture, canvas)
    across = geometry.slide(picture.width, share[0], canvas.width)
    down = geometry.slide(picture.height, share[1], canvas.height)
    coarse = graph.add("crop", f"w={across.cut}:h={down.cut}:x=0:y=0:exact=1")
    scale = graph.add("scale", f"w={across.scaled}:h={down.scaled}:{scaling}")
    plain = graph.add("format", "pix_fmts=yuv420p")
    fine = graph.add("crop", f"w={canvas.width}:h={canvas.height}:x=0:y=0:exact=1")
    graph.link_nodes(coarse, scale, plain, fine)
    last: dict[tuple[int, str], int] = {}

    def place(filter_: av.filter.context.FilterContext, axis: str, offset: int) -> None:
        if last.get((id(filter_), axis), 0) != offset:
            filter_.process_command(axis, str(offset))
            last[id(filter_), axis] = offset

    def aim(x: float, y: float) -> None:
        for axis, movement, middle in (("x", across, x), ("y", down, y)):
            if not movement.fixed:
                first, second = movement.offsets(middle)
                place(coarse, axis, first)
                place(fine, axis, second)

    return coarse, fine, aim
