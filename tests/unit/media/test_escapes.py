"""Thousands of names and links that mean to lead out of a session, and none that does; the plain way is led out."""

import contextlib
import itertools
import os
import pathlib
import random
import threading
from collections.abc import Callable

import pytest

from media import errors, sessions

NAMES = 2_000
SWAPS = [500, pytest.param(10_000, marks=pytest.mark.slow)]
PARTS = (
    *("..", ".", "", "...", "link", "file-link", "images", "metadata", "a", "secret", "~", "etc", "passwd"),
    *("proc", "self", "nul.txt"),
    *("a\0b", "\0", "..\\..", "%2e%2e", "..%2f", "\uff0e\uff0e", "\u2025", "\u202e..", "e\u0301", "\ufeff", "\ud800"),
    *(" ", "..\n", "-rf", "$HOME", "`id`", "{a,b}", "*", "con", "a:b", ".tmp-x", "x" * 300, "\u0130", "\xad.."),
)  # fmt: skip
LEADING = ("..", "link", "a", "secret", "images", "file-link")  # what really leads to something here
REFUSALS = (errors.PathRefused, errors.NotThere, errors.MediaError)
Open = Callable[[sessions.Session, str], bytes]


def hostile(number: int) -> list[str]:
    """So many different names, made of parts that each have led somebody out somewhere."""
    chance, found = random.Random(7), {}
    for index in itertools.count():  # ends: there are billions
        parts = [chance.choice(LEADING if chance.random() < 0.7 else PARTS) for _ in range(chance.randrange(1, 7))]
        name = chance.choice(("", "", "/", "./", "file://", "//")) + chance.choice(("/", "/", "//", "\\")).join(parts)
        found[name] = index
        if len(found) == number:
            return list(found)
    raise AssertionError("unreachable")


@pytest.fixture
def trapped(tmp_path: pathlib.Path) -> tuple[sessions.Session, pathlib.Path]:
    """A session with links out of it, and the folder outside that must not be reached."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_bytes(b"secret")
    session = sessions.Sessions(tmp_path / "store").create()
    session.write_bytes("images/deep/a", b"fine")
    os.symlink(secret, session.root / "link")
    os.symlink(secret / "a", session.root / "file-link")
    os.symlink(secret, session.root / "images" / "link")
    return session, secret


def carefully(session: sessions.Session, name: str) -> bytes:
    """As the product opens a name."""
    with session.open_read(name) as file:
        return file.read()


def plainly(session: sessions.Session, name: str) -> bytes:
    """As most programs do: the control of both tests."""
    return (session.root / name).read_bytes()


def reached(session: sessions.Session, opening: Open) -> int:
    """How many of the names lead to the secret."""
    count = 0
    for name in hostile(NAMES):
        with contextlib.suppress(*REFUSALS, *((OSError, ValueError) if opening is plainly else ())):
            count += b"secret" == opening(session, name)
    return count


def test_no_hostile_name_reads_or_writes_outside(trapped: tuple[sessions.Session, pathlib.Path]) -> None:
    """Each is refused, or is a name of the session."""
    session, secret = trapped
    assert 0 == reached(session, carefully)
    for name in hostile(NAMES):
        with contextlib.suppress(*REFUSALS):
            session.write_bytes(name, b"written")
        with contextlib.suppress(*REFUSALS):
            session.remove(name)
    assert (["a"], b"secret") == (os.listdir(secret), (secret / "a").read_bytes())
    assert sorted(["secret", "store"]) == sorted(os.listdir(secret.parent))


def test_plain_opening_follows_hostile_names(trapped: tuple[sessions.Session, pathlib.Path]) -> None:
    """Control: some of them are dangerous."""
    assert reached(trapped[0], plainly) > 0


def raced(trapped: tuple[sessions.Session, pathlib.Path], opening: Open, swaps: int) -> dict[str, int]:
    """Opens a file as often as it can while its folder is swapped for a link so many times; what came of it."""
    session = trapped[0]
    deep, aside, link = (session.root / "images" / name for name in ("deep", "aside", "link"))
    outcomes = dict.fromkeys(("fine", "secret", "refused"), 0)

    def swap() -> None:
        for _ in range(swaps):
            os.rename(deep, aside)
            os.rename(link, deep)
            os.rename(deep, link)
            os.rename(aside, deep)

    swapper = threading.Thread(target=swap)
    swapper.start()
    while swapper.is_alive():
        try:
            outcomes[opening(session, "images/deep/a").decode()] += 1
        except (*REFUSALS, FileNotFoundError):
            outcomes["refused"] += 1
    swapper.join()
    return outcomes


@pytest.mark.parametrize("swaps", SWAPS)
def test_no_swap_of_a_folder_for_a_link_is_won(trapped: tuple[sessions.Session, pathlib.Path], swaps: int) -> None:
    """Nothing is looked at before it is opened."""
    assert 0 == raced(trapped, carefully, swaps)["secret"]


@pytest.mark.slow
def test_swaps_are_won_against_plain_opening(trapped: tuple[sessions.Session, pathlib.Path]) -> None:
    """Control: the same race is lost by whoever opens a path."""
    assert raced(trapped, plainly, 10_000)["secret"] > 0
