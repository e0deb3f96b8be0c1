"""Text of subtitles without its markup; every pattern looks a bounded way ahead, so that no text takes long."""

import html
import re

TAG = re.compile(r"</?[A-Za-z0-9][^<>]{0,200}>")  # HTML's tags, WebVTT's voices, classes and time stamps
OVERRIDE = re.compile(r"\{\\[^{}]{0,200}\}")  # ASS's, which SRT files carry too
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
SPACE = re.compile(r"\s+")


def plain(line: str) -> str:
    """One line without tags, entities, control characters and needless space."""
    bare = html.unescape(TAG.sub("", OVERRIDE.sub("", line)))
    return SPACE.sub(" ", CONTROL.sub(" ", bare)).strip()
