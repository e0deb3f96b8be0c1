"""Jump cuts: which stretches of a range are kept when silence and filler words are taken out. Pure."""

import dataclasses
import functools
import json
import pathlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from services.exporter import analysis, asked

FILLERS = pathlib.Path(__file__).parent / "fillers.json"
REMOVED_MIN_S = 0.12  # a shorter gap is not worth a jump
KEPT_MIN_S = 0.2  # a shorter rest between two cuts is a breath or a click: it goes with them, unless a word lies in it
REPEATED = re.compile(r"(\w)\1{2,}")  # "ummmm" is "umm"


@dataclasses.dataclass(frozen=True, slots=True)
class Removal:
    """A stretch that is taken out, in seconds since the first frame of the source, and why."""

    start_s: float
    end_s: float
    reason: str
    """`silence`, or `filler` with the words."""
    text: str = ""

    def to_value(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"start_s": round(self.start_s, 6), "end_s": round(self.end_s, 6), "reason": self.reason,
                "text": self.text}  # fmt: skip


@functools.cache
def listed() -> dict[str, frozenset[str]]:
    """Filler words by language: sounds that mean nothing, and no words that could."""
    return {name: frozenset(map(plain, words)) for name, words in json.loads(FILLERS.read_text()).items()}


def removals(found: analysis.Analysis, range_s: tuple[float, float], wish: asked.Tightening) -> list[Removal]:
    """What is taken out of a range.

    Args:
        found: what the analysis knows; where it knows no silence and no words, nothing is taken out.
        range_s: begin and end in seconds.
        wish: how much.

    Returns:
        Stretches inside the range, in order and apart; none where nothing would be left.
    """
    silences = _silences(found.silence or (), range_s, wish) if wish.silence else []
    fillers = _fillers(found, range_s, wish) if wish.fillers else []
    merged = _merged(sorted((*silences, *fillers), key=lambda one: (one.start_s, one.end_s)), found.words or ())
    kept_s = range_s[1] - range_s[0] - sum(one.end_s - one.start_s for one in merged)
    return merged if kept_s >= KEPT_MIN_S else []


def _silences(
    silences: Iterable[tuple[float, float]], range_s: tuple[float, float], wish: asked.Tightening
) -> Iterator[Removal]:
    for start_s, end_s in silences:
        if end_s - start_s < wish.silence_min_s or end_s <= range_s[0] or start_s >= range_s[1]:
            continue
        # Nothing is heard before the beginning and after the end, so nothing has to be kept there.
        first = range_s[0] if start_s <= range_s[0] else start_s + wish.post_roll_s
        last = range_s[1] if end_s >= range_s[1] else end_s - wish.pre_roll_s
        if last - first >= REMOVED_MIN_S:
            yield Removal(first, last, "silence")


def _fillers(found: analysis.Analysis, range_s: tuple[float, float], wish: asked.Tightening) -> Iterator[Removal]:
    fillers = frozenset(map(plain, wish.filler_words)) or listed().get(language(found.language), frozenset())
    for word in found.words or ():
        start_s, end_s = max(word.start_s, range_s[0]), min(word.end_s, range_s[1])
        if end_s - start_s >= REMOVED_MIN_S and plain(word.text) in fillers:
            yield Removal(start_s, end_s, "filler", word.text.strip())


def plain(text: str) -> str:
    """A word without case, marks and drawn-out letters."""
    letters = "".join(one for one in unicodedata.normalize("NFC", text).casefold() if one.isalpha())
    return REPEATED.sub(r"\1\1", letters)


def language(tag: str | None) -> str:
    """The two letters of a language tag; the three-letter codes that subtitle tracks use are known too."""
    first = (tag or "").split("-")[0].casefold()
    return {"eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt",
            "nld": "nl", "dut": "nl", "swe": "sv", "pol": "pl", "tur": "tr", "rus": "ru",
            "jpn": "ja"}.get(first, first)  # fmt: skip


def _merged(ordered: Iterable[Removal], words: Sequence[analysis.Word]) -> list[Removal]:
    merged: list[Removal] = []
    for one in ordered:
        last = merged[-1] if merged else None
        if last is None or _kept(last.end_s, one.start_s, words):
            merged.append(one)
            continue
        texts = [text for text in (last.text, one.text) if text]
        reason = last.reason if last.reason == one.reason else "silence, filler"
        merged[-1] = Removal(last.start_s, max(last.end_s, one.end_s), reason, ", ".join(texts))
    return merged


def _kept(start_s: float, end_s: float, words: Sequence[analysis.Word]) -> bool:
    """Whether what lies between two removals is worth keeping."""
    if end_s - start_s >= KEPT_MIN_S:
        return True
    middle_s = (start_s + end_s) / 2
    return end_s > start_s and any(word.start_s < middle_s < word.end_s for word in words)
