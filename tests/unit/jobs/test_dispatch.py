"""Order, fairness and limits of the queue, against a plain model and the bounds that the method promises."""

import collections
import dataclasses
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import steering
from services.jobs import dispatch, progress
from services.jobs import job as jobs
from services.jobs import settings as settings_module

EXPORT, PROBE = jobs.Kind.EXPORT, jobs.Kind.PROBE
QUICK = settings(max_examples=60, deadline=None)


@dataclasses.dataclass
class Queue:
    """Steps that wait, and what was served: a queue in memory as the store keeps one on disk."""

    rules: dispatch.Rules = dataclasses.field(default_factory=dispatch.Rules)
    waiting: dict[jobs.Kind, dict[str, list[dispatch.Ready]]] = dataclasses.field(default_factory=dict)
    running: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    served: list[tuple[str, int]] = dataclasses.field(default_factory=list)
    numbers: Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.shares = dispatch.Shares(self.rules.weights)

    def arrive(self, tenant: str, kind: jobs.Kind = EXPORT, time_s: float = 0.0, priority: int = 0) -> int:
        """A job comes whose only step is ready; gives its number."""
        number = next(self.numbers)
        rank_us = self.rules.rank_us(round(time_s * 1e6), priority)
        line = self.waiting.setdefault(kind, {}).setdefault(tenant, [])
        line.append(dispatch.Ready(rank_us, number, 0, f"export-{number}", tenant))
        line.sort()
        return number

    def serve(self, room: int, *kinds: jobs.Kind) -> list[dispatch.Ready]:
        """Fills free slots of kinds."""
        slots = [dispatch.Slot(kind, f"i{place}") for place in range(room) for kind in kinds or (EXPORT,)]
        given = dispatch.assign(slots, self.lines, self.rules, self.shares, self.running)
        assert len({id(slot) for slot, _ in given}) == len(given)
        for slot, ready in given:
            self.waiting[slot.kind][ready.tenant].remove(ready)
            self.running[ready.tenant, slot.kind] += 1
            self.served.append((ready.tenant, ready.job_number))
        return [ready for _, ready in given]

    def lines(self, kind: jobs.Kind) -> dict[str, dispatch.Line]:
        """What waits of a kind."""
        found = self.waiting.get(kind, {}).items()
        return {tenant: dispatch.Line(line[0].rank_us, iter(list(line))) for tenant, line in found if line}

    def end(self, ready: dispatch.Ready, kind: jobs.Kind = EXPORT) -> None:
        """A step that ran has ended."""
        self.running[ready.tenant, kind] -= 1


def test_one_job_is_not_held_up_by_a_thousand() -> None:
    """Whoever comes late with one job gets the next slot that is free, however many wait before."""
    queue = Queue()
    for _ in range(1000):
        queue.arrive("large")
    for _ in range(50):
        queue.end(*queue.serve(1))
    number = queue.arrive("small", time_s=3600)
    assert [number] == [ready.job_number for ready in queue.serve(1)]


def test_without_shares_one_tenant_holds_up_the_other() -> None:
    """The control: with tags that never move, the order is that of arrival, and the late tenant waits for all."""

    class NoShares(dispatch.Shares):
        def charge(self, tenant: str, cost: float) -> None:
            pass

    queue = Queue()
    queue.shares = NoShares({})
    for _ in range(100):
        queue.arrive("large")
    late = queue.arrive("small", time_s=3600)
    assert late == queue.serve(101)[-1].job_number


@QUICK
@given(
    weights=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=2, max_size=4),
    rooms=st.lists(st.integers(1, 5), min_size=20, max_size=60),
)
def test_tenants_that_all_wait_share_by_weight(weights: list[float], rooms: list[int]) -> None:
    """Between two tenants that wait all the time, work per weight never differs by more than a step of each."""
    named = {f"t{index}": weight for index, weight in enumerate(weights)}
    queue = Queue(dispatch.Rules(weights=named))
    for tenant in named:
        for _ in range(sum(rooms)):
            queue.arrive(tenant)
    had: collections.Counter = collections.Counter()
    cost = progress.WEIGHTS[EXPORT]
    for room in rooms:
        had.update(ready.tenant for ready in queue.serve(room))
        work = {tenant: had[tenant] * cost / weight for tenant, weight in named.items()}
        for one, other in itertools.combinations(named, 2):
            assert abs(work[one] - work[other]) <= cost / named[one] + cost / named[other] + 1e-6


