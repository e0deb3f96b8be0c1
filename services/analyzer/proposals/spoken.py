"""Finds when words are spoken."""

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Sequence, Set
from typing import Self

import numpy as np

# A note in brackets, such as [audience laughs] or (Applaus); in the languages that most subtitles are in.
REACTION = re.compile(
    r"[\[(][^\[\]()]{0,60}(?:laugh|chuckl|giggl|applau|clapping|cheer|whoop|lacht|lachen|gel\u00e4chter|beifall|jubel"
    r"|rires|rient|acclam|risas|r\u00eden|aplaus|risate|applaus)[^\[\]()]{0,60}[\])]"
)
# Letters beside which words begin and end without a sign: Thai and Lao, Burmese, Khmer, and those of East Asia.
UNMARKED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0010ffff"
KOREAN = "\u3130-\u318f\uac00-\ud7af"  # parts its words by spaces, and ties endings to them
SPACE = re.compile(f"(?<=[{UNMARKED}])(?<![{KOREAN}]) (?=[{UNMARKED}])(?![{KOREAN}])")  # means nothing


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """A transcript that can be searched.

    Attributes:
        text: Its pieces, each after a space where the script has such, in one case.
        first: Where each piece begins in the text, (n,).
        size: Letters of each piece, (n,).
        spans: When each begins and ends, in seconds, (n, 2).
    """

    text: str
    first: np.ndarray
    size: np.ndarray
    spans: np.ndarray

    @classmethod
    def of(cls, pieces: Sequence[str], spans: np.ndarray) -> Self:
        """A transcript in pieces, such as words or cues, and when each begins and ends."""
        texts = [plain(piece) for piece in pieces]
        size = np.array([len(text) for text in texts], np.int64)
        spaces = ["", *(_space(one, other) for one, other in itertools.pairwise(texts))][: len(texts)]
        first = np.cumsum(size + np.array([len(space) for space in spaces], np.int64)) - size
        return cls("".join(map("".join, zip(spaces, texts, strict=True))), first, size, spans)

    def times(self, keywords: Sequence[str]) -> np.ndarray:
        """When any of some words or phrases is spoken, in seconds, sorted; case and form of letters do not count."""
        patterns = {_pattern(plain(keyword)) for keyword in keywords if plain(keyword)}
        return self._when({found.start() for pattern in sorted(patterns) for found in re.finditer(pattern, self.text)})

    def reactions(self) -> np.ndarray:
        """When laughter, applause or cheer is noted, as subtitles for the deaf do, in seconds, sorted."""
        return self._when({found.start() for found in REACTION.finditer(self.text)})

    def _when(self, places: Set[int]) -> np.ndarray:
        if not places:
            return np.empty(0)
        place = np.array(sorted(places))
        piece = np.searchsorted(self.first, place, side="right") - 1
        share = (place - self.first[piece]) / np.maximum(self.size[piece], 1)
        start_s, end_s = self.spans[piece].T
        return np.sort(start_s + share * (end_s - start_s))


def plain(text: str) -> str:
    """Text in one case, one form of each letter, one kind of apostrophe, and no space that means nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    single = " ".join(folded.split())
    return single if single.isascii() else SPACE.sub("", single)


def _space(one: str, other: str) -> str:
    """What belongs between two pieces of text."""
    return "" if not one.isascii() and SPACE.search(f"{one[-1:]} {other[:1]}") else " "  # most text is told fast


def _pattern(keyword: str) -> str:
    """A whole word. What must not stand before it is looked for behind it: patterns that begin with text are fast."""
    word = re.escape(keyword)
    before = "" if re.match(f"[{UNMARKED}]", keyword[0]) else rf"(?<!\w{word})"
    after = "" if re.match(f"[{UNMARKED}]", keyword[-1]) else r"(?!\w)"
    return f"{word}{before}{after}"
