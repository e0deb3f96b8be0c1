"""What is in a rendered file: the right frames, upright, in sync, the same every time."""

import itertools
import pathlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from services.exporter import analysis, layouts, mp4, presets, survey, tones

Rendered = Callable[..., tuple[pathlib.Path, dict[str, Any], np.ndarray]]
Film = Callable[..., pathlib.Path]


def test_clip_shows_exactly_the_frames_of_the_range(
    film: Film, rendered: Rendered, number_of: Callable[[av.VideoFrame], int], decoded: Any
) -> None:
    """Frames 30 to 54 are the pictures 30 to 53, each once, 24 per second."""
    path, _, _ = rendered(film(frames=72), survey.Wanted(frames=(30, 54)), layout="letterbox", ratio="16:9")
    frames = decoded(path)
    assert list(range(30, 54)) == [number_of(frame) for frame in frames]
    assert [Fraction(index, 24) for index in range(24)] == [frame.pts * frame.time_base for frame in frames]


def test_beep_and_picture_stay_together(
    film: Film, rendered: Rendered, samples: Callable[[pathlib.Path], np.ndarray]
) -> None:
    """A tone that begins with frame 48 begins with frame 24 of a clip from frame 24, to the millisecond."""
    path, _, _ = rendered(film(frames=96, beeps_s=(2.0,)), survey.Wanted(frames=(24, 90)))
    heard = np.abs(samples(path)).max(axis=0)
    assert abs(int(np.flatnonzero(heard > 0.1)[0]) - 48_000) < 48


@pytest.mark.parametrize("ratio", presets.ASPECT_RATIOS)
@pytest.mark.parametrize("layout", layouts.CHOICES)
def test_every_layout_fills_every_shape(film: Film, rendered: Rendered, decoded: Any, ratio: str, layout: str) -> None:
    """The delivered size is that of the shape, in 8 bit 4:2:0, for an odd source with two people too."""
    source = film(frames=4, size=(214, 120))
    pair = tuple(analysis.Subject(index, None, ((0.0, left, 0.3, 0.1, 0.2),)) for index, left in enumerate((0.1, 0.8)))
    found = analysis.Analysis(subjects=pair)
    path, value, prints = rendered(source, survey.Wanted(frames=(0, 4)), layout=layout, ratio=ratio, found=found)
    assert layout in {value["scenes"][0]["layout"], "auto"}
    frame = decoded(path)[0]
    assert presets.ASPECT_RATIOS[ratio] == (frame.width, frame.height)
    assert "yuv420p" == frame.format.name
    assert (4, 16, 9) == prints.shape


def test_variable_rate_becomes_constant(
    film: Film, rendered: Rendered, decoded: Any, number_of: Callable[[av.VideoFrame], int]
) -> None:
    """A stall of 200 ms repeats its frame; nothing is lost and the steps are even."""
    times = [0, 40, 80, 120, 320, 360, 400]
    source = film(frames=7, times=times, sound=False, options=(("preset", "ultrafast"), ("crf", "8"), ("bf", "0")))
    path, _, _ = rendered(source, survey.Wanted(frames=(0, 7)), layout="letterbox", ratio="16:9")
    frames = decoded(path)
    assert [0, 1, 2, 3, 3, 3, 3, 3, 4, 5, 6] == [number_of(frame) for frame in frames]
    assert 1 == len({after.pts - before.pts for before, after in itertools.pairwise(frames)})


def test_fast_source_is_thinned_to_the_preset(
    film: Film, rendered: Rendered, decoded: Any, number_of: Callable[[av.VideoFrame], int]
) -> None:
    """60 frames per second under a limit of 30 show every second picture."""
    source = film(frames=30, rate=Fraction(60))
    wanted = survey.Wanted(frames=(0, 30))
    path, _, _ = rendered(source, wanted, layout="letterbox", ratio="16:9", frame_rate_max=30)
    assert list(range(0, 30, 2)) == [number_of(frame) for frame in decoded(path)]


