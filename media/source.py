"""Opens untrusted media for reading: the only place that does.

Source of the settings: measurements with FFmpeg 8.1. Options given to `av.open` bind the probing only; the decoders
that are used afterwards are other objects and must be told again. A whitelist without protocols stops playlists,
`ffconcat` and SDP from reaching other files or the network, which refusing to open further files alone does not.
"""

import collections
import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NoReturn

import av
import av.audio
import av.codec.hwaccel
import av.container
import av.error
import av.stream
import av.video
import av.video.codeccontext

from media import errors, limits

# PyAV 19 always replaces bad metadata and takes no word about it.
METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
# Codings whose decoders all give the same bits, and the decoders of FFmpeg that hand them to a device. Others, such as
# MPEG-4 and Motion JPEG, leave the last bit to whoever decodes.
EXACT_DECODERS = {"h264": "h264", "hevc": "hevc", "vp8": "vp8", "vp9": "vp9", "av1": "av1"}
NOT_ON_DEVICE = "NOT_ON_DEVICE"  # the reason of errors that the processor does not have
COLOURS = ("color_range", "color_primaries", "color_trc", "colorspace")
SIDE_TRACKS = (  # sounds beside the main one
    av.stream.Disposition.comment | av.stream.Disposition.hearing_impaired | av.stream.Disposition.visual_impaired
)
ON_DEVICE = "cuda"  # the format of frames that lie in a device's memory
# What opening and decoding raise: PyAV's exceptions are not one family. ValueError covers text that is no Unicode.
FAULTS = (av.error.FFmpegError, ValueError, MemoryError, OSError, EOFError)


@dataclasses.dataclass(slots=True)
class Source:
    """An open source.

    Attributes:
        container: PyAV's container.
        video: The stream to look at: the largest that is no cover picture; None without one.
        audio: The stream to listen to, see `preferred_audio`; None without one.
        limits: The bounds it was opened with.
        faults: How often each kind of damage was met while reading, by name.
        device: Decodes the video on a device; None where the processor does.
        sample: The first picture as the processor decodes it, once a device has decoded one: frames of a device do
            not carry what the container says about the picture.
    """

    container: av.container.InputContainer
    video: av.video.stream.VideoStream | None
    audio: av.audio.stream.AudioStream | None
    limits: limits.Limits
    faults: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    device: av.video.codeccontext.VideoCodecContext | None = None
    sample: av.VideoFrame | None = None

    def packets(self, *streams: av.stream.Stream) -> Iterator[tuple[av.stream.Stream, av.Packet | None]]:
        """Packets of some streams with their stream, in the order of the file; then None per stream, to flush it.

        Damage that ends the file early is counted as `TRUNCATED` and ends the packets, not the caller.

        Raises:
            errors.Refused: There are more packets than the bounds allow (TOO_LONG).
            errors.StorageFailed: The disk could not be read.
        """
        reader = self._readable(self.container.demux(*streams))
        for packet in itertools.islice(reader, self.limits.packets_max):
            yield packet.stream, packet
        if next(reader, None) is not None:
            raise errors.Refused(f"more than {self.limits.packets_max} packets", reason="TOO_LONG")
        for stream in streams:
            yield stream, None

    def _readable(self, reader: Iterator[av.Packet]) -> Iterator[av.Packet]:
        while True:
            try:
                packet = next(reader)
            except StopIteration:
                return
            except FAULTS as error:
                _raise_if_storage(error)
                self.faults["TRUNCATED"] += 1
                return
            if packet.size:  # PyAV ends with empty packets that flush; ours come after damage too
                yield packet

    def decode(self, stream: av.stream.Stream, packet: av.Packet | None) -> list[Any]:
        """Frames of one packet, or the last ones for None.

        Damage is counted as `DAMAGED` and gives none; frames that the decoder patched are given, and counted as
        `CONCEALED`. A device is stricter, for it hides damage in another way than the processor does.

        Raises:
            errors.Unsupported: The device cannot decode this (NOT_ON_DEVICE); the processor may.
            errors.WorkerLost: The device failed (DEVICE_FAILED), or has no memory left (DEVICE_MEMORY).
        """
        if stream is self.video and self.device is not None:
            return self._decode_on_device(stream, packet)
        return self._decode(stream, packet)

    def _decode(self, stream: av.stream.Stream, packet: av.Packet | None) -> list[Any]:
        try:
            frames = stream.codec_context.decode(packet)
        except FAULTS:
            self.faults["DAMAGED"] += 1
            return []
        if patched := sum(frame.is_corrupt for frame in frames):
            self.faults["CONCEALED"] += patched
        return frames

    def _decode_on_device(self, stream: av.stream.Stream, packet: av.Packet | None) -> list[av.VideoFrame]:
        if packet is not None and packet.is_corrupt:
            raise _not_on_device("the container says that a packet is damaged")
        if self.sample is None:
            self.sample = next(iter(self._decode(stream, packet)), None)
        try:
            frames = self.device.decode(packet)
        except MemoryError as error:
            raise errors.WorkerLost("the device has no memory left", reason="DEVICE_MEMORY") from error
        except av.error.ExternalError as error:  # what FFmpeg makes of every error of the driver
            raise errors.WorkerLost(f"the device failed: {_text(error)}", reason="DEVICE_FAILED") from error
        except FAULTS as error:
            raise _not_on_device(f"the stream is damaged or has no decoder there: {_text(error)}") from error
        for frame in frames:
            if frame.format.name != ON_DEVICE:  # the only sign that FFmpeg went on with the processor
                raise _not_on_device(f"{stream.codec_context.name} comes as {frame.format.name}")
            if frame.is_corrupt:
                raise _not_on_device("a picture is damaged")
        return frames

    def second_decoder(self, stream: av.stream.Stream, threads: int) -> av.codec.context.CodecContext:
        """Another decoder for a video stream, bound like the first, that packets may be given to as well.

        Its frames carry all that the stream says, and of what the container says only the meaning of the colours.

        Args:
            stream: One of the container's streams.
            threads: Threads of the decoder.
        """
        first = stream.codec_context
        second = av.CodecContext.create(first.name, "r")
        second.extradata = first.extradata
        second.options = self.limits.decoder_options()
        second.thread_count, second.thread_type = threads, "AUTO"
        for what in COLOURS:  # what the container says, where the stream says nothing
            setattr(second, what, getattr(first, what))
        return second

    def frames(self, stream: av.stream.Stream, frames_max: int | None = None) -> Iterator[Any]:
        """Decoded frames of one stream, from where the file stands.

        Args:
            stream: One of the container's streams.
            frames_max: Stops quietly after as many; None reads to the end.
        """
        decoded = (frame for _, packet in self.packets(stream) for frame in self.decode(stream, packet))
        yield from itertools.islice(decoded, frames_max)


