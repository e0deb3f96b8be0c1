"""Eyes: what looks at decoded frames and says what is in each, and how it relates to the one before."""

import collections
import dataclasses
from typing import Protocol

import av
import av.video.codeccontext
import av.video.stream

from media import errors, source
from services.analyzer import bars, planes
from services.analyzer.kernels import pairs
from services.analyzer.kernels.cuda import reduction

HELD_BYTES_MAX = 256 << 20  # of surfaces in one batch, of which two are held: a small part of any card's memory
HALVED = ("yuv420p", "yuvj420p", "yuv420p10le", "yuv420p12le")  # pictures whose surfaces are NV12, P010 or P016
SURFACE_BITS = {"nv12": 8, "p010le": 10, "p016le": 16}  # formats of surfaces that the kernels read
ROUNDED_MAX = 1  # pixels by which a surface may be larger than its picture: decoders make sizes even


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """A frame that was looked at.

    Attributes:
        pts: Its time stamp, as decoded.
        duration: What it says of its own length, in the same units.
        t_s: When it is shown, as `Eye.add` was told.
        look: What it looks like.
        blocks: Block motion from the frame that the eye saw before; None for its first one.
        aside: Whether it could have been left out, as `Eye.add` was told.
        edges: What it shows at its edges, where that was looked at.
    """

    pts: int | None
    duration: int | None
    t_s: float
    look: planes.Look
    blocks: pairs.Blocks | None
    aside: bool = False
    edges: bars.Look | None = None


Held = tuple[av.VideoFrame, float, bool]  # a frame, when it is shown, and whether it could have been left out


class Looking(Protocol):
    """Knows how pictures are reduced to cells."""

    @property
    def grid(self) -> planes.Grid:
        """The division of the pictures; known once a frame was seen."""

    def picture(self, frame: av.VideoFrame) -> pairs.Picture:
        """A frame that was left out before and was decoded by the processor after all, reduced to cells."""


class Eye(Looking, Protocol):
    """Looks at the frames of one stream, in order. What it gives does not depend on which eye it is."""

    def add(self, frame: av.VideoFrame, t_s: float, *, aside: bool = False) -> list[Seen]:
        """Takes the next frame; gives those that are done by now, in order."""

    def finish(self) -> list[Seen]:
        """Gives the rest; no frame may follow."""


class Processor:
    """Looks at frames in the memory of the processor, one by one."""

    def __init__(self) -> None:
        self._reader = planes.Reader()
        self._due = bars.Due()
        self._last: pairs.Picture | None = None

    @property
    def grid(self) -> planes.Grid:
        """See `Eye`."""
        return self._reader.grid

    def add(self, frame: av.VideoFrame, t_s: float, *, aside: bool = False) -> list[Seen]:
        """See `Eye`."""
        look = self._reader.read(frame)
        blocks = pairs.match(self._last, look.picture) if self._last is not None else None
        self._last = look.picture
        edges = bars.look(frame) if not aside and self._due.due(t_s) else None
        return [Seen(frame.pts, frame.duration, t_s, look, blocks, aside, edges)]

    def picture(self, frame: av.VideoFrame) -> pairs.Picture:
        """See `Eye`."""
        return self._reader.read(frame).picture

    def finish(self) -> list[Seen]:
        """See `Eye`."""
        return []


