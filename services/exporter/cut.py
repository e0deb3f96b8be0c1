"""Gives exactly the frames of a range, decoded: seeks, and trusts no seek."""

import itertools
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np

from media import errors as media_errors
from media import source
from services.exporter import reading

# Seconds before the range at which decoding is tried to begin, one after the other; then from the start of the file.
LEADS_S = (0.0, 1.0, 5.0, 20.0)
MISJUDGED = "STAMPS_MISJUDGED"  # the frames have other time stamps than the packets promised


def frames(file: BinaryIO, pts: np.ndarray, *, certain: bool, threads: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decodes a range.

    Args:
        file: the source.
        pts: int64 (n,), time stamps of the frames, ascending; see `survey`.
        certain: decode from the start of the file, without seeking.
        threads: threads of the decoder.

    Yields:
        Index in `pts` and frame, in order, every one exactly once.

    Raises:
        media_errors.Unreadable: reason STAMPS_MISJUDGED where a frame is missing or one comes that was not promised.
    """
    if not certain:
        with reading.opened(file, threads=threads) as opened:
            landed = land(opened, int(pts[0]))
            if landed is not None:
                yield from _within(landed, pts)
                return
    with reading.opened(file, threads=threads) as opened:
        yield from _within(reading.frames(opened, opened.video), pts)


def counted(file: BinaryIO, numbers: np.ndarray, *, threads: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decodes a range of a file without usable time stamps: counts frames from the start."""
    with reading.opened(file, threads=threads) as opened:
        for number, frame in enumerate(reading.frames(opened, opened.video)):
            if number > numbers[-1]:
                return
            if number >= numbers[0]:
                yield number - int(numbers[0]), frame


def land(opened: source.Source, first_pts: int) -> Iterator[av.VideoFrame] | None:
    """Seeks to a frame from which the range decodes cleanly.

    A landing is good when the first frame that comes out is a key frame by the decoder's own word, whole, and not
    later than the range. Tables of key frames may lie, and in an open group the frames before the key frame are lost.

    Args:
        opened: a source.
        first_pts: time stamp of the first frame that is needed.

    Returns:
        The frames from a good landing on; None where no seek led to one.
    """
    video = opened.video
    for lead_s in LEADS_S:
        try:
            opened.container.seek(first_pts - int(lead_s / video.time_base), stream=video, backward=True)
        except (OSError, ValueError):  # not seekable, or before the first entry of its table
            continue
        coming = reading.frames(opened, opened.video)
        first = next(coming, None)
        if first is not None and _clean(first) and first.pts <= first_pts:
            return itertools.chain((first,), coming)
    return None


def _clean(frame: av.VideoFrame) -> bool:
    return frame.pts is not None and frame.key_frame and not frame.is_corrupt


def _within(coming: Iterator[av.VideoFrame], pts: np.ndarray) -> Iterator[tuple[int, av.VideoFrame]]:
    index = 0
    for frame in coming:
        if frame.pts is None or frame.pts < pts[0]:
            continue
        if index == len(pts) or frame.pts > pts[-1]:
            break
        if frame.pts != pts[index]:
            raise _misjudged(f"frame {index} has time stamp {frame.pts}, promised was {pts[index]}")
        yield index, frame
        index += 1
    if index != len(pts):
        raise _misjudged(f"{index} of {len(pts)} frames came")


def _misjudged(detail: str) -> media_errors.Unreadable:
    return media_errors.Unreadable(f"frames and packets of the range differ: {detail}", reason=MISJUDGED)
