"""The pool: what crosses, what is refused, and that every child can be lost without harm to others."""

import asyncio
import contextlib
import os
import pathlib
import signal
import sys
from typing import Any, BinaryIO

import numpy as np
import pytest

from chassis import testing
from media import errors, pool

pytestmark = pytest.mark.asyncio(loop_scope="package")
TASKS = "tests.unit.media.tasks"
PRELOAD = (TASKS,)
GONE_TIMEOUT_S = 30.0  # a busy machine takes its time to bury the dead


async def run(workers: pool.Pool, task: str, request: Any = None, **options: Any) -> pool.Result:
    return await workers.run(f"{TASKS}:{task}", request, **options)


def is_alive(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(process: int) -> bool:
    """Waits until a process has ended."""
    await testing.wait_until(lambda: not is_alive(process), timeout_s=GONE_TIMEOUT_S)
    return True


class Running:
    """A task that has said its process number and now sleeps."""

    def __init__(self, workers: pool.Pool, task: str = "sleep", **options: Any) -> None:
        self.process: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.call = asyncio.create_task(
            run(workers, task, 60, on_progress=lambda word: self.process.set_result(word["pid"]), **options)
        )


# --- what crosses ---------------------------------------------------------------------------------------------------


async def test_task_answers_what_json_can_say(shared_pool: pool.Pool) -> None:
    """Text, numbers, lists and nothing cross both ways."""
    request = {"text": "é漢", "list": [1, 2.5, None, True], "large": "x" * 1_000_000}
    assert request == (await run(shared_pool, "echo", request)).value


async def test_task_answers_arrays_of_several_shapes(shared_pool: pool.Pool) -> None:
    """Arrays arrive with type, shape and content."""
    result = await run(shared_pool, "arrays")
    assert {"count": 3} == result.value
    np.testing.assert_array_equal(np.arange(6, dtype=np.int32).reshape(2, 3), result.arrays["matrix"])
    assert (0, 4) == result.arrays["empty"].shape
    assert [True, False] == result.arrays["flags"].tolist()


async def test_progress_arrives_in_order(shared_pool: pool.Pool) -> None:
    """Each report reaches the caller, in its order."""
    seen: list[int] = []
    await run(shared_pool, "count", 50, on_progress=lambda word: seen.append(word["number"]))
    assert list(range(50)) == seen


async def test_result_tells_what_the_child_used(shared_pool: pool.Pool) -> None:
    """Processor time and memory are those of the child."""
    result = await run(shared_pool, "allocate", 100 << 20)
    assert result.memory_peak_bytes > 100 << 20
    assert result.cpu_s > 0


async def test_input_is_read_from_its_beginning(
    shared_pool: pool.Pool, tmp_path: pathlib.Path, output: BinaryIO
) -> None:
    """Where the service stands in a file is its own matter; two children do not disturb each other."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    with source.open("rb") as file, (tmp_path / "other").open("w+b") as other:
        file.seek(1000)
        sizes = await asyncio.gather(
            run(shared_pool, "copy", inputs={"in": file}, outputs={"out": output}),
            run(shared_pool, "copy", inputs={"in": file.fileno()}, outputs={"out": other}),
        )
        assert 1000 == file.tell()
    assert [300_000, 300_000] == [result.value for result in sizes]
    assert source.read_bytes() == (tmp_path / "output").read_bytes() == (tmp_path / "other").read_bytes()


async def test_input_cannot_be_written(shared_pool: pool.Pool, output: BinaryIO) -> None:
    """An input that the service may write is only readable to the child."""
    output.write(b"precious")
    result = await run(shared_pool, "overwrite", inputs={"in": output})
    output.seek(0)
    assert ("OSError", b"precious") == (result.value, output.read())


async def test_secrets_of_the_service_do_not_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are not known to be harmless stay outside."""
    monkeypatch.setenv("REELSMITH_CONFIG_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with pool.Pool(pool.PoolSettings(workers=1, preload=PRELOAD)) as workers:
        variables = (await run(workers, "environment")).value
    assert "secret" not in variables.values()
    assert "1" == variables["OPENBLAS_NUM_THREADS"]


async def test_child_has_no_file_but_its_own(shared_pool: pool.Pool, output: BinaryIO) -> None:
    """Standard streams to nowhere, the answer, one input, one output."""
    open_files = (await run(shared_pool, "descriptors", inputs={"a": output}, outputs={"b": output})).value
    assert 6 == len(open_files)


# --- what tasks raise -----------------------------------------------------------------------------------------------


async def test_media_error_arrives_as_the_same_class(shared_pool: pool.Pool) -> None:
    """With its reason, message and metadata."""
    with pytest.raises(errors.Refused, match="too long") as raised:
        await run(shared_pool, "refuse")
    assert ("TOO_LONG", {"limit": "3"}) == (raised.value.reason, raised.value.metadata)


async def test_bug_in_a_task_is_told_with_its_traceback(shared_pool: pool.Pool) -> None:
    """What a task should not raise is a bug of ours, not a fault of the media."""
    with pytest.raises(pool.TaskFailed, match="not one of ours"):
        await run(shared_pool, "fail")


@pytest.mark.parametrize(
    ("task", "reason", "status"),
    [("crash", "CRASHED", "SIGSEGV"), ("abort", "CRASHED", "SIGABRT")],
)
async def test_crash_is_a_lost_worker(shared_pool: pool.Pool, task: str, reason: str, status: str) -> None:
    """And the next task runs."""
    with pytest.raises(errors.WorkerLost) as raised:
        await run(shared_pool, task)
    assert (reason, status) == (raised.value.reason, raised.value.metadata["status"])
    assert 1 == (await run(shared_pool, "echo", 1)).value


async def test_too_much_memory_is_a_lost_worker() -> None:
    """The bound is what the child takes on top of the warm process."""
    async with pool.Pool(pool.PoolSettings(workers=1, memory_bytes=256 << 20, preload=PRELOAD)) as workers:
        assert 100 << 20 == (await run(workers, "allocate", 100 << 20)).value
        with pytest.raises(errors.WorkerLost) as raised:
            await run(workers, "allocate", 300 << 20)
    assert "OUT_OF_MEMORY" == raised.value.reason


async def test_file_that_grows_too_large_is_stopped(output: BinaryIO) -> None:
    """A child cannot fill the disk."""
    async with pool.Pool(pool.PoolSettings(workers=1, output_max_bytes=8 << 20, preload=PRELOAD)) as workers:
        assert "written" == (await run(workers, "fill", 8 << 20, outputs={"out": output})).value
        output.truncate(0)
        output.seek(0)
        assert "27" == (await run(workers, "fill", 16 << 20, outputs={"out": output})).value  # EFBIG


async def test_too_much_processor_time_is_a_lost_worker() -> None:
    """A child that computes for ever is ended by the kernel."""
    async with pool.Pool(pool.PoolSettings(workers=1, cpu_s=1, preload=PRELOAD)) as workers:
        with pytest.raises(errors.WorkerLost) as raised:
            await run(workers, "spin")
    assert "DEADLINE" == raised.value.reason


@pytest.mark.parametrize(
    "frame",
    [
        "ff" * 12,  # longer than anything that is taken
        "00000002" + "00" * 8 + b"{}".hex(),  # lacks everything
        "00000003" + "00" * 8 + b"[1]".hex(),
        "00000010" + "00" * 8 + b'{"arrays": [[]]}'.hex(),
        "0000001a" + "00" * 8 + b'{"kind":"?","arrays":[]}  '.hex(),
        "00000036" + "00" * 8 + b'{"kind":"x","arrays":[["a","|O",[1]]],"pad":"xxxxxxx"}'.hex(),
        "00000041" + "00" * 8 + b'{"kind":"error","error":"SystemExit","message":"x","arrays":[]}  '.hex(),
    ],
)
async def test_nonsense_from_a_child_is_a_lost_worker(shared_pool: pool.Pool, frame: str) -> None:
    """A child that was taken over can say what it likes and reaches nothing with it."""
    with pytest.raises(errors.WorkerLost) as raised:
        await run(shared_pool, "lie", frame)
    assert "CRASHED" == raised.value.reason
    assert 1 == (await run(shared_pool, "echo", 1)).value


# --- time and killing -----------------------------------------------------------------------------------------------


async def test_deadline_kills_the_child(shared_pool: pool.Pool) -> None:
    """Whatever it does, even computing for ever."""
    with pytest.raises(errors.WorkerLost) as raised:
        await run(shared_pool, "spin", deadline_s=0.3)
    assert "DEADLINE" == raised.value.reason


async def test_silence_kills_the_child(shared_pool: pool.Pool) -> None:
    """A child that reports nothing for too long is taken for hung."""
    running = Running(shared_pool, heartbeat_s=0.3)
    process = await running.process
    with pytest.raises(errors.WorkerLost) as raised:
        await running.call
    assert "SILENT" == raised.value.reason
    assert await gone(process)


async def test_child_that_ignores_signals_is_killed(shared_pool: pool.Pool) -> None:
    """Nothing that a child can do keeps it alive."""
    running = Running(shared_pool, "ignore_signals", deadline_s=0.3)
    process = await running.process
    with pytest.raises(errors.WorkerLost):
        await running.call
    assert await gone(process)


async def test_cancelling_kills_at_once(shared_pool: pool.Pool) -> None:
    """The child is gone when the call returns, ten times in a row."""
    for _ in range(10):
        running = Running(shared_pool)
        process = await running.process
        running.call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running.call
        assert not is_alive(process)


async def test_cancelling_before_the_start_leaves_no_child(shared_pool: pool.Pool) -> None:
    """Whenever the caller gives up, nothing keeps running and no place is lost."""
    for turns in range(12):
        call = asyncio.create_task(run(shared_pool, "sleep", 60))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert 0 == shared_pool.busy == shared_pool.waiting
    assert 1 == (await run(shared_pool, "echo", 1)).value
    assert [] == children(shared_pool)


def children(workers: pool.Pool) -> list[int]:
    """Processes that the warm process has started and that live."""
    parent = workers._parent.process_id
    listed = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(process) for process in listed if is_alive(int(process))]


async def test_killing_one_worker_leaves_the_others() -> None:
    """Of four, one is killed from outside; three finish."""
    async with pool.Pool(pool.PoolSettings(workers=4, preload=PRELOAD)) as workers:
        found = [asyncio.get_running_loop().create_future() for _ in range(4)]
        calls = [
            asyncio.create_task(run(workers, "sleep", 1, on_progress=lambda word, f=f: f.set_result(word["pid"])))
            for f in found
        ]
        processes = await asyncio.gather(*found)
        os.kill(processes[2], signal.SIGKILL)
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert "CRASHED" == results.pop(2).reason
    assert [processes[0], processes[1], processes[3]] == [result.value for result in results]


async def test_death_of_the_warm_process_is_recovered() -> None:
    """Its children go with it, their callers are told, and the next call has a new one."""
    async with pool.Pool(pool.PoolSettings(workers=2, preload=PRELOAD)) as workers:
        running = Running(workers)
        process = await running.process
        os.kill(workers._parent.process_id, signal.SIGKILL)
        with pytest.raises(errors.WorkerLost):
            await running.call
        assert await gone(process)
        assert 1 == (await run(workers, "echo", 1)).value


async def test_stuck_warm_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no longer answers is not waited for longer than a start may take."""
    monkeypatch.setattr(pool, "START_TIMEOUT_S", 0.3)
    async with pool.Pool(pool.PoolSettings(workers=1, preload=PRELOAD)) as workers:
        os.kill(workers._parent.process_id, signal.SIGSTOP)
        assert 1 == (await run(workers, "echo", 1)).value


async def test_warm_process_ignores_what_is_meant_for_the_service() -> None:
    """Ctrl-C and a polite end reach the whole group; the service drains before it ends its workers."""
    async with pool.Pool(pool.PoolSettings(workers=1, preload=PRELOAD)) as workers:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(workers._parent.process_id, number)
        assert 1 == (await run(workers, "echo", 1)).value


async def test_closing_ends_every_process() -> None:
    """Also those that still work."""
    async with pool.Pool(pool.PoolSettings(workers=1, preload=PRELOAD)) as workers:
        running = Running(workers)
        process = await running.process
        parent = workers._parent.process_id
    with pytest.raises(errors.WorkerLost):
        await running.call
    assert await gone(process)
    assert await gone(parent)
    with pytest.raises(errors.WorkerLost):
        await run(workers, "echo", 1)


SERVICE = f"""
import asyncio
from media import pool

async def main():
    async with pool.Pool(pool.PoolSettings(workers=2, preload={PRELOAD!r})) as workers:
        say = lambda word: print(word["pid"], workers._parent.process_id, flush=True)
        await workers.run("{TASKS}:sleep", 60, on_progress=say)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_death_of_the_service_leaves_no_process(number: signal.Signals) -> None:
    """Not the warm one, not a child, however the service dies."""
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVICE, stdout=asyncio.subprocess.PIPE)
    processes = [int(text) for text in (await service.stdout.readline()).split()]
    assert [True, True] == [is_alive(process) for process in processes]
    service.send_signal(number)
    await service.wait()
    assert [True, True] == [await gone(process) for process in processes]


