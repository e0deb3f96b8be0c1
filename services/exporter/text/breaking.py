"""Where a line or a page may end, and how well it reads if it does.

A break after a sentence or a pause costs nothing; one between an article or a preposition and its noun is dear; one
that the Unicode line breaking algorithm (UAX 14) forbids is not there. Phrases of Japanese, Chinese and Thai come from
BudouX, whose small models know where a reader would pause.
"""

import dataclasses
import functools
import json
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import budoux
from uniseg import linebreak

LISTS = json.loads((pathlib.Path(__file__).parent / "breaking.json").read_text())
CLOSERS = "\"')]}\u201d\u2019\u00bb\u300d\u300f\uff09"
SENTENCE_END = re.compile(rf"[.!?\u2026\u3002\uff01\uff1f\u061f\u0964\u06d4][{re.escape(CLOSERS)}]*$")
CLAUSE_END = re.compile(rf"[,;:\u2013\u2014\u3001\uff0c\uff1b\uff1a\u060c\u061b][{re.escape(CLOSERS)}]*$")
KANA = re.compile("[\u3041-\u30ff]")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
THAI = re.compile("[\u0e01-\u0e5b]")
# Scripts that write without spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
UNSPACED = re.compile("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
EDGES = "\"'([{\u00bf\u00a1\u201c\u2018\u00ab.,;:!?\u2026)]}\u201d\u2019\u00bb"
SENTENCE, CLAUSE, OPENING, PHRASE, PLAIN, INSIDE, CLINGING = 0.0, 1.0, 2.5, 3.0, 4.0, 8.0, 10.0
CODES = {"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt",
         "nld": "nl", "dut": "nl", "jpn": "ja", "zho": "zh", "chi": "zh", "kor": "ko", "tha": "th", "ara": "ar",
         "heb": "he", "hin": "hi", "rus": "ru", "tur": "tr"}  # fmt: skip


class Unit(Protocol):
    """A word with what stands before it."""

    text: str
    glue: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    """A word without a time."""

    text: str
    glue: str


def tag(language: str) -> str:
    """A language as BCP 47 has it; empty for what is none."""
    found = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z0-9-]{2,16}))?", language)
    if not found:
        return ""
    base = found[1].lower()
    return CODES.get(base, base) + (f"-{found[2]}" if found[2] else "")


@functools.cache
def parsers() -> Mapping[str, budoux.Parser]:
    """The phrase models by language; read once, before workers are shut in."""
    return {
        "ja": budoux.load_default_japanese_parser(),
        "zh": budoux.load_default_simplified_chinese_parser(),
        "zh-hant": budoux.load_default_traditional_chinese_parser(),
        "th": budoux.load_default_thai_parser(),
    }


def units(chunk: str, language: str) -> list[str]:
    """Parts a text without spaces into what a reader takes in at once; other text stays whole."""
    if not UNSPACED.search(chunk):
        return [chunk]
    allowed = _places(linebreak.line_break_units(chunk))
    parser = parsers().get(_model(chunk, language))
    wanted = allowed if parser is None else _places(parser.parse(chunk))
    thai = THAI.search(chunk) is not None  # UAX 14 leaves Thai to a dictionary, which the model stands in for
    cuts = sorted(wanted if thai else wanted & allowed)
    return [chunk[first:last] for first, last in zip([0, *cuts], [*cuts, len(chunk)], strict=True)]


def _model(chunk: str, language: str) -> str:
    if KANA.search(chunk):
        return "ja"
    if THAI.search(chunk):
        return "th"
    if language.lower().startswith(("zh-hant", "zh-tw", "zh-hk")):
        return "zh-hant"
    return "ja" if language.split("-")[0] == "ja" else "zh" if HAN.search(chunk) else ""


def _places(parts: Iterator[str] | list[str]) -> set[int]:
    """Where a text is cut, without its ends."""
    ends, place = [], 0
    for part in parts:
        place += len(part)
        ends.append(place)
    return set(ends[:-1])


def costs(words: Sequence[Unit], language: str) -> list[float | None]:
    """What a break before each word costs; None where there may be none, and before the first."""
    found: list[float | None] = [None] * len(words)
    clinging, opening = _lists(language or guessed(words))
    phrases = _phrase_places(words, language)
    said = ""
    for index in range(1, len(words)):
        before, after = words[index - 1].text, words[index].text
        said = before if spoken(before) else said
        if not words[index].glue:
            found[index] = phrases.get(index)
        elif not spoken(after):  # an emoji or a mark belongs to what it follows
            found[index] = None
        else:
            found[index] = _spaced(before, after, clinging, opening)
        if found[index] is not None and SENTENCE_END.search(said or before):
            found[index] = SENTENCE
    return found


def spoken(text: str) -> bool:
    """Whether there is anything to say in a text."""
    return any(letter.isalnum() for letter in text)


def _spaced(before: str, after: str, clinging: frozenset[str], opening: frozenset[str]) -> float:
    if CLAUSE_END.search(before):
        return CLAUSE
    if before.strip(EDGES).lower() in clinging or before.lower() in clinging:
        return CLINGING
    return OPENING if after.strip(EDGES).lower() in opening else PLAIN


def guessed(words: Sequence[Unit]) -> str:
    """The listed language that most of its small words are of; empty where none leads."""
    said = [word.text.strip(EDGES).lower() for word in words]
    counts = sorted((sum(one in _lists(name)[0] for one in said), name) for name in LISTS)
    return counts[-1][1] if counts[-1][0] > counts[-2][0] else ""


@functools.lru_cache(maxsize=16)
def _lists(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words that no line ends with, and words that lines like to begin with; none where the language is not listed."""
    entry = LISTS.get(language.split("-")[0], {"clinging": "", "opening": ""})
    return frozenset(entry["clinging"].split()), frozenset(entry["opening"].split())


def _phrase_places(words: Sequence[Unit], language: str) -> dict[int, float]:
    """Costs of breaks where words stand side by side without a space."""
    found: dict[int, float] = {}
    first = 0
    for last in range(1, len(words) + 1):
        if last < len(words) and not words[last].glue:
            continue
        if last - first > 1:
            text = "".join(word.text for word in words[first:last])
            allowed = _places(linebreak.line_break_units(text))
            whole = _places(units(text, language)) if UNSPACED.search(text) else set()
            place = 0
            for index in range(first + 1, last):
                place += len(words[index - 1].text)
                clause = CLAUSE_END.search(words[index - 1].text)
                if place in whole:
                    found[index] = CLAUSE if clause else PHRASE
                elif place in allowed:
                    found[index] = INSIDE
        first = last
    return found
