"""`reelsmith up`, `down`, `status` and `version`: the suite itself."""

import importlib.metadata
import pathlib
from typing import Annotated

import rich.table
import typer
from google.protobuf import json_format
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from client import place, suite, terminal, wording
from client.commands import advice, options, session

Home = Annotated[pathlib.Path | None, typer.Option(help="Folder of the suite; this user's own by default.")]
COLORS = {"serving": "green", "not serving": "yellow", "unreachable": "red"}


def up(
    home: Home = None,
    analyzers: Annotated[int, typer.Option(min=1, max=64, help="How many analyzers.")] = 1,
    exporters: Annotated[int, typer.Option(min=1, max=64, help="How many exporters.")] = 1,
    ephemeral_ports: Annotated[bool, typer.Option("--ephemeral-ports", help="Choose free ports.")] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt connections; each process proves which one it is.")
    ] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until Ctrl-C.")] = False,
) -> None:
    """Start the suite and keep it running: five kinds of processes, restarted when they die."""
    arguments = ["up", *_home(home), "--analyzers", str(analyzers), "--exporters", str(exporters)]
    arguments += ["--ephemeral-ports"] if ephemeral_ports else []
    arguments += ["--tls"] if tls else []
    raise typer.Exit(suite.launch(arguments if foreground else [*arguments, "--detach"]))


def down(home: Home = None) -> None:
    """Stop the suite: the gateway first, then the job manager, then the rest."""
    raise typer.Exit(suite.launch(["down", *_home(home)]))


def _home(home: pathlib.Path | None) -> list[str]:
    return ["--home", str(home or place.home())]


def status(
    as_json: options.Json = False,
    gateway: options.Gateway = "",
    with_advice: Annotated[
        bool, typer.Option("--advice", help="Say what the metrics of all processes suggest, instead.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="With --advice: carry it out, and take back what makes things worse.")
    ] = False,
    over: Annotated[
        float, typer.Option(min=0, max=3600, metavar="S", help="With --advice: how long to look, seconds.")
    ] = 10.0,
    trial_s: advice.TrialS = 60.0,
    metrics: advice.Metrics = "",
    prometheus: advice.Prometheus = "",
    service: options.ConfigService = "",
) -> None:
    """Ask every instance of every service how it is. Exit code 0 where every service serves."""
    if apply and not with_advice:
        raise typer.BadParameter("--apply belongs to --advice")
    if with_advice:
        terminal.run(advice.report(over, apply, trial_s, (metrics, prometheus), service, as_json), as_json)
    terminal.run(_status(as_json, gateway), as_json)


async def _status(as_json: bool, address: str) -> terminal.Code:
    async with session.running(address) as connection:
        found = await connection.status()
    if as_json:
        terminal.write(json_format.MessageToDict(found, preserving_proto_field_name=True))
    else:
        _show(found)
    return terminal.Code.DONE if found.serving else terminal.Code.FAILED


def _show(found: pb.SuiteStatus) -> None:
    table = rich.table.Table()
    for name in ("service", "address", "state", "version", "answer", "workers"):
        table.add_column(name, no_wrap=True)
    for service in found.services:
        if not service.instances:
            table.add_row(service.name, "", "[red]none")
        for instance in service.instances:
            table.add_row(service.name, *_row(instance))
    terminal.out.print(table)
    for instance in (instance for service in found.services for instance in service.instances if instance.detail):
        terminal.say(f"{instance.id}: {instance.detail}")
    for one in (one for one in found.breakers if one.state != pb.BreakerStatus.STATE_CLOSED):
        state = pb.BreakerStatus.State.Name(one.state).removeprefix("STATE_").replace("_", " ").lower()
        terminal.say(f"breaker of {one.method}: {state}, calls are refused for {wording.seconds(one.rest):.1f} s")
    serving = "serving" if found.serving else "NOT serving"
    terminal.say(f"{serving}, discovery {found.discovery}, gateway version {found.version}")
    terminal.say(_identity(found.identity))
    if found.HasField("queue"):
        terminal.say(_queue(found.queue))


def _identity(found: pb.IdentityStatus) -> str:
    callers = "callers need a key or token" if found.callers else "identity OFF: whoever reaches the gateway may do all"
    services = "services prove who they are (TLS)" if found.services else "services do not (no TLS)"
    return f"{callers}; {services}"


def _row(instance: pb.InstanceStatus) -> tuple[str, ...]:
    state = wording.instance_state(instance.state)
    capacity = instance.capacity
    workers = f"{capacity.busy_workers} of {capacity.workers} busy" if instance.HasField("capacity") else ""
    answer = f"{1000 * wording.seconds(instance.latency):.0f} ms" if instance.HasField("latency") else ""
    return instance.address, f"[{COLORS.get(state, 'red')}]{state}", instance.version, answer, workers


def _queue(queue: jobs.QueueStats) -> str:
    counts = ", ".join(f"{entry.count} {wording.state(entry.state).lower()}" for entry in queue.jobs if entry.count)
    return f"jobs: {counts or 'none'}; steps: {queue.running_steps} run, {queue.ready_steps} could"


def version() -> None:
    """Print the version."""
    terminal.say(f"reelsmith {importlib.metadata.version('reelsmith')}")
