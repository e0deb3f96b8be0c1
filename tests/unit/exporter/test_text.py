"""Text as pictures: joined, stacked, turned and coloured as its script wants, held against what the script demands."""

import itertools
import random

import av
import bidi
import numpy as np
import pytest

from services.exporter.text import block, breaking, faces, ink, plate, shaping, styles, wrapping, zones

ARABIC, HEBREW, JAPANESE = "\u0628\u0628\u0628", "\u05e9\u05dc\u05d5\u05dd", "\u65e5\u672c\u8a9e\u3067\u3059"
KI, KSSA = "\u0915\u093f", "\u0915\u094d\u0937"  # Devanagari: a vowel sign before its letter, two letters as one
THAI = "\u0e17\u0e35\u0e48"  # a letter with a vowel and a tone above each other
FAMILY, FLAG = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea"


def numbers(text: str) -> list[int]:
    return [glyph.number for glyph in shaping.line(text).glyphs]


def clusters(text: str) -> list[int]:
    return [glyph.cluster for glyph in shaping.line(text).glyphs]


def test_arabic_is_joined_and_runs_from_right_to_left() -> None:
    """Three times the same letter is three forms, the last one leftmost; alone it has a fourth form: the control."""
    glyphs = shaping.line(ARABIC).glyphs
    forms = {cluster: tuple(one.number for one in glyphs if one.cluster == cluster) for cluster in range(3)}
    alone = tuple(one.number for one in shaping.line(ARABIC[0]).glyphs)
    assert clusters(ARABIC) == sorted(clusters(ARABIC), reverse=True)
    assert 4 == len({*forms.values(), alone})


def test_words_that_are_drawn_apart_stay_joined() -> None:
    """Colouring a part of a joined word, as a highlight may, changes no form."""
    whole, parted = shaping.line(ARABIC), shaping.line(ARABIC, (0, 0, 1))
    assert sorted(g.number for g in whole.glyphs) == sorted(g.number for g in parted.glyphs)
    assert {0, 1} == {glyph.owner for glyph in parted.glyphs}


@pytest.mark.parametrize(
    "text",
    [
        HEBREW,
        f"{HEBREW} abc {HEBREW}",
        f"abc {HEBREW} 123 def",
        f"{HEBREW} 12,5 x",
        f"{HEBREW}, {HEBREW}!",
    ],
)
def test_mixed_directions_are_ordered_as_another_implementation_does(text: str) -> None:
    """Letters stand from left to right as in the display order of the library's own implementation in Rust."""
    seen = "".join(text[cluster] for cluster in clusters(text))
    assert bidi.get_display(text) == seen


def test_devanagari_is_reordered_and_joined() -> None:
    """The vowel sign i stands before its letter though it is written after it; ksha is one sign."""
    first, second = shaping.line(KI).glyphs
    assert faces.choose(KI).outlines.get_char_index(KI[0]) == second.number != first.number
    assert 1 == len(numbers(KSSA)) < len(KSSA)


def test_thai_marks_stand_above_each_other() -> None:
    """Vowel and tone are drawn over the letter, the tone over the vowel, and take no width."""
    letter, vowel, tone = ink.place(shaping.line(THAI), 100, 0, 200)
    assert tone.top < vowel.top < letter.top
    assert tone.left < letter.left + letter.stain.coverage.shape[1]
    assert shaping.line(THAI).width == pytest.approx(shaping.line(THAI[0]).width, abs=0.01)


def test_japanese_signs_are_as_wide_as_high() -> None:
    """Every sign is there and takes an em."""
    line = shaping.line(JAPANESE)
    assert ("", 0) == (line.missing, numbers(JAPANESE).count(0))
    assert len(JAPANESE) == pytest.approx(line.width)