@contextlib.contextmanager
def open_source(
    file: BinaryIO,
    bounds: limits.Limits | None = None,
    *,
    threads: int = 1,
    accelerator: av.codec.hwaccel.HWAccel | None = None,
) -> Iterator[Source]:
    """Opens a file object for reading, with everything forbidden that is not needed.

    Args:
        file: An open, seekable binary file, read from its beginning; never a path or a URL.
        bounds: What the media may be.
        threads: Threads of the video decoder.
        accelerator: The device that decodes the video and keeps its frames; None for the processor.

    Raises:
        errors.Unreadable: It is empty, no media, or has no stream to look at or listen to.
        errors.Refused: Its format, its codecs, or a bound is not allowed.
        errors.StorageFailed: The disk could not be read.
        errors.Unsupported: The device has no decoder for the video (NOT_ON_DEVICE).
        errors.WorkerLost: The device cannot be opened (DEVICE_FAILED).
    """
    bounds = bounds or limits.Limits()
    header = _header(file)
    try:
        container = av.open(
            _Nameless(file),
            container_options=bounds.container_options(header),
            options=bounds.decoder_options(),
            io_open=_refuse,
            timeout=bounds.read_timeout_s,
            **METADATA,
        )
    except FAULTS as error:
        _raise_opening(error)
    with container:
        opened = _source(container, bounds, threads)
        if accelerator is not None and opened.video is not None:
            opened.device = _on_device(opened.video, accelerator, bounds)
        yield opened


class _Nameless:
    """A file without its name, which FFmpeg would take for a hint at the format."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _header(file: BinaryIO) -> bytes:
    try:
        if not file.seek(0, os.SEEK_END):
            raise errors.Unreadable("the file is empty", reason="EMPTY")
        file.seek(0)
        header = file.read(limits.HEADER_BYTES)
        file.seek(0)
    except OSError as error:
        raise errors.StorageFailed(f"the file cannot be read: {_text(error)}") from error
    return header


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"media may not open {url[:200]}")


def _raise_opening(error: BaseException) -> NoReturn:
    _raise_if_storage(error)
    if isinstance(error, MemoryError):
        raise errors.Refused(
            "the header asks for more streams or memory than is allowed", reason="TOO_LARGE"
        ) from error
    if isinstance(error, PermissionError):  # PyAV's own is a kind of this one
        raise errors.Refused("the file wants to open other files", reason="FORMAT_NOT_ALLOWED") from error
    if isinstance(error, av.error.ArgumentError):
        raise errors.Refused("the container format is not allowed", reason="FORMAT_NOT_ALLOWED") from error
    raise errors.Unreadable(f"this is no media that can be read: {_text(error)}", reason="NOT_MEDIA") from error


def _raise_if_storage(error: BaseException) -> None:
    """Tells a disk that fails from media that is damaged: what FFmpeg says is always one of PyAV's own errors."""
    if type(error) is OSError:
        raise errors.StorageFailed(f"the file cannot be read: {_text(error)}") from error


