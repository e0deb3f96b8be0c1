"""Drafts what is said about a clip, by rule, out of the transcript and nothing else. Pure.

The title is the first whole sentence of the clip, the description its first sentences, and hashtags are the words that
are said often in the clip and seldom elsewhere (tf-idf over stretches of the transcript as long as the clip), wanted
keywords first. Where nothing is said, the title is that of the video, with the time.
"""

import collections
import dataclasses
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from client import wording
from client.publishing import post

TITLE_LENGTH_MAX = 80  # what lists of every platform show
DESCRIPTION_LENGTH_MAX = 500  # the least that a platform takes, with room for hashtags
HASHTAGS_MAX = 5  # more are ignored, or taken for spam
WORD = re.compile(r"[^\W\d_]{4,30}")  # shorter ones are mostly grammar
END = re.compile(r"(?<=[.!?\u2026\u3002\uff01\uff1f])\s+")
COMMON = 0.5  # a word of half of all stretches tells nothing about one of them
INSIDE = 0.5  # of a cue, for it to count as said in the clip


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """A piece of a transcript."""

    start_s: float
    end_s: float
    text: str


def said(analysis: Mapping[str, Any]) -> list[Said]:
    """What is said in a film, of its analysis; nothing where no text was found."""
    transcript = analysis.get("transcript") or {}
    return [Said(cue["start_s"], cue["end_s"], " ".join(cue["text"].split())) for cue in transcript.get("cues", ())]


def drafted(
    spoken: Sequence[Said], ranges: Sequence[tuple[float, float]], title: str, keywords: Iterable[str] = ()
) -> post.Text:
    """What is said about a clip.

    Args:
        spoken: The transcript of the film, in order.
        ranges: The stretches of the film that the clip shows, in seconds, in its order.
        title: Name of the film.
        keywords: What was asked for.
    """
    heard = [one.text for stretch in ranges for one in spoken if _inside(one, stretch)]
    sentences = [part for part in END.split(" ".join(heard)) if WORD.search(part)]
    if not sentences:
        return post.Text(f"{title}, {wording.clock(ranges[0][0])}" if title else wording.clock(ranges[0][0]))
    tags = _hashtags(spoken, heard, sum(end_s - start_s for start_s, end_s in ranges), keywords)
    return post.Text(_cut(sentences[0], TITLE_LENGTH_MAX), _cut(" ".join(sentences), DESCRIPTION_LENGTH_MAX), tags)


def _inside(one: Said, stretch: tuple[float, float]) -> bool:
    shared_s = min(one.end_s, stretch[1]) - max(one.start_s, stretch[0])
    return shared_s > 0 and shared_s >= INSIDE * (one.end_s - one.start_s)


def _cut(text: str, length: int) -> str:
    """The text, cut at a word where it is too long."""
    if len(text) <= length:
        return text
    short = text[: length - 1]
    return (short.rpartition(" ")[0] or short).rstrip(" ,;:-") + "\u2026"


def _words(text: str) -> list[str]:
    return [found.casefold() for found in WORD.findall(unicodedata.normalize("NFC", text))]


def _hashtags(
    spoken: Sequence[Said], heard: Sequence[str], length_s: float, keywords: Iterable[str]
) -> tuple[str, ...]:
    here = collections.Counter(_words(" ".join(heard)))
    stretches: dict[int, set[str]] = collections.defaultdict(set)
    for one in spoken:
        stretches[int(one.start_s / max(length_s, 1.0))].update(_words(one.text))
    in_stretches = collections.Counter(word for words in stretches.values() for word in words)

    def weight(word: str) -> float:
        return here[word] * math.log((1 + len(stretches)) / (1 + in_stretches[word]))

    wanted = [word for keyword in keywords for word in _words(keyword) if word in here]
    rare = [word for word in here if len(stretches) < 2 or in_stretches[word] <= max(1, COMMON * len(stretches))]
    ranked = sorted(rare, key=lambda word: (-weight(word), -here[word], word))
    return tuple(dict.fromkeys([*wanted, *ranked]))[:HASHTAGS_MAX]