@pytest.mark.parametrize("text", [FAMILY, FLAG])
def test_emoji_of_several_parts_is_one_coloured_picture(text: str) -> None:
    """Its parts are one glyph, and the glyph has colours."""
    (only,) = shaping.line(text).glyphs
    color = ink.fill(only.face, only.number, 64).color
    assert color is not None
    assert color.std(axis=0).max() > 0.1


def test_sign_that_no_typeface_has_is_named() -> None:
    """It is drawn as an empty box and reported; known signs are not: the control."""
    assert ("\U0001d11e", "") == (shaping.line("a\U0001d11e").missing, shaping.line("a\u00e9\u266a").missing)


def test_outline_surrounds_the_sign() -> None:
    """It reaches its width farther on every side."""
    line = shaping.line("o")
    (thin,), (thick,) = ink.place(line, 80, 0, 100), ink.place(line, 80, 0, 100, 6.0)
    for axis in (0, 1):
        assert 12 == pytest.approx(thick.stain.coverage.shape[axis] - thin.stain.coverage.shape[axis], abs=2)
    assert (6, 6) == (pytest.approx(thin.left - thick.left, abs=1), pytest.approx(thin.top - thick.top, abs=1))


def frame_of(luma: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((60, 64), luma, np.uint8), format="yuv420p")


def test_plate_is_blended_in_its_place_only() -> None:
    """White becomes 235, half of it lies half-way, nothing around it changes, and the frame itself stays as it was."""
    pixels = np.zeros((4, 7, 9), np.float32)
    pixels[:, :, :5], pixels[:, :, 5:] = 1.0, 0.5
    frame = frame_of(100)
    made = plate.of(pixels, 11, 3)
    luma = plate.blend(frame, [made]).to_ndarray()[:40]
    assert {235} == set(luma[3:10, 11:16].ravel())
    assert {(100 + 235) // 2, (100 + 235) // 2 + 1} >= set(luma[3:10, 16:20].ravel())
    luma[3:10, 11:20] = 100
    assert {100} == set(luma.ravel()) == set(frame.to_ndarray()[:40].ravel())
    assert (11, 3, 20, 10) == made.bounds


def test_plate_keeps_colours() -> None:
    """Red over grey is BT.709 red in limited range, and faded by half it lies half-way."""
    pixels = np.zeros((4, 8, 8), np.float32)
    pixels[0], pixels[3] = 1.0, 1.0
    made = plate.of(pixels, 0, 0)
    for plates, expected in (([made], (63, 102, 240)), ([made.faded(128)], (95, 115, 184))):
        planes = plate.blend(frame_of(128), plates)
        found = [int(np.frombuffer(planes.planes[index], np.uint8)[0]) for index in range(3)]
        assert expected == pytest.approx(found, abs=1)


def test_lines_are_the_best_of_all_ways() -> None:
    """The wrapped lines cost as little as the cheapest of all ways to part the words."""
    dice = random.Random(7)
    for _ in range(60):
        count, most = dice.randint(2, 8), dice.randint(2, 4)
        widths = [dice.uniform(0.5, 4) for _ in range(count)]
        costs = [None, *(dice.choice([None, 0.0, 4.0, 10.0]) for _ in range(count - 1))]
        measured = wrapping.measure(widths, [" "] * count, 0.3)
        width = dice.uniform(3, 12)
        ways = [price(cuts, costs, measured, width) for cuts in every_way(count, most, costs)]
        assert min(ways) == pytest.approx(wrapping.wrap(0, count, costs, measured, width, most)[1])


def every_way(count: int, most: int, costs: list[float | None]) -> list[tuple[int, ...]]:
    """Where lines may begin, in all ways; one line only where it fits is what `wrap` tries first."""
    places = [index for index in range(1, count) if costs[index] is not None]
    return [cuts for lines in range(most) for cuts in itertools.combinations(places, lines)]


def price(cuts: tuple[int, ...], costs: list[float | None], measured: wrapping.Measure, width: float) -> float:
    """What a way to part words costs, written down once more."""
    edges = [0, *cuts, len(costs)]
    sizes = [measured(first, last) for first, last in itertools.pairwise(edges)]
    mean = measured(0, len(costs)) / len(sizes)
    over = sum(wrapping.TOO_WIDE * size / width for size in sizes if size > width)
    ragged = sum(wrapping.RAGGED * ((size - mean) / width) ** 2 for size in sizes) if cuts else 0.0
    return over + ragged + sum((costs[cut] or 0) / 2 for cut in cuts) + wrapping.LINE * len(cuts)


def costs_of(text: str, language: str) -> list[float | None]:
    return breaking.costs([breaking.Plain(word, " ") for word in text.split()], language)


def test_breaks_follow_meaning() -> None:
    """After a sentence it costs nothing, before a conjunction little, between article and noun most."""
    costs = costs_of("Stop. He saw the dog and left, then !", "en")
    assert (breaking.SENTENCE, breaking.CLINGING, breaking.OPENING, breaking.CLAUSE, None) == tuple(
        costs[index] for index in (1, 4, 5, 7, 8)
    )
    assert (None, breaking.SENTENCE) == tuple(costs_of("Done. \U0001f389 Next", "en")[1:])
    assert breaking.PLAIN == costs_of("saw the dog", "fr")[2]  # no French article: the control
    assert breaking.CLINGING == costs_of("mit dem Hund", "de")[2] == costs_of("mit dem Hund", "")[2]
    assert breaking.PLAIN == costs_of("de la casa", "")[1]  # two languages have the word, so none is taken


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("\u4eca\u65e5\u306f\u5929\u6c17\u3067\u3059\u3002\u6771\u4eac\u306b\u884c\u304d\u307e\u3059\u3002", "ja"),
        ("\u0e27\u0e31\u0e19\u0e19\u0e35\u0e49\u0e2d\u0e32\u0e01\u0e32\u0e28\u0e14\u0e35\u0e21\u0e32\u0e01", "th"),
    ],
)  # fmt: skip
def test_text_without_spaces_is_parted_into_phrases(text: str, language: str) -> None:
    """Nothing is lost, no part begins with what may not begin a line, and Latin text stays whole: the control."""
    parts = breaking.units(text, language)
    assert text == "".join(parts)
    assert 2 <= len(parts) < len(text)
    assert not any(part[0] in "\u3002\u3001\u0e31\u0e35\u0e49" for part in parts)
    assert ["whole-words,here"] == breaking.units("whole-words,here", language)


