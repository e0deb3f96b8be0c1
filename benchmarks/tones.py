"""What HDR pictures cost to become common ones: by tables that come along, and by FFmpeg's scaler alone, the peer.

    python benchmarks/tones.py

A picture of 1920 x 1080 pixels in 10 bit with the colors of HLG, of the middle of real films, is cut to 1080 x 1920.
Processor time of the first picture, which includes the scaler's own table, and the median of those after it; the
difference of the delivered pictures as peak signal to noise. The table is Markdown.
"""

import pathlib
import statistics
import time
from fractions import Fraction

import av
import numpy as np

from services.exporter import geometry, picture, staging, tones

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media" / "real"
FILM = MEDIA / "bbb_1080p60_2s_h264.mp4"
HLG, BT2020, FRAMES = 18, 9, 8


def pictures() -> list[av.VideoFrame]:
    """Frames of a film, whose numbers are taken for those of HLG."""
    with av.open(str(FILM)) as container:
        decoded = [frame for frame, _ in zip(container.decode(video=0), range(FRAMES), strict=False)]
    found = []
    for index, frame in enumerate(decoded):
        wide = frame.reformat(1920, 1080, format="yuv420p10le")
        wide.colorspace, wide.color_primaries, wide.color_trc, wide.color_range = BT2020, BT2020, HLG, 1
        wide.pts, wide.time_base = index, Fraction(1, 60)
        found.append(wide)
    return found


def framed(frames: list[av.VideoFrame]) -> tuple[list[np.ndarray], list[float]]:
    """The delivered pictures, and the processor time of each in seconds."""
    framer = picture.Framer(picture.Style(geometry.Canvas(1080, 1920), 0, None, False))
    scene, made, spent = staging.Scene(0, len(frames), "letterbox", ""), [], []
    for index, frame in enumerate(frames):
        begin = time.process_time()
        made.append(framer(frame, scene, index).to_ndarray().astype(np.float64))
        spent.append(time.process_time() - begin)
    return made, spent


def main() -> None:
    """Frames all by tables and by the scaler, and prints the table."""
    by_table, quick = framed(pictures())
    tones.mapped = lambda tags, frame: False
    by_scaler, slow = framed(pictures())
    noise = np.mean([((one - other) ** 2).mean() for one, other in zip(by_table, by_scaler, strict=True)])
    print("| colors by | first picture, CPU s | further ones, CPU ms |\n|---|---|---|")
    for name, spent in (("tables", quick), ("the scaler", slow)):
        print(f"| {name} | {spent[0]:.2f} | {1000 * statistics.median(spent[1:]):.0f} |")
    print(f"\nPeak signal to noise of one against the other: {10 * np.log10(255**2 / noise):.1f} dB.")


if __name__ == "__main__":
    main()
