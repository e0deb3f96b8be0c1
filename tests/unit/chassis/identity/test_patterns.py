"""What is unusual about a caller is noticed once, and passes; what is usual is not."""

import dataclasses

import pytest

from chassis.identity import patterns

BOUNDS = patterns.Bounds(refusals=3, refusals_s=60, addresses=2, addresses_s=600)


@dataclasses.dataclass
class Watched:
    """Patterns, what they told, and a clock that a test moves."""

    now_s: float = 1000.0
    told: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.patterns = patterns.Patterns(BOUNDS, lambda *words: self.told.append(words), lambda: self.now_s)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_many_refusals_of_one_are_told_once_and_pass(watched: Watched) -> None:
    """One more than is usual; again after it has passed. Control: as many of several callers are nothing."""
    for number in range(30):
        watched.patterns.refused(f"address:10.0.0.{number % 10}")
    assert [] == watched.told
    for _ in range(50):
        watched.patterns.refused("key:a")
    assert [("key:a", "more than 3 refusals in 60 s")] == watched.told
    assert ["key:a"] == watched.patterns.noticed(patterns.REFUSALS)
    watched.now_s += 61
    assert [] == watched.patterns.noticed(patterns.REFUSALS)
    for _ in range(4):
        watched.patterns.refused("key:a")
    assert 2 == len(watched.told)


def test_rare_refusals_are_usual(watched: Watched) -> None:
    """However many in a long time."""
    for _ in range(100):
        watched.patterns.refused("key:a")
        watched.now_s += 25
    assert [] == watched.told


def test_key_from_many_addresses_is_told(watched: Watched) -> None:
    """Within an hour of ours; control: one that moves slowly, and several keys from one address, are nothing."""
    for number in range(20):
        watched.patterns.used("key:slow", f"10.0.0.{number}")
        watched.patterns.used(f"key:{number}", "10.0.0.1")
        watched.now_s += 301
    assert [] == watched.told
    for number in range(20):
        watched.patterns.used("key:a", f"10.0.0.{number}")
    assert [("key:a", "used from more than 2 addresses in 600 s")] == watched.told
    assert ["key:a"] == watched.patterns.noticed(patterns.ADDRESSES)


def test_memory_is_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were seen longest ago are forgotten first; so many that are noticed are told of."""
    monkeypatch.setattr(patterns, "SUBJECTS_MAX", 10)
    for number in range(100):
        for _ in range(4):
            watched.patterns.refused(f"address:{number}")
        for place in range(5):
            watched.patterns.used(f"key:{number}", f"10.0.0.{place}")
    assert (10, 10) == (len(watched.patterns._refusals), len(watched.patterns._addresses))
    assert 2 >= max(map(len, watched.patterns._addresses.values()))
    assert 20 == len(watched.told)
