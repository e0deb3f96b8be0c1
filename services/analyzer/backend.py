"""What measures pictures: the processor, or a graphics card that decodes them as well. Both give the same.

A process that is to use a card calls `open_card` before it is shut in: the driver opens devices and libraries by name.
What goes wrong with a card ends the process, for a driver does not recover; whoever started it goes on with another.
"""

import ctypes
import dataclasses
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Protocol

import av
import av.codec.hwaccel
import numpy as np

from media import errors, pool, source
from services.analyzer import eye, planes
from services.analyzer.kernels.cuda import reduction

# CuPy's context of the thread, and not FFmpeg's own: FFmpeg insists on other flags than those that CuPy sets, and a
# context costs hundreds of megabytes.
CONTEXT = {"primary_ctx": "0", "current_ctx": "1"}
DRIVER_LIBRARIES = ("libcuda.so.1", "libnvcuvid.so.1")  # FFmpeg loads them when it decodes, and unloads them again
TRIAL_FRAMES = 4  # of a trial film: enough for a second batch, and for frames out of order
TRIAL_SIZE = (320, 192)  # width and height: the least that every decoder takes is below
TRIALS = {
    "h264": ("libx264", "yuv420p"),
    "hevc": ("libx265", "yuv420p"),
    "hevc 10 bit": ("libx265", "yuv420p10le"),
    "vp8": ("libvpx", "yuv420p"),
    "vp9": ("libvpx-vp9", "yuv420p"),
    "av1": ("libsvtav1", "yuv420p"),
}  # decoders, and what makes a film for each


class Driven(reduction.Device, Protocol):
    """A device with a driver, which knows what it is."""

    def facts(self) -> dict[str, Any]:
        """Name, driver, compute capability and memory, as JSON can say them."""


_opened: list[tuple[Driven, tuple[ctypes.CDLL, ...]]] = []  # the card of this process, and what it needs


class Backend(Protocol):
    """What measures the pictures of a source."""

    def accelerator(self) -> av.codec.hwaccel.HWAccel | None:
        """What decodes them; None for the processor."""

    def eye(self, opened: source.Source) -> eye.Eye:
        """What looks at them."""


class Processor:
    """Decodes and measures without any device."""

    def accelerator(self) -> None:
        """See `Backend`."""

    def eye(self, opened: source.Source) -> eye.Eye:
        """See `Backend`."""
        return eye.Processor()


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """Decodes and measures on a card; the pictures never leave it.

    Attributes:
        device: Runs the kernels.
    """

    device: Driven

    def accelerator(self) -> av.codec.hwaccel.HWAccel:
        """See `Backend`."""
        return av.codec.hwaccel.HWAccel("cuda", is_hw_owned=True, allow_software_fallback=True, options=CONTEXT)

    def eye(self, opened: source.Source) -> eye.Eye:
        """See `Backend`.

        Raises:
            errors.Unsupported: There are no pictures, or none that the kernels read (NOT_ON_DEVICE).
        """
        if opened.video is None:
            raise errors.Unsupported("not for the device: there are no pictures", reason=source.NOT_ON_DEVICE)
        return eye.Card(self.device, opened.video)


def of(name: str) -> Backend:
    """The backend of a name, `cpu` or `cuda`; the latter only after `open_card`."""
    if name != "cuda":
        return Processor()
    return Card(_card())


def _card() -> Driven:
    if not _opened:
        raise errors.WorkerLost("no device was opened in this process", reason="DEVICE_FAILED")
    return _opened[0][0]


def open_card() -> None:
    """Opens the card of this process, tries its kernels and its decoder, and keeps it.

    Raises:
        errors.WorkerLost: There is none, or it does not do what the processor does (DEVICE_FAILED).
    """
    try:
        libraries = tuple(ctypes.CDLL(name) for name in DRIVER_LIBRARIES)
    except OSError as error:
        raise errors.WorkerLost(f"the driver is not installed: {error}", reason="DEVICE_FAILED") from error
    from services.analyzer.kernels.cuda import device  # importing takes seconds, and only these processes need it

    card = device.Cuda()
    rehearse(card)
    adopt(card, *libraries)
    if not decodes("h264", Card(card)):
        raise errors.WorkerLost("the device decodes no H.264", reason="DEVICE_FAILED")


