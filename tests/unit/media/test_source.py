"""Opening sources: what is chosen, what is refused and why, and how damage is told."""

import ast
import io
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

import av
import pytest

from media import errors, limits, sink, source
from tests import hostile

ROOT = pathlib.Path(__file__).resolve().parents[3]
PRODUCT = ("chassis", "media", "services", "gateway", "client", "deploy")


def opened_error(content: bytes, kind: type[errors.MediaError], bounds: limits.Limits | None = None) -> str:
    """The reason for which a file is not opened."""
    with pytest.raises(kind) as raised, source.open_source(io.BytesIO(content), bounds):
        pass
    return raised.value.reason


@pytest.fixture(scope="module")
def film() -> bytes:
    """A small H.264 film in MP4."""
    return hostile.film()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY"),
        (b"\0", "NOT_MEDIA"),
        (b"some text, not media\n" * 50, "NOT_MEDIA"),
        (b"FLV\1\5\0\0\0\x09\0\0\0\0", "NOT_MEDIA"),
        (b"RIFF\xff\xff\xff\xffAVI ", "NOT_MEDIA"),
    ],
)
def test_file_that_is_no_media_is_unreadable(content: bytes, reason: str) -> None:
    """With the reason that fits."""
    assert reason == opened_error(content, errors.Unreadable)


@pytest.mark.parametrize(
    "content",
    [
        hostile.playlist("file:///etc/hostname"),
        hostile.concat("a.ts"),
        hostile.session_description(5004),
        hostile.png(16),
        b"GIF89a" + b"\0" * 100,
    ],
    ids=["hls", "concat", "sdp", "png", "gif"],
)
def test_format_that_is_not_listed_is_not_opened(content: bytes) -> None:
    """Whether FFmpeg knows it or not."""
    with pytest.raises(errors.MediaError) as raised, source.open_source(io.BytesIO(content)):
        pass
    assert raised.value.reason in ("FORMAT_NOT_ALLOWED", "NOT_MEDIA")


@pytest.mark.parametrize(
    ("container", "codec", "pixels"),
    [("avi", "magicyuv", "gbrp"), ("matroska", "ffv1", "yuv420p"), ("mov", "qtrle", "rgb24")],
)
def test_codec_that_is_not_listed_is_refused(container: str, codec: str, pixels: str) -> None:
    """And named."""
    content = hostile.film(container, codec, 2, pixels)
    with pytest.raises(errors.Refused, match=codec) as raised, source.open_source(io.BytesIO(content)):
        pass
    assert ("CODEC_NOT_ALLOWED", codec) == (raised.value.reason, raised.value.metadata["codec"])


def test_more_streams_than_allowed_are_refused() -> None:
    """A thousand tracks are no film."""
    assert "TOO_LARGE" == opened_error(hostile.many_streams(), errors.Refused)


def test_container_with_nothing_to_see_or_hear_is_unreadable() -> None:
    """A movie box that holds no track."""
    assert "NO_STREAMS" == opened_error(hostile.huge_box(), errors.Unreadable)


def test_avi_demuxer_is_offered_to_avi_files_only() -> None:
    """Whatever else the file looks like further on."""
    assert "avi" in limits.formats(b"RIFF\0\0\0\0AVI ")
    assert "avi" not in limits.formats(b"RIFF\0\0\0\0WAVE")
    assert "avi" not in limits.formats(b"#EXTM3U\nAVI ")


SUBTITLES = b"1\n00:00:00,000 --> 00:00:01,000\nhello\n\n2\n00:00:01,000 --> 00:00:02,000\nhello\n"


@pytest.mark.parametrize(("guarded", "understood"), [(True, False), (False, True)])
def test_file_inside_an_avi_is_opened_by_default_only(guarded: bool, understood: bool) -> None:
    """The list of formats binds the second demuxer too; control: without it, that one reads what the AVI brings."""
    content = hostile.avi_with_subtitles(SUBTITLES)
    options = limits.Limits().container_options(content[: limits.HEADER_BYTES]) if guarded else {}
    with av.open(io.BytesIO(content), container_options=options) as container:
        assert ["subtitle"] == [stream.type for stream in container.streams]
        assert understood is (container.streams[0].codec_context is not None)


