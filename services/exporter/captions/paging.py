"""Parts what is said into pages, and pages into lines: the cheapest way over the whole clip, by dynamic programming.

Source: Knuth and Plass, "Breaking paragraphs into lines", 1981, with pages and time in the place of paragraphs.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from fractions import Fraction

from services.exporter.captions import timing
from services.exporter.text import breaking, styles, wrapping

PAGE = 5.0  # what a page costs: fewer and fuller ones are calmer
LONELY = 4.0  # what a page costs that is too short to be read in time
INSIDE = {breaking.SENTENCE: 3.5, breaking.CLAUSE: 2.5}  # what the end of a sentence or clause within a page costs
BRIDGE_S = 0.3  # a gap between two pages that would only flicker


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Text that is shown at once: frames of the clip, end exclusive, and per line the numbers of its words."""

    start_frame: int
    end_frame: int
    lines: wrapping.Lines

    @property
    def words(self) -> tuple[int, ...]:
        """Numbers of all its words."""
        return tuple(itertools.chain(*self.lines))


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """How much fits.

    Attributes:
        style: Lines, words and times.
        width: Widest line, in ems.
        rate: Frames per second of the clip.
        frames: Frames of the clip.
        language: Of the words.
    """

    style: styles.Style
    width: float
    rate: Fraction
    frames: int
    language: str


def pages(spoken: Sequence[timing.Spoken], room: Room, widths: Sequence[float], space: float) -> list[Page]:
    """Parts words into pages.

    Args:
        spoken: Words in the order of the clip.
        room: How much fits.
        widths: Of each word in ems.
        space: Width of a space in ems.
    """
    costs = breaking.costs(spoken, room.language)
    count, style = len(spoken), room.style
    total, back = [0.0] + [float("inf")] * count, [0] * (count + 1)
    splits: dict[tuple[int, int], wrapping.Lines] = {}
    measured = wrapping.measure(widths, [one.glue for one in spoken], space)
    for end in range(1, count + 1):
        for start in range(end - 1, max(end - style.words, 0) - 1, -1):
            if end - start > 1 and not _together(spoken, start, end, room):
                break
            lines, cost = wrapping.wrap(start, end, costs, measured, room.width, style.lines)
            cost += total[start] + PAGE + _page_cost(spoken, costs, start, end, room)
            if cost < total[end] - wrapping.GAIN_MIN:
                total[end], back[end], splits[start, end] = cost, start, lines
    found = []
    end = count
    while end:
        found.append(splits[back[end], end])
        end = back[end]
    return _timed(found[::-1], spoken, room)


def _together(spoken: Sequence[timing.Spoken], start: int, end: int, room: Room) -> bool:
    """Whether words may share a page: no pause, no cut that leaps, and not too long."""
    this, following = spoken[start], spoken[start + 1]
    pause = (following.start_frame - this.end_frame) / room.rate
    whole = (spoken[end - 1].end_frame - this.start_frame) / room.rate
    return pause <= room.style.pause_s and whole <= room.style.shown_max_s and this.piece == following.piece


def _page_cost(
    spoken: Sequence[timing.Spoken], costs: Sequence[float | None], start: int, end: int, room: Room
) -> float:
    following = costs[end] if end < len(spoken) else 0.0
    cost = 500.0 if following is None else following
    if end < len(spoken) and (
        spoken[end].word.first or (spoken[end].start_frame - spoken[end - 1].end_frame) / room.rate > BRIDGE_S
    ):
        cost = min(cost, breaking.CLAUSE)
    cost += sum(INSIDE.get(costs[k], 0.0) for k in range(start + 1, end))
    until = spoken[end].start_frame if end < len(spoken) else room.frames
    shown_s = float((until - spoken[start].start_frame) / room.rate)
    return cost + (LONELY if shown_s < room.style.shown_min_s else 0.0)


def _timed(found: Sequence[wrapping.Lines], spoken: Sequence[timing.Spoken], room: Room) -> list[Page]:
    """Pages with their frames: long enough to be read, never over the next one."""
    starts = _apart([spoken[lines[0][0]].start_frame for lines in found], room.frames)
    made: list[Page] = []
    for index, lines in enumerate(found):
        last = spoken[lines[-1][-1]]
        until = spoken[found[index + 1][0][0]].start_frame if index + 1 < len(found) else room.frames
        letters = sum(len(spoken[k].text) + len(spoken[k].glue) for line in lines for k in line)
        needed_s = max(room.style.shown_min_s, letters / room.style.letters_per_s_max)
        start = starts[index]
        end = max(last.end_frame + _frames(room.rate, room.style.linger_s), start + _frames(room.rate, needed_s))
        if until - end < _frames(room.rate, BRIDGE_S):
            end = until
        made.append(Page(start, max(min(end, until), start + 1), lines))
    following = [*starts[1:], room.frames]
    return [
        dataclasses.replace(page, end_frame=min(page.end_frame, after))
        for page, after in zip(made, following, strict=True)
        if page.start_frame >= 0
    ]


def _apart(starts: list[int], frames: int) -> list[int]:
    """First frames of pages, each with a frame of its own; negative where there are more pages than frames."""
    for index in range(1, len(starts)):
        starts[index] = max(starts[index], starts[index - 1] + 1)
    latest = frames
    for index in range(len(starts) - 1, -1, -1):
        starts[index] = latest = min(starts[index], latest - 1)
    return starts


def _frames(rate: Fraction, seconds: float) -> int:
    return round(seconds * rate)
