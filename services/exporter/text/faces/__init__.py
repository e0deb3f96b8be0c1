"""The typefaces that are shipped, and which of them draws what.

They are read once, before workers are shut in: a worker can open no file.
"""

import dataclasses
import functools
import io
import pathlib
import unicodedata

import freetype
import uharfbuzz

FOLDER = pathlib.Path(__file__).parent
TEXT, CJK, EMOJI = "NotoSans-Bold.ttf", "NotoSansCJK-Bold.otf", "TwemojiMozilla.ttf"
JOINER, AS_PICTURE = "\u200d", "\ufe0f"
PICTURES_FROM = 0x1F000  # code points from here on are emoji or symbols that have a picture


@dataclasses.dataclass(frozen=True, slots=True)
class Face:
    """A typeface.

    Attributes:
        name: File name.
        shaper: As the shaping library knows it, in units of the typeface.
        outlines: As the rasterizer knows it.
        units: Units of an em.
        covered: Code points that it has.
        ascent: Height above the baseline, in ems.
        descent: Depth below the baseline, in ems.
    """

    name: str
    shaper: uharfbuzz.Font
    outlines: freetype.Face
    units: int
    covered: frozenset[int]
    ascent: float
    descent: float

    @property
    def in_color(self) -> bool:
        """Whether its glyphs have colours of their own."""
        return self.name == EMOJI


@functools.cache
def catalogue() -> tuple[Face, ...]:
    """Every typeface: the one for most text first, then those of one script each, CJK, emoji."""
    names = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".ttf", ".otf"})
    order = [TEXT, *(name for name in names if name not in {TEXT, CJK, EMOJI}), CJK, EMOJI]
    return tuple(_face(name) for name in order)


def _face(name: str) -> Face:
    data = (FOLDER / name).read_bytes()
    shaped, outlines = uharfbuzz.Face(data), freetype.Face(io.BytesIO(data))
    units = shaped.upem
    return Face(
        name,
        uharfbuzz.Font(shaped),
        outlines,
        units,
        frozenset(shaped.unicodes),
        outlines.ascender / units,
        -outlines.descender / units,
    )


def choose(cluster: str, before: Face | None = None) -> Face:
    """The typeface for what is written as one sign.

    Args:
        cluster: A letter with its marks, or an emoji with all its parts.
        before: The typeface of the sign before; signs that belong to no script stay in it.

    Returns:
        The first one that has all of it; the first of all where none has.
    """
    known = catalogue()
    wanted = frozenset(ord(letter) for letter in cluster if letter not in (JOINER, AS_PICTURE))
    if AS_PICTURE in cluster or any(code >= PICTURES_FROM for code in wanted):
        known = (known[-1], *known[:-1])
    elif before is not None and not before.in_color and not any(letter.isalpha() for letter in cluster):
        known = (before, *known)
    return next((face for face in known if wanted <= face.covered), catalogue()[0])


def missing(cluster: str, face: Face) -> str:
    """What of a sign its typeface lacks; signs that are never seen do not count."""
    return "".join(
        letter
        for letter in cluster
        if ord(letter) not in face.covered and unicodedata.category(letter) not in {"Cf", "Cc", "Mn", "Zs"}
    )
