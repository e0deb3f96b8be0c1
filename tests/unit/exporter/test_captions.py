"""Captions: from a transcript to words in frames, to pages, to files and pictures."""

import io
import itertools
import random
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from media import errors as media_errors
from services.analyzer.transcript import subrip, webvtt
from services.exporter import captions, dressing, gate, geometry, overlays, pieces
from services.exporter.captions import drawing, files, timing, words
from services.exporter.overlays import logo
from services.exporter.text import block, styles, zones

RATE = Fraction(24)
TALK = [
    (0.25, 3.0, "Nobody believed that the machine could learn to play the game."),
    (3.2, 5.6, "And then, in the middle of the night, it won \u2014 twice!"),
    (7.0, 7.5, "Wow."),
]
LOOK = files.Look(320, 180, (16, 9, 304, 166), styles.catalogue()["karaoke"], timed=True)


def transcript(cues: Any = TALK, spoken: Any = None, language: str = "en") -> dict[str, Any]:
    def entries(found: Any) -> list[dict[str, Any]]:
        return [{"start_s": start_s, "end_s": end_s, "text": text} for start_s, end_s, text in found]

    timed = None if spoken is None else entries(spoken)
    return {"source": "sidecar", "language": language, "cues": entries(cues), "words": timed}


def script(**fields: Any) -> words.Script:
    found = words.script(words.near(transcript(**fields), [(-1.0, 100.0)]))
    assert found is not None
    return found


def piece(first: int, frames: int, start_s: float, speed: Fraction = Fraction(1)) -> pieces.Piece:
    """A stretch of a source of 24 frames per second."""
    end_s = start_s + float(frames * speed / RATE)
    return pieces.Piece(0, 0, 1, 0, 1, start_s, end_s, Fraction(0), speed, first, frames, "asked", "")


def whole(frames: int) -> np.ndarray:
    return timing.moments([piece(0, frames, 0.0)], RATE)


def canvas(width: int = 320, height: int = 180, frames: int = 240) -> drawing.Canvas:
    ratio = "9:16" if height > width else "16:9"
    return drawing.Canvas(width, height, RATE, frames, block.Zone(*zones.zone("tiktok", ratio, width, height)))


def test_words_without_times_share_those_of_their_cue() -> None:
    """Each takes the share of its letters; words that have times keep them, and the script says which it is."""
    shared = script(cues=[(1.0, 3.0, "ab <c>defgh")])
    assert [("ab", 1.0, 1.4), ("<c>defgh", 1.4, 3.0)] == [(w.text, w.start_s, w.end_s) for w in shared.words]
    timed = script(cues=[(1.0, 3.0, "ab cd")], spoken=[(1.1, 1.2, "ab"), (2.0, 2.5, "cd")])
    assert [1.1, 2.0] == [word.start_s for word in timed.words]
    assert (False, True) == (shared.timed, timed.timed)


def test_timed_parts_of_words_are_glued_as_the_cues_have_them() -> None:
    """A recognizer parts Japanese anywhere; no space comes in between, but one does between English words."""
    japanese = script(cues=[(0.0, 2.0, "\u6771\u4eac\u306b \u884c\u304f")], language="ja",
                      spoken=[(0, 1, "\u6771\u4eac"), (1, 1.5, "\u306b"), (1.5, 2, "\u884c\u304f")])  # fmt: skip
    assert [" ", "", " "] == [word.glue for word in japanese.words]
    assert [" ", " "] == [w.glue for w in script(cues=[(0, 1, "Hi all")], spoken=[(0, 1, "Hi"), (1, 2, "all")]).words]


def test_what_nobody_says_belongs_to_the_word_before() -> None:
    """A dash and an emoji are shown with it, also where they have times; one that begins a cue stands alone."""
    found = script(cues=[(0.0, 2.0, "won \u2014 twice \U0001f389"), (2.0, 3.0, "\u266a la")])
    assert ["won \u2014", "twice \U0001f389", "\u266a", "la"] == [word.text for word in found.words]
    assert [word.start_s for word in found.words][1:] == [word.end_s for word in found.words][:-1]


