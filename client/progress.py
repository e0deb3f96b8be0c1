"""Shows progress on stderr: bars with the time left on a terminal, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Iterator

import rich.console
import rich.markup
import rich.progress
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from client import follow, wording

LINE_INTERVAL_S = 2.0  # a log file is read later: one line in two seconds is enough
ROWS_MAX = 8  # running steps that are shown; more would push the rest off the screen
FAILED = frozenset({jobs.Step.STATE_FAILED, jobs.Step.STATE_QUARANTINED})
OVER = FAILED | {jobs.Step.STATE_SUCCEEDED, jobs.Step.STATE_CANCELLED}


@contextlib.contextmanager
def shown(console: rich.console.Console) -> Iterator[follow.Display]:
    """A display that fits the console; bars are gone after the block."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TextColumn("[progress.remaining]{task.fields[left]}"),
        rich.progress.TextColumn("[dim]{task.fields[detail]}"),
        console=console,
        transient=True,
    ) as bars:
        yield Bars(bars)


class Endings:
    """Finds the steps that have ended since the last look."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int]] = set()

    def new(self, job: jobs.Job) -> list[jobs.Step]:
        """Steps whose end was not told yet. A step that is retried can end again."""
        fresh = [step for step in job.steps if step.state in OVER and (step.name, step.attempts) not in self._told]
        self._told.update((step.name, step.attempts) for step in fresh)
        return fresh


def ending(step: jobs.Step) -> str:
    """How a step ended, in words."""
    took_s = wording.elapsed_s(step.start_time, step.end_time)
    took = "" if took_s is None else f" in {took_s:.1f} s"
    what = wording.step(step.name, step.kind)
    if step.state in FAILED:
        return f"{what} failed{took}: {wording.failure(step.error)}"
    note = f": {step.note}" if step.note else ""
    return f"{what} {'done' if step.state == jobs.Step.STATE_SUCCEEDED else 'cancelled'}{took}{note}"


def running(job: jobs.Job) -> list[jobs.Step]:
    """The steps that run now, as many as are shown."""
    return [step for step in job.steps if step.state == jobs.Step.STATE_RUNNING][:ROWS_MAX]


def detail(step: jobs.Step) -> str:
    """What a running step does now."""
    rate = step.progress.frames_per_second
    parts = [step.progress.stage, f"{rate:.0f} frames/s" if rate else ""]
    return ", ".join(filter(None, parts))


def left(job: jobs.Job) -> str:
    """The expected time to the end of a job, with its bounds where they are known; a dash while it cannot be told."""
    if not job.HasField("eta"):
        return "-:--"
    bounds = [wording.clock(wording.seconds(bound)) for bound in (job.eta_low, job.eta_high)]
    said = wording.clock(wording.seconds(job.eta))
    return f"{said} ({bounds[0]} to {bounds[1]})" if job.HasField("eta_high") and bounds[0] != bounds[1] else said


class Bars:
    """Bars on a terminal: one for the job, one for each running step, one for a transfer."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._endings = Endings()

    def note(self, text: str) -> None:
        """Says something once, above the bars."""
        self._bars.console.print(rich.markup.escape(text), highlight=False)

    def job(self, job: jobs.Job) -> None:
        """Shows how a job stands."""
        for step in self._endings.new(job):
            mark = "[red]✗[/]" if step.state in FAILED else "[green]✓[/]"
            self._bars.console.print(f"{mark} {rich.markup.escape(ending(step))}", highlight=False)
        self._set("job", f"[bold]{wording.state(job.state).lower()}", job.fraction, left(job), job.spec.title)
        steps = {f"step {step.name}": step for step in running(job)}
        for gone in [key for key in self._tasks if key.startswith("step ") and key not in steps]:
            self._bars.remove_task(self._tasks.pop(gone))
        for key, step in steps.items():
            eta = step.progress.eta
            remaining = wording.clock(wording.seconds(eta)) if step.progress.HasField("eta") else ""
            self._set(key, f"  {wording.step(step.name, step.kind)}", step.progress.fraction, remaining, detail(step))

    def transfer(self, label: str, done_bytes: int, total_bytes: int) -> None:
        """Shows how far a transfer has come."""
        fraction = done_bytes / total_bytes if total_bytes else 1.0
        amount = f"{wording.size(done_bytes)} of {wording.size(total_bytes)}"
        self._set(label, label, fraction, self._left(label), amount)

    def _left(self, label: str) -> str:
        task = self._tasks.get(label)
        known = next((found for found in self._bars.tasks if found.id == task), None)
        return wording.clock(known.time_remaining) if known and known.time_remaining is not None else ""

    def _set(self, key: str, description: str, fraction: float, remaining: str, text: str) -> None:
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(description, total=1.0, left="", detail="")
        self._bars.update(
            self._tasks[key],
            description=description,
            completed=fraction,
            left=remaining,
            detail=rich.markup.escape(text),
        )


class Lines:
    """Plain lines, where there is no terminal."""

    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        self._endings = Endings()
        self._said_at: dict[str, float] = {}

    def note(self, text: str) -> None:
        """Says something once."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def job(self, job: jobs.Job) -> None:
        """Says how a job stands, now and then, and every end of a step."""
        for step in self._endings.new(job):
            self.note(f"{job.fraction:4.0%} {ending(step)}")
        steps = running(job)
        if steps and self._due("job"):
            doing = "; ".join(
                f"{wording.step(step.name, step.kind)} {step.progress.fraction:.0%}"
                + (f" ({detail(step)})" if detail(step) else "")
                for step in steps
            )
            self.note(f"{job.fraction:4.0%} {doing}, {left(job)} left")

    def transfer(self, label: str, done_bytes: int, total_bytes: int) -> None:
        """Says how far a transfer has come, now and then, and its end."""
        if done_bytes >= total_bytes or self._due(label):
            self.note(f"{label}: {wording.size(done_bytes)} of {wording.size(total_bytes)}")

    def _due(self, key: str) -> bool:
        now = time.monotonic()
        due = now - self._said_at.get(key, -LINE_INTERVAL_S) >= LINE_INTERVAL_S
        if due:
            self._said_at[key] = now
        return due