def test_zones_keep_clear_of_controls() -> None:
    """Upright pictures lose more than wide ones, an unknown preset gets what is free on every platform."""
    known = {name: zones.zone(name, "9:16", 1080, 1920) for name in ("tiktok", "shorts", "reels", "facebook")}
    left, top, right, bottom = zones.zone("of-my-own", "9:16", 1080, 1920)
    assert all(left >= one[0] and top >= one[1] and right <= one[2] and bottom <= one[3] for one in known.values())
    assert known["tiktok"][3] <= 1920 * 0.8
    assert (96, 54, 1824, 994) == zones.zone("tiktok", "16:9", 1920, 1080)


@pytest.mark.parametrize("name", sorted(styles.catalogue()))
def test_block_draws_nothing_outside_of_what_it_says(name: str) -> None:
    """What can be seen of every style lies inside the bounds by which it is placed, and fills most of their width."""
    drawn = block.Block(
        [shaping.line("Ag\u0e17\u0e35\u0e48 \u0645\u0631\u062d\u0628\u0627")], styles.catalogue()[name], 30
    )
    left, top, right, bottom = drawn.bounds
    made = drawn.painted(100, 60, {0: "#FF0000"})
    assert made.bounds is not None
    assert 100 <= made.bounds[0] < made.bounds[2] <= 100 + right - left
    assert 60 <= made.bounds[1] < made.bounds[3] <= 60 + bottom - top
    assert made.bounds[2] - made.bounds[0] > 0.7 * (right - left)
