"""Frames that are left out change nothing: the document is that of every frame, byte for byte."""

import dataclasses
import pathlib
from collections.abc import Iterator

import av
import numpy as np
import pytest

from media import source
from services.analyzer import measure, references, segments, thinning, viewer
from services.analyzer.shots import catalogue, cut, scanner
from tests.unit.analyzer import test_measure as passes

FILMS = ("derived/tos30_h264_23976.mp4", "derived/tos30_h264_vfr.mp4", "derived/tos10_h264_2audio.mkv",
         "derived/tos10_h264_rot90_matrix.mp4", "real/psd_transitions_24s_h264.mp4", "real/webcam_vfr_7s_h264.mov",
         "real/bbb_480p_30s_h264_51audio.mp4", "real/bottles_noaudio_40s_h264.mp4", "real/bbb_1080p60_2s_h264.mp4",
         "real/man_talking_10s_h264_datastreams.mp4", "malformed/16x4000_pixels.ts",
         "derived/tos30_hevc_24.mp4", "derived/tos10_hevc_main10_pq_tagged.mp4")  # fmt: skip
PICTURES = ["shots", "picture"]


@pytest.fixture
def skipped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Time stamps of the frames that were left out, as they are."""
    stamps: list[int] = []
    plain = measure.Pass._add

    def add(one: measure.Pass, item: viewer.Item) -> None:
        stamps.extend([item.pts] if isinstance(item, viewer.Skipped) else [])
        plain(one, item)

    monkeypatch.setattr(measure.Pass, "_add", add)
    return stamps


@pytest.mark.parametrize("film", FILMS)
def test_document_is_that_of_every_frame(film: str, media_dir: pathlib.Path, skipped: list[int]) -> None:
    """Borders, curves, focus, counts and times: nothing tells whether frames were left out, and some were."""
    thinned = passes.documented(media_dir / film, measures=PICTURES)
    count = len(skipped)
    assert passes.documented(media_dir / film, measures=PICTURES, every_frame=True) == thinned
    assert 0 < count == len(skipped)


def test_document_does_not_depend_on_threads(media_dir: pathlib.Path, skipped: list[int]) -> None:
    """How far the decoder is ahead decides nothing."""
    path = media_dir / "derived" / "tos30_h264_vfr.mp4"
    assert passes.documented(path, measures=PICTURES, threads=1) == passes.documented(
        path, measures=PICTURES, threads=5
    )
    assert skipped


def test_frames_in_doubt_must_be_decoded(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: where nobody asks for the frames in doubt, the ends of gradual transitions are others."""
    path = media_dir / "real" / "psd_transitions_24s_h264.mp4"
    expected = passes.documented(path, measures=PICTURES)["transitions"]
    monkeypatch.setattr(catalogue, "doubts", lambda *anything: set())
    monkeypatch.setattr(cut, "doubts", lambda *anything: set())
    assert expected != passes.documented(path, measures=PICTURES)["transitions"]


def test_frame_decoded_later_is_the_same(media_dir: pathlib.Path, skipped: list[int]) -> None:
    """The second decoder gives every frame that was left out, with every value it would have had."""
    path = media_dir / "derived" / "tos10_h264_2audio.mkv"
    passes.documented(path, measures=PICTURES)
    with path.open("rb") as file, source.open_source(file, threads=2) as opened:
        left_out = thinning.Thinning(opened, references.of(opened.video), 2)
        for _, packet in opened.packets(opened.video):
            if packet is not None:
                left_out.plan(packet)
        again = {frame.pts: frame.to_ndarray() for frame in left_out.pictures(skipped)}
    with av.open(str(path)) as film:
        first = {frame.pts: frame.to_ndarray() for frame in film.decode(video=0) if frame.pts in again}
    assert sorted(skipped) == sorted(again)
    assert all(np.array_equal(first[pts], again[pts]) for pts in skipped)


@pytest.mark.parametrize(
    "film", ["derived/tos30_h264_23976.mp4", "malformed/16x4000_pixels.ts", "derived/tos30_hevc_24.mp4"]
)
def test_spare_packets_are_those_that_the_decoder_would_skip(film: str, media_dir: pathlib.Path) -> None:
    """The peer is FFmpeg's own `skip_frame`; with lengths and with start codes between the units."""
    with av.open(str(media_dir / film)) as opened:
        reader = references.of(opened.streams.video[0])
        spare = {packet.pts for packet in opened.demux(video=0) if packet.size and reader.read(packet).spare}
    with av.open(str(media_dir / film)) as opened:
        opened.streams.video[0].codec_context.skip_frame = "NONREF"
        referred = {frame.pts for frame in opened.decode(video=0)}
    with av.open(str(media_dir / film)) as opened:
        every = {frame.pts for frame in opened.decode(video=0)}
    assert spare
    assert every - referred == spare