def test_damaged_transcript_is_refused() -> None:
    """A time that is none is an error of the analysis, and signs that steer directions are left out."""
    with pytest.raises(words.Malformed, match="nan"):
        words.near(transcript(cues=[(float("nan"), 1.0, "x")]), [(0.0, 1.0)])
    assert "ab" == script(cues=[(0.0, 1.0, "\u202ea\u2066b\x07")]).words[0].text


def test_words_follow_what_was_cut_joined_and_slowed() -> None:
    """A word is said in the frames that show its time, in the order of the clip; what was cut out is not there."""
    found = [words.Word(str(second), float(second), second + 1.0) for second in range(6)]
    edit = [piece(0, 48, 4.0), piece(48, 24, 0.0), piece(72, 48, 2.0, Fraction(1, 2)), piece(120, 12, 3.5)]
    spoken = timing.spoken(found, timing.moments(edit, RATE), RATE, [one.first for one in edit])
    assert [("4", 0, 24, 0), ("5", 24, 48, 0), ("0", 48, 72, 1), ("2", 72, 120, 1), ("3", 120, 132, 1)] == [
        (one.text, one.start_frame, one.end_frame, one.piece) for one in spoken
    ]


def test_word_that_was_taken_out_is_not_shown() -> None:
    """A filler between two pieces is gone, however short; where nothing was taken out it is there: the control."""
    found = [words.Word("so", 0.5, 1.0), words.Word("um", 1.0, 1.25), words.Word("yes", 1.25, 2.0)]
    for edit, texts in (
        ([piece(0, 24, 0.0), piece(24, 18, 1.25)], ["so", "yes"]),
        ([piece(0, 48, 0.0)], ["so", "um", "yes"]),
    ):
        borders = [one.first for one in edit]
        assert texts == [one.text for one in timing.spoken(found, timing.moments(edit, RATE), RATE, borders)]


def test_pages_show_every_word_once_and_never_overlap() -> None:
    """Whatever the words and their times, in every style; those that no frame is left for are said to be missing."""
    dice = random.Random(3)
    for style in (styles.catalogue()[name] for name in styles.for_captions()):
        for _ in range(8):
            time_s, found = 0.0, []
            for _ in range(dice.randint(1, 40)):
                start_s = time_s + dice.choice([0.0, 0.0, 0.1, 1.5])
                time_s = start_s + dice.choice([0.0, 0.02, 0.3, 0.6])
                found.append(words.Word("x" * dice.randint(1, 14) + dice.choice(["", "", ".", ","]), start_s, time_s))
            spoken = timing.spoken(found, whole(600), RATE)
            made = drawing.paged(spoken, style, canvas(frames=600), "en")
            assert list(range(len(spoken))) == [k for page in made for k in page.words]
            assert all(page.start_frame < page.end_frame <= 600 for page in made)
            assert all(a.end_frame <= b.start_frame for a, b in itertools.pairwise(made))
            assert all(len(page.words) <= style.words and len(page.lines) <= style.lines for page in made)


def test_words_of_the_last_frame_are_shown_too() -> None:
    """Pages that would all begin in the last frame begin earlier, so that each is seen."""
    found = [words.Word(f"word{index}.", 2.49, 2.5) for index in range(9)]
    spoken = timing.spoken(found, whole(60), RATE)
    drawn = drawing.Burned(spoken, styles.catalogue()["pop"], canvas(frames=60), "en")
    assert 3 <= len([number for number in range(60) if drawn.at(number) is not None])
    assert set(range(9)) == drawn.shown


def test_pages_end_where_a_reader_pauses() -> None:
    """No page runs over a pause or a sentence, none ends after an article, and each stands as long as it is said."""
    spoken = timing.spoken(script().words, whole(240), RATE)
    plain = drawing.paged(spoken, styles.catalogue()["plain"], canvas(1920, 1080), "en")
    texts = [" ".join(drawing.lines(page, spoken)) for page in plain]
    assert [(6, TALK[0][2]), (76, TALK[1][2]), (168, TALK[2][2])] == [
        (page.start_frame, text) for page, text in zip(plain, texts, strict=True)
    ]
    assert 24 <= plain[-1].end_frame - plain[-1].start_frame  # it is said in half a second
    pop = [drawing.lines(page, spoken)[-1].split()[-1] for page in
           drawing.paged(spoken, styles.catalogue()["karaoke"], canvas(1080, 1920), "en")]  # fmt: skip
    assert not {"the", "that", "to", "of", "in"} & set(pop)