def _text(error: BaseException) -> str:
    """What went wrong, without the address of a file object."""
    return getattr(error, "strerror", None) or type(error).__name__


def _source(container: av.container.InputContainer, bounds: limits.Limits, threads: int) -> Source:
    if len(container.streams) > bounds.streams_max:
        raise errors.Refused(
            f"{len(container.streams)} streams, {bounds.streams_max} allowed", reason="TOO_MANY_STREAMS"
        )
    video, audio = _chosen_video(container), _chosen_audio(container)
    if video is None and audio is None:
        _raise_nothing(container)
    for stream in (video, audio):
        if stream is not None:
            stream.codec_context.options = bounds.decoder_options()
    if video is not None:
        video.codec_context.thread_count = threads
        video.codec_context.thread_type = "AUTO"  # frames side by side: slices are often only one
    return Source(container, video, audio, bounds)


def _on_device(
    stream: av.video.stream.VideoStream, accelerator: av.codec.hwaccel.HWAccel, bounds: limits.Limits
) -> av.video.codeccontext.VideoCodecContext:
    name = EXACT_DECODERS.get(stream.codec_context.codec.canonical_name)
    if name is None:
        raise _not_on_device(f"{stream.codec_context.name} is decoded by the processor only")
    context = device_decoder(name, accelerator)
    context.extradata = stream.codec_context.extradata
    context.color_range = stream.codec_context.color_range  # what the container says, where the stream says nothing
    context.options = bounds.decoder_options()
    return context


def device_decoder(name: str, accelerator: av.codec.hwaccel.HWAccel) -> av.video.codeccontext.VideoCodecContext:
    """A decoder that keeps its frames in the memory of a device, as far as the device decodes the stream.

    Args:
        name: Of EXACT_DECODERS.
        accelerator: The device.

    Raises:
        errors.WorkerLost: The device cannot be opened (DEVICE_FAILED).
        errors.Unsupported: FFmpeg has no such decoder for any device of this kind (NOT_ON_DEVICE).
    """
    try:
        context = av.CodecContext.create(name, "r", hwaccel=accelerator)
    except FAULTS as error:
        raise errors.WorkerLost(f"the device cannot be opened: {_text(error)}", reason="DEVICE_FAILED") from error
    if not context.is_hwaccel:
        raise _not_on_device(f"FFmpeg has no decoder of {name} for it")
    if name == "av1":
        context.pix_fmt = "yuv420p"  # PyAV sets the device's format too early, and FFmpeg then never asks for it
    return context


def _not_on_device(why: str) -> errors.Unsupported:
    return errors.Unsupported(f"not for the device: {why}", reason=NOT_ON_DEVICE)


def decodable(stream: av.stream.Stream) -> bool:
    """Whether a stream has a decoder that untrusted media may use."""
    return stream.codec_context is not None and stream.codec_context.name in limits.DECODERS


def cover_art(stream: av.stream.Stream) -> bool:
    """Whether a video stream is a still picture that came with the sound."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _chosen_video(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    films = [stream for stream in container.streams.video if not cover_art(stream)]
    usable = [stream for stream in films if decodable(stream)]
    if films and not usable:
        _raise_codec(films[0])
    return max(
        usable,
        key=lambda stream: (stream.codec_context.width * stream.codec_context.height, -stream.index),
        default=None,
    )


def _chosen_audio(container: av.container.InputContainer) -> av.audio.stream.AudioStream | None:
    return preferred_audio(container.streams.audio)


def preferred_audio(streams: Iterable[av.audio.stream.AudioStream]) -> av.audio.stream.AudioStream | None:
    """The stream that a viewer would hear: no commentary and none for the impaired where there is another one, the one
    marked as default, the one with the most channels, the first; None where none can be decoded."""
    return min(
        filter(decodable, streams),
        key=lambda stream: (
            bool(stream.disposition & SIDE_TRACKS),
            not stream.disposition & av.stream.Disposition.default,
            -stream.codec_context.channels,
            stream.index,
        ),
        default=None,
    )


def _raise_nothing(container: av.container.InputContainer) -> NoReturn:
    if container.streams.audio:
        _raise_codec(container.streams.audio[0])
    raise errors.Unreadable("the container holds nothing to look at or listen to", reason="NO_STREAMS")


def _raise_codec(stream: av.stream.Stream) -> NoReturn:
    name = stream.codec_context.name if stream.codec_context is not None else "unknown"
    raise errors.Refused(
        f"stream {stream.index} is coded as {name}, which is not allowed",
        reason="CODEC_NOT_ALLOWED",
        metadata={"codec": name},
    )
