"""What bright, wide colors become on a common screen: tables of FFmpeg's own perceptual mapping, worked out beforehand.

FFmpeg's scaler works such a table out for every picture graph that it opens, in seven seconds of processor time. These
hold the same mapping at LEVEL squared values of each color, between which four neighbours are mixed; they are read
before a worker is shut in. `python -m services.exporter.tones` makes them again.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping

import av
import av.filter
import av.filter.context
import numpy as np
from av.sidedata import sidedata

from services.exporter import color

FOLDER = pathlib.Path(__file__).parent
LEVEL = 6  # 36 values of each color; pictures differ by less than a grey level on average from those of the scaler
SIDE = LEVEL**3
PIXELS = "rgb48le"  # of the tables
PLANAR = "gbrp16le"  # of the pictures: twice as fast
ORDER = [2, 0, 1]  # FFmpeg 8.1 takes the planes of a table for red, green, blue, and they are green, blue, red
BRIGHTNESS = frozenset({  # of a film, a scene or a display
    sidedata.Type.MASTERING_DISPLAY_METADATA, sidedata.Type.CONTENT_LIGHT_LEVEL, sidedata.Type.DYNAMIC_HDR_PLUS,
})  # fmt: skip
WIDE = 9  # the primaries of BT.2020, which all HDR video has; for others there is no table
BEFORE = "flags=bicubic+accurate_rnd:in_range={range}:in_color_matrix={matrix}:out_range=full"
BEFORE_ALL_S = -(1 << 31)  # time of the table: pictures before it would pass as they are
AFTER = "range=full:color_primaries=bt709:color_trc=bt709:colorspace=gbr"


@functools.cache
def tables() -> Mapping[str, np.ndarray]:
    """The tables by name of the transfer curve: (SIDE, SIDE, 3) uint16, red first and fastest."""
    files = sorted(FOLDER.glob("*.npz"))
    return {file.stem: np.load(file)["table"] for file in files}


def mapped(tags: color.Tags, frame: av.VideoFrame) -> bool:
    """Whether a picture with these tags has a table; one that tells how bright it is has a mapping of its own."""
    if tags.hdr not in tables() or tags.primaries != WIDE:
        return False
    return BRIGHTNESS.isdisjoint(data.type for data in frame.side_data)


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """The filters of a table.

    Attributes:
        head: Takes HDR pictures, each with a later time stamp than the one before.
        tail: Gives full-range RGB of BT.709.
        feed: Hands the table over, once the graph is configured.
    """

    head: av.filter.context.FilterContext
    tail: av.filter.context.FilterContext
    feed: Callable[[], None]


def add(graph: av.filter.Graph, tags: color.Tags) -> Table:
    """Adds the filters for pictures with some tags, see `mapped`, to a graph."""
    matrix = color.MATRICES.get(tags.matrix, "bt2020nc")
    head = graph.add("scale", BEFORE.format(range="full" if tags.range == color.FULL else "limited", matrix=matrix))
    colors = graph.add("format", f"pix_fmts={PLANAR}")
    source = graph.add("buffer", f"video_size={SIDE}x{SIDE}:pix_fmt={PIXELS}:time_base=1/1:pixel_aspect=1/1")
    apart, planes = graph.add("scale", "flags=bicubic+accurate_rnd"), graph.add("format", f"pix_fmts={PLANAR}")
    lookup, tail = graph.add("haldclut", "interp=tetrahedral:clut=first"), graph.add("setparams", AFTER)
    graph.link_nodes(head, colors)
    graph.link_nodes(source, apart, planes)
    colors.link_to(lookup, 0, 0)
    planes.link_to(lookup, 0, 1)
    lookup.link_to(tail)

    def feed() -> None:
        table = av.VideoFrame.from_ndarray(np.ascontiguousarray(tables()[tags.hdr][..., ORDER]), format=PIXELS)
        table.pts = BEFORE_ALL_S
        source.push(table)
        source.push(None)

    return Table(head, tail, feed)
