"""What the words of a transcript do: how a stretch opens, and whether it ends with a finished sentence.

Signs that are marks of writing hold in every language: question and exclamation marks, digits, capitals within a
sentence. Words that address, promise or contrast are listed per language in `phrases.json`. The language is the one
that the transcript names, else the one whose commonest words it is full of; where that is not clear, they are unknown.
"""

import dataclasses
import functools
import json
import math
import pathlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from services.analyzer.proposals import spoken

PHRASES: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(
    pathlib.Path(__file__).with_name("phrases.json").read_text()
)
# The codes of ISO 639-2, as containers have them.
NAMED = {"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es"}
LISTED = ("second person", "contrast", "promise", "strong word")
SIGNS = ("question", "exclamation", "number", "name", *LISTED)
WEAK = "weak"  # a beginning such as "and so" that leans on what was said before
QUESTIONS, EXCLAMATIONS = ("?", "\uff1f", "\u061f"), ("!", "\uff01")
STOPS = (*QUESTIONS, *EXCLAMATIONS, ".", "\u2026", "\u3002", "\uff0e", "\u0964", "\u0589")
MARKS = ".,:;!?\u2026\u00bf\u00a1\"'()[]{}\u201c\u201d\u2018\u00ab\u00bb-\u2013\u2014"
CLOSERS = "\"')]}\u201d\u2019\u00bb\u300d"
PAUSE_S = 0.8  # a longer gap between words begins a new sentence
WORDS_MIN = 20  # fewer tell no language
COMMON_MIN, COMMON_LEAD = 0.15, 1.5  # share of commonest words, and how much ahead of the next language
CAPITALS_MAX = 0.15  # of the words within sentences: more is a language that writes all nouns so, or a title
FIRSTS_MIN = 0.5  # of the first words of sentences that have a capital, where capitals mean something
STOPPED_MIN = 1 / 60  # stops per word: with fewer the transcript has no punctuation
PLACES = 256  # that words are counted in; the cosine of unlike clips strays by 0.06 for it
NEAR_S = 0.7  # a stop this near to the end of a sentence is its own: times within a cue are estimates
WORD = re.compile(r"\S+")


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, when it is said, and whether it begins a sentence."""

    start_s: float
    end_s: float
    text: str
    first: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Wording:
    """Where in time the signs of a transcript are.

    Attributes:
        signs: Times in seconds at which each sign is, sorted, by its name; those that cannot be told are missing.
        unknown: Why each of these cannot be told, by its name.
        words_s: When each word begins, sorted.
        places: Where each word is counted, (n,) from 0 to PLACES.
        counts: What it counts there: more where fewer sentences have it, up or down, so that words that share a place
            cancel out on average.
        finished_s: Ends of the sentences that a stop ends, sorted; None where the transcript has no punctuation.
    """

    signs: Mapping[str, np.ndarray]
    unknown: Mapping[str, str]
    words_s: np.ndarray
    places: np.ndarray
    counts: np.ndarray
    finished_s: np.ndarray | None

    @classmethod
    def of(cls, script: spoken.Script, pieces: Sequence[str], sentences: np.ndarray, language: str) -> Self:
        """Reads a transcript.

        Args:
            script: The transcript, to search in.
            pieces: The same as it is written, piece by piece.
            sentences: Its sentences, (n, 2) in seconds.
            language: As the source names it; empty where it names none.
        """
        words = list(_words(pieces, script.spans))
        words.sort(key=lambda word: word.start_s)
        texts = [_bare(word.text) for word in words]
        known = language_of(language, texts)
        capitals = _capitals(words)
        signs = dict(_marks(words))
        unknown: dict[str, str] = {}
        if capitals is None:
            unknown["name"] = "capitals do not tell names here"
        else:
            signs["name"] = _sorted(word.start_s for word in capitals)
        if known is None:
            unknown |= dict.fromkeys(LISTED, "the language is not known")
        else:
            signs |= {sign: script.times(PHRASES[known][sign]) for sign in LISTED}
            weak = frozenset(PHRASES[known][WEAK])
            signs[WEAK] = _sorted(word.start_s for word in words if word.first and _bare(word.text) in weak)
        times_s = _sorted(word.start_s for word in words)
        places, counts = _counted(texts, np.searchsorted(sentences[:, 0], times_s, side="right"))
        return cls(signs, unknown, times_s, places, counts, _finished(words, sentences))


def language_of(named: str, words: Sequence[str]) -> str | None:
    """The language of a transcript, where its phrases are listed; None where it is another or not clear.

    Args:
        named: As the source names it, such as `en`, `eng` or `en-US`; empty where it names none.
        words: The words, in one case, without marks.
    """
    if named:
        short = re.split(r"[-_]", named.lower())[0]
        short = NAMED.get(short, short)
        return short if short in PHRASES else None
    if len(words) < WORDS_MIN:
        return None
    shares = {name: sum(word in lists["common"] for word in words) / len(words) for name, lists in PHRASES.items()}
    best, second = sorted(shares.values(), reverse=True)[:2]
    if best < COMMON_MIN or best < COMMON_LEAD * second:
        return None
    return max(shares, key=shares.__getitem__)


def _words(pieces: Sequence[str], spans: np.ndarray) -> Iterator[Word]:
    """The words of all pieces, each with its share of the time of its piece."""
    last_s, ended = -np.inf, True
    for piece, (start_s, end_s) in zip(pieces, spans.tolist(), strict=True):
        per_letter_s = (end_s - start_s) / max(len(piece), 1)
        for found in WORD.finditer(piece):
            begin_s, until_s = start_s + found.start() * per_letter_s, start_s + found.end() * per_letter_s
            yield Word(begin_s, until_s, found[0], ended or begin_s - last_s >= PAUSE_S)
            last_s, ended = until_s, found[0].rstrip(CLOSERS).endswith(STOPS)


def _marks(words: Sequence[Word]) -> Iterator[tuple[str, np.ndarray]]:
    """Questions and exclamations, at the beginning of their sentences, and numbers."""
    asked, called, first = [], [], None
    for word in words:
        first = word if word.first or first is None else first
        bare = word.text.rstrip(CLOSERS)
        asked += [first.start_s] if bare.endswith(QUESTIONS) else []
        called += [first.start_s] if bare.endswith(EXCLAMATIONS) else []
    yield "question", _sorted(asked)
    yield "exclamation", _sorted(called)
    yield "number", _sorted(word.start_s for word in words if any(map(str.isdecimal, word.text)))


def _capitals(words: Sequence[Word]) -> list[Word] | None:
    """Words with a capital within a sentence; None where capitals mean something else, or there are none at all."""
    firsts = [word for word in words if word.first]
    inner = [word for word in words if not word.first and _letters(word.text) > 1]
    found = [word for word in inner if word.text.lstrip("\"'(\u201c\u2018\u00ab")[:1].isupper()]
    begun = sum(word.text.lstrip("\"'(\u201c\u2018\u00ab\u00bf\u00a1")[:1].isupper() for word in firsts)
    if not inner or begun < FIRSTS_MIN * len(firsts) or len(found) > CAPITALS_MAX * len(inner):
        return None
    return found


def _letters(text: str) -> int:
    """Letters before an apostrophe: `I'm` is no name."""
    return sum(map(str.isalpha, re.split(r"['\u2019]", text)[0]))


def _counted(texts: Sequence[str], sentence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A place for each word by its hash, and its weight there: the logarithm of how few sentences have it."""
    within: dict[str, set[int]] = {}
    for text, number in zip(texts, sentence.tolist(), strict=True):
        within.setdefault(text, set()).add(number)
    total = 1 + len(set(sentence.tolist()))
    hashes = {text: zlib.crc32(text.encode(errors="replace")) for text in within}
    weights = {text: math.log(total / len(numbers)) for text, numbers in within.items()}
    places = np.array([hashes[text] // 2 % PLACES for text in texts], np.int64)
    return places, np.array([weights[text] * (1 - 2 * (hashes[text] % 2)) for text in texts], np.float64)


def _finished(words: Sequence[Word], sentences: np.ndarray) -> np.ndarray | None:
    stops = _sorted(word.end_s for word in words if word.text.rstrip(CLOSERS).endswith(STOPS))
    if not words or stops.size < STOPPED_MIN * len(words):
        return None
    ends = np.sort(sentences[:, 1])
    place = np.searchsorted(stops, ends)
    edges = np.concatenate([[-np.inf], stops, [np.inf]])
    return ends[np.minimum(ends - edges[place], edges[place + 1] - ends) <= NEAR_S]


@functools.lru_cache(maxsize=4096)  # most words of a language come again and again
def _bare(text: str) -> str:
    """A word in one case, without the marks around it."""
    return spoken.plain(text).strip(MARKS)


def _sorted(times: Iterable[float]) -> np.ndarray:
    return np.sort(np.fromiter(times, np.float64))