class Card:
    """Looks at frames in the memory of a device, a batch at a time, while the decoder works on the next batch.

    The frames are held until the device is done with them: the decoder would write the next pictures over them.

    Args:
        device: Runs the kernels.
        video: The stream, as the container describes it.

    Raises:
        errors.Unsupported: The pictures are none that the kernels read (NOT_ON_DEVICE).
    """

    def __init__(self, device: reduction.Device, video: av.video.stream.VideoStream) -> None:
        self._due = bars.Due()
        self._layout = layout_of(video.codec_context)
        self._grid = planes.grid(self._layout.width, self._layout.height)
        self._size: tuple[int, int, str] | None = None
        bytes_each = self._layout.width * self._layout.height * (3 if self._layout.wide else 1.5)
        self._batch = int(min(max(HELD_BYTES_MAX // bytes_each, 1), reduction.BATCH))
        self._reduction = reduction.Reduction(device, self._layout, self._grid, self._batch)
        self._reader = planes.Reader()
        self._frames: list[Held] = []
        self._ordered: collections.deque[tuple[reduction.Pending, list[Held]]] = collections.deque()

    @property
    def grid(self) -> planes.Grid:
        """See `Eye`."""
        return self._grid

    def add(self, frame: av.VideoFrame, t_s: float, *, aside: bool = False) -> list[Seen]:
        """See `Eye`.

        Raises:
            errors.Unsupported: The frame is not like the others, or none that the kernels read (NOT_ON_DEVICE).
        """
        self._check(frame)
        self._frames.append((frame, t_s, aside))
        return self._order() if len(self._frames) == self._batch else []

    def picture(self, frame: av.VideoFrame) -> pairs.Picture:
        """See `Eye`."""
        return self._reader.read(frame).picture

    def finish(self) -> list[Seen]:
        """See `Eye`."""
        return (self._order() if self._frames else []) + self._collect()

    def _order(self) -> list[Seen]:
        """Orders what was gathered, and gives what was ordered before."""
        found = self._collect()
        pending = self._reduction.submit([surface_of(frame) for frame, _, _ in self._frames])
        self._ordered.append((pending, self._frames))
        self._frames = []
        return found

    def _collect(self) -> list[Seen]:
        found: list[Seen] = []
        while self._ordered:
            pending, held = self._ordered.popleft()
            reduced = pending.finish()
            for one, (frame, t_s, aside) in zip(reduced, held, strict=True):
                size = self._layout.width, self._layout.height
                edges = bars.look(frame, size) if not aside and self._due.due(t_s) else None
                found.append(dataclasses.replace(seen(one, self._layout, frame, t_s), aside=aside, edges=edges))
        return found

    def _check(self, frame: av.VideoFrame) -> None:
        form = (frame.width, frame.height, frame.sw_format.name)
        beyond = (frame.width - self._layout.width, frame.height - self._layout.height)
        if self._size is None and min(beyond) >= 0 and max(beyond) <= ROUNDED_MAX:
            self._size = form
        if self._size != form:
            raise _unfit(f"a surface of {form} for pictures of {self._layout.width}x{self._layout.height}")
        if SURFACE_BITS.get(form[2]) not in (self._layout.bits, 16 if self._layout.wide else None):
            raise _unfit(f"a surface of {form[2]} for samples of {self._layout.bits} bits")


def seen(one: reduction.Reduced, layout: reduction.Layout, frame: av.VideoFrame, t_s: float) -> Seen:
    """What a frame was reduced to, in the words of the processor."""
    energy, count = one.gradient
    exposure = planes.exposure(one.moments[0] / one.luma.size, full=planes.full_range(frame))
    look = planes.Look(pairs.picture(one.luma, one.chroma), energy / max(count, 1) / (1 << layout.shift), exposure)
    return Seen(frame.pts, frame.duration, t_s, look, one.blocks)


def layout_of(context: av.video.codeccontext.VideoCodecContext | av.VideoFrame) -> reduction.Layout:
    """What the frames of a stream share, as the container and the first packets say, or one of them in software.

    Raises:
        errors.Unsupported: The kernels read no such pictures (NOT_ON_DEVICE).
    """
    if context.format is None or context.format.name not in HALVED:
        raise _unfit(f"pictures of {context.format.name if context.format else 'unknown form'}")
    sides = (context.width, context.height)
    if min(sides) < planes.SIDE_MIN or max(sides) > reduction.WIDTH_MAX:
        raise _unfit(f"pictures of {context.width}x{context.height}")
    return reduction.Layout(context.width, context.height, context.format.components[0].bits)


def surface_of(frame: av.VideoFrame) -> reduction.Surface:
    """Where a frame of a device lies."""
    luma, chroma = frame.planes
    return reduction.Surface(luma.buffer_ptr, chroma.buffer_ptr, luma.line_size, chroma.line_size)


def _unfit(what: str) -> errors.Unsupported:
    return errors.Unsupported(f"not for the device: {what}", reason=source.NOT_ON_DEVICE)