def test_crop_follows_the_subject(film: Film, rendered: Rendered, decoded: Any) -> None:
    """With the subject at the right edge the brighter, right part of the picture is delivered."""
    source, wanted = film(frames=24), survey.Wanted(frames=(0, 24))
    focus = tuple(analysis.Focus(t_s=index / 5, x=0.9, y=0.5, weight=1.0) for index in range(6))
    middle = decoded(rendered(source, wanted)[0])[12].to_ndarray(format="gray")
    right = decoded(rendered(source, wanted, found=analysis.Analysis(focus=focus))[0])[12].to_ndarray(format="gray")
    assert right[:, -200:].mean() > middle[:, -200:].mean() + 20


def test_each_take_gets_its_own_layout(tmp_path: pathlib.Path, rendered: Rendered, decoded: Any) -> None:
    """Two far people get a window each, the left one above; lines of text in the next shot are shown whole."""
    path = tmp_path / "film.mkv"
    people, text = np.full((360, 640, 3), 40, np.uint8), Image.new("RGB", (640, 360), "white")
    people[:, 320:] = 200
    for row in range(17):
        ImageDraw.Draw(text).text((10, 10 + 20 * row), "a window cuts through no line of text " * 2, fill="black")
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("libx264", rate=4, options={"preset": "ultrafast", "g": "4"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for index in range(24):
            sink.mux(video.encode(av.VideoFrame.from_ndarray(people if index < 12 else np.array(text), format="rgb24")))
        sink.mux(video.encode())
    pair = tuple(
        analysis.Subject(index, None, tuple((at / 2, left, 0.3, 0.1, 0.2) for at in range(6)))
        for index, left in enumerate((0.1, 0.8))
    )
    edges = ((0, 12, 0.0, 3.0), (12, 24, 3.0, 6.0))
    shots = tuple(analysis.Shot(*edge, source_s=edge[2:]) for edge in edges)
    found = analysis.Analysis(shots=shots, subjects=pair)
    clip, value, _ = rendered(path, survey.Wanted(frames=(0, 24)), layout="auto", found=found)
    assert ["split", "fit_blur"] == [scene["layout"] for scene in value["scenes"]]
    first, last = (decoded(clip)[index].to_ndarray(format="gray")[:1920] for index in (3, 20))
    assert first[100:860, 100:980].max() < 80 < 160 < first[1060:1820, 100:980].min()
    assert last[:500].max() < 180 < last[700:1200].max()


def test_same_clip_has_the_same_bytes(film: Film, rendered: Rendered) -> None:
    """Rendering twice gives one file."""
    source, wanted = film(frames=36, beeps_s=(0.5,)), survey.Wanted(frames=(3, 33))
    first, _, _ = rendered(source, wanted, name="one.mp4")
    second, _, _ = rendered(source, wanted, name="two.mp4")
    assert first.read_bytes() == second.read_bytes()


def test_index_comes_before_the_media(film: Film, rendered: Rendered, tmp_path: pathlib.Path) -> None:
    """Playback can begin before the end of the file is there; control: a plain file keeps its index at the end."""
    path, _, _ = rendered(film(), survey.Wanted(frames=(0, 48)))
    with path.open("rb") as file:
        assert mp4.starts_fast(file)
    plain = film("plain.mp4", container="mp4", sound=False)
    with plain.open("rb") as file:
        assert not mp4.starts_fast(file)


def test_missing_sound_becomes_a_silent_track_where_the_preset_wants_one(film: Film, rendered: Rendered) -> None:
    """The default preset adds silence; with `silent_track` off there is no track."""
    source, wanted = film(sound=False), survey.Wanted(frames=(0, 24))
    for silent_track, streams in ((True, 1), (False, 0)):
        path, value, _ = rendered(source, wanted, silent_track=silent_track)
        with av.open(str(path)) as container:
            assert streams == len(container.streams.audio)
        assert silent_track == (value["sound"] is not None)


def test_sideways_film_is_delivered_upright(media_dir: pathlib.Path, rendered: Rendered, decoded: Any) -> None:
    """The film that is stored sideways looks like its twin that is stored upright."""
    wanted = survey.Wanted(frames=(0, 2))
    turned = decoded(rendered(media_dir / "derived/tos10_h264_rot90_matrix.mp4", wanted)[0])[0]
    plain = decoded(rendered(media_dir / "derived/tos30_hevc_24.mp4", wanted)[0])[0]
    difference = turned.to_ndarray(format="gray").astype(int) - plain.to_ndarray(format="gray")
    assert np.abs(difference).mean() < 4


def test_full_range_source_is_delivered_in_limited_range(
    media_dir: pathlib.Path, rendered: Rendered, decoded: Any
) -> None:
    """White of a full-range source ends at 235, and the file says limited range and BT.709."""
    path, _, _ = rendered(media_dir / "real/full_range_bt709_1s.mp4", survey.Wanted(frames=(0, 2)))
    frame = decoded(path)[0]
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : frame.width]
    assert np.percentile(luma, 99.5) <= 240
    assert (1, 1, 1, 1) == (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)


@pytest.mark.parametrize(
    "name",
    ["derived/tos10_hevc_main10_pq_tagged.mp4", "derived/bike_15s_mpeg2_480i.ts", "derived/tos5_prores422.mov"],
)
def test_ten_bit_interlaced_and_hdr_sources_are_normal_input(
    media_dir: pathlib.Path, rendered: Rendered, decoded: Any, name: str
) -> None:
    """Every frame comes out once, progressive, in 8 bit."""
    path, _, _ = rendered(media_dir / name, survey.Wanted(frames=(5, 17)))
    frames = decoded(path)
    assert 12 == len(frames)
    assert not any(frame.interlaced_frame for frame in frames)


def test_size_that_is_asked_for_is_met_by_rendering_again(media_dir: pathlib.Path, rendered: Rendered) -> None:
    """Neither larger nor much smaller than the target; control: without one, the factor stays and so does the size."""
    source, wanted = media_dir / "derived/tos10_vp9_427x177_odd.webm", survey.Wanted(frames=(0, 24))
    shape = {"aspect_ratio": "source", "video_bit_rate_max_bps": 50_000_000}
    plain, facts, _ = rendered(source, wanted, crf=4, **shape)
    assert (4, True) == (facts["crf"], plain.stat().st_size > 100_000)
    sized, facts, _ = rendered(source, wanted, crf=4, size_target_bytes=50_000, **shape)
    assert 0.7 * 50_000 <= sized.stat().st_size <= 50_000
    assert facts["crf"] > 10


def test_high_range_is_rendered_by_the_table(tmp_path: pathlib.Path, rendered: Rendered, decoded: Any) -> None:
    """Middle grey of a film in HLG comes out as the table has it."""
    film = tmp_path / "hlg.mp4"
    with av.open(str(film), "w") as sink:
        stream = sink.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 18, 1
        for index in range(8):
            frame = av.VideoFrame(320, 180, "yuv420p10le")
            for plane, level in zip(frame.planes, (502, 512, 512), strict=True):
                plane.update(np.full(plane.buffer_size // 2, level, np.uint16).tobytes())
            frame.pts = index
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    path, _, _ = rendered(film, survey.Wanted(frames=(0, 4)))
    first = decoded(path)[0]
    luma = np.frombuffer(first.planes[0], np.uint8).reshape(first.height, -1)[:, : first.width]
    middle = tones.tables()["arib-std-b67"].reshape(36, 36, 36, 3)[17:19, 17:19, 17:19].mean() / 65535
    assert float(luma.mean()) == pytest.approx(16 + 219 * middle, abs=2)
