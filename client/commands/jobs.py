"""`reelsmith jobs`: what was asked for, and how it stands."""

import pathlib
from typing import Annotated

import rich.markup
import rich.table
import typer
from google.protobuf import json_format
from reelsmith.jobs.v1 import jobs_pb2 as pb

from client import follow, progress, results, terminal, wording
from client.commands import clip, options, queue, session

app = typer.Typer(no_args_is_help=True, help="List, watch, cancel, retry and delete jobs; pause the queue.")
app.command("pause")(queue.pause)
app.command("resume")(queue.resume)
app.command("queue")(queue.show)
States = Annotated[list[str] | None, typer.Option("--state", help="Only jobs in this state; may be repeated.")]


@app.command("list")
def list_jobs(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    state: States = None,
    as_json: options.Json = False,
    gateway: options.Gateway = "",
) -> None:
    """List jobs, the newest first."""
    terminal.run(_list(count, [_state(name) for name in state or ()], as_json, gateway), as_json)


def _state(name: str) -> pb.Job.State:
    try:
        return pb.Job.State.Value(f"STATE_{name.upper()}")
    except ValueError as error:
        known = ", ".join(key.removeprefix("STATE_").lower() for key in pb.Job.State.keys()[1:])
        raise typer.BadParameter(f"{name!r} is no state; there are {known}") from error


async def _list(count: int, states: list[pb.Job.State], as_json: bool, address: str) -> terminal.Code:
    async with session.running(address) as suite:
        found = await suite.list_jobs(count, states)
    if as_json:
        terminal.write([json_format.MessageToDict(job, preserving_proto_field_name=True) for job in found])
        return terminal.Code.DONE
    table = rich.table.Table()
    for name in ("job", "state", "done", "accepted"):
        table.add_column(name, no_wrap=True)
    table.add_column("title", no_wrap=True, overflow="ellipsis")
    for job in found:
        done = f"{job.fraction:.0%}"
        table.add_row(
            job.id, wording.state(job.state), done, wording.moment(job.create_time), rich.markup.escape(job.spec.title)
        )
    terminal.out.print(table)
    return terminal.Code.DONE


@app.command()
def show(job: options.JobId, as_json: options.Json = False, gateway: options.Gateway = "") -> None:
    """Show one job with its steps and clips."""
    terminal.run(_show(job, as_json, gateway), as_json)


async def _show(job_id: str, as_json: bool, address: str) -> terminal.Code:
    async with session.running(address) as suite:
        job = await suite.job(job_id)
    if as_json:
        terminal.write(json_format.MessageToDict(job, preserving_proto_field_name=True))
        return terminal.Code.DONE
    terminal.say(f"{job.id}  {wording.state(job.state)}  {job.fraction:.0%}  {job.spec.title}")
    if job.error.message:
        terminal.say(wording.failure(job.error))
    table = rich.table.Table("step", "state", "attempts", "seconds", "instance", "error")
    for step in job.steps:
        took_s = wording.elapsed_s(step.start_time, step.end_time)
        table.add_row(
            step.name,
            wording.step_state(step.state),
            str(step.attempts),
            "" if took_s is None else f"{took_s:.1f}",
            step.instance,
            rich.markup.escape(wording.failure(step.error)) if step.error.message else "",
        )
    terminal.out.print(table)
    clip.paths(results.document(job, pathlib.Path()))
    return terminal.Code.DONE


@app.command()
def watch(job: options.JobId, gateway: options.Gateway = "") -> None:
    """Show the progress of a job until it has ended; Ctrl-C stops the watching, not the job."""
    terminal.run(_watch(job, gateway))


async def _watch(job_id: str, address: str) -> terminal.Code:
    with progress.shown(terminal.err) as display:
        async with session.running(address) as suite:
            job = await follow.watched(suite, job_id, display)
    terminal.say(f"{job.id}  {wording.state(job.state)}")
    return terminal.Code.DONE if job.spec.analyze_only and job.state in clip.USABLE else clip.verdict(job)


@app.command()
def download(job: options.JobId, out: options.Out = pathlib.Path("clips"), gateway: options.Gateway = "") -> None:
    """Fetch every finished file of a job."""
    terminal.run(_download(job, out, gateway))


async def _download(job_id: str, out: pathlib.Path, address: str) -> terminal.Code:
    with progress.shown(terminal.err) as display:
        async with session.running(address) as suite:
            job = await suite.job(job_id)
            folder = await results.fetch(suite, job, out, display)
    clip.paths(results.document(job, folder))
    terminal.say(str(folder))
    return terminal.Code.DONE


@app.command()
def cancel(
    job: options.JobId,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    gateway: options.Gateway = "",
) -> None:
    """Cancel a job; clips that are finished stay."""
    terminal.run(_change(lambda suite: suite.cancel(job, reason), gateway))


@app.command()
def retry(job: options.JobId, gateway: options.Gateway = "") -> None:
    """Run again what failed or was cancelled, and nothing else."""
    terminal.run(_change(lambda suite: suite.retry(job), gateway))


async def _change(change, address: str) -> terminal.Code:
    async with session.running(address) as suite:
        job = await change(suite)
    terminal.say(f"{job.id}  {wording.state(job.state)}")
    return terminal.Code.DONE


@app.command()
def delete(
    job: options.JobId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    gateway: options.Gateway = "",
) -> None:
    """Delete a job that has ended, with all its files."""
    if not yes:
        typer.confirm(f"Delete job {job} and all its files?", abort=True, err=True)
    terminal.run(_delete(job, gateway))


async def _delete(job_id: str, address: str) -> terminal.Code:
    async with session.running(address) as suite:
        await suite.delete(job_id)
    terminal.say(f"{job_id}  deleted")
    return terminal.Code.DONE