@pytest.mark.parametrize("size", [(180, 320), (320, 180)])
@pytest.mark.parametrize("name", styles.for_captions())
def test_every_style_stays_in_the_safe_zone(name: str, size: tuple[int, int]) -> None:
    """Every picture of a style lies in the zone and shows its words, also one that is far too long for a line."""
    long = (8.0, 9.0, "Donaudampfschifffahrtselektrizit\u00e4tenhauptbetriebswerkbauunterbeamtengesellschaft!")
    spoken = timing.spoken(script(cues=[*TALK, long]).words, whole(240), RATE)
    drawn = drawing.Burned(spoken, styles.catalogue()[name], canvas(*size), "en")
    zone = canvas(*size).zone
    found = [made.bounds for number in range(0, 240) if (made := drawn.at(number)) is not None]
    assert set(range(len(spoken))) == drawn.shown
    assert zone.left <= min(one[0] for one in found)
    assert zone.top <= min(one[1] for one in found)
    assert zone.right >= max(one[2] for one in found)
    assert zone.bottom >= max(one[3] for one in found)


def test_highlight_follows_the_word_that_is_said() -> None:
    """Karaoke colours one word at a time from left to right; plain colours none: the control."""
    spoken = timing.spoken(script(cues=[(0.0, 3.0, "one two six")]).words, whole(80), RATE)
    middles = []
    for name in ("karaoke", "plain"):
        drawn = drawing.Burned(spoken, styles.catalogue()[name], canvas(frames=80), "en")
        for number in (5, 30, 60):
            made = drawn.at(number)
            assert made is not None
            blue = made.planes[1].added.astype(int) + 128 * made.planes[1].kept.astype(int) - 128 * 256
            columns = np.flatnonzero((blue < -20 * 256).any(axis=0))
            middles.append(2 * float(columns.mean()) + made.left if len(columns) else 0.0)
    assert middles[0] < middles[1] < middles[2]
    assert [0.0, 0.0, 0.0] == middles[3:]


def entries() -> list[files.Entry]:
    def line(*texts: str) -> tuple[files.Word, ...]:
        return tuple(files.Word(text, " ", 1.0 + index / 2) for index, text in enumerate(texts))

    return [files.Entry(1.0, 2.5, (line("Tom", "&", "<b>Jerry"), line("{run}", "\\N")))]


def test_files_are_read_back_by_the_analyzer() -> None:
    """SRT and WebVTT give the same times and text; what would be markup is text; WebVTT knows when words are said."""
    srt = subrip.parse(files.write("srt", entries(), LOOK).decode())[0]
    vtt = webvtt.parse(files.write("vtt", entries(), LOOK).decode())[0]
    assert [(1.0, 2.5)] == [(one.start_s, one.end_s) for one in srt] == [(one.start_s, one.end_s) for one in vtt]
    assert "Tom & <b>Jerry" == srt[0].lines[0]
    assert "Tom <00:00:01.500>&amp; <00:00:02.000>&lt;b&gt;Jerry" == vtt[0].lines[0]


def test_ass_takes_no_command_from_text() -> None:
    """Braces and backslashes of the text are shown; the marks of karaoke are ours and add up to the time shown."""
    line = files.write("ass", entries(), LOOK).decode().splitlines()[-1]
    assert line.startswith("Dialogue: 0,0:00:01.00,0:00:02.50,karaoke,,0,0,0,,{\\k50}Tom {\\k50}& {\\k")
    assert "\\{run\\}" in line
    assert "\\\u2060N" in line
    plain = files.Look(320, 180, LOOK.zone, styles.catalogue()["plain"], timed=True)
    assert "\\k" not in files.write("ass", entries(), plain).decode()


