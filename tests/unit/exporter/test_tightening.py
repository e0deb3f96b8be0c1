"""Jump cuts take out silence and fillers, where the analysis knows them, and never a word."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from services.exporter import analysis, asked, assembly, pieces, presets, survey, tightening

FILM_S = 20.0
WISH = asked.Tightening()


def known(*silences: tuple[float, float], words: str = "", language: str = "en-GB") -> analysis.Analysis:
    """An analysis with silences, and words of half a second, one a second from the first on; `_` is none."""
    spoken = [
        analysis.Word(float(second), second + 0.5, text) for second, text in enumerate(words.split()) if text != "_"
    ]
    return analysis.Analysis(silence=silences, words=tuple(spoken) or None, language=language)


def removed(found: analysis.Analysis, wish: asked.Tightening = WISH, start_s: float = 0.0) -> list[tuple[float, float]]:
    """Edges of what is taken out of a range."""
    return [
        (pytest.approx(one.start_s), pytest.approx(one.end_s))
        for one in tightening.removals(found, (start_s, FILM_S), wish)
    ]


def test_long_silence_is_shortened_to_its_rolls() -> None:
    """0.15 s after the sound and 0.1 s before it stay; shorter silences stay whole."""
    assert [(5.15, 6.9)] == removed(known((5.0, 7.0), (9.0, 9.5)))
    assert [(5.15, 6.9), (9.15, 9.4)] == removed(known((5.0, 7.0), (9.0, 9.5)), asked.Tightening(silence_min_s=0.4))


def test_silence_at_an_edge_goes_up_to_the_edge() -> None:
    """Nothing is heard before the range and after it, so nothing of the silence is kept there."""
    assert [(2.0, 3.9), (18.15, FILM_S)] == removed(known((1.0, 4.0), (18.0, 25.0)), start_s=2.0)


@pytest.mark.parametrize("word", ["um", "Ummm,", "UH", "hmm..."])
def test_filler_is_taken_out_in_the_language_of_the_words(word: str) -> None:
    """Case, marks and length do not matter; in another language the same letters are a word."""
    spoken = f"well {word} this works"
    assert [(1.0, 1.5)] == removed(known(words=spoken))
    assert [] == removed(known(words=spoken, language="tlh"))
    assert [] == removed(known(words=spoken), asked.Tightening(fillers=False))


def test_named_words_replace_the_list() -> None:
    """The caller's own fillers count in every language, and the listed ones then do not."""
    wish = asked.Tightening(filler_words=("also",))
    assert [(0.0, 0.5)] == removed(known(words="also um gut", language="de"), wish)


def test_filler_and_the_silence_around_it_are_one_cut() -> None:
    """What is left between them is too short to be heard, unless it is a word."""
    found = known((1.5, 3.0), words="well um _ this")
    assert [(1.0, 2.9)] == removed(found)
    assert ["silence, filler"] == [one.reason for one in tightening.removals(found, (0.0, FILM_S), WISH)]
    silence = ((1.5, 2.0), (2.1, 3.0))
    parted = asked.Tightening(silence_min_s=0.3, post_roll_s=0.0, pre_roll_s=0.0)
    assert [(1.5, 3.0)] == removed(analysis.Analysis(silence=silence), parted)
    spoken = analysis.Analysis(silence=silence, words=(analysis.Word(2.0, 2.1, "so"),))
    assert [(1.5, 2.0), (2.1, 3.0)] == removed(spoken, parted)


def test_range_of_nothing_but_silence_stays() -> None:
    """A clip is never emptied."""
    assert [] == removed(known((0.0, 30.0)))


def test_unknown_sound_is_left_alone_and_the_manifest_says_so() -> None:
    """Without silence and words in the analysis nothing is cut, and the plan says why."""
    planned = plan(analysis.Analysis())
    assert 1 == len(planned.edit.pieces)
    assert assembly.UNKNOWN == planned.to_value()["tightening"]["note"]
    assert "" == plan(known((5.0, 7.0))).to_value()["tightening"]["note"]


def test_silence_of_another_sound_is_no_silence() -> None:
    """What the analysis heard says nothing about a track that the caller chose."""
    planned = plan(known((5.0, 7.0)), asked.Track(number=1))
    assert 1 == len(planned.edit.pieces)
    assert assembly.OTHER_SOUND == planned.to_value()["tightening"]["note"]


def plan(found: analysis.Analysis, track: asked.Track = asked.BY_RULE) -> assembly.Plan:
    """The plan of a tightened film of 20 seconds, 25 frames each."""
    facts = {"time_base": "1/25", "origin_pts": 0, "start_frame": 0, "end_pts": None, "counted": False,
             "decoded": False, "nominal": "25"}  # fmt: skip
    ranges = (asked.Range(survey.Wanted(frames=(0, 500))),)
    takes = [pieces.Take(facts, np.arange(500))]
    return assembly.plan(takes, asked.Edit(ranges, WISH, track=track), None, presets.builtin()["default"], found)


def test_jump_cuts_are_whole_frames_around_the_sound_and_say_why() -> None:
    """No frame with sound is lost, and pieces, frames and samples agree."""
    planned = plan(known((5.0, 7.01), words="well um _ this"))
    shown = planned.edit.pieces
    assert [(0, 25, "asked", ""), (37, 129, "filler", "um"), (172, 500, "silence", "")] == [
        (one.start_frame, one.end_frame, one.reason, one.text) for one in shown
    ]
    assert [0, 25, 117] == [one.first for one in shown]
    assert [25, 92, 328] == [one.frames for one in shown]
    assert planned.edit.samples == sum(part.samples for part in planned.edit.sounds)
    assert [Fraction(0), Fraction(37, 25), Fraction(172, 25)] == [part.start_s for part in planned.edit.sounds]
    assert [(0, 500)] == [(one["start_frame"], one["end_frame"]) for one in planned.to_value()["takes"]]
    (span,) = planned.edit.spans
    assert list(range(445)) == [place for place in span.places.tolist() if place >= 0]


def test_plain_lists_have_no_words_of_another_kind() -> None:
    """Every language has sounds in the form in which they are compared, and no two-letter word of its own but those."""
    for language, words in tightening.listed().items():
        assert tightening.language(language) == language
        assert words
        assert all(word == tightening.plain(word) for word in words)


@pytest.mark.parametrize(
    ("document", "silence", "words"),
    [
        ({"audio": {}, "silence": [], "transcript": None}, None, None),
        ({"audio": {"codec": "aac"}, "silence": []}, (), None),
        ({"audio": None, "silence": []}, None, None),
        (
            {"audio": {"codec": "aac"}, "silence": [{"start_s": 1, "end_s": 2}],
             "transcript": {"language": "eng", "words": [{"start_s": 0, "end_s": 1, "text": "um"}]}},
            ((1.0, 2.0),), (analysis.Word(0.0, 1.0, "um"),),
        ),
    ],
)  # fmt: skip
def test_analysis_tells_unknown_from_nothing(document: dict[str, Any], silence: Any, words: Any) -> None:
    """A source without sound has unknown silence, one with sound and none has an empty list."""
    data = {"schema": analysis.SCHEMA, "source": {"size_bytes": 1, "sha256": "0"}, **document}
    found = analysis.Analysis.parse(json.dumps(data).encode())
    assert (silence, words) == (found.silence, found.words)
