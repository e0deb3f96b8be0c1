"""How the source's picture fills the delivered one: one layout per file, behind one small interface."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

import av.filter
import av.filter.context

from services.exporter import geometry
from services.exporter.layouts import fill, fit_blur, letterbox


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """A layout inside a filter graph."""

    head: av.filter.context.FilterContext
    """Takes upright pictures."""
    tail: av.filter.context.FilterContext
    """Gives delivered ones."""
    aim: Callable[[float, float], None]
    """Points the window at the middle x, y, shares of the picture, before the next picture is pushed."""


class Layout(Protocol):
    """A way to fill the canvas."""

    NAME: str
    FOLLOWS: bool
    """Whether it has a window that follows the subject."""

    @staticmethod
    def build(
        graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str
    ) -> tuple[av.filter.context.FilterContext, av.filter.context.FilterContext, Callable[[float, float], None]]:
        """Adds its filters to a graph; `scaling` holds the options of color for its scaler."""


CATALOGUE: Mapping[str, Layout] = {layout.NAME: layout for layout in (fill, fit_blur, letterbox)}


def build(name: str, graph: av.filter.Graph, picture: geometry.Picture, canvas: geometry.Canvas, scaling: str) -> Built:
    """Adds the filters of a layout to a graph."""
    return Built(*CATALOGUE[name].build(graph, picture, canvas, scaling))
