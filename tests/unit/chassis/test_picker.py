"""Calls go to instances that answer."""

import collections
import dataclasses
import time

import grpc
import pytest

from chassis import picker

READY, FAILING, IDLE = (
    grpc.ChannelConnectivity.READY,
    grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    grpc.ChannelConnectivity.IDLE,
)


@dataclasses.dataclass(eq=False, slots=True)
class Member:
    """What a picker looks at."""

    name: str
    state: grpc.ChannelConnectivity = READY
    outstanding: int = 0
    failures: int = 0
    ejections: int = 0
    ejected_until_s: float = 0.0

    @property
    def ejected(self) -> bool:
        """As a real member."""
        return time.monotonic() < self.ejected_until_s


@pytest.fixture
def members() -> list[Member]:
    """Three that are well."""
    return [Member("a"), Member("b"), Member("c")]


def picks(members: list[Member], tried: tuple[Member, ...] = (), count: int = 600) -> collections.Counter[str]:
    """Names of many picks."""
    two = picker.TwoChoices()
    return collections.Counter(two.pick(members, tried).name for _ in range(count))


def eject(members: list[Member], member: Member) -> None:
    """Fails a member until it is ejected, or would be."""
    for _ in range(picker.FAILURES_MAX):
        picker.TwoChoices().failed(member, members)


def test_idle_instances_share_the_load(members: list[Member]) -> None:
    """A third each."""
    assert all(150 < count < 250 for count in picks(members).values())


def test_busiest_instance_is_passed_over(members: list[Member]) -> None:
    """It loses every comparison."""
    members[0].outstanding = 5
    assert {"b", "c"} == set(picks(members))


def test_unconnected_instance_is_passed_over(members: list[Member]) -> None:
    """Also one that is only connecting, as long as another is ready."""
    members[0].state, members[1].state = FAILING, IDLE
    assert {"c"} == set(picks(members))


def test_tried_instance_is_not_tried_again_while_there_is_another(members: list[Member]) -> None:
    """A second try goes elsewhere, and back only when all were tried."""
    assert {"c"} == set(picks(members, tuple(members[:2])))
    assert {"a", "b", "c"} == set(picks(members, tuple(members)))


def test_failing_instance_is_ejected(members: list[Member]) -> None:
    """After three failures in a row, for about a second."""
    eject(members, members[0])
    assert {"b", "c"} == set(picks(members))
    assert 0.7 < members[0].ejected_until_s - time.monotonic() < 1.3


def test_success_between_failures_prevents_ejection(members: list[Member]) -> None:
    """Failures count in a row."""
    two = picker.TwoChoices()
    for _ in range(10):
        two.failed(members[0], members)
        two.failed(members[0], members)
        two.succeeded(members[0])
    assert not members[0].ejected


def test_second_ejection_is_longer_and_needs_one_failure(members: list[Member]) -> None:
    """What fails again at once is left alone longer, up to a bound."""
    two = picker.TwoChoices()
    eject(members, members[0])
    lengths = []
    for _ in range(8):
        members[0].ejected_until_s = 0.0
        two.failed(members[0], members)
        lengths.append(members[0].ejected_until_s - time.monotonic())
    assert 1.5 < lengths[0] < 2.5
    assert picker.EJECTION_MAX_S * 0.8 - 1 < lengths[-1] <= picker.EJECTION_MAX_S * 1.2


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_never_more_than_half_are_ejected(count: int, expected: int) -> None:
    """With most instances bad, the fault is elsewhere."""
    many = [Member(str(number)) for number in range(count)]
    for member in many:
        eject(many, member)
    assert expected == sum(member.ejected for member in many)


def test_round_robin_goes_on_to_failing_instances(members: list[Member]) -> None:
    """Control: the plain picker learns nothing."""
    plain = picker.RoundRobin()
    members[0].state = FAILING
    for _ in range(picker.FAILURES_MAX):
        plain.failed(members[0], members)
    assert {"a": 100, "b": 100, "c": 100} == collections.Counter(plain.pick(members, ()).name for _ in range(300))