def adopt(device: Driven, *libraries: ctypes.CDLL) -> None:
    """Makes a device the one of this process, and keeps the libraries of its driver loaded."""
    _opened[:] = [(device, libraries)]


def rehearse(device: reduction.Device) -> None:
    """Has a device reduce made-up frames of every depth, and compares the outcome with the processor's.

    This also loads what the driver loads late.

    Raises:
        errors.WorkerLost: They differ (DEVICE_FAILED).
    """
    for pixels in eye.HALVED:
        frames = _made_up(pixels)
        layout = eye.layout_of(frames[0])
        held = [[device.upload(plane) for plane in _interleaved(frame, layout)] for frame in frames]
        surfaces = [
            reduction.Surface(*map(device.address, planes_), *(plane.nbytes // len(plane) for plane in planes_))
            for planes_ in held
        ]
        reducing = reduction.Reduction(device, layout, planes.grid(layout.width, layout.height))
        half, plain = TRIAL_FRAMES // 2, eye.Processor()
        reduced = [one for part in (surfaces[:half], surfaces[half:]) for one in reducing.submit(part).finish()]
        for frame, one in zip(frames, reduced, strict=True):
            if not same(dataclasses.replace(plain.add(frame, 0.0)[0], edges=None), eye.seen(one, layout, frame, 0.0)):
                raise errors.WorkerLost(f"the device computes otherwise on {pixels}", reason="DEVICE_FAILED")


def _made_up(pixels: str) -> list[av.VideoFrame]:
    """Patches that move, each plane in other steps."""
    frames = []
    for index in range(TRIAL_FRAMES):
        frame = av.VideoFrame(*TRIAL_SIZE, pixels)
        top = (1 << frame.format.components[0].bits) - 1
        for step, plane in enumerate(frame.planes, start=2):
            kind = np.uint16 if top > np.iinfo(np.uint8).max else np.uint8
            rows = np.arange(plane.height)[:, None] + step * index
            columns = np.arange(plane.line_size // np.dtype(kind).itemsize)[None, :] + index
            plane.update(((rows // 9 * 37 + columns // 7 * 101) * 59 % (top + 1)).astype(kind))
        frames.append(frame)
    return frames


def _interleaved(frame: av.VideoFrame, layout: reduction.Layout) -> tuple[np.ndarray, np.ndarray]:
    """The planes of a frame as a hardware decoder leaves them: values in the upper bits, chroma side by side."""
    kind = np.uint16 if layout.wide else np.uint8
    luma, blue, red = (
        np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] << layout.unused
        for plane in frame.planes
    )
    return np.ascontiguousarray(luma), np.stack((blue, red), axis=2).reshape(len(blue), -1)


def same(one: eye.Seen, other: eye.Seen) -> bool:
    """Whether two looks at a frame are equal in every bit."""
    ours, theirs = dataclasses.astuple(one), dataclasses.astuple(other)
    return all(np.array_equal(a, b) for a, b in zip(_leaves(ours), _leaves(theirs), strict=True))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def decodes(name: str, card: Card) -> bool:
    """Whether a card decodes a trial film.

    Args:
        name: Of TRIALS.
        card: The card.
    """
    try:
        context = source.device_decoder(name.split()[0], card.accelerator())
        frames = [frame for packet in [*_trial(*TRIALS[name]), None] for frame in context.decode(packet)]
    except (errors.MediaError, *source.FAULTS):
        return False
    return [source.ON_DEVICE] * TRIAL_FRAMES == [frame.format.name for frame in frames]


def _trial(encoder: str, pixels: str) -> list[av.Packet]:
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height = TRIAL_SIZE
    context.pix_fmt, context.time_base, context.framerate = pixels, Fraction(1, 25), Fraction(25)
    context.thread_count = 1
    frames = _made_up(pixels)
    for index, frame in enumerate(frames):
        frame.pts = index
    return [packet for frame in [*frames, None] for packet in context.encode(frame)]


def probe(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """The task: says what the card of this process is, and what it decodes."""
    card = Card(_card())
    return {**card.device.facts(), "decoders": [name for name in TRIALS if decodes(name, card)]}
