"""How the source's picture fills the delivered one: one layout per file, behind one small interface."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import av.filter

from services.exporter import geometry
from services.exporter.layouts import fill, fit_blur, letterbox, parts, split, stack

AUTO = "auto"  # no layout: the director picks one for each take


class Layout(Protocol):
    """A way to fill the canvas."""

    NAME: str

    @staticmethod
    def panes(picture: geometry.Picture, canvas: geometry.Canvas) -> tuple[geometry.Canvas, ...]:
        """The parts of the canvas that are filled by a window of their own, which follows a subject."""

    @staticmethod
    def build(
        graph: av.filter.Graph,
        picture: geometry.Picture,
        canvas: geometry.Canvas,
        scaling: str,
        zooms: Sequence[float],
    ) -> parts.Built:
        """Adds its filters to a graph.

        Args:
            graph: Where to.
            picture: The upright picture.
            canvas: The delivered one.
            scaling: Options of color for the scaler.
            zooms: Per pane, size of its window as a share of the largest one of its shape.
        """


CATALOGUE: Mapping[str, Layout] = {layout.NAME: layout for layout in (fill, fit_blur, letterbox, split, stack)}
CHOICES = (*CATALOGUE, AUTO)


def crops(name: str) -> bool:
    """Whether a layout may show less than the whole picture."""
    return name not in {fit_blur.NAME, letterbox.NAME}


def build(
    name: str,
    graph: av.filter.Graph,
    picture: geometry.Picture,
    canvas: geometry.Canvas,
    scaling: str,
    zooms: Sequence[float],
) -> parts.Built:
    """Adds the filters of a layout to a graph."""
    return CATALOGUE[name].build(graph, picture, canvas, scaling, zooms)
