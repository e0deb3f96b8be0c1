"""Transcripts: from text tracks and files beside the source, whole or damaged, in words, cues and sentences."""

import asyncio
import io
import json
import pathlib
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import errors, pool
from services.analyzer import measure, tasks
from services.analyzer.transcript import cue, payload, reader, sentences, sidecar, track
from tests.unit.analyzer.test_measure import documented

NASA = "real/nasa_2video_2audio_2sub_13s.mp4"
TALK = "real/man_talking_10s_h264_datastreams.mp4"
SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Hello</i> there, Mr. Smith.
How are you?

2
00:00:04,000 --> 00:00:05,000 X1:10
{\\an8}Fish &amp; chips \u266a
3
00:00:06,000 --> 00:00:07,000
1984
"""
VTT = """WEBVTT - a talk
Kind: captions
Language: pt-BR

STYLE
::cue { color: red }

NOTE 00:00 --> is no cue

intro
00:01.000 --> 00:03.000 align:start
<v Ann>Ol\u00e1<00:00:01.500><c> a</c><00:00:02.000><c> todos</c>

01:00:00.000 --> 01:00:02.000
Fim.
"""
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def read(text: str | bytes, name: str = "talk.srt"):
    """The transcript in a file with this content."""
    return sidecar.read(io.BytesIO(text.encode() if isinstance(text, str) else text), name)


def shown(cues: list[cue.Cue]) -> list[tuple[float, float, str]]:
    """Times and text of cues."""
    return [(one.start_s, one.end_s, one.text) for one in cues]


def said(text: str, start_s: float = 0.0, end_s: float = 10.0) -> list[cue.Cue]:
    """One cue."""
    return [cue.Cue(start_s, end_s, text)]


def captioned(
    path: pathlib.Path, tracks: dict[str, list[tuple[int, int, bytes]]], origin_ms: int = 0, **marks: str
) -> pathlib.Path:
    """Two seconds of film with text tracks: packets by coding, as start and length in milliseconds and bytes."""
    with av.open(str(path), "w") as sink:
        video = sink.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        streams = {codec: sink.add_stream(codec) for codec in tracks}
        for codec, stream in streams.items():
            stream.codec_context.subtitle_header = ASS_HEADER
            stream.metadata["language"] = marks.get(codec, "eng")
        gray = av.VideoFrame.from_ndarray(np.full((72, 64), 128, np.uint8), format="yuv420p")
        for index in range(50):
            gray.pts, gray.time_base = index + origin_ms // 40, Fraction(1, 25)
            sink.mux(video.encode(gray))
        for codec, cues in tracks.items():
            for start_ms, length_ms, content in cues:
                packet = av.Packet(content)
                packet.stream, packet.time_base = streams[codec], Fraction(1, 1000)
                packet.pts = packet.dts = start_ms + origin_ms
                packet.duration = length_ms
                sink.mux(packet)
        sink.mux(video.encode())
    return path


def test_subrip_is_read() -> None:
    """Markup goes, lines stay, a number without an empty line before it is no text, and a number may be one."""
    found = read(SRT, "talk.en.srt")
    assert ("subrip", "en", "talk.en.srt") == (found.format, found.language, found.name)
    expected = [(1, 3.5, "Hello there, Mr. Smith.\nHow are you?"), (4, 5, "Fish & chips \u266a"), (6, 7, "1984")]
    assert expected == shown(found.cues)


def test_webvtt_is_read_with_its_word_times() -> None:
    """Head, notes and styles are no text; hours may be left out; time stamps in the text are those of the words."""
    found = read(VTT, "talk.en.vtt")
    assert ("webvtt", "pt-BR") == (found.format, found.language)
    assert [(1, 3, "Ol\u00e1 a todos"), (3600, 3602, "Fim.")] == shown(found.cues)
    words = [(word.start_s, word.end_s, word.text) for word in found.cues[0].words]
    assert [(1, 1.5, "Ol\u00e1"), (1.5, 2, "a"), (2, 3, "todos")] == words
    assert () == found.cues[1].words


def test_scrolling_captions_say_each_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live captions show the line before once more; without care every word would be said twice."""
    lines = [f"line {index}" for index in range(8)]
    pairs = [f"00:0{k}.000 --> 00:0{k + 1}.000\n{lines[k]}\n{lines[k + 1]}\n" for k in range(7)]
    rolled = "WEBVTT\n\n" + "\n".join(pairs)
    assert lines == "\n".join(one.text for one in read(rolled).cues).split("\n")
    twice = "WEBVTT\n\n00:01.000 --> 00:02.000\nNo.\n\n00:02.000 --> 00:03.000\nNo.\n"
    assert 2 == len(read(twice).cues)
    monkeypatch.setattr(cue, "ROLLED_SHARE", 2.0)
    assert 14 == len("\n".join(one.text for one in read(rolled).cues).split("\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_file_is_read_in_any_usual_encoding(encoding: str) -> None:
    """With a mark and without."""
    text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nGr\u00fc\u00dfe \u2013 caf\u00e9\r\n\r\n"
    assert ["Gr\u00fc\u00dfe \u2013 caf\u00e9"] == [one.text for one in read(text.encode(encoding)).cues]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x00" * 100, b"WEBVTT", b"1\n00:00:05,000 --> 00:00:01,000\nlate\n", b"\x7fELF -->", b"{}",
     b"1\n99999:00:01,000 --> 00:00:02,000\nx\n", b"1\n00:00:01,000 --> 00:00:02,000\n\x00\n"],
)  # fmt: skip
def test_file_without_subtitles_is_refused(content: bytes) -> None:
    """Empty, binary, without times, or with times that run backwards."""
    with pytest.raises(errors.Unreadable) as caught:
        read(content)
    assert "NOT_A_TRANSCRIPT" == caught.value.reason


