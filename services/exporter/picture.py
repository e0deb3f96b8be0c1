"""Turns decoded frames into delivered ones: deinterlaced, upright, framed, BT.709, 8 bit.

Filter graphs are made of fixed words and our own numbers; no text of a caller or of a file gets in.
"""

import collections
import dataclasses
from collections.abc import Iterator
from fractions import Fraction

import av
import av.error
import av.filter
import av.filter.context

from services.exporter import color, geometry, layouts, staging, tones

TURNS = {  # by degrees that a picture has to be turned anticlockwise
    0: (),
    90: (("transpose", "dir=cclock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "dir=clock"),),
}
TAGS = "range=limited:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """What a render does with every frame."""

    canvas: geometry.Canvas
    rotation: int
    pixel_aspect: Fraction | None
    deinterlace: bool
    content: geometry.Rectangle | None = None
    """What of the stored pictures is used, where they have the size that it was found for; None for all."""
    size: tuple[int, int] | None = None
    """That size."""


class Framer:
    """Frames pictures one by one; a source may change its size or format on the way."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._shape: tuple[object, ...] | None = None
        self._count = 0

    def __call__(self, frame: av.VideoFrame, scene: staging.Scene, number: int) -> av.VideoFrame:
        """The delivered picture of a decoded one: frame `number` of the clip's source frames, in its scene."""
        tags = _tags(frame)
        mapped = tones.mapped(tags, frame)
        shape = (frame.width, frame.height, frame.format.name, tags, mapped, scene.layout, scene.zooms)
        if shape != self._shape:
            self._build(frame, scene, tags if mapped else None)
            self._shape = shape
        self._aim(scene.at(number))
        self._count += 1
        frame.pts = self._count  # a table of colors is laid over pictures in the order of time
        self._source.push(frame)
        return self._sink.pull()

    def _build(self, frame: av.VideoFrame, scene: staging.Scene, mapped: color.Tags | None) -> None:
        """Makes the graph; pictures with tags that are `mapped` have their colors looked up in a table."""
        style = self._style
        self._graph = graph = av.filter.Graph()
        graph.threads = 1  # the encoder has use for the cores; and a frame's filters are done in a millisecond
        self._source = source_of(graph, frame)
        cut = style.content if (frame.width, frame.height) == style.size else None
        width, height = (cut.width, cut.height) if cut else (frame.width, frame.height)
        inside = [graph.add("crop", f"w={width}:h={height}:x={cut.left}:y={cut.top}:exact=1")] if cut else []
        turned = [graph.add(name, options or None) for name, options in TURNS[style.rotation % 360]]
        upright = geometry.upright(width, height, style.pixel_aspect, style.rotation)
        table = tones.add(graph, mapped) if mapped is not None else None
        scaling = color.MAPPED if table is not None else color.scaling(_tags(frame))
        built = layouts.build(scene.layout, graph, upright, style.canvas, scaling, scene.zooms)
        ending = [graph.add("setsar", "1"), graph.add("setparams", TAGS), graph.add("format", "pix_fmts=yuv420p")]
        self._sink = graph.add("buffersink")
        if table is None:
            graph.link_nodes(self._source, *inside, *turned, built.head)
        else:
            graph.link_nodes(self._source, *inside, *turned, table.head)
            graph.link_nodes(table.tail, built.head)
        graph.link_nodes(built.tail, *ending, self._sink)
        graph.configure()
        if table is not None:
            table.feed()
        self._aim = built.aim


def _tags(frame: av.VideoFrame) -> color.Tags:
    return color.Tags(
        matrix=int(frame.colorspace),
        range=int(frame.color_range),
        transfer=int(frame.color_trc),
        primaries=int(frame.color_primaries),
        height=min(frame.width, frame.height),
    )


def source_of(graph: av.filter.Graph, frame: av.VideoFrame) -> av.filter.context.FilterContext:
    """The entry of a graph for frames like this one."""
    space, bounds = int(frame.colorspace), int(frame.color_range)
    return graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={frame.time_base}"
        f":pixel_aspect=1/1:colorspace={space}:range={bounds}",
    )


def progressive(frames: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Deinterlaces what is interlaced; whole frames pass as they are, each with its index.

    Source: Weston 3 field deinterlacing with motion estimation, as FFmpeg's `bwdif` does it.
    """
    graph, waiting, shape = None, collections.deque(), None
    for index, frame in frames:
        found = (frame.width, frame.height, frame.format.name)
        if graph is not None and found != shape:
            yield from _pulled(graph, waiting, last=True)
            graph = None
        if graph is None:
            graph, shape = _deinterlacer(frame), found
        waiting.append(index)
        graph[0].push(frame)
        yield from _pulled(graph, waiting)
    if graph is not None:
        yield from _pulled(graph, waiting, last=True)


def _deinterlacer(frame: av.VideoFrame) -> tuple[av.filter.context.FilterContext, ...]:
    graph = av.filter.Graph()
    graph.threads = 1
    source = source_of(graph, frame)
    weave = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    sink = graph.add("buffersink")
    graph.link_nodes(source, weave, sink)
    graph.configure()
    return source, sink, graph


def _pulled(
    chain: tuple[av.filter.context.FilterContext, ...], waiting: collections.deque[int], *, last: bool = False
) -> Iterator[tuple[int, av.VideoFrame]]:
    if last:
        chain[0].push(None)
    while waiting:
        try:
            frame = chain[1].pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield waiting.popleft(), frame