def test_picture_over_the_bound_is_not_decoded(film: bytes) -> None:
    """The decoder that is used knows the bound, not only the one that probed."""
    with source.open_source(io.BytesIO(film), limits.Limits(pixels_max=320 * 239)) as opened:
        assert 0 == sum(1 for _ in opened.frames(opened.video))
        assert opened.faults["DAMAGED"] > 0


def test_bound_given_to_the_container_alone_does_not_hold(film: bytes) -> None:
    """Control: why decoders are told again."""
    options = limits.Limits(pixels_max=320 * 239).decoder_options()
    with av.open(io.BytesIO(film), options=options) as container:
        assert 25 == sum(1 for _ in container.decode(video=0))


def test_more_packets_than_allowed_end_the_reading(film: bytes) -> None:
    """An endless file ends at the bound, with an error."""
    with source.open_source(io.BytesIO(film), limits.Limits(packets_max=10)) as opened:
        packets = opened.packets(opened.video)
        assert 10 == len([next(packets) for _ in range(10)])
        with pytest.raises(errors.Refused, match="more than 10 packets"):
            next(packets)


def test_reading_ends_after_as_many_frames_as_asked(film: bytes) -> None:
    """Without reading the rest."""
    with source.open_source(io.BytesIO(film)) as opened:
        assert 7 == sum(1 for _ in opened.frames(opened.video, 7))


# --- what is chosen -------------------------------------------------------------------------------------------------


def test_film_is_read_whole_and_again(film: bytes) -> None:
    """The same file object can be opened twice, wherever it stood."""
    file = io.BytesIO(film)
    for threads in (1, 3):
        file.seek(100)
        with source.open_source(file, threads=threads) as opened:
            assert 25 == sum(1 for _ in opened.frames(opened.video))
            assert {} == dict(opened.faults)


def test_name_of_the_file_decides_nothing(tmp_path: pathlib.Path, film: bytes) -> None:
    """A film called playlist is a film; a playlist called film is none."""
    (tmp_path / "film.m3u8").write_bytes(film)
    with (tmp_path / "film.m3u8").open("rb") as file, source.open_source(file) as opened:
        assert 25 == sum(1 for _ in opened.frames(opened.video))


def test_largest_picture_that_is_no_cover_is_chosen(media_dir: pathlib.Path) -> None:
    """Of two films, the larger."""
    with open_real(media_dir / "real/nasa_2video_2audio_2sub_13s.mp4") as opened:
        assert (480, 270) == (opened.video.codec_context.width, opened.video.codec_context.height)


def test_sound_only_has_no_picture(media_dir: pathlib.Path) -> None:
    """And a film without sound has none."""
    with open_real(media_dir / "real/speech_7s.mp3") as opened:
        assert (None, "mp3float") == (opened.video, opened.audio.codec_context.name)
    with open_real(media_dir / "real/bottles_noaudio_40s_h264.mp4") as opened:
        assert opened.audio is None


def test_cover_picture_is_not_a_film() -> None:
    """The picture that comes with a song is left aside."""
    with source.open_source(io.BytesIO(song_with_cover())) as opened:
        assert (None, "aac") == (opened.video, opened.audio.codec_context.name)
        assert source.cover_art(opened.container.streams.video[0])


def song_with_cover() -> bytes:
    """AAC in MP4 with a JPEG cover."""
    file = io.BytesIO()
    with av.open(io.BytesIO(hostile.film("avi", "mjpeg", 1, "yuvj420p"))) as pictures:
        picture = next(packet for packet in pictures.demux() if packet.size)
        with av.open(io.BytesIO(hostile.tone("mp4", "aac"))) as song, av.open(file, "w", format="mp4") as container:
            audio = container.add_stream_from_template(song.streams.audio[0])
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
            for packet in song.demux():
                if packet.size:
                    packet.stream = audio
                    container.mux(packet)
            picture.stream, picture.pts, picture.dts = cover, 0, 0
            container.mux(picture)
    return file.getvalue()


def open_real(path: pathlib.Path):
    """Opens one of the test videos."""
    return source.open_source(path.open("rb"))


# --- damage ---------------------------------------------------------------------------------------------------------


