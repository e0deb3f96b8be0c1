"""What words do: strong openings, finished endings, and what is not known of them."""

import numpy as np
import pytest

from services.analyzer.proposals import candidates, material, proposing, spoken, terms, wording
from tests.unit.analyzer import test_proposals

ENGLISH = (
    "This is what the talk was for, and it is the end of it. That is all that the people of the house have. "
    "It was with this that they are in the house. The dog and the cat are with it."
)


def said(*cues: tuple[float, float, str], language: str = "en") -> material.Material:
    """A source of two minutes with these cues, one sentence each."""
    spans = np.array([cue[:2] for cue in cues])
    texts = [cue[2] for cue in cues]
    script = spoken.Script.of(texts, spans)
    told = wording.Wording.of(script, texts, spans, language)
    return test_proposals.source(script=script, sentences=spans, said=told)


def value(name: str, source: material.Material, span: tuple[float, float]) -> tuple[float | None, str]:
    """A term of one clip, and the words for it."""
    found = candidates.Candidates(np.array(span[:1]), np.array(span[1:]), np.ones(1))
    term = next(term for term in terms.measure(source, found, terms.Wish((15, 60))) if term.name == name)
    return (float(term.value[0]) if term.known(0) else None), term.reason(0)


@pytest.mark.parametrize(("text", "language", "signs"), [
    ("so who did it?", "xx", ["question"]), ("\u8ab0\u304c\u3084\u3063\u305f\uff1f", "ja", ["question"]),
    ("we won!", "xx", ["exclamation"]), ("it took 300 days", "xx", ["number"]), ("about three days", "xx", []),
    ("and then it was over", "en", []), ("it is yours.", "en", ["second person"]),
    ("that was easy, but wrong", "en", ["contrast"]), ("here's how they did it", "en", ["promise"]),
    ("nobody knew it", "en", ["strong word"]), ("das war aber falsch", "de", ["contrast"]),
    ("personne ne sait pourquoi", "fr", ["strong word"]), ("nunca lo supe, pero t\u00fa", "es",
                                                          ["second person", "contrast", "strong word"]),
    ("nobody, but you", "xx", []), ("butter and yourselves", "en", []),
])  # fmt: skip
def test_signs_of_an_opening_are_found(text: str, language: str, signs: list[str]) -> None:
    """Marks in any language, phrases in those that are listed; each once, and whole words only."""
    found, told = value("opening", said((10.2, 12.5, text), language=language), (10.0, 40.0))
    weak = 0.5 if "leans" in told else 1.0
    assert weak * (1 - 0.5 ** len(signs)) == found
    assert all(sign in told.partition(";")[0] for sign in signs)


def test_names_are_capitals_within_sentences() -> None:
    """Not the first words, not `I'm`; where all nouns have capitals, or none has, they tell nothing."""
    plain = "It was long and so dark there. We all said that it was not for us today."
    found, told = value("opening", said((10, 12, "They met Ada there."), (14, 20, plain)), (10.0, 40.0))
    assert (0.5, True) == (found, "name" in told)
    assert 0.0 == value("opening", said((10, 12, "They say I'm there."), (14, 20, plain)), (10.0, 40.0))[0]
    for text in ("Der Hund sah die Katze im Garten.", "they met ada there. it was late.", "THEY MET ADA THERE. OH."):
        told = value("opening", said((10, 12, text), language="xx"), (10.0, 40.0))[1]
        assert "name: capitals do not tell names here" in told


def test_only_the_first_seconds_open() -> None:
    """What is said later, or before, is no opening; where nothing is said, that is told."""
    source = said((10.2, 11, "Why?"), (50, 51, "They left."))
    assert 0.5 == value("opening", source, (10.0, 40.0))[0]
    assert (0.0, "nothing is said in the first 3 s") == value("opening", source, (5.0, 40.0))
    assert (0.0, "nothing is said in the first 3 s") == value("opening", source, (12.0, 40.0))
    assert value("opening", test_proposals.source(), (0.0, 30.0)) == (None, "there is no transcript")


def test_weak_beginning_halves_the_opening() -> None:
    """`And so` leans on what the viewer has not heard; within a sentence it does not."""
    strong, weak = (value("opening", said((10.2, 12, text)), (10.0, 40.0)) for text in ("Why now?", "And why now?"))
    assert (0.5, 0.25) == (strong[0], weak[0])
    assert "leans on what came before" in weak[1]
    assert 0.5 == value("opening", said((10.2, 12, "Why now and then?")), (10.0, 40.0))[0]


@pytest.mark.parametrize(("named", "text", "language"), [
    ("en", "", "en"), ("eng", "", "en"), ("de-AT", "", "de"), ("ja", ENGLISH, None), ("", ENGLISH, "en"),
    ("", "one two three", None), ("", "lorem ipsum " * 20, None),
    ("", "der hund und die katze und das haus mit dem garten ist nicht auf dem berg zu sehen " * 2, "de"),
])  # fmt: skip
def test_language_is_named_or_clear_or_unknown(named: str, text: str, language: str | None) -> None:
    """A named language is believed, else its commonest words tell it; another one, or a few words, tell none."""
    words = [word.strip(".,").casefold() for word in text.split()]
    assert language == wording.language_of(named, words)


def test_unlisted_language_leaves_its_signs_unknown() -> None:
    """They are named as unknown, and only marks count."""
    found, told = value("opening", said((10.2, 12, "Kuka? sin\u00e4 mutta"), language="fi"), (10.0, 40.0))
    assert 0.5 == found
    assert "second person: the language is not known" in told


def test_closing_tells_finished_sentences() -> None:
    """Finished, torn, without a stop, or none at all: each is told; the last is unknown and takes no part."""
    source = said((10, 14, "It is done."), (20, 24, "And then it"), (30, 34, "They left."), (60, 64, "Yes."))
    assert (1.0, "its last sentence is finished") == value("closing", source, (9.0, 14.2))
    assert (0.0, "its last sentence goes on") == value("closing", source, (9.0, 32.0))
    assert (0.0, "its last words have no stop") == value("closing", source, (9.0, 24.2))
    assert (None, "no sentence begins in it") == value("closing", source, (70.0, 90.0))
    bare = said(*((float(t), t + 2.0, "words without any stop at all") for t in range(0, 100, 4)))
    assert (None, "the transcript has no punctuation") == value("closing", bare, (10.0, 40.0))
    assert (None, "there is no transcript") == value("closing", test_proposals.source(), (10.0, 40.0))


def test_term_that_is_unknown_of_one_clip_takes_no_weight_from_it() -> None:
    """The score of a clip without a sentence is the mean of its other terms."""
    values = [
        terms.Values("motion", np.array([0.4, 0.4]), np.zeros(2), ""),
        terms.Values("closing", np.array([1.0, np.nan]), np.zeros(2), ""),
    ]
    np.testing.assert_allclose([0.8, 0.4], proposing.score(values, {"motion": 1.0, "closing": 2.0}))
    np.testing.assert_allclose([1.0, 0.0], proposing.score(values, {"closing": 2.0}))


def test_clip_that_opens_with_a_question_is_preferred() -> None:
    """With the weight on the opening, the best clip begins where the question is asked."""
    cues = [(float(t), t + 5.0, "they went on and on.") for t in range(1, 110, 6)]
    for place in (3, 8):
        asked = [*cues[:place], (*cues[place][:2], "who are you?"), *cues[place + 1 :]]
        order = proposing.Order(count=1, weights={**terms.WEIGHTS, "opening": 100.0})
        assert cues[place][0] == pytest.approx(proposing.propose(said(*asked), order)[0].start_s, abs=0.5)
