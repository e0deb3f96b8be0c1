"""A text that stands for a while: the title at the top, the hook on its card."""

from services.exporter.captions import drawing
from services.exporter.text import block, breaking, plate, shaping, styles, wrapping

FADE_S = 0.25  # in which a text that does not stay to the end goes away
SMALLER = 0.92  # by which a text that does not fit is made smaller
WORDS_MAX = 200  # of a title; it would fill the picture


class Panel:
    """A text over the first frames of a clip.

    Args:
        name: Which style, which is the name of the overlay too.
        text: The text.
        canvas: What it is drawn over; its zone is where the text may be.
        seconds: How long it stays; 0 to the end.
    """

    TEXT = True

    def __init__(self, name: str, text: str, canvas: drawing.Canvas, seconds: float) -> None:
        self.NAME = name
        style = styles.catalogue()[name]
        whole = canvas.frames if not seconds else min(round(seconds * canvas.rate), canvas.frames)
        self._end, self._fade = whole, round(FADE_S * canvas.rate) if whole < canvas.frames else 0
        drawn = _fitting(shaping.clean(text), style, canvas)
        left, top = drawn.placed(canvas.zone, canvas.width / 2)
        self._plate = drawn.painted(left, top, {})
        self.lower_edge = top + drawn.bounds[3] - drawn.bounds[1]

    def at(self, number: int) -> plate.Plate | None:
        """The text, fainter and fainter at its end."""
        if number >= self._end:
            return None
        left = self._end - number
        return self._plate.faded(plate.ONE * left // (self._fade + 1)) if left <= self._fade else self._plate


def _fitting(text: str, style: styles.Style, canvas: drawing.Canvas) -> block.Block:
    """The text in lines, as large as the style says or as fits."""
    size_px, words = canvas.size_px(style), text.split()[:WORDS_MAX]
    units = [(unit, "" if index else " ") for word in words for index, unit in enumerate(breaking.units(word, ""))]
    texts = [breaking.Plain(unit, glue) for unit, glue in units]
    costs = breaking.costs(texts, "")
    widths = [shaping.line(one.text).width for one in texts]
    measured = wrapping.measure(widths, [one.glue for one in texts], shaping.line(" ").width)
    edge = style.outline + (style.box.padding if style.box else 0.0)
    while True:  # ends, for each round is smaller
        width = canvas.zone.width * style.width / size_px - 2 * edge
        lines, _ = wrapping.wrap(0, len(texts), costs, measured, max(width, 0.1), style.lines)
        drawn = block.Block([shaping.line(_joined(texts, line)) for line in lines], style, size_px)
        wide, high = drawn.bounds[2] - drawn.bounds[0], drawn.bounds[3] - drawn.bounds[1]
        if (wide <= canvas.zone.width and high <= canvas.zone.height) or size_px <= 1:
            return drawn
        size_px = int(size_px * SMALLER)


def _joined(texts: list[breaking.Plain], line: tuple[int, ...]) -> str:
    return "".join((texts[k].glue if index else "") + texts[k].text for index, k in enumerate(line))
