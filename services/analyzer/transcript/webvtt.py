"""WebVTT (.vtt): a head, then blocks parted by empty lines; those without a line of timing are notes and styles."""

import re

from services.analyzer.transcript import cue, timecode

SIGNATURE, ARROW = "WEBVTT", "-->"
LANGUAGE = re.compile(r"Language:\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3})\s*$")
NOT_CUES = ("NOTE", "STYLE", "REGION")


def parse(text: str) -> tuple[list[cue.Raw], int]:
    """The cues, and how many lines of timing make no sense."""
    found: list[cue.Raw] = []
    bad = 0
    for block in _blocks(text):
        place = next((index for index, line in enumerate(block[:2]) if ARROW in line), None)
        if place is None or block[0].split(" ")[0] in NOT_CUES:
            continue
        times = timecode.interval(block[place])
        if times is None:
            bad += 1
        else:
            found.append(cue.Raw(*times, tuple(block[place + 1 :])))
    return found, bad


def language(text: str) -> str:
    """The language that the head names; empty where it names none."""
    for line in text[:1000].splitlines():  # a head is a few lines
        if not line.strip():
            return ""
        if named := LANGUAGE.match(line):
            return named.group(1)
    return ""


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