def test_file_cut_short_gives_what_is_there() -> None:
    """Matroska can be read up to the cut."""
    content = hostile.film("matroska")
    with source.open_source(io.BytesIO(content[: len(content) * 3 // 4])) as opened:
        assert 0 < sum(1 for _ in opened.frames(opened.video)) < 25


def test_damaged_frames_are_counted(film: bytes) -> None:
    """They are missing or patched, and the caller can tell."""
    content = bytearray(film)
    start = content.find(b"mdat") + 1000
    content[start : start + 600] = bytes(600)
    with source.open_source(io.BytesIO(bytes(content))) as opened:
        assert sum(1 for _ in opened.frames(opened.video)) <= 25
        assert opened.faults.total() > 0


def test_disk_that_fails_is_no_damage() -> None:
    """What the disk did is not blamed on the media, at opening and later."""
    file = FailingDisk(hostile.film("mpegts") * 200)
    with source.open_source(file) as opened:
        file.fails = True
        with pytest.raises(errors.StorageFailed):
            list(opened.frames(opened.video))
    with pytest.raises(errors.StorageFailed), source.open_source(file):
        pass


class FailingDisk(io.BytesIO):
    """Fails when told to."""

    fails = False

    def read(self, size: int | None = -1) -> bytes:
        if self.fails:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_error_texts_hold_no_address_and_no_path() -> None:
    """They are shown to callers."""
    with pytest.raises(errors.Unreadable) as raised, source.open_source(io.BytesIO(b"no media" * 100)):
        pass
    assert "0x" not in raised.value.message
    assert "/" not in raised.value.message


# --- the only way ---------------------------------------------------------------------------------------------------


def readers() -> Iterator[str]:
    """Places in the product that open media, but for the two that may."""
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in ("media/source.py", "media/sink.py"):
                yield from openings(name, path.read_text("utf-8"))


def openings(name: str, text: str) -> Iterator[str]:
    """Lines of a module that open media by themselves; those that only write are no readers."""
    tree = ast.parse(text)
    writers = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and writes(node)}
    for node in ast.walk(tree):
        named = isinstance(node, ast.Attribute) and ast.unparse(node) in (
            "av.open",
            "av.container.open",
            "av.core.open",
        )
        if named and id(node) not in writers:
            yield f"{name}:{node.lineno}"
        if isinstance(node, ast.ImportFrom) and node.module in ("av", "av.container") and "open" in imported(node):
            yield f"{name}:{node.lineno}"


def writes(call: ast.Call) -> bool:
    """Whether a call says by its second argument that it opens for writing."""
    return len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value == "w"


def imported(node: ast.ImportFrom) -> set[str]:
    """Names that an import brings in."""
    return {alias.name for alias in node.names}


def test_nothing_else_opens_media() -> None:
    """One door, that can be guarded."""
    assert [] == list(readers())


@pytest.mark.parametrize(
    "line",
    [
        "import av\nav.open('x')",
        "import av\nread = av.open",
        "from av import open",
        "from av.container import open as o",
    ],
)
def test_another_door_would_be_seen(line: str) -> None:
    """Control: the search finds what it looks for."""
    assert [] != list(openings("planted", line))


def test_reader_opens_a_file_object_and_names_no_path() -> None:
    """The door itself: what it hands over has no name that FFmpeg could follow."""
    assert not hasattr(source._Nameless(io.BytesIO()), "name")


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def output(tmp_path: pathlib.Path) -> Iterator[BinaryIO]:
    """An empty file."""
    with (tmp_path / "clip").open("w+b") as file:
        yield file


def test_sink_moves_the_index_to_the_front(output: BinaryIO, film: bytes) -> None:
    """Without opening the file a second time."""
    copied(film, output, {"movflags": "+faststart"})
    output.seek(0)
    content = output.read()
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    with source.open_source(output) as opened:
        assert 25 == sum(1 for _ in opened.frames(opened.video))


def copied(film: bytes, output: BinaryIO, options: dict[str, str]) -> None:
    """Copies the packets of a film into a sink."""
    with source.open_source(io.BytesIO(film)) as opened, sink.open_sink(output, "mp4", options) as container:
        stream = container.add_stream_from_template(opened.video)
        for _, packet in opened.packets(opened.video):
            if packet is not None:
                packet.stream = stream
                container.mux(packet)