def test_huge_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is read than a transcript may have."""
    monkeypatch.setattr(sidecar, "BYTES_MAX", 50)
    with pytest.raises(errors.Refused) as caught:
        read(SRT)
    assert "TOO_LARGE" == caught.value.reason


def test_disk_that_fails_is_told_from_a_bad_file() -> None:
    """Nothing is known about the file then: trying again may help."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(errors.StorageFailed, match=r"talk\.srt cannot be read: Input/output error"):
        sidecar.read(Broken(), "talk.srt")


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(
            st.sampled_from(
                [
                    "00:01.000",
                    " --> ",
                    "00:00:02,000",
                    "\n",
                    "\n\n",
                    "WEBVTT",
                    "<",
                    ">",
                    "{\\",
                    "a",
                    "<00:01.500>",
                    "&amp;",
                    "7",
                ]
            ),
            max_size=40,
        )
        .map("".join)
        .map(str.encode),
    )
)
def test_any_file_gives_a_transcript_or_a_refusal(content: bytes) -> None:
    """Never anything else; what is given is in order and has text."""
    try:
        found = read(content)
    except errors.Unreadable:
        return
    assert all(one.start_s < one.end_s and one.text for one in found.cues)
    assert sorted(one.start_s for one in found.cues) == [one.start_s for one in found.cues]
    for start_s, end_s in sentences.spans(found.cues):
        assert start_s < end_s


@pytest.mark.parametrize("piece", ["<a", "{\\", "&", "<00:00", "-->", "(", "a.\u3002", "\n"])
def test_long_lines_of_markup_end(piece: str) -> None:
    """No pattern looks back and forth: a megabyte of the worst is read as fast as text; a hang is a failure."""
    text = f"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> 00:00:04,000\n{piece * (1 << 18)}\n"
    assert "hello" == read(text).cues[0].text


def test_text_track_of_a_film_is_read(media_dir: pathlib.Path) -> None:
    """Two tracks of a real film: the first, in the language of the sound; sentences end where the words do."""
    found = documented(media_dir / NASA)
    script = found["transcript"]
    assert ("embedded", "mov_text", 2, "eng", 4) == (
        script["source"], script["format"], script["stream"], script["language"], len(script["cues"])
    )  # fmt: skip
    assert "at NASA\u2019s Goddard Space Flight Center in Greenbelt, Maryland." == script["cues"][2]["text"]
    assert [(0.7, 12.16), (12.725, 16.57)] == [
        (pytest.approx(item["start_s"], abs=0.1), pytest.approx(item["end_s"], abs=0.1)) for item in script["sentences"]
    ]
    assert documented(media_dir / NASA, measures=["shots"])["transcript"] is None


