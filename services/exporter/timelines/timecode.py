"""Time code as SMPTE ST 12 counts it: whole frames, and numbers dropped so that 29.97 keeps up with the clock."""

from fractions import Fraction

DROPPING = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers that are left out each minute but the tenth


def drops(rate: Fraction) -> bool:
    """Whether a rate counts in drop-frame: those that otherwise fall 3.6 s behind the clock in an hour."""
    return rate in DROPPING


def nominal(rate: Fraction) -> int:
    """Frame numbers in a second: 30 for 29.97."""
    return max(1, round(rate))


def text(frame: int, rate: Fraction) -> str:
    """The time code of a frame: `HH:MM:SS:FF`, with a semicolon before the frames where numbers are dropped.

    Args:
        frame: counted from 0.
        rate: frames per second.
    """
    count, separator = nominal(rate), ":"
    if drops(rate):
        number, separator = DROPPING[rate], ";"
        minute, ten = 60 * count - number, 600 * count - 9 * number
        tens, rest = divmod(frame, ten)
        frame += 9 * number * tens + (number * ((rest - number) // minute) if rest > number else 0)
    seconds, frames = divmod(frame, count)
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{frames:02}"
