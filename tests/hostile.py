"""Makes hostile files, and the tripwires that show whether one of them reached for something."""

import contextlib
import dataclasses
import functools
import io
import pathlib
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np

PICTURE = (240, 320)
RATE = 25


def film(container_format: str = "mp4", codec: str = "libx264", frames: int = 25, pixels: str = "yuv420p") -> bytes:
    """A small film: a grey that becomes lighter."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = PICTURE
        stream.pix_fmt = pixels
        for index in range(frames):
            picture = np.full((*PICTURE, 3), index * 9 % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def tone(container_format: str, codec: str, seconds: int = 1, rate_hz: int = 48_000) -> bytes:
    """A second of a tone."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        wave = np.sin(np.arange(rate_hz * seconds) * 440 * 2 * np.pi / rate_hz).astype(np.float32) / 4
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, 0
        resampler = av.AudioResampler(stream.format.name, "mono", rate_hz, stream.codec_context.frame_size or 1024)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


# --- files that point at something else -----------------------------------------------------------------------------


def playlist(target: str) -> bytes:
    """An HLS playlist with one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n".encode()


def concat(target: str) -> bytes:
    """A list for FFmpeg's concat demuxer."""
    return f"ffconcat version 1.0\nfile {target}\n".encode()


def session_description(port: int) -> bytes:
    """An SDP that has its reader listen on a UDP port."""
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ).encode()


