"""Starts the job manager: settings, telemetry, dependencies, servicer, run."""

import asyncio
import importlib.util
import pathlib
import sys

from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc

from chassis import client, discovery, dumps, errors, server, steering, telemetry
from chassis import live as live_module
from media import sessions
from media.ingest import rules
from services.jobs import (
    attempt,
    board,
    clock,
    courier,
    deadline,
    disk,
    engines,
    leadership,
    metrics,
    names,
    pinning,
    policy,
    scheduler,
    service,
    store,
    sweep,
)
from services.jobs import settings as settings_module
from services.jobs.job import Kind
from services.jobs.remote import service as remote


def place(settings: settings_module.Settings) -> pathlib.Path | engines.Engine:
    """Where the jobs are kept: a file of this manager, or a database that several share.

    Raises:
        errors.FailedPrecondition: The driver of the database is not installed.
    """
    url = settings.database_url.get_secret_value()
    if not url:
        return settings.state_dir
    if importlib.util.find_spec("psycopg") is None:
        raise errors.FailedPrecondition("PostgreSQL needs the driver of reelsmith[postgres]", reason="NO_DRIVER")
    from services.jobs.engines import postgres  # only where it is used

    return postgres.Postgres(url, settings.leader_lease_s)


async def serve(settings: settings_module.Settings) -> None:
    """Runs the job manager until it is told to stop."""
    registry = discovery.from_settings(settings)
    folder = sessions.Sessions(settings.sessions_root)
    live, now, limits = board.Board(), clock.Clock(), dict(settings.limits)
    steered = steering.Steering(settings, lambda changed: limits.update(changed.limits))
    async with (
        store.Store(place(settings), now, live.changed, settings.rules, settings.bounds) as jobs,
        client.Clients(registry, settings, remote.ONE_TRY) as clients,
        pinning.following(_config(clients), config_pb2, settings) as pinned,
        asyncio.TaskGroup() as tasks,
    ):
        pinner = pinning.Pinner(pinned, folder)
        executor = remote.RemoteExecutor(clients, settings.lease_s, settings.attempt_max_s, pinner)
        live.recall(await jobs.runs(), lambda: len(executor.instances(Kind.EXPORT)) * limits[Kind.EXPORT])
        attempts = attempt.Attempts(jobs, folder, executor, live, settings.attempts)
        planner = scheduler.Scheduler(jobs, executor, attempts, folder, limits)
        deadlines = deadline.Deadlines(jobs, planner)
        sweeper = sweep.Sweeper(jobs, folder)
        disks = disk.Disks((settings.state_dir, settings.sessions_root), settings.free_bytes_min)
        allowed = rules.Rules.of(settings.fetch_allow)
        taken = service.Limits(settings.job_limit, settings.bounds, settings.targets, allowed)
        known = names.Names(remote.Directory(clients, settings.environment))
        servicer = service.JobService(service.Parts(jobs, planner, live, sweeper, disks, now, taken, known))
        queue = metrics.Queue(jobs, now, settings.job_limit)
        name = jobs_pb2.DESCRIPTOR.services_by_name["JobService"].full_name
        what = server.Service(servicer, jobs_pb2_grpc.add_JobServiceServicer_to_server, name, policy.RULES)
        post = courier.Courier(jobs, settings.targets)
        work = (planner, sweeper, deadlines, queue, post)
        leader = leadership.Leadership(jobs, live, work, settings.leader_lease_s)
        background = [tasks.create_task(part.run()) for part in (executor, leader)]
        stub, request = _config(clients), config_pb2.WatchConfigRequest
        async with live_module.shared(stub.WatchConfig, request, settings, steered, wait=False):
            await server.run(settings, [what], registry)
        for task in background:
            task.cancel()


def _config(clients: client.Clients) -> config_pb2_grpc.ConfigServiceStub:
    return config_pb2_grpc.ConfigServiceStub(clients.channel("config"))


def main() -> None:
    """The entry point of the process."""
    settings = settings_module.Settings()
    dumps.forbid()
    telemetry.setup(settings)
    try:
        asyncio.run(serve(settings))
    except* errors.Error as failure:
        sys.exit(f"the job manager cannot run: {failure.exceptions[0]}")


if __name__ == "__main__":
    main()