# --- how many -------------------------------------------------------------------------------------------------------


async def test_more_than_workers_wait_and_more_than_the_queue_are_refused() -> None:
    """Two run, two wait, the fifth is told at once."""
    async with pool.Pool(pool.PoolSettings(workers=2, queue_limit=2, preload=PRELOAD)) as workers:
        calls = [asyncio.create_task(run(workers, "sleep", 0.5)) for _ in range(4)]
        await testing.wait_until(lambda: workers.busy == 2 and workers.waiting == 2, timeout_s=60)
        with pytest.raises(errors.Busy):
            await run(workers, "echo", 1)
        assert 4 == len({result.value for result in await asyncio.gather(*calls)})
        assert 1 == (await run(workers, "echo", 1)).value


async def test_preloading_that_fails_is_told() -> None:
    """A pool that cannot start says so at once instead of at the first task."""
    with pytest.raises(errors.WorkerLost):
        async with pool.Pool(pool.PoolSettings(workers=1, preload=("no.such.module",))):
            pass


async def test_preloading_that_starts_threads_is_refused() -> None:
    """Forking with threads leaves locks locked in the children."""
    with pytest.raises(errors.WorkerLost):
        async with pool.Pool(pool.PoolSettings(workers=1, preload=(f"{TASKS}:start_thread",))):
            pass