@pytest.mark.parametrize("film", ["real/two_people_desk_38s_vp9.webm", "real/bbb_1080p_5s_hevc.ts"])
def test_other_codings_are_decoded_in_full(film: str, media_dir: pathlib.Path) -> None:
    """Where it is not known what is referred to, nothing is left out."""
    with av.open(str(media_dir / film)) as opened:
        assert references.of(opened.streams.video[0]) is None


@pytest.mark.parametrize(("film", "threads"), [("tos_400_bad_bytes.mp4", 1), ("missing_sei_and_pes.ts", 2)])
def test_damaged_film_is_read_again_in_full(
    film: str, threads: int, media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage, which one thread alone patches the same each time, and missing time stamps: as if all were decoded."""
    found = passes.documented(media_dir / "malformed" / film, measures=PICTURES)
    monkeypatch.setattr(references, "of", lambda stream: None)
    assert passes.documented(media_dir / "malformed" / film, measures=PICTURES, threads=threads) == found


@dataclasses.dataclass
class Packet:
    """A packet with what is asked of it; by default one that nothing refers to."""

    pts: int | None
    is_keyframe: bool = False
    is_corrupt: bool = False
    is_discard: bool = False
    spare: bool = True
    size: int = 10


class Reader:
    """Believes the packets."""

    def read(self, packet: Packet) -> references.Relations:
        """What the packet says."""
        return references.Relations(packet.spare, packet.is_keyframe)


def thinned(*packets: Packet) -> list[int]:
    """Time stamps of the packets that are left out."""
    left_out = thinning.Thinning(None, Reader(), 1)
    return [packet.pts for packet in packets if left_out.plan(packet).choice is thinning.Choice.LEAVE]


def film(*order: int) -> Iterator[Packet]:
    """A key frame at 0 and packets in the order of the file; those with even time stamps are referred to."""
    yield Packet(0, is_keyframe=True, spare=False)
    for pts in order:
        yield Packet(pts, spare=bool(pts % 2))


def test_only_frames_between_two_decoded_ones_are_left_out() -> None:
    """One of two neighbours stays, and so does one that nothing follows yet."""
    assert [1, 3] == thinned(*film(4, 2, 1, 3, 5))
    between = [Packet(pts) for pts in (1, 2, 3)]
    assert [1, 3] == thinned(Packet(0, is_keyframe=True, spare=False), Packet(4, spare=False), *between)


@pytest.mark.parametrize(
    "packets",
    [
        [Packet(0, spare=False)],
        [*film(4, 2, 1), Packet(None)],
        [*film(4, 2, 1), Packet(3, is_corrupt=True)],
        [*film(4, 2, 1), Packet(3, is_discard=True)],
        [*film(4, 2, 1), Packet(2)],
    ],
    ids=["no key frame", "no time stamp", "damaged", "not to be shown", "two at one time"],
)
def test_what_does_not_fit_is_inexact(packets: list[Packet]) -> None:
    """Each of the rules has a packet that breaks it."""
    with pytest.raises(thinning.Inexact):
        thinned(*packets)


@pytest.mark.parametrize(("bound", "value"), [("GROUP_PACKETS_MAX", 4), ("WINDOW_BYTES_MAX", 40)])
def test_far_from_a_key_frame_all_are_decoded(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded in packets and bytes: later packets are not left out, and those before still are."""
    monkeypatch.setattr(thinning, bound, value)
    assert [1] == thinned(*film(4, 2, 1, 3, 8, 6, 5, 7))


def test_packets_are_let_go(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether frames are left out or not, no more groups are kept than the detectors look back and are read ahead."""
    kept: list[int] = []
    monkeypatch.setattr(segments, "AHEAD_PACKETS", 30)
    plain = thinning.Thinning.forget

    def forget(left_out: thinning.Thinning, pts: int) -> None:
        plain(left_out, pts)
        kept.append(len(left_out._groups))

    monkeypatch.setattr(thinning.Thinning, "forget", forget)
    path = media_dir / "real" / "speech_silence_timecode_42s_h264.mp4"  # 22 groups of 60 frames
    for every_frame in (False, True):
        kept.clear()
        passes.documented(path, measures=PICTURES, every_frame=every_frame)
        assert max(kept) <= 3 + (scanner.CORE + 2 * catalogue.REACH + 2 * segments.AHEAD_PACKETS) / 60


def test_few_frames_that_could_be_left_out_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where little is saved, nothing is left out."""
    monkeypatch.setattr(thinning, "SPARE_PACKETS", 4)
    monkeypatch.setattr(thinning, "SPARE_MIN", 0.5)
    assert [1] == thinned(*film(2, 1, 4, 6, 8, 7))


def test_part_of_a_film_has_every_frame(media_dir: pathlib.Path, skipped: list[int]) -> None:
    """Parts are short, and their borders need the frames before."""
    passes.documented(media_dir / FILMS[0], start_s=5.0, end_s=10.0, measures=PICTURES)
    assert not skipped
    assert measure.Wanted.from_request({}).whole
