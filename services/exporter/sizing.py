"""Finds the quality at which a clip has the size that its preset asks for: as many renders as that takes, but few.

No encoder may keep the notes of a first pass here: they are files, and workers have none. Rendering again with another
factor needs no notes, and gives the even quality of constant factors besides.
"""

import dataclasses
import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeVar

from services.exporter.encoders import quality

Job = TypeVar("Job", bound=Any)
SHARE_MIN = 0.85  # of the target: a clip that is smaller could look better
AIM = 0.95  # of the target: what the next try is aimed at
STEPS_PER_HALF = 6.0  # of the factor, by which a stream of x264 has half the size; others are near
ROUNDS_MAX = 5  # two or three are the rule


def rounds(job: Job, target: BinaryIO) -> Iterator[Job]:
    """Jobs to render one after the other into an emptied file, until the last one is good.

    Args:
        job: what to render; its preset has `crf`, `video_codec` and `size_target_bytes`, 0 for any size.
        target: the file.

    Yields:
        The job with the factor to use. The last one fits, if any does.
    """
    wanted, codec, crf = job.preset["size_target_bytes"], job.preset["video_codec"], float(job.preset["crf"])
    low, high = -1.0, float(quality.CRF_MAX[codec]) + 1  # too large at the one; fits at the other
    best: float | None = None
    for _ in range(ROUNDS_MAX):
        yield _emptied(job, target, crf)
        if not wanted:
            return
        size = os.fstat(target.fileno()).st_size
        if size <= wanted:
            high, best = crf, crf
        else:
            low = crf
        if SHARE_MIN * wanted <= size <= wanted or high - low <= 1:
            break
        aimed = crf + STEPS_PER_HALF * math.log2(size / (AIM * wanted))
        crf = round(min(max(aimed, low + (high - low) / 8), high - (high - low) / 8), 1)
        crf = min(max(crf, 0.0), float(quality.CRF_MAX[codec]))
    if best is not None and size > wanted:
        yield _emptied(job, target, best)


def _emptied(job: Job, target: BinaryIO, crf: float) -> Job:
    target.seek(0)
    target.truncate()
    return dataclasses.replace(job, preset={**job.preset, "crf": crf})
