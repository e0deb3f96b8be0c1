"""What a suite's figures mean, and what could be done: each rule is a function of the scene, listed in `CATALOGUE`.

An action changes one live setting of one service by one bounded step. What needs a restart, another machine or a person
is said and left to people.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from client.advice import figures

MIB, GIB = 1 << 20, 1 << 30
PATIENCE_S = 8.0  # figures of a shorter stretch say nothing yet: a scrape counts moments
FULL_SHARE = 0.95  # of the workers; between two tasks a worker is free for a moment
WAITING_MIN = 0.5  # tasks that wait on average: something waits half of the time, more than arrivals bring by chance
ROOM_SHARE = 0.25  # of the machine without work, from which on another worker finds something to run on
BUSY_SHARE = 0.10  # of the machine without work, below which another worker only takes from the others
GONE_S = 150.0  # without a sample: a process that restarts is back earlier
WORKER_BYTES = 1 * GIB  # that a worker is ample with; see docs/operations.md
STEP_SHARE = 0.25  # of a setting, by which it is changed at once: what is wrong is found out before it is far
WORKERS_MAX = 256  # as the setting itself has it
QUEUE_MAX = 1024  # tasks that wait: beyond it the last one waits so long that a caller has given up
STALL_SHARE = 0.02  # of looks that find the loop standing: as the alert ReelsmithLoopStalls has it
IDLE_S = 1800.0  # nothing is taken away from who had a break
IDLE_SHARE = 0.25  # of the workers
LEAK_S = 1800.0  # of samples after the start: before that every process grows into its work
WARM_S = 600.0  # that a process may grow without being asked why
LEAK_FIT = 0.8  # share of the changes that a straight line explains: caches fill in bends, leaks do not
LEAK_BYTES_PER_H = 5 * MIB  # that are worth a word: a hundred MB a day
FILES_SHARE = 0.8  # of the files that a process may open
DISK_SHARE = 0.1  # of a disk that should be free
LOST_MIN = 3  # workers that died: as many as a step is tried
QUEUED_SHARE = 0.8  # of the unfinished jobs that are taken
READY_AGE_S = 10.0  # that a step waits for an instance before it counts as held up
POOL = "processor"  # the workers that the setting is about; a card and speech have others
WORK = {"analyzer": "analyze_limit", "exporter": "export_limit"}  # service and what the job manager gives one instance


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """A change of one live setting.

    Args:
        service: Whose setting.
        setting: Its name.
        now: The value in force.
        value: The new value.
    """

    service: str
    setting: str
    now: float
    value: float

    @property
    def path(self) -> str:
        """Where the configuration has it."""
        return f"{self.service}.settings.{self.setting}"


@dataclasses.dataclass(frozen=True, slots=True)
class Suggestion:
    """What a rule has found.

    Args:
        rule: Name of the rule.
        service: Whom it is about.
        instance: Which process; empty for all of the service.
        text: What to do.
        why: The figures that say so.
        action: The change that would do it; None where it is for people.
    """

    rule: str
    service: str
    instance: str
    text: str
    why: tuple[str, ...]
    action: Action | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """All processes of a suite over a stretch of time.

    Args:
        windows: What each has shown.
    """

    windows: Sequence[figures.Window]

    def of(self, service: str) -> list[figures.Window]:
        """The processes of a service."""
        return [window for window in self.windows if window.service == service]

    @property
    def end_s(self) -> float:
        """When it was last looked at."""
        return max((window.samples[-1].time_s for window in self.windows), default=0.0)

    def after(self, time_s: float) -> "Scene":
        """The part of it that is later than a time."""
        found = (window.after(time_s) for window in self.windows)
        return Scene([window for window in found if window])

    def present(self) -> "Scene":
        """Without processes that are gone."""
        return Scene([one for one in self.windows if one.samples[-1].time_s >= self.end_s - GONE_S])


@dataclasses.dataclass(frozen=True, slots=True)
class Crew:
    """The main workers of one process: how many, and what they do."""

    window: figures.Window
    workers: float
    busy: float
    waiting: float

    @property
    def full(self) -> bool:
        """Whether all of them work and more is waiting."""
        return self.busy >= FULL_SHARE * self.workers and self.waiting >= WAITING_MIN

    @property
    def free_share(self) -> float | None:
        """Share of the machine that has nothing to do."""
        return self.window.idle_share()

    def described(self) -> Iterator[str]:
        """The figures in words."""
        yield f"{self.busy:.1f} of {self.workers:g} workers busy, {self.waiting:.1f} tasks waiting, on average"
        if self.free_share is not None:
            yield f"{100 * self.free_share:.0f} % of the machine idle"


Rule = Callable[[Scene], Iterator[Suggestion]]


def crews(scene: Scene, service: str) -> list[Crew]:
    """The workers of every process of a service that has shown enough."""
    found = []
    for window in scene.of(service):
        workers = window.last("reelsmith_setting", name="workers")
        if workers is None or window.span_s < PATIENCE_S:
            continue
        busy, waiting = (window.mean(f"reelsmith_workers_{what}", pool=POOL) for what in ("busy", "waiting"))
        found.append(Crew(window, workers, busy or 0.0, waiting or 0.0))
    return found


def step(now: float, *, up: bool) -> float:
    """The next value of a setting: a quarter more or less, one at least."""
    size = max(1, math.floor(STEP_SHARE * now))
    return now + size if up else max(1.0, now - size)


def crowded(scene: Scene) -> Iterator[Suggestion]:
    """Tasks wait for workers while the machine has room: more workers."""
    for service in WORK:
        found = crews(scene, service)
        if not found or not all(crew.full for crew in found):
            continue
        tightest = min(found, key=lambda crew: crew.free_share or 0.0)
        room = tightest.window.last("reelsmith_machine_memory_available_bytes") or 0.0
        most = min(WORKERS_MAX, *(crew.window.last("reelsmith_machine_processors") or 1.0 for crew in found))
        value = min(step(tightest.workers, up=True), most)
        fits = room >= WORKER_BYTES * (value - tightest.workers) * len(found)
        if (tightest.free_share or 0.0) < ROOM_SHARE or value <= tightest.workers or not fits:
            continue
        why = (*tightest.described(), f"{room / GIB:.1f} GiB of memory available, {most:g} processors")
        action = Action(service, "workers", tightest.workers, value)
        yield Suggestion("crowded", service, "", "tasks wait and the machine has room: more workers", why, action)


def exhausted(scene: Scene) -> Iterator[Suggestion]:
    """Tasks wait and the machine has nothing left: another machine."""
    for service in WORK:
        found = crews(scene, service)
        if found and all(crew.full and (crew.free_share or 0.0) < BUSY_SHARE for crew in found):
            text = f"this is all that these machines can do: add an instance of {service} on another one"
            yield Suggestion("exhausted", service, "", text, tuple(found[0].described()))


def stalling(scene: Scene) -> Iterator[Suggestion]:
    """The event loop stands still because workers take all of the machine: fewer of them."""
    for window in scene.windows:
        share = window.stalled_share()
        if share <= STALL_SHARE or window.span_s < PATIENCE_S:
            continue
        why = (f"the event loop was late by {figures.STALL_S} s in {100 * share:.0f} % of looks",)
        crew = next((one for one in crews(scene, window.service) if one.window is window), None)
        text = "every call of it waits: its machine has too much to do"
        action = None
        if crew and crew.workers > 1 and crew.busy >= 1:
            action = Action(window.service, "workers", crew.workers, step(crew.workers, up=False))
            text, why = "workers keep the service itself from running: fewer of them", (*why, *crew.described())
        yield Suggestion("stalling", window.service, window.instance, text, why, action)


def held(scene: Scene) -> Iterator[Suggestion]:
    """Steps wait although workers are free, because the job manager may not give an instance more."""
    for manager in scene.of("jobs"):
        ready = manager.mean("reelsmith_jobs_steps", state="READY") or 0.0
        age_s = manager.last("reelsmith_jobs_oldest_ready_age_seconds") or 0.0
        for service, setting in WORK.items() if ready >= WAITING_MIN and age_s >= READY_AGE_S else ():
            limit = manager.last("reelsmith_setting", name=setting)
            found = crews(scene, service)
            if limit is None or not found or not all(limit <= one.busy + 0.1 * limit < one.workers for one in found):
                continue  # they are not as many as it may give and no more
            action = Action("jobs", setting, limit, min(step(limit, up=True), min(one.workers for one in found)))
            why = (f"{ready:.0f} steps wait, the oldest for {age_s:.0f} s", f"{setting} is {limit:g}")
            text = f"workers of {service} are free and steps wait: give each instance more at once"
            yield Suggestion("held", "jobs", "", text, (*why, *found[0].described()), action)


def refused(scene: Scene) -> Iterator[Suggestion]:
    """Tasks were refused because too many waited: a longer queue, up to a bound."""
    for service in WORK:
        for window in scene.of(service):
            count = window.grown("reelsmith_worker_tasks_total", outcome="refused")
            limit = window.last("reelsmith_setting", name="queue_limit")
            if not count or limit is None:
                continue
            why = (f"{count:.0f} tasks refused in {window.span_s / 60:.1f} min, {limit:g} may wait",)
            value = min(max(2 * limit, 1.0), QUEUE_MAX)
            if value <= limit:
                text = f"work is refused though {limit:g} tasks may wait: add an instance of {service}"
                yield Suggestion("refused", service, "", text, why)
            else:
                action = Action(service, "queue_limit", limit, value)
                yield Suggestion("refused", service, "", "work is refused: let more of it wait", why, action)
            break  # one setting for all instances


def idle(scene: Scene) -> Iterator[Suggestion]:
    """Most workers have had nothing to do for long: fewer, which leaves memory to others."""
    for service in WORK:
        found = crews(scene, service)
        if not found or any(crew.window.span_s < IDLE_S or crew.workers <= 1 for crew in found):
            continue
        peak = max(crew.window.highest("reelsmith_workers_busy", pool=POOL) for crew in found)
        workers = min(crew.workers for crew in found)
        if any(crew.busy > IDLE_SHARE * crew.workers or crew.waiting for crew in found) or peak >= workers:
            continue
        value = max(step(workers, up=False), peak)
        if value < workers:
            why = (*found[0].described(), f"never more than {peak:g} at once")
            action = Action(service, "workers", workers, value)
            yield Suggestion("idle", service, "", "workers have nothing to do: fewer of them", why, action)


def leak(scene: Scene) -> Iterator[Suggestion]:
    """Memory grows along a straight line after the process is warm."""
    for window in scene.windows:
        start_s = window.last("process_start_time_seconds") or 0.0
        warm = window.running().after(start_s + WARM_S)
        if warm is None or warm.span_s < LEAK_S:
            continue
        slope, fit = warm.line("process_resident_memory_bytes")
        now = warm.last("process_resident_memory_bytes") or 0.0
        if fit >= LEAK_FIT and slope * 3600 >= LEAK_BYTES_PER_H:
            why = (
                f"{slope * 3600 / MIB:.0f} MiB/h over {warm.span_s / 3600:.1f} h, along a line ({100 * fit:.0f} %)",
                f"{now / MIB:.0f} MiB now",
            )
            text = "it loses memory: restart it (a drain loses nothing) and report version and load"
            yield Suggestion("leak", window.service, window.instance, text, why)


def files(scene: Scene) -> Iterator[Suggestion]:
    """Most of the files that a process may open are open."""
    for window in scene.windows:
        used, most = window.last("process_open_fds") or 0.0, window.last("process_max_fds") or math.inf
        if used > FILES_SHARE * most:
            text = "raise its limit of open files, or find the streams that callers leave open"
            why = (f"{used:.0f} of {most:.0f} files are open",)
            yield Suggestion("files", window.service, window.instance, text, why)


def disk(scene: Scene) -> Iterator[Suggestion]:
    """A disk is nearly full."""
    for window in scene.windows:
        for folder in window.labels("reelsmith_disk_size_bytes", "folder"):
            size = window.last("reelsmith_disk_size_bytes", folder=folder) or math.inf
            free = window.last("reelsmith_disk_free_bytes", folder=folder) or 0.0
            if free < DISK_SHARE * size:
                text = f"the disk of its {folder} is nearly full: delete jobs, or give it room"
                why = (f"{free / GIB:.1f} of {size / GIB:.0f} GiB are free",)
                yield Suggestion("disk", window.service, window.instance, text, why)


def dying(scene: Scene) -> Iterator[Suggestion]:
    """Workers die; where memory is short, fewer of them."""
    for service in WORK:
        for crew in crews(scene, service):
            lost = crew.window.grown("reelsmith_worker_tasks_total", outcome="lost")
            room = crew.window.last("reelsmith_machine_memory_available_bytes")
            if lost < LOST_MIN:
                continue
            why = (f"{lost:.0f} workers lost in {crew.window.span_s / 60:.1f} min",)
            if room is not None and room < WORKER_BYTES and crew.workers > 1:
                action = Action(service, "workers", crew.workers, step(crew.workers, up=False))
                why = (*why, f"{room / GIB:.1f} GiB of memory available")
                text = "workers die and memory is short: fewer of them"
                yield Suggestion("dying", service, crew.window.instance, text, why, action)
            else:
                text = "workers die: its log says of what (CRASHED, OUT_OF_MEMORY, DEADLINE, SILENT)"
                yield Suggestion("dying", service, crew.window.instance, text, why)


def queued(scene: Scene) -> Iterator[Suggestion]:
    """Soon no more jobs are taken."""
    for window in scene.of("jobs"):
        most = window.last("reelsmith_jobs_unfinished_limit") or math.inf
        open_jobs = sum(window.last("reelsmith_jobs", state=state) or 0.0 for state in ("PENDING", "RUNNING"))
        if open_jobs > QUEUED_SHARE * most:
            text = "soon QUEUE_FULL is answered: add instances, or find who sends so much"
            yield Suggestion("queued", "jobs", "", text, (f"{open_jobs:.0f} of {most:.0f} unfinished jobs",))


CATALOGUE: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (stalling, dying, crowded, held, refused, exhausted, idle, leak, files, disk, queued)
}


def suggestions(scene: Scene, since_s: float) -> list[Suggestion]:
    """What all rules find, the most pressing first.

    Args:
        scene: All that is known; growth and idleness are judged by all of it.
        since_s: From when on load is judged.
    """
    scene = scene.present()
    now, whole = scene.after(since_s), (idle, leak)
    return [one for rule in CATALOGUE.values() for one in rule(scene if rule in whole else now)]
