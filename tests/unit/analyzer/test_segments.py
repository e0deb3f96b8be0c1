"""Pieces of a film that are looked at side by side make up what one piece would have given, bit for bit."""

import pathlib
from collections.abc import Callable, Iterator

import av
import numpy as np
import pytest

from media import source
from services.analyzer import clock, eye, picture, references, segments, thinning, viewer
from tests import tiers
from tests.unit.analyzer import test_measure as passes

FILM = "real/speech_silence_timecode_42s_h264.mp4"  # a key frame every two seconds
FILMS = (FILM, "derived/tos30_h264_23976.mp4", "real/bbb_480p_30s_h264_51audio.mp4",
         "real/man_talking_10s_h264_datastreams.mp4")  # fmt: skip
QUICK = {"derived/tos30_h264_23976.mp4", "real/man_talking_10s_h264_datastreams.mp4"}
PICTURES = ["shots", "picture"]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the first frames of the pieces, as they are begun."""
    numbers: list[int] = []
    plain = segments.Segments._work

    def work(pieces: segments.Segments, segment: segments.Segment, threads: int) -> segments.End:
        numbers.append(segment.number)
        return plain(pieces, segment, threads)

    monkeypatch.setattr(segments.Segments, "_work", work)
    return numbers


@pytest.mark.parametrize("film", tiers.few(FILMS, QUICK))
def test_pieces_make_up_the_film(
    film: str, media_dir: pathlib.Path, begun: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shots, curves, focus and counts are those of one piece, and do not depend on the number of threads."""
    monkeypatch.setattr(segments, "SEGMENT_S", 1e9)
    whole = passes.documented(media_dir / film, measures=PICTURES)
    assert begun == [0]
    monkeypatch.setattr(segments, "SEGMENT_S", 1.0)
    for threads in (1, 2, 5):
        begun.clear()
        assert passes.documented(media_dir / film, measures=PICTURES, threads=threads) == whole
        assert len(begun) > 1


def test_people_do_not_depend_on_the_threads(media_dir: pathlib.Path, begun: list[int]) -> None:
    """Everything that is measured, people among it, with one thread and with four."""
    path = media_dir / "real" / "man_talking_10s_h264_datastreams.mp4"
    found = passes.documented(path, threads=1)
    assert found["subjects"]
    assert passes.documented(path, threads=4) == found
    assert len(begun) > 2


