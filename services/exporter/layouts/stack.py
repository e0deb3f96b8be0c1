"""Stack: a screen recording over the face of the speaker; beside it where the canvas is wide."""

from collections.abc import Sequence

import av.filter

from services.exporter import geometry
from services.exporter.layouts import fit_blur, parts, window

NAME = "stack"
SCREEN_MIN, SCREEN_MAX = 0.35, 0.65  # of the canvas: less cannot be read, and more leaves no face
SCREEN_WIDE = 2 / 3  # of a wide canvas: the rest is an upright strip for the face


def screen(picture: geometry.Picture, canvas: geometry.Canvas) -> geometry.Canvas:
    """The part for the whole picture: as high as it needs to be as wide as the canvas, within bounds."""
    if canvas.width > canvas.height:
        return geometry.Canvas(geometry.even(canvas.width * SCREEN_WIDE), canvas.height)
    share = canvas.width / float(picture.aspect) / canvas.height
    return geometry.Canvas(canvas.width, geometry.even(canvas.height * min(max(share, SCREEN_MIN), SCREEN_MAX)))


def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
    """What the screen leaves."""
    part = screen(picture, canvas)
    if part.height == canvas.height:
        return (geometry.Canvas(canvas.width - part.width, canvas.height),)
    return (geometry.Canvas(canvas.width, canvas.height - part.height),)


def build(
    graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str, zooms: Sequence[float]
) -> parts.Built:
    """Adds the whole picture over a blur, the window for the face, and joins them."""
    part, (rest,) = screen(picture, canvas), panes(picture, canvas)
    twice = graph.add("split", "outputs=2")
    joined = graph.add("hstack" if part.height == canvas.height else "vstack", "inputs=2")
    whole = fit_blur.build(graph, picture, part, scaling, ())
    plain = graph.add("format", "pix_fmts=yuv420p")
    face, near, aim = window.build(graph, picture, rest, scaling, zooms[0])
    twice.link_to(whole.head, 0, 0)
    twice.link_to(face, 1, 0)
    whole.tail.link_to(plain)
    plain.link_to(joined, 0, 0)
    near.link_to(joined, 0, 1)
    return parts.Built(twice, joined, lambda middles: aim(middles[0]))