@QUICK
@given(
    late=st.lists(st.tuples(st.integers(-100, 100), st.floats(0, 1e6)), max_size=60),
    priority=st.integers(-100, 100),
)
def test_only_who_comes_soon_enough_passes_an_older_job(late: list[tuple[int, float]], priority: int) -> None:
    """No stream of more important jobs holds one up for ever: those that come later than their lead come after it."""
    queue = Queue()
    number = queue.arrive("a", priority=priority)
    passing = set()
    for other, time_s in late:
        came = queue.arrive("a", time_s=time_s, priority=other)
        if round(time_s * 1e6) < (other - priority) * round(queue.rules.ageing_s * 1e6):
            passing.add(came)
    order = [ready.job_number for ready in queue.serve(len(late) + 1)]
    assert passing == set(order[: order.index(number)])
    assert all(
        time_s < 200 * queue.rules.ageing_s for (_, time_s), came in zip(late, itertools.count(2)) if came in passing
    )


ACTIONS = st.one_of(
    st.tuples(st.just("arrive"), st.sampled_from("abc"), st.sampled_from([EXPORT, PROBE]), st.integers(-3, 3)),
    st.tuples(st.just("serve"), st.integers(1, 4)),
    st.tuples(st.just("end"), st.integers(0, 9)),
)


@settings(max_examples=150, deadline=None)
@given(
    actions=st.lists(ACTIONS, max_size=60),
    kind_limit=st.integers(1, 4),
    tenant_limit=st.integers(0, 3),
    limits=st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)),
)
def test_queue_does_what_the_plain_model_does(actions, kind_limit, tenant_limit, limits) -> None:
    """Each slot goes to the least served tenant that may run more, and to its first step; none is left idle in vain."""
    rules = dispatch.Rules(kinds={EXPORT: kind_limit}, tenant=tenant_limit, tenants=limits, weights={"a": 2.0})
    queue, model = Queue(rules), Model(rules)
    now_s, alive = 0.0, []
    for action, *values in actions:
        now_s += 100
        if action == "arrive":
            tenant, kind, priority = values
            number = queue.arrive(tenant, kind, now_s, priority)
            model.waiting.append((now_s - 600.0 * priority, number, tenant, kind))
        elif action == "serve":
            expected = model.serve([EXPORT] * values[0] + [PROBE] * values[0])
            slots = [dispatch.Slot(kind, "i") for kind in (EXPORT, PROBE) for _ in range(values[0])]
            given = dispatch.assign(slots, queue.lines, rules, queue.shares, queue.running)
            assert expected == [(slot.kind, ready.tenant, ready.job_number) for slot, ready in given]
            for slot, ready in given:
                queue.waiting[slot.kind][ready.tenant].remove(ready)
                queue.running[ready.tenant, slot.kind] += 1
                alive.append((ready, slot.kind))
        elif alive:
            ready, kind = alive.pop(values[0] % len(alive))
            queue.end(ready, kind)
            model.running.remove((ready.tenant, kind))


class Model:
    """The same rules written down in the plainest way: looks through everything, for every slot."""

    def __init__(self, rules: dispatch.Rules) -> None:
        self.rules = rules
        self.waiting: list[tuple[float, int, str, jobs.Kind]] = []
        self.running: list[tuple[str, jobs.Kind]] = []
        self.now = 0.0
        self.finish: dict[str, float] = {}

    def serve(self, kinds: list[jobs.Kind]) -> list[tuple[jobs.Kind, str, int]]:
        """What free slots get."""
        given = []
        began = list(self.waiting)
        oldest = {kind: min((rank for rank, _, _, of in began if of is kind), default=0.0) for kind in kinds}
        for kind in sorted(kinds, key=lambda one: oldest[one]):
            if [of for _, of in self.running].count(kind) >= self.rules.kinds.get(kind, 99):
                continue
            able = [
                (
                    max(self.now, self.finish.get(tenant, 0.0)),
                    min(rank for rank, _, name, also in began if (name, also) == (tenant, kind)),
                    tenant,
                )
                for _, _, tenant, of in self.waiting
                if of is kind and [name for name, _ in self.running].count(tenant) < self.limit(tenant)
            ]
            if not able:
                continue
            self.now, _, tenant = min(able)
            rank, number = min(item[:2] for item in self.waiting if item[2:] == (tenant, kind))
            self.finish[tenant] = self.now + progress.WEIGHTS[kind] / self.rules.weights.get(tenant, 1.0)
            self.waiting.remove((rank, number, tenant, kind))
            self.running.append((tenant, kind))
            given.append((kind, tenant, number))
        return given

    def limit(self, tenant: str) -> int:
        """Steps of a tenant that may run at once."""
        return self.rules.tenants.get(tenant, self.rules.tenant or 99)


