"""Which ready step goes to which free slot: fair between tenants, first come first served within one. Pure.

Within a tenant the order is a virtual time of arrival: a job of priority p counts as if it had come p x `ageing_s`
earlier than it did. That is ageing without a clock that ticks: waiting never changes the order of two steps that wait,
yet nothing starves, because a job can only be passed by those that come within 200 x `ageing_s` after it.

Between tenants it is start-time fair queueing (Goyal, Vin and Cheng, 1996): each tenant has a tag in virtual time, the
least one is served, and its tag moves on by the cost of the step over the weight of the tenant. Who comes back after a
while begins at the tag that was served last, so that nobody saves up a claim and nobody is held up by who came first.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.jobs import job as jobs
from services.jobs import progress

US_PER_S = 1_000_000
UNBOUNDED = 1 << 31  # more than any suite runs at once


@dataclasses.dataclass(frozen=True, slots=True)
class Resources:
    """What a step needs, or what an instance has to give."""

    cpus: float = 0.0
    memory_bytes: float = 0.0
    gpu_memory_bytes: float = 0.0

    def hold(self, need: "Resources") -> bool:
        """Whether there is as much of everything."""
        return all(have >= want for have, want in zip(self._values(), need._values(), strict=True))

    def less(self, need: "Resources") -> "Resources":
        """What is left."""
        return Resources(*(have - want for have, want in zip(self._values(), need._values(), strict=True)))

    def _values(self) -> tuple[float, float, float]:
        return self.cpus, self.memory_bytes, self.gpu_memory_bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """Room for one step of a kind on an instance.

    Args:
        kind: The kind.
        instance: The instance.
        total: What the instance has in all; None where it does not say, and then everything fits.
        free: What nothing uses of it.
    """

    kind: jobs.Kind
    instance: str
    total: Resources | None = None
    free: Resources | None = None


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Ready:
    """A step that could run now; they compare by the order in which they are served within a tenant."""

    rank_us: int
    job_number: int
    position: int
    name: str
    tenant: str


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How the queue is served.

    Args:
        ageing_s: Seconds of waiting that a point of priority is worth.
        weights: Shares of tenants; 1 where none is named.
        kinds: Steps of a kind that run at once, over all instances; unbounded where none is named.
        tenant: Steps of one tenant that run at once; 0 for unbounded.
        tenants: The same for tenants by name.
        needs: What steps of a kind need of an instance; nothing where none is named.
    """

    ageing_s: float = 600.0
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    kinds: Mapping[jobs.Kind, int] = dataclasses.field(default_factory=dict)
    tenant: int = 0
    tenants: Mapping[str, int] = dataclasses.field(default_factory=dict)
    needs: Mapping[jobs.Kind, Resources] = dataclasses.field(default_factory=dict)

    def need(self, kind: jobs.Kind) -> Resources:
        """What a step of a kind needs."""
        return self.needs.get(kind, Resources())

    def rank_us(self, arrival_us: int, priority: int) -> int:
        """The place of a job among those of its tenant: the virtual time of its arrival."""
        return arrival_us - round(priority * self.ageing_s * US_PER_S)

    def limit(self, tenant: str) -> int:
        """Steps of a tenant that may run at once."""
        return self.tenants.get(tenant, self.tenant or UNBOUNDED)


class Shares:
    """How much each tenant has had: one tag in virtual time for each, in weighted seconds of work.

    Args:
        weights: Shares of tenants; 1 where none is named.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._now = 0.0  # tag that was served last
        self._tags: dict[str, float] = {}  # only those that lie ahead: as many as were served of late

    def tag(self, tenant: str) -> float:
        """When it is a tenant's turn; the least one is next."""
        return max(self._now, self._tags.get(tenant, 0.0))

    def charge(self, tenant: str, cost: float) -> None:
        """Notes that a tenant was served.

        Args:
            tenant: Who was served; one of those with the least tag.
            cost: Expected seconds of work.
        """
        begin = self.tag(tenant)
        self._now = begin
        self._tags = {name: tag for name, tag in self._tags.items() if tag > begin}
        self._tags[tenant] = begin + cost / self._weights.get(tenant, 1.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What of a kind is ready of one tenant.

    Args:
        rank_us: Place of its first step; it only decides between tenants who had equally much.
        steps: The steps in order of service, read as far as they are given.
    """

    rank_us: int
    steps: Iterator[Ready]


Lines = Callable[[jobs.Kind], dict[str, Line]]


def assign(
    slots: Sequence[Slot],
    lines: Lines,
    rules: Rules,
    shares: Shares,
    running: Mapping[tuple[str, jobs.Kind], int],
) -> list[tuple[Slot, Ready]]:
    """Gives ready steps to free slots.

    The kind that has waited longest chooses first. Where it fits nowhere now, one instance that could hold it when less
    runs there is closed to the others, so that small steps cannot keep a large one waiting for ever.

    Args:
        slots: Free slots, the ones to fill first at the front.
        lines: Gives, for a kind, what is ready of it by tenant.
        rules: Limits.
        shares: What each tenant has had; charged for what is given here.
        running: Steps that run now, by tenant and kind.
    """
    of_tenant: collections.Counter[str] = collections.Counter()
    of_kind: collections.Counter[jobs.Kind] = collections.Counter()
    for (tenant, kind), count in running.items():
        of_tenant[tenant] += count
        of_kind[kind] += count
    given: list[tuple[Slot, Ready]] = []
    left = {slot.instance: slot.free for slot in slots if slot.free is not None}
    closed: set[str] = set()
    all_lines = {kind: lines(kind) for kind in dict.fromkeys(slot.kind for slot in slots)}
    for kind in sorted(all_lines, key=lambda kind: min((line.rank_us for line in all_lines[kind].values()), default=0)):
        waiting, need = all_lines[kind], rules.need(kind)
        own = [slot for slot in slots if slot.kind is kind]
        fit = 0
        for slot in own:
            if of_kind[kind] >= rules.kinds.get(kind, UNBOUNDED):
                break
            if slot.instance in closed or not left.get(slot.instance, need).hold(need):
                continue
            fit += 1
            ready = _next(waiting, rules, shares, of_tenant)
            if ready is None:
                break
            shares.charge(ready.tenant, progress.WEIGHTS[kind])
            of_tenant[ready.tenant] += 1
            of_kind[kind] += 1
            if slot.instance in left:
                left[slot.instance] = left[slot.instance].less(need)
            given.append((slot, ready))
        if not fit and _able(waiting, rules, of_tenant) and of_kind[kind] < rules.kinds.get(kind, UNBOUNDED):
            closed.update([slot.instance for slot in own if slot.total is not None and slot.total.hold(need)][:1])
    return given


def _able(waiting: Mapping[str, Line], rules: Rules, running: Mapping[str, int]) -> list[str]:
    """The tenants that wait and may run more."""
    return [tenant for tenant in waiting if running[tenant] < rules.limit(tenant)]


def _next(waiting: dict[str, Line], rules: Rules, shares: Shares, running: Mapping[str, int]) -> Ready | None:
    """The first step of the tenant whose turn it is; lines that have ended are taken out."""
    while able := _able(waiting, rules, running):
        tenant = min(able, key=lambda name: (shares.tag(name), waiting[name].rank_us, name))
        if (ready := next(waiting[tenant].steps, None)) is not None:
            return ready
        del waiting[tenant]
    return None
