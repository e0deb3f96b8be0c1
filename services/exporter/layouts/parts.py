"""A layout inside a filter graph."""

import dataclasses
from collections.abc import Callable, Sequence

import av.filter.context


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """The filters of a layout.

    Attributes:
        head: Takes upright pictures.
        tail: Gives delivered ones.
        aim: Points each window at its middle x, y, shares of the picture, before the next picture is pushed.
    """

    head: av.filter.context.FilterContext
    tail: av.filter.context.FilterContext
    aim: Callable[[Sequence[tuple[float, float]]], None]
