"""SubRip (.srt): a number, a line with two times, lines of text, an empty line."""

from services.analyzer.transcript import cue, timecode

ARROW = "-->"


def parse(text: str) -> tuple[list[cue.Raw], int]:
    """The cues, and how many lines of timing make no sense; numbers are not trusted, and may be missing."""
    found: list[cue.Raw] = []
    bad, times = 0, None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if ARROW not in line and line.strip():
            lines.append(line)
            continue
        if ARROW in line and lines and lines[-1].strip().isdecimal():
            del lines[-1]  # the number of the cue that begins here, where no empty line came before it
        if times is not None:
            found.append(cue.Raw(*times, tuple(lines)))
        lines = []
        times = timecode.interval(line)
        bad += ARROW in line and times is None
    return found, bad