def dash(target: str) -> bytes:
    """A DASH manifest with one representation."""
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT10S" minBufferTime="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1000" width="320" height="240" codecs="avc1">'
        f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def avi_with_subtitles(subtitles: bytes) -> bytes:
    """An AVI whose subtitle stream (GAB2) is another file: the way to playlists that AVI once was."""
    data = b"GAB2\0" + struct.pack("<HIHHI", 2, 2, ord("x"), 4, len(subtitles)) + subtitles
    main = struct.pack("<14I", 40_000, 0, 0, 0x10, 1, 0, 1, 0, 320, 240, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIIIHHHH", b"txts", b"\0" * 4, 0, 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 320, 240)
    header = _list(b"hdrl", _chunk(b"avih", main) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", b"")))
    body = b"AVI " + header + _list(b"movi", _chunk(b"00tx", data))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def film_by_reference(target: str) -> bytes:
    """An MP4 whose data is said to be in another file."""
    content = bytearray(film())
    place = content.find(b"dref")
    entry = content.find(b"url ", place) - 4
    size = struct.unpack(">I", content[entry : entry + 4])[0]
    name = target.encode() + b"\0"
    anew = struct.pack(">I4sI", 12 + len(name), b"url ", 0) + name
    grown = len(anew) - size
    content[entry : entry + size] = anew
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = content.find(box) - 4
        content[start : start + 4] = struct.pack(">I", struct.unpack(">I", content[start : start + 4])[0] + grown)
    return bytes(content)


# --- bombs ----------------------------------------------------------------------------------------------------------


def _patched(tag: bytes, *patches: tuple[int, bytes]) -> bytes:
    content = bytearray(film())
    place = content.find(tag)
    for offset, value in patches:
        content[place + offset : place + offset + len(value)] = value
    return bytes(content)


def many_samples(count: int = 60_000_000) -> bytes:
    """A small MP4 that claims as many samples of one byte, in one chunk."""
    content = bytearray(_patched(b"stsz", (8, struct.pack(">II", 1, count))))
    chunks = content.find(b"stsc")
    content[chunks + 16 : chunks + 20] = struct.pack(">I", count)
    return bytes(content)


def many_times() -> bytes:
    """An MP4 whose table of times claims 2^31 - 1 samples."""
    return _patched(b"stts", (12, b"\x7f\xff\xff\xff"))


def long_steps() -> bytes:
    """An MP4 whose frames are said to last for weeks."""
    return _patched(b"stts", (16, b"\x7f\xff\xff\xff"))


def endless_duration() -> bytes:
    """An MP4 whose header claims the longest duration."""
    return _patched(b"mvhd", (20, b"\xff\xff\xff\xfe"))


def many_chunks() -> bytes:
    """An MP4 whose table of chunks claims 2^28 entries."""
    return _patched(b"stco", (8, b"\x0f\xff\xff\xff"))


def many_edits() -> bytes:
    """An MP4 whose edit list claims 2^28 entries."""
    return _patched(b"elst", (8, b"\x0f\xff\xff\xff"))


def huge_picture() -> bytes:
    """An MP4 that claims pictures of 65535 x 65535."""
    return _patched(b"avc1", (28, b"\xff\xff\xff\xff"))


@functools.cache
def png(side: int = 15_000) -> bytes:
    """A black picture that is small as a file and large as pixels."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + side * 3)
    pixels = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def png_as_film(side: int = 15_000) -> bytes:
    """The same picture as the one frame of a QuickTime film."""
    return _one_frame("png", "rgb24", png(side))


def jpeg_as_film(side: int = 16_000) -> bytes:
    """A QuickTime film of one JPEG that claims to be as large."""
    picture = io.BytesIO()
    with av.open(picture, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(picture.getvalue())
    place = content.find(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", side, side)
    return _one_frame("mjpeg", "yuvj420p", bytes(content))


def _one_frame(codec: str, pixels: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = pixels
        packet = av.Packet(content)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1)
        packet.is_keyframe = True
        container.mux(packet)
    return file.getvalue()


def nested_boxes(depth: int = 20_000) -> bytes:
    """An MP4 of boxes in boxes."""
    head = film()[:32]
    boxes = b"".join(struct.pack(">I4s", 8 * (depth - index), b"moov") for index in range(depth))
    return head + boxes


def many_streams(count: int = 1_000) -> bytes:
    """An MP4 with as many tracks."""
    content = film()
    start = content.find(b"trak") - 4
    size = struct.unpack(">I", content[start : start + 4])[0]
    track = content[start : start + size]
    grown = bytearray(content[:start] + track * count + content[start + size :])
    movie = grown.find(b"moov") - 4
    length = struct.unpack(">I", grown[movie : movie + 4])[0] + (count - 1) * size
    grown[movie : movie + 4] = struct.pack(">I", length)
    return bytes(grown)


def huge_box() -> bytes:
    """An MP4 whose movie box claims to be 2^62 bytes."""
    return film()[:32] + struct.pack(">I4sQ", 1, b"moov", 1 << 62) + b"\0" * 64


BOMBS: dict[str, Callable[[], bytes]] = {
    "many_samples": many_samples,
    "many_times": many_times,
    "long_steps": long_steps,
    "endless_duration": endless_duration,
    "many_chunks": many_chunks,
    "many_edits": many_edits,
    "huge_picture": huge_picture,
    "png": png,
    "png_as_film": png_as_film,
    "jpeg_as_film": jpeg_as_film,
    "nested_boxes": nested_boxes,
    "many_streams": many_streams,
    "huge_box": huge_box,
}


# --- tripwires ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(slots=True)
class Tripwire:
    """A listener on the loopback that counts who comes."""

    port: int
    visits: int = 0


@contextlib.contextmanager
def tripwire() -> Iterator[Tripwire]:
    """Listens until the block ends; whoever connects is answered with nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Tripwire(server.getsockname()[1])
        thread = threading.Thread(target=_count, args=(server, wire))
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _count(server: socket.socket, wire: Tripwire) -> None:
    while True:
        try:
            visitor, _ = server.accept()
        except OSError:
            return
        wire.visits += 1
        visitor.close()


def free_udp_port() -> int:
    """An even UDP port that nobody uses, nor the one after it."""
    for _ in range(100):  # a pair is nearly always free at once
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1] & ~1
        if not listens_on_udp(port) and not listens_on_udp(port + 1):
            return port
    raise RuntimeError("no free pair of UDP ports")


def listens_on_udp(port: int) -> bool:
    """Whether any process has this UDP port."""
    lines = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)
