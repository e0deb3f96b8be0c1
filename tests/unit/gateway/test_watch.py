"""A watch goes on over restarts of the job manager."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest
from reelsmith.jobs.v1 import jobs_pb2

from chassis import errors
from gateway import watch

RUNNING, DONE = jobs_pb2.Job.STATE_RUNNING, jobs_pb2.Job.STATE_SUCCEEDED
SHORT = watch.Patience(outage_max_s=0.3, pause_min_s=0.001, pause_max_s=0.01)


def event(sequence: int, state: int = RUNNING, message: str = "") -> jobs_pb2.JobEvent:
    """An event; one with a message is progress."""
    return jobs_pb2.JobEvent(sequence=sequence, job=jobs_pb2.Job(state=state), message=message)


@dataclasses.dataclass
class Scripted:
    """A job manager that answers each opening of a stream from a script: events, then an error or the end."""

    script: list[list[jobs_pb2.JobEvent | errors.Error]]
    asked: list[int] = dataclasses.field(default_factory=list)
    closed: int = 0

    async def open(self, after: int) -> AsyncIterator[jobs_pb2.JobEvent]:
        """One stream."""
        self.asked.append(after)
        try:
            for item in self.script.pop(0):
                if isinstance(item, errors.Error):
                    raise item
                yield item
        finally:
            self.closed += 1


async def followed(jobs: Scripted, after: int = 0) -> list[int]:
    """The sequence numbers that a watch brings."""
    return [found.sequence async for found in watch.follow(jobs.open, after, SHORT)]


async def test_broken_stream_goes_on_after_the_last_event() -> None:
    """Each new stream is asked for what comes after the last event that was told."""
    gone = errors.Unavailable("gone")
    jobs = Scripted([[event(1), event(2), gone], [gone], [event(3), errors.Cancelled("reset")], [event(4, DONE)]])
    assert [1, 2, 3, 4] == await followed(jobs)
    assert [0, 2, 2, 3] == jobs.asked


async def test_event_that_comes_again_is_told_once() -> None:
    """What a job manager repeats after a restart is left out."""
    jobs = Scripted(
        [[event(1), event(2), errors.Unavailable("gone")], [event(1), event(2, message="p"), event(3, DONE)]]
    )
    assert [1, 2, 2, 3] == await followed(jobs)


async def test_control_opening_from_the_start_tells_twice() -> None:
    """A watch that asks from the start again and forgets what it told brings events twice."""
    jobs = Scripted([[event(1), event(2), errors.Unavailable("gone")], [event(1), event(2), event(3, DONE)]])
    told: list[int] = []
    for _ in range(2):
        with contextlib.suppress(errors.Unavailable):
            async for found in jobs.open(0):
                told.append(found.sequence)
    assert [1, 2, 1, 2, 3] == told


async def test_events_behind_an_earlier_end_are_told() -> None:
    """A job that failed and was tried again has events after an end; only the stream knows the last one."""
    jobs = Scripted([[event(1), event(2, jobs_pb2.Job.STATE_FAILED), event(3), event(4, DONE)]])
    assert [1, 2, 3, 4] == await followed(jobs)


async def test_stream_that_ends_before_the_job_is_opened_again() -> None:
    """An early end without an error is an interruption too."""
    jobs = Scripted([[event(1)], [], [event(2, DONE)]])
    assert ([1, 2], [0, 1, 1]) == (await followed(jobs), jobs.asked)


async def test_watch_of_a_job_that_has_ended_long_ago_ends() -> None:
    """Nothing to tell is an answer."""
    jobs = Scripted([[]])
    assert ([], [9]) == (await followed(jobs, after=9), jobs.asked)


async def test_interruption_behind_the_last_event_ends_well() -> None:
    """A stream that breaks after the end of the job is looked at once more, then the watch ends."""
    jobs = Scripted([[event(1, DONE), errors.Unavailable("gone")], []])
    assert ([1], [0, 1]) == (await followed(jobs), jobs.asked)


async def test_answer_about_the_job_is_passed_on() -> None:
    """What the job manager says, beside being away, is the caller's business."""
    with pytest.raises(errors.NotFound):
        await followed(Scripted([[errors.NotFound("no such job")]]))


async def test_absence_is_borne_for_a_bounded_time() -> None:
    """A job manager that stays away ends the watch with a typed error."""
    with pytest.raises(errors.Unavailable) as caught:
        await asyncio.wait_for(followed(Scripted([[errors.Unavailable("gone")] for _ in range(1000)])), 60)
    assert ("JOBS_UNREACHABLE", True) == (caught.value.reason, caught.value.retry_after_s is not None)


async def test_patience_starts_anew_after_every_event() -> None:
    """Many short outages are no long one."""
    gone = errors.Unavailable("gone")
    script: list[list[jobs_pb2.JobEvent | errors.Error]] = [[event(number), gone] for number in range(1, 80)]
    jobs = Scripted([*script, [event(80, DONE)]])
    assert list(range(1, 81)) == await followed(jobs)


async def test_slow_reader_holds_one_event() -> None:
    """The stream is read as fast as the reader takes: nothing is queued in between."""
    taken = 0

    async def endless(after: int) -> AsyncIterator[jobs_pb2.JobEvent]:
        nonlocal taken
        for number in range(1, 10_000):
            taken += 1
            yield event(number)

    stream = watch.follow(endless, 0, SHORT)
    for _ in range(3):
        await anext(stream)
        await asyncio.sleep(0.01)
    assert 3 == taken


async def test_watch_that_is_left_closes_the_stream() -> None:
    """A caller that goes away leaves no stream open at the job manager."""
    jobs = Scripted([[event(1), event(2)]])
    stream = watch.follow(jobs.open, 0, SHORT)
    await anext(stream)
    await stream.aclose()
    assert 1 == jobs.closed


def test_pause_grows_to_its_bound() -> None:
    """Pauses double, with jitter, and never exceed the bound."""
    patience = watch.Patience(pause_min_s=0.05, pause_max_s=1.0)
    assert all(0.025 <= patience.pause_s(0) <= 0.05 for _ in range(50))
    assert all(0.5 <= patience.pause_s(failures) <= 1.0 for failures in range(5, 500))
