"""Time code as SMPTE ST 12 counts it: whole frames, and numbers dropped so that 29.97 keeps up with the clock."""

import re
from fractions import Fraction

TEXT = re.compile(r"([0-9]{2}):([0-5][0-9]):([0-5][0-9])([:;.])([0-9]{2})")
DROPPING = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers that are left out each minute but the tenth


def frame(text: str, rate: Fraction) -> int:
    """The frame, counted from midnight, that a time code names; what is none is 0.

    Args:
        text: `HH:MM:SS:FF`; a semicolon or a full stop before the frames means that numbers are dropped.
        rate: frames per second.
    """
    found = TEXT.fullmatch(text)
    if not found:
        return 0
    hours, minutes, seconds, frames = (int(found[place]) for place in (1, 2, 3, 5))
    count, number = nominal(rate), DROPPING.get(rate, 0) if found[4] != ":" else 0
    passed = 60 * hours + minutes
    return (60 * passed + seconds) * count + frames - number * (passed - passed // 10)


def drops(rate: Fraction) -> bool:
    """Whether a rate counts in drop-frame: those that otherwise fall 3.6 s behind the clock in an hour."""
    return rate in DROPPING


def nominal(rate: Fraction) -> int:
    """Frame numbers in a second: 30 for 29.97."""
    return max(1, round(rate))


def text(frame: int, rate: Fraction, *, dropping: bool = True) -> str:
    """The time code of a frame: `HH:MM:SS:FF`, with a semicolon before the frames where numbers are dropped.

    Args:
        frame: counted from 0.
        rate: frames per second.
        dropping: whether numbers are dropped at the rates that can.
    """
    count, separator = nominal(rate), ":"
    if dropping and drops(rate):
        number, separator = DROPPING[rate], ";"
        minute, ten = 60 * count - number, 600 * count - 9 * number
        tens, rest = divmod(frame, ten)
        frame += 9 * number * tens + (number * ((rest - number) // minute) if rest > number else 0)
    seconds, frames = divmod(frame, count)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{frames:02}"
