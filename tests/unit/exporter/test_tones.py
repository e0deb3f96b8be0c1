"""Colors of HDR pictures are looked up in tables that hold what FFmpeg's scaler works out."""

from fractions import Fraction

import av
import numpy as np
import pytest

from services.exporter import color, geometry, picture, staging, tones
from services.exporter.tones import __main__ as making

SIZE = (256, 144)
PQ, HLG, BT2020 = 16, 18, 9


def colors(transfer: int, seed: int = 7) -> av.VideoFrame:
    """Blocks of the colors that a common screen has, from dark to 200 nits, as 10 bit with wide primaries."""
    noise = np.random.default_rng(seed)
    rows = noise.uniform(0.02, 0.5, (3, SIZE[1] // 8, SIZE[0] // 8))
    red, green, blue = 0.63 * rows[0] + 0.37 * rows[1], 0.07 * rows[0] + 0.93 * rows[1], 0.1 * rows[1] + 0.9 * rows[2]
    luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
    parts = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
    made = av.VideoFrame(*SIZE, "yuv420p10le")
    for plane, values, size in zip(made.planes, parts, (8, 4, 4), strict=True):
        stored = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        stored[:, : plane.width] = np.rint(values).astype(np.uint16).repeat(size, 0).repeat(size, 1)
        plane.update(stored.tobytes())
    made.colorspace = made.color_primaries = BT2020
    made.color_trc, made.color_range, made.time_base = transfer, 1, Fraction(1, 24)
    return made


def framer() -> picture.Framer:
    """One that shows whole pictures at their own size."""
    return picture.Framer(picture.Style(geometry.Canvas(*SIZE), 0, None, False))


def delivered(framing: picture.Framer, frame: av.VideoFrame) -> np.ndarray:
    """The delivered picture as numbers."""
    return framing(frame, staging.Scene(0, 1, "letterbox", ""), 0).to_ndarray().astype(np.int64)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal to noise."""
    return float(10 * np.log10(255**2 / max(((one - other) ** 2).mean(), 1e-9)))


def test_every_picture_is_mapped_whatever_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first, one before zero, one without a time; control: a table that comes late leaves pictures as they are."""
    framing, found = framer(), []
    for stamp in (-900, 5, None):
        frame = colors(PQ)
        frame.pts = stamp
        found.append(delivered(framing, frame))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    monkeypatch.setattr(tones, "BEFORE_ALL_S", 1 << 31)
    assert decibels(found[0], delivered(framer(), colors(PQ))) < 30


def test_strong_colors_stay_what_they_are() -> None:
    """Red, green and blue within two grey levels of their entries in the table: no color takes another one's place."""
    table, steps = tones.tables()["smpte2084"].reshape(36, 36, 36, 3), [(18, 8, 7), (7, 18, 8), (8, 7, 18)]
    for red, green, blue in steps:
        luma = (0.2627 * red + 0.678 * green + 0.0593 * blue) / 35
        parts = (64 + 876 * luma, 512 + 896 * (blue / 35 - luma) / 1.8814, 512 + 896 * (red / 35 - luma) / 1.4746)
        frame = colors(PQ)
        for plane, value in zip(frame.planes, parts, strict=True):
            plane.update(np.full(plane.buffer_size // 2, round(value), np.uint16).tobytes())
        made = delivered(framer(), frame)[: SIZE[1]].mean()
        entry = table[blue, green, red] / 65535
        assert made == pytest.approx(16 + 219 * entry @ (0.2126, 0.7152, 0.0722), abs=2)


def test_table_belongs_to_wide_colors_without_a_word_on_brightness(media_dir) -> None:
    """Other primaries and standard range have none, nor has a film that says how bright it gets."""
    frame = colors(HLG)
    tags = color.Tags(9, 1, HLG, BT2020, 144)
    assert tones.mapped(tags, frame)
    assert tones.mapped(color.Tags(9, 1, PQ, BT2020, 144), frame)
    assert not tones.mapped(color.Tags(9, 1, HLG, 12, 144), frame)
    assert not tones.mapped(color.Tags(1, 1, 1, 1, 144), frame)
    with av.open(str(media_dir / "derived/tos10_hevc_main10_pq_tagged.mp4")) as container:
        told = next(container.decode(video=0))
    assert not tones.mapped(color.Tags(9, 1, PQ, BT2020, 800), told)


@pytest.mark.slow
@pytest.mark.parametrize(("transfer", "other"), [(PQ, HLG), (HLG, PQ)])
def test_table_gives_what_the_scaler_gives(monkeypatch: pytest.MonkeyPatch, transfer: int, other: int) -> None:
    """To 40 dB on small blocks of strong colors, and the same table; control: the other curve's is far off."""
    looked_up = delivered(framer(), colors(transfer))
    name = color.HDR[transfer]
    assert np.abs(making.made(name).astype(int) - tones.tables()[name]).max() <= 64  # a quarter of a grey level
    wrong = {name: tones.tables()[color.HDR[other]]}
    monkeypatch.setattr(tones, "tables", lambda: wrong)
    assert decibels(looked_up, delivered(framer(), colors(transfer))) < 30
    monkeypatch.setattr(tones, "tables", dict)
    assert decibels(looked_up, delivered(framer(), colors(transfer))) >= 40
