"""Turns text into glyphs in the order in which they are seen.

Directions come from the Unicode Bidirectional Algorithm (python-bidi), joined and stacked forms from HarfBuzz; here
text is only parted into runs of one direction, one typeface and one owner, and the runs are put side by side.
"""

import dataclasses
import functools
import itertools
import unicodedata
from collections.abc import Iterator, Sequence

import uharfbuzz
from bidi import algorithm
from uniseg import graphemecluster

from services.exporter.text import faces

RUNS_KEPT = 4096  # shaped lines that are remembered while the pages of a clip are tried out; some hundred bytes each
STEERING = frozenset("BN LRE RLE LRO RLO PDF LRI RLI FSI PDI".split())  # classes of signs that are never seen
CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # directions are found, not taken
NOTHING = -1  # the owner of spaces and of text that belongs to no word


@dataclasses.dataclass(frozen=True, slots=True)
class Glyph:
    """A drawn sign.

    Attributes:
        face: Its typeface.
        number: Its number in the typeface.
        x: Place of its origin right of the beginning of the line, in ems.
        y: Place of its origin above the baseline, in ems.
        owner: Which word it belongs to.
        cluster: Index of the first letter that it stands for.
    """

    face: faces.Face
    number: int
    x: float
    y: float
    owner: int
    cluster: int


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A shaped line.

    Attributes:
        glyphs: From left to right.
        width: In ems.
        missing: Letters that no typeface has.
        ascent: Height of its typefaces above the baseline, in ems.
        descent: Depth of its typefaces below the baseline, in ems.
    """

    glyphs: tuple[Glyph, ...]
    width: float
    missing: str
    ascent: float
    descent: float


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    level: int
    face: faces.Face
    owner: int


@functools.lru_cache(maxsize=RUNS_KEPT)
def line(text: str, owners: tuple[int, ...] = (), language: str = "") -> Line:
    """Shapes one line.

    Args:
        text: Without line breaks.
        owners: Per letter of the text, which word it belongs to; none for text that is one word.
        language: As BCP 47 has it; empty where unknown.
    """
    owned = owners or (0,) * len(text)
    glyphs: list[Glyph] = []
    runs = list(_runs(text, owned))
    pen = 0.0
    for run in _seen(runs):
        pen = _shape(text, run, language, pen, glyphs)
    used = [run.face for run in runs] or [faces.catalogue()[0]]
    lacking = "".join(faces.missing(text[run.start : run.end], run.face) for run in runs)
    return Line(tuple(glyphs), pen, lacking, max(face.ascent for face in used), max(face.descent for face in used))


def clean(text: str) -> str:
    """Text on one line without what is never drawn."""
    flat = "".join(" " if letter.isspace() else letter for letter in text)
    return " ".join("".join(letter for letter in flat if _drawn(letter)).split(" ")).strip()


def _drawn(letter: str) -> bool:
    return letter not in CONTROLS and unicodedata.category(letter) not in {"Cc", "Cs", "Co", "Cn"}


def levels(text: str) -> list[int]:
    """How deeply each letter is embedded: even from left to right, odd from right to left.

    Signs that only steer directions, or only join, are left out and get the level of the letter before them.
    """
    drawn = [letter for letter in text if unicodedata.bidirectional(letter) not in STEERING]
    if not drawn:
        return [0] * len(text)
    storage = algorithm.get_empty_storage()
    storage["base_level"] = base = algorithm.get_base_level("".join(drawn))
    storage["base_dir"] = ("L", "R")[base]
    algorithm.get_embedding_levels("".join(drawn), storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    found, level = iter(storage["chars"]), base
    return [
        level := level if unicodedata.bidirectional(letter) in STEERING else next(found)["level"] for letter in text
    ]


def clusters(text: str) -> Iterator[str]:
    """The signs of a text: each letter with its marks, each emoji with its parts."""
    return iter(text) if text.isascii() else graphemecluster.grapheme_clusters(text)


def _runs(text: str, owners: Sequence[int]) -> Iterator[_Run]:
    directions = [0] * len(text) if text.isascii() else levels(text)
    place, face, parts = 0, None, []
    for cluster in clusters(text):
        face = faces.choose(cluster, face)
        parts.append((place, place + len(cluster), directions[place], face, owners[place]))
        place += len(cluster)
    for (level, _, owner), group in itertools.groupby(parts, key=lambda part: (part[2], part[3].name, part[4])):
        found = list(group)
        yield _Run(found[0][0], found[-1][1], level, found[0][3], owner)


def _seen(runs: Sequence[_Run]) -> list[_Run]:
    """Runs from left to right: from the deepest level to the lowest odd one, what is that deep is turned around.

    Source: Unicode Standard Annex 9, rule L2, applied to runs.
    """
    ordered = list(runs)
    odd = [run.level for run in runs if run.level % 2]
    if not odd:
        return ordered
    for level in range(max(run.level for run in runs), min(odd) - 1, -1):
        first = 0
        for deep, group in itertools.groupby(list(ordered), key=lambda run, level=level: run.level >= level):
            last = first + len(list(group))
            if deep:
                ordered[first:last] = ordered[first:last][::-1]
            first = last
    return ordered


def _shape(text: str, run: _Run, language: str, pen: float, glyphs: list[Glyph]) -> float:
    """Adds the glyphs of one run and returns where the next one begins."""
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text, run.start, run.end - run.start)  # with what stands around it: letters join across runs
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    if language:
        buffer.language = language
    buffer.guess_segment_properties()
    uharfbuzz.shape(run.face.shaper, buffer)
    units = run.face.units
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        x, y = pen + position.x_offset / units, position.y_offset / units
        glyphs.append(Glyph(run.face, info.codepoint, x, y, run.owner, info.cluster))
        pen += position.x_advance / units
    return pen