def test_wish_is_checked_field_by_field() -> None:
    """Everything that is wrong is named; a good wish has no fault: the control."""
    wrong = dressing.Wish(
        captions.Wish("neon", ("srt", "srt")),
        overlays.Wish(title="x" * 301, hook="a\nb", title_s=-1, logo_corner="middle", logo_opacity=float("nan")),
    )
    names = {field.name for field in dressing.violations(wrong)}
    assert {"captions.style", "captions.formats", "overlays.title", "overlays.hook", "overlays.title_s",
            "overlays.logo_corner", "overlays.logo_opacity"} == names  # fmt: skip
    assert [] == dressing.violations(dressing.Wish(captions.Wish("pop", ("srt", "ass"), True), overlays.Wish("Hi")))


def test_checks_fail_on_lost_words_and_text_outside() -> None:
    """A word that was not shown and a text that leaves the zone each fail their check; all well passes."""

    def states(**fields: Any) -> dict[str, str]:
        said = {"absent": None, "words": 9, "words_shown": 9, "words_written": None}
        facts = {"zone": [10, 10, 90, 90], "bounds": {"captions": [10, 10, 90, 90]}, "captions": said} | fields
        return {one.name: one.state for one in dressing.checks(facts)}

    assert {"captions": gate.PASSED, "safe_zone": gate.PASSED} == states()
    for shown, written in ((8, None), (None, 8), (9, 8)):
        lost = {"absent": None, "words": 9, "words_shown": shown, "words_written": written}
        assert gate.FAILED == states(captions=lost)["captions"]
    for edges in ([9, 10, 90, 90], [10, 9, 90, 90], [10, 10, 91, 90], [10, 10, 90, 91]):
        assert gate.FAILED == states(bounds={"title": edges})["safe_zone"]
    assert () == dressing.checks(None)


def png(size: tuple[int, int] = (40, 20)) -> bytes:
    image = Image.new("RGBA", size, (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_logo_keeps_its_shape_and_transparency() -> None:
    """It is fitted into its square; where it is transparent nothing is drawn and no colour bleeds in."""
    pixels = logo.opened(io.BytesIO(png()), 60)
    assert (4, 30, 60) == pixels.shape
    assert (1.0, 0.0) == (pixels[3, 15, 5], pixels[3, 15, 55])
    assert 0.0 == pixels[:, :, 45:].max()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a" + bytes(40), media_errors.Unreadable),
        (png()[:60], media_errors.Unreadable),
        (png((4097, 4097)), media_errors.Refused),
        (bytes(logo.BYTES_MAX + 1), media_errors.Refused),
    ],
)
def test_logo_that_is_none_is_refused(data: bytes, kind: type[Exception]) -> None:
    """No PNG, half a PNG, too many pixels, too many bytes."""
    with pytest.raises(kind):
        logo.opened(io.BytesIO(data), 60)


def test_texts_make_room_for_each_other() -> None:
    """Logo, title and card stand below each other in the zone, and captions below them; none overlaps another."""
    wish = dressing.Wish(captions.Wish("plain"), overlays.Wish("A title", 0, "A hook", 2, True, "file:///logo.png"))
    near = dressing.said(wish, transcript(), [piece(0, 48, 0.0)])
    planned = dressing.plan(wish, near, [piece(0, 48, 0.0)], RATE, zones.zone("tiktok", "9:16", 180, 320))
    assert planned is not None
    files_in = {"logo": io.BytesIO(png())}
    dresser = dressing.Dresser(planned, geometry.Canvas(180, 320), 48, RATE, files_in)
    black = av.VideoFrame.from_ndarray(np.full((480, 180), 16, np.uint8), format="yuv420p")
    shown = [made for _, made in dresser.over((number, black) for number in range(48))]
    edges = dresser.facts()["bounds"]
    tops = sorted((found[1], found[3], name) for name, found in edges.items())
    assert ["logo", "title", "card", "captions"] == [name for _, _, name in tops]
    assert all(upper[1] <= lower[0] for upper, lower in itertools.pairwise(tops))
    bar = [int((made.to_ndarray()[319] > 180).sum()) for made in shown]
    assert bar == sorted(bar)
    assert (4, 180) == (bar[0], bar[-1])