def test_seams_that_are_not_compared_show(media_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: where the first frame of a piece is not compared with the last one before, the curves are others."""
    whole = passes.documented(media_dir / FILM, measures=PICTURES)
    plain = picture.Meter.add

    def add(meter: picture.Meter, seen: eye.Seen) -> None:
        meter._last = None
        plain(meter, seen)

    monkeypatch.setattr(picture.Meter, "add", add)
    assert whole != passes.documented(media_dir / FILM, measures=PICTURES)


@pytest.fixture
def opened(media_dir: pathlib.Path) -> Iterator[source.Source]:
    """A film of 22 groups of pictures."""
    with (media_dir / FILM).open("rb") as file, source.open_source(file) as one:
        yield one


Change = Callable[[int, av.Packet], av.Packet]


def pieces_of(opened: source.Source, threads: int = 3) -> segments.Segments:
    """Pieces of a film, without people."""
    plan = thinning.Thinning(opened, references.of(opened.video), 1)
    return segments.Segments(opened, plan, threads, clock.Clock(opened.video.time_base), None)


def read(opened: source.Source, pieces: segments.Segments, change: Change) -> list[viewer.Item]:
    """What is seen of a film with some of its packets changed."""
    packets = (packet for _, packet in opened.packets(opened.video))
    changed = (packet and change(number, packet) for number, packet in enumerate(packets))
    return [item for packet in changed for item in pieces.take(packet)]


def test_reading_ahead_is_bounded(opened: source.Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more pieces than threads and one, nor more packets than allowed."""
    monkeypatch.setattr(segments, "AHEAD_PACKETS", 70)
    frames, ahead = 0, []
    with pieces_of(opened) as pieces:
        for _, packet in opened.packets(opened.video):
            frames += len(list(pieces.take(packet)))
            ahead.append((len(pieces._segments), pieces._ahead_packets))
    assert frames == pieces.frames == len(ahead) - 1
    assert max(count for count, _ in ahead) <= 4
    assert 60 < max(packets for _, packets in ahead) <= 210


@pytest.mark.parametrize("bound", ["LONG_PACKETS", "AHEAD_BYTES"])
def test_piece_without_an_end_is_not_waited_for(
    bound: str, opened: source.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film that cannot be cut is decoded while it is read, frames side by side, and gives the same."""
    monkeypatch.setattr(segments, "SEGMENT_S", 1e9)
    with pieces_of(opened) as pieces:
        expected = [item.pts for item in read(opened, pieces, lambda number, packet: packet)]
    opened.container.seek(0)
    monkeypatch.setattr(segments, bound, 100)
    ahead, found = [], []
    with pieces_of(opened) as pieces:
        for _, packet in opened.packets(opened.video):
            found += [item.pts for item in pieces.take(packet)]
            ahead.append(pieces._segments[0].ended is not None if pieces._segments else True)
    assert expected == found
    assert ahead.index(True) <= 100


def test_frames_come_in_order_with_their_times(opened: source.Source) -> None:
    """Whether they were left out or not, each once."""
    with pieces_of(opened, 5) as pieces:
        items = read(opened, pieces, lambda number, packet: packet)
    times = np.array([item.t_s for item in items])
    assert (np.diff(times) > 0).all()
    assert any(isinstance(item, viewer.Skipped) for item in items)
    assert any(isinstance(item, eye.Seen) for item in items)


def test_damage_in_a_piece_is_told(opened: source.Source) -> None:
    """A thread that meets damage ends the reading, and all threads end."""

    def damaged(number: int, packet: av.Packet) -> av.Packet:
        if not 300 < number < 330:
            return packet
        other = av.Packet(bytes(packet)[:5] + b"\xff" * (packet.size - 5))
        other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
        return other

    with pieces_of(opened) as pieces, pytest.raises(thinning.Damaged):
        read(opened, pieces, damaged)


def test_time_stamps_that_are_repaired_are_not_for_pieces(opened: source.Source) -> None:
    """A jump of an hour is bridged by a clock that has seen all that came before."""

    def later(number: int, packet: av.Packet) -> av.Packet:
        packet.pts += int(3600 / packet.time_base) if number >= 600 else 0
        return packet

    with pieces_of(opened) as pieces, pytest.raises(thinning.Inexact, match="repaired"):
        read(opened, pieces, later)


@pytest.mark.parametrize(
    ("units", "opens"),
    [
        ([[7, 8, 5], [1], [7, 8, 6, 5], [1]], [True, False, True, False]),
        ([[5], [1], [5], [6, 5]], [True, False, True, True]),
        ([[5], [8, 1], [5], [7, 8, 5], [5]], [True, False, False, True, False]),
        ([[1], [6, 1]], [False, False]),
    ],
    ids=["sets in every key frame", "sets in the header", "a set in between", "no refresh"],
)
def test_pieces_of_h264_begin_where_nothing_before_matters(units: list[list[int]], opens: list[bool]) -> None:
    """At pictures that refresh everything, whose parameters come along, or never come with packets at all."""
    reader = references.Reader(references.H264, 0)
    packets = [av.Packet(b"".join(b"\0\0\1" + bytes([0x60 | kind]) + b"\x80" * 4 for kind in kinds)) for kinds in units]
    assert opens == [reader.read(packet).opens for packet in packets]


def test_pieces_of_hevc_begin_where_nothing_before_matters() -> None:
    """At IDR pictures, whose parameters come along or never do; not at pictures that leading ones reach behind."""
    kinds = ([32, 33, 34, 20], [1], [21], [33, 34, 39, 19], [20])
    packets = [av.Packet(b"".join(b"\0\0\1" + bytes([kind << 1, 1, 0x80, 0]) for kind in units)) for units in kinds]
    reader = references.Reader(references.HEVC, 0)
    assert [True, False, False, True, False] == [reader.read(packet).opens for packet in packets]