async def test_nothing_leaks_over_many_tasks(shared_pool: pool.Pool) -> None:
    """Descriptors of the service and of the warm process stay as many."""
    await run(shared_pool, "echo", 1)
    parent = shared_pool._parent.process_id

    def grown(base: int = 0) -> int:
        return sum(len(os.listdir(f"/proc/{process}/fd")) for process in (os.getpid(), parent)) - base

    before = grown()
    for _ in range(30):
        with contextlib.suppress(errors.WorkerLost):
            await run(shared_pool, "crash")
        await run(shared_pool, "echo", 1)
    await testing.wait_until(lambda: grown(before) <= 0, 60, "the pipe of the last task is closed, a turn later")


async def test_protections_are_logged_at_start(caplog: pytest.LogCaptureFixture) -> None:
    """A service says when it starts which protections stand around its workers, and which do not."""
    with caplog.at_level("INFO", logger="media.pool"):
        async with pool.Pool(pool.PoolSettings(workers=1)) as workers:
            names = [item.name for item in workers.protections()]
    assert names == [record.args[0] for record in caplog.records if record.name == "media.pool"]


async def test_pool_grows_and_shrinks_while_it_works() -> None:
    """More children run at once after it grew, fewer after it shrank; what runs or waits comes to its end."""
    async with pool.Pool(pool.PoolSettings(workers=1, queue_limit=20, preload=PRELOAD)) as workers:

        async def most(count: int) -> int:
            tasks = [asyncio.create_task(run(workers, "sleep", 0.2)) for _ in range(count)]
            seen = 0
            while not all(task.done() for task in tasks):
                seen = max(seen, workers.busy)
                await asyncio.sleep(0.01)
            await asyncio.gather(*tasks)
            return seen

        found = [await most(2)]
        for size in (3, 2, 1, 2):
            workers.resize(size, 20)
            found.append(await most(4))
        running = [asyncio.create_task(run(workers, "sleep", 0.2)) for _ in range(4)]
        await asyncio.sleep(0.05)
        workers.resize(1, 0)
        with pytest.raises(errors.Busy):
            await run(workers, "sleep", 0)
        await asyncio.gather(*running)
        found.append(await most(1))
    assert ([1, 3, 2, 1, 2, 1], 1) == (found, workers.workers)