@pytest.mark.parametrize(
    ("codec", "content", "expected"),
    [
        ("subrip", b"<b>Hi</b> there", "Hi there"),
        ("webvtt", b"<v Ann>Hi there", "Hi there"),
        ("ass", b"0,0,Default,,0,0,0,,{\\i1}Hi{\\i0}, you\\Nthere", "Hi, you\nthere"),
    ],
)
def test_every_kind_of_text_track_is_read(codec: str, content: bytes, expected: str, tmp_path: pathlib.Path) -> None:
    """SubRip, WebVTT and ASS, counted from the first picture wherever the film begins."""
    film = captioned(tmp_path / "film.mkv", {codec: [(400, 1000, content)]}, origin_ms=4000)
    cues = documented(film)["transcript"]["cues"]
    assert [(0.4, 1.4, expected)] == [(item["start_s"], item["end_s"], item["text"]) for item in cues]


def test_text_track_with_damage_keeps_the_rest(tmp_path: pathlib.Path) -> None:
    """What is no Unicode, cut off or too large is left out, counted and named."""
    packets = [(0, 400, b"one"), (500, 400, b"\xff\xfe\xfa"), (1000, 400, b"three"), (1500, 300, b"x" * 70_000)]
    found = documented(captioned(tmp_path / "film.mkv", {"subrip": packets}))
    assert ["one", "three"] == [item["text"] for item in found["transcript"]["cues"]]
    assert ["DAMAGED_TEXT"] == [fault["code"] for fault in found["faults"]]
    for content in (b"\x00", b"\x00\x09short", b"\x00\x02\xff\xff"):
        with pytest.raises(payload.Damaged):
            payload.lines("mov_text", content)
    with pytest.raises(payload.Damaged):
        payload.lines("ass", b"0,0,Default")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(payload.CODECS)), st.binary(max_size=120))
def test_any_packet_gives_lines_or_is_damaged(codec: str, content: bytes) -> None:
    """Never anything else."""
    try:
        found = payload.lines(codec, content)
    except payload.Damaged:
        return
    assert all(isinstance(line, str) for line in found)


def test_track_in_the_language_of_the_sound_is_taken(tmp_path: pathlib.Path) -> None:
    """Else the one with most text; one without text is none."""
    tracks = {"ass": [(0, 900, b"0,0,Default,,0,0,0,,Hallo Welt")], "subrip": [(0, 900, b"Hello")], "webvtt": []}
    film = captioned(tmp_path / "film.mkv", tracks, ass="deu", subrip="eng")
    with av.open(str(film)) as container:
        for language, expected in (("eng", "Hello"), ("deu", "Hallo Welt"), ("", "Hallo Welt")):
            container.seek(0)
            tracks_of = track.Tracks(container.streams)
            for packet in container.demux():
                if packet.stream in tracks_of and packet.size:
                    tracks_of.add(packet.stream, packet)
            assert [expected] == [one.text for one in tracks_of.finish(language).cues]


def test_text_without_end_is_bounded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A track that holds more than a film can say is cut off, and it is said."""
    film = captioned(tmp_path / "film.mkv", {"subrip": [(k * 10, 10, b"word %d" % k) for k in range(100)]})
    assert 100 == len(documented(film)["transcript"]["cues"])
    monkeypatch.setattr(track, "CUES_MAX", 10)
    found = documented(film)
    assert 10 == len(found["transcript"]["cues"])
    assert ["TOO_MUCH_TEXT"] == [fault["code"] for fault in found["faults"]]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One here. Two here! Three?", 3),
        ("Dr. Smith, e.g. here. Next", 2),
        ("He said \u201cgo.\u201d Then left", 2),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", 2),
        ("no stop at all", 1),
        ("J. R. Smith. Me and I. You.", 3),
    ],
)
def test_sentences_end_at_stops(text: str, count: int) -> None:
    """Stops of several scripts, within quotation marks too; those of short forms and initials end nothing."""
    assert count == len(sentences.spans(said(text)))


def test_sentences_end_at_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a recogniser writes without stops is parted by its pauses, and by nothing else."""
    cues = [*said("well hello", 0.0, 1.0), *said("there you", 1.1, 2.0), *said("are", 3.0, 4.0)]
    assert [(0.0, 2.0), (3.0, 4.0)] == sentences.spans(cues)
    monkeypatch.setattr(sentences, "PAUSE_S", 10.0)
    assert [(0.0, 4.0)] == sentences.spans(cues)


