"""`reelsmith jobs pause`, `resume` and `queue`: what the queue does, and how much there is in it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as pb

from client import queue, terminal, wording
from client.commands import options, session

Manager = Annotated[
    str, typer.Option("--jobs", metavar="HOST:PORT", help="The job manager; that of this user's suite by default.")
]


def pause(
    drain: Annotated[bool, typer.Option("--drain", help="Finish what was accepted and refuse new jobs.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for others to read.")] = "",
    manager: Manager = "",
) -> None:
    """Start no more steps until `resume`; what runs goes on, and jobs are still taken."""
    terminal.run(_told(lambda one: one.pause(drain, reason), manager, False))


def resume(manager: Manager = "") -> None:
    """Start steps and take jobs again."""
    terminal.run(_told(lambda one: one.resume(), manager, False))


def show(as_json: options.Json = False, manager: Manager = "") -> None:
    """Say what the queue does and how much there is in it."""
    terminal.run(_told(lambda one: one.stats(), manager, as_json), as_json)


async def _told(call: Callable[[queue.Queue], Awaitable[pb.QueueStats]], address: str, as_json: bool) -> terminal.Code:
    async with session.jobs_queue(address) as one:
        stats = await call(one)
    if as_json:
        terminal.write(json_format.MessageToDict(stats, preserving_proto_field_name=True))
    else:
        terminal.say(_described(stats))
    return terminal.Code.DONE


def _described(stats: pb.QueueStats) -> str:
    flow = pb.QueueStats.Flow.Name(stats.flow).removeprefix("FLOW_").lower()
    since = f" since {wording.moment(stats.pause_time)}" if stats.HasField("pause_time") else ""
    why = f" ({stats.pause_reason})" if stats.pause_reason else ""
    later = f", {stats.waiting_steps} later" if stats.waiting_steps else ""
    return f"queue {flow}{since}{why}: {stats.running_steps} steps run, {stats.ready_steps} wait{later}"
