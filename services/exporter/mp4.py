"""The boxes of an MP4 file: how much room the index needs, and whether it comes first."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

BOXES_MAX = 64  # at the top level; our files have five
PER_VIDEO_FRAME = 44  # bytes in the index at worst: time, offset, size, chunk, place and key frame of one frame
PER_AUDIO_PACKET = 28
FIXED = 16_384  # headers, descriptions and names, generously


def reserve(frames: int, packets: int) -> int:
    """Bytes to keep free for the index, so that it can stand before the media without a second pass.

    Args:
        frames: frames of the video.
        packets: packets of the audio.
    """
    return FIXED + PER_VIDEO_FRAME * frames + PER_AUDIO_PACKET * packets


def boxes(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """Names and sizes of the top-level boxes, in order, without reading what is in them.

    Source: ISO/IEC 14496-12, section 4.2.
    """
    end, place = os.fstat(file.fileno()).st_size, 0
    for _ in range(BOXES_MAX):
        file.seek(place)
        head = file.read(16)
        if place >= end or len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
        size = size or end - place
        if size < 8:
            return
        yield name.decode("latin-1"), size
        place += size


def starts_fast(file: BinaryIO) -> bool:
    """Whether playback can begin before the whole file is there: the index comes before the media."""
    names = [name for name, _ in boxes(file)]
    return "moov" in names and "mdat" in names and names.index("moov") < names.index("mdat")