def test_edges_of_sentences_are_where_speech_is_heard() -> None:
    """An edge near to heard speech moves there; one inside it moves to the quietest moment nearby."""
    energies = np.full(1000, 0.1)
    energies[515:522] = 0.0
    placed = sentences.heard([(0.8, 5.0), (5.0, 9.6)], [(1.0, 9.2)], energies, 0.01)
    (first, middle), (again, last) = placed
    assert (1.0, 9.2) == (first, last)
    assert middle == again == pytest.approx(5.185, abs=0.03)
    assert [(0.8, 5.0)] == sentences.heard([(0.8, 5.0)], [], np.empty(0), 0.01)


def test_file_beside_comes_before_the_text_track(media_dir: pathlib.Path) -> None:
    """Its times count from where the container begins; its hash and name are kept; only the wanted part is."""
    text = b"1\n00:00:01,000 --> 00:00:02,000\nEarly.\n\n2\n00:00:08,000 --> 00:00:09,000\nLate.\n"
    with (media_dir / NASA).open("rb") as file:
        files = pool.Files({"source": file, "transcript": io.BytesIO(text)}, {})
        request = {"measures": ["speech", "transcript"], "start_s": 5.0, "transcript": "nasa.en.srt"}
        script = measure.run(request, files, lambda report: None)[0]["transcript"]
    assert ("sidecar", "nasa.en.srt", None, "en") == tuple(
        script[name] for name in ("source", "name", "stream", "language")
    )
    assert [(8.0, 9.0, "Late.")] == [(item["start_s"], item["end_s"], item["text"]) for item in script["cues"]]
    assert 64 == len(script["sha256"])


def test_bad_file_beside_is_a_fault_and_a_bad_named_one_is_refused(media_dir: pathlib.Path) -> None:
    """What nobody asked for does not fail the analysis, and the source's own text is used; what was asked for does."""
    for named in (False, True):
        with (media_dir / NASA).open("rb") as file:
            files = pool.Files({"source": file, "transcript": io.BytesIO(b"no subtitles")}, {})
            request = {"measures": ["transcript"], "transcript": "nasa.srt", "transcript_named": named}
            if named:
                with pytest.raises(errors.Unreadable, match=r"nasa\.srt holds no subtitles"):
                    measure.run(request, files, lambda report: None)
                continue
            value = measure.run(request, files, lambda report: None)[0]
        assert "embedded" == value["transcript"]["source"]
        assert ["BAD_TRANSCRIPT"] == [fault["code"] for fault in value["media"]["faults"]]


def test_reader_without_text_gives_nothing() -> None:
    """No track, no file: no transcript, and no fault."""
    one = reader.Reader([], None)
    assert one.finish(reader.Axis(0.0, 0.0, 0.0, 10.0), None, "") is None
    assert [] == one.faults


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_transcript_is_read_where_no_file_can_be_opened(
    encoding: str, media_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """In the shut-in worker, where nothing can be imported any more: rare encodings and markup are loaded before."""
    path = tmp_path / "talk.srt"
    path.write_bytes(VTT.replace("WEBVTT", "").replace(".", ",").encode(encoding))

    async def run() -> dict:
        with path.open("rb") as beside, (media_dir / TALK).open("rb") as source:
            async with pool.Pool(pool.PoolSettings(workers=1, preload=tasks.PRELOAD)) as workers:
                request = {"measures": ["transcript", "speech"], "transcript": "talk.srt", "end_s": 8.0}
                inputs = {"source": source, "transcript": beside}
                return (await workers.run(tasks.MEASURE, request, inputs=inputs)).value

    assert "Ol\u00e1 a todos" == asyncio.run(run())["transcript"]["cues"][0]["text"]


def test_document_with_a_transcript_is_what_the_schema_says(media_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """With word times and without, in the client's schema."""
    schema = json.loads(pathlib.Path("client/analysis.schema.json").read_text())
    import jsonschema

    rule = {"$defs": schema["$defs"], **schema["properties"]["transcript"]}
    assert documented(media_dir / NASA)["transcript"]["words"] is None
    jsonschema.validate(documented(media_dir / NASA)["transcript"], rule)
    with (media_dir / NASA).open("rb") as file:
        files = pool.Files({"source": file, "transcript": io.BytesIO(VTT.encode())}, {})
        value = measure.run({"measures": ["transcript"], "transcript": "a.vtt"}, files, lambda report: None)[0]
    jsonschema.validate(value["transcript"], rule)
    assert ["Ol\u00e1", "a", "todos"] == [word["text"] for word in value["transcript"]["words"]]
