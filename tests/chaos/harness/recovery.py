"""How long a step stands still that lost its manager or its instance: from the fault until it runs again."""

import asyncio
import signal
import time

from reelsmith.jobs.v1 import jobs_pb2 as pb

from tests.chaos.harness import lane as lanes
from tests.chaos.harness import phases, work
from tests.chaos.harness.lane import Lane

LEASE_S = 5.0
RECOVERED_S = LEASE_S + 1.0  # as is promised, for 99 of 100
JOBS = 4  # that run when a fault comes
LONG = {"analyze": {"delay_s": 300}}  # they do not end by themselves
FAULTS = ("manager killed", "instance killed", "instance frozen")
LOOK_S = 0.05


async def recovery(bench: phases.Bench, budget_s: float) -> phases.Result:
    """kill -9 of the manager, kill -9 and SIGSTOP of an instance, in turn, while steps run."""
    result = phases.Result("recovery")
    took: dict[str, list[float]] = {fault: [] for fault in FAULTS}
    end = time.monotonic() + budget_s
    async with Lane(bench.forge, bench.home(), 3, settings={"REELSMITH_JOBS_LEASE_S": str(LEASE_S)}) as lane:
        async with lane.kept():
            while time.monotonic() < end or result.tried < len(FAULTS):
                fault = FAULTS[result.tried % len(FAULTS)]
                took[fault] += await _round(lane, fault, result.tried)
                result.tried, result.fired = result.tried + 1, result.fired + 1
        result.wrong.extend(await phases.settled(lane))
    waits = [wait for found in took.values() for wait in found]
    if (slowest := phases.percentile(waits, 0.99)) > RECOVERED_S:
        result.wrong.append(f"one of a hundred steps stood still for {slowest:.1f} s or longer")
    for fault, found in took.items():
        spans = (phases.percentile(found, share) for share in (0.5, 0.99))
        result.figures[f"{fault}, p50 / p99 s"] = " / ".join(f"{span:.2f}" for span in spans)
    result.figures["steps"] = len(waits)
    return result


async def _round(lane: Lane, fault: str, number: int) -> list[float]:
    """One fault; gives the seconds until each step that it hit ran again."""
    jobs = [await lane.submit(f"recovery-{number}-{one}", LONG) for one in range(JOBS)]
    running = {job.id: await _running(lane, job.id, 1) for job in jobs}
    if fault == "manager killed":
        hit, begin = list(running), time.monotonic()
        await lane.manager.kill()
    else:
        busy = {place: [job_id for job_id in running if running[job_id].endswith(lane.address(place))]
                for place in range(len(lane.fakes))}  # fmt: skip
        place, hit = max(busy.items(), key=lambda item: len(item[1]))
        work.require(bool(hit), f"nothing runs where it could: {running}")
        begin = time.monotonic()
        lane.fakes[place].signal(signal.SIGKILL if fault == "instance killed" else signal.SIGSTOP)

    async def until_again(job_id: str) -> float:
        await _running(lane, job_id, 2)
        return time.monotonic() - begin

    waits = await asyncio.gather(*(until_again(job_id) for job_id in hit))
    for job in jobs:
        await lane.ask(lane.stub.CancelJob, pb.CancelJobRequest(id=job.id))
    if fault == "instance frozen":
        lane.fakes[place].signal(signal.SIGCONT)
    elif fault == "instance killed":
        await lane.fakes[place].ended.wait()
        lane.fakes[place] = await lane.fake(place)
    return list(waits)


async def _running(lane: Lane, job_id: str, attempt: int) -> str:
    """Waits until an attempt at the analysis of a job runs; gives the instance."""
    end = time.monotonic() + lanes.PATIENCE_S
    while True:  # bounded by patience
        job = await lane.ask(lane.stub.GetJob, pb.GetJobRequest(id=job_id))
        step = next(step for step in job.steps if step.name == "analyze")
        if step.attempts >= attempt and step.state == pb.Step.STATE_RUNNING:
            return step.instance
        work.require(time.monotonic() < end, f"attempt {attempt} at job {job_id} never ran")
        await asyncio.sleep(LOOK_S)