def test_tags_of_tenants_that_left_are_forgotten() -> None:
    """A thousand tenants that came once leave no trace: what is kept lies ahead of who was served last."""
    shares = dispatch.Shares({})
    for number in range(1000):
        shares.charge("always", 1.0)
        shares.charge(f"t{number}", 1.0)
    assert len(shares._tags) <= 3


@pytest.mark.parametrize("ageing_s", [0.0, 600.0])
def test_priority_without_ageing_does_not_count(ageing_s: float) -> None:
    """A point is worth what the setting says, and nothing at 0."""
    rules = dispatch.Rules(ageing_s=ageing_s)
    assert (5 * ageing_s * 1e6) == rules.rank_us(0, 0) - rules.rank_us(0, 5)


BIG, SMALL = dispatch.Resources(cpus=4, memory_bytes=100), dispatch.Resources(cpus=1)


def slots_of(free: dispatch.Resources, total: dispatch.Resources = BIG, *kinds: jobs.Kind) -> list[dispatch.Slot]:
    """Four slots of each kind on an instance that says what it has."""
    return [dispatch.Slot(kind, "i", total, free) for kind in kinds or (EXPORT, PROBE) for _ in range(4)]


@QUICK
@given(
    free=st.builds(dispatch.Resources, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    needs=st.dictionaries(
        st.sampled_from([EXPORT, PROBE]),
        st.builds(dispatch.Resources, st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
    ),
)
def test_no_instance_gives_more_than_it_has(free: dispatch.Resources, needs: dict) -> None:
    """What is given together fits into what was free, and another step of the kind that came first would not."""
    queue = Queue(dispatch.Rules(needs=needs))
    for _ in range(4):
        queue.arrive("a", EXPORT)
        queue.arrive("a", PROBE)
    given = dispatch.assign(slots_of(free), queue.lines, queue.rules, queue.shares, queue.running)
    left = free
    for slot, _ in given:
        assert left.hold(queue.rules.need(slot.kind))
        left = left.less(queue.rules.need(slot.kind))
    first = [slot for slot, _ in given if slot.kind is EXPORT]
    other = [slot for slot, _ in given if slot.kind is PROBE]
    if len(first) < 4 and not other:
        assert not left.hold(queue.rules.need(EXPORT))


def test_large_step_is_not_kept_waiting_by_small_ones() -> None:
    """An instance that could hold what has waited longest is closed to what came later until there is room."""
    queue = Queue(dispatch.Rules(needs={EXPORT: BIG, PROBE: SMALL}))
    queue.arrive("a", EXPORT, time_s=1)
    queue.arrive("a", PROBE, time_s=2)
    half = dispatch.Resources(cpus=2, memory_bytes=100)
    nothing = dispatch.assign(slots_of(half), queue.lines, queue.rules, queue.shares, queue.running)
    assert [] == nothing
    (given,) = dispatch.assign(slots_of(BIG), queue.lines, queue.rules, queue.shares, queue.running)
    assert EXPORT is given[0].kind
    small = dispatch.assign(slots_of(half, half), queue.lines, queue.rules, queue.shares, queue.running)
    assert [PROBE] == [slot.kind for slot, _ in small]  # which could never hold the large one


def test_instance_that_says_nothing_takes_everything() -> None:
    """Where nothing is known of an instance, only the limits by kind hold."""
    queue = Queue(dispatch.Rules(needs={EXPORT: BIG}))
    queue.arrive("a")
    assert 1 == len(queue.serve(1))


def test_limit_of_every_kind_changes_without_a_restart() -> None:
    """What instances take at once is steered by the shared configuration, whichever kind of step it is."""
    steered = steering.Steering(settings_module.Settings())
    names = {f"{kind.value.lower()}_limit" for kind in jobs.Kind}  # one that does not exist changes nothing
    steered.take({"jobs": {"settings": dict.fromkeys(names, 17)}})
    assert dict.fromkeys(jobs.Kind, 17) == steered.settings.limits
