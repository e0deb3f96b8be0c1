"""Keeps a suite running: starts its processes, waits until they serve, restarts what dies, stops all in order."""

import asyncio
import dataclasses
import logging
import pathlib
from collections.abc import Awaitable, Callable, Sequence

from chassis import errors
from deploy.local import consul, health, identity, log, plan, ports, process, state

LOGGER = logging.getLogger(__name__)
POLL_S = 0.1  # how often a process that comes up is asked
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.1, 5.0  # a lone death costs little, a crash loop at most 12 starts a minute
STEADY_S = 5.0  # a process that ran this long is not in a crash loop: they die while they start
EARLY_DEATHS_MAX = 3  # deaths of one process before the suite has served once: it will not come up by itself


@dataclasses.dataclass(slots=True)
class Member:
    """A program with its running process."""

    program: plan.Program
    running: process.Process | None = None
    restarts: int = 0
    served: bool = False


class Supervisor:
    """Runs the programs of one suite.

    Args:
        options: What the suite is.
        programs: What it runs, in the order of starting.
        discovery: How the processes find each other.
    """

    def __init__(self, options: plan.Options, programs: Sequence[plan.Program], discovery: plan.Discovery) -> None:
        self.options, self.discovery = options, discovery
        self.members = [Member(program) for program in programs]
        self._phase = "starting"
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Starts everything and returns when everything serves. Consul comes first: all others register with it.

        Raises:
            errors.Unavailable: Something does not come up; the message ends with its last log lines.
        """
        self.record()
        try:
            async with asyncio.timeout(self.options.start_timeout_s):
                await self._start([member for member in self.members if member.program.service == "consul"])
                await self._start([member for member in self.members if member.program.service != "consul"])
        except TimeoutError as error:
            late = next(member for member in self.members if not member.served)
            raise self._failure(late, f"does not serve after {self.options.start_timeout_s:g} s") from error
        self._phase = "serving"
        self.record()

    async def watch(self) -> None:
        """Keeps the processes alive until it is cancelled.

        Raises:
            OSError: A process could not be started, or its log not be written.
        """
        await asyncio.gather(*self._keepers.values())

    async def stop(self) -> None:
        """Stops everything: the gateway first, then the job manager, then the rest."""
        self._phase = "stopping"
        self.record()
        for stage in plan.STOP_ORDER:
            members = [member for member in self.members if member.program.service in stage]
            await asyncio.gather(*(self._stop(member) for member in members))

    def record(self, error: str = "") -> None:
        """Writes the state of the suite down."""
        state.write(self.options.home, self.suite(error))

    def suite(self, error: str = "") -> state.Suite:
        """The suite as it is now."""
        gateways = [member.program.address for member in self.members if member.program.service == "gateway"]
        doors = [member.program.http_port for member in self.members if member.program.http_port]
        return state.Suite(
            phase="failed" if error else self._phase,
            gateway=gateways[0] if gateways else "",
            discovery=self.discovery.kind,
            consul=self.discovery.consul,
            launcher=identity.own(),
            processes=tuple(self._described(member) for member in self.members),
            error=error,
            http=f"http://{ports.HOST}:{doors[0]}/" if doors else "",
            certificates=str(self.options.certificates or ""),
        )

    def _described(self, member: Member) -> state.Process:
        program, running = member.program, member.running
        who = running.identity if running else identity.Identity(0, "")
        metrics = f"{program.address.rpartition(':')[0]}:{program.metrics_port}" if program.metrics_port else ""
        return state.Process(
            name=program.name,
            service=program.service,
            pid=who.pid,
            started=who.started,
            address=program.address,
            metrics_address=metrics,
            log=str(self._log_path(member)),
            restarts=member.restarts,
            health_address=program.health_address,
        )

    async def _start(self, members: Sequence[Member]) -> None:
        for member in members:
            name = member.program.name
            self._keepers[name] = asyncio.create_task(self._keep(member), name=name)
        waits = [asyncio.create_task(self._ready(member)) for member in members]
        try:
            await asyncio.gather(*waits)
        finally:
            await _ended(*waits)

    async def _keep(self, member: Member) -> None:
        """Runs one program again and again, ever more slowly when it keeps dying."""
        delay_s = BACKOFF_FIRST_S
        clock = asyncio.get_running_loop().time
        while True:  # bounded in rate by the delay, and ended by cancelling
            begun = clock()
            code = await self._run_once(member)
            delay_s = BACKOFF_FIRST_S if clock() - begun >= STEADY_S else delay_s
            LOGGER.warning("%s ended with %s; starting it again in %.1f s", member.program.name, spoken(code), delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, BACKOFF_MAX_S)
            member.restarts += 1

    async def _run_once(self, member: Member) -> int:
        program = member.program
        member.running = await process.start(program.command, program.environment, self._log_path(member))
        try:
            self.record()
        except OSError as error:  # a full disk stops no suite: what is written down is one restart behind
            LOGGER.warning("the state cannot be written: %s", error)
        return await member.running.wait()

    async def _ready(self, member: Member) -> None:
        """Returns when a process serves; bounded by the caller's timeout."""
        asks = self._asks(member.program)
        while not await asks():
            keeper = self._keepers[member.program.name]
            if keeper.done():
                await keeper  # raises why it gave up
            if member.restarts >= EARLY_DEATHS_MAX:
                raise self._failure(member, f"died {member.restarts} times while starting")
            await asyncio.sleep(POLL_S)
        member.served = True
        LOGGER.info("%s serves at %s", member.program.name, member.program.address)

    def _asks(self, program: plan.Program) -> Callable[[], Awaitable[bool]]:
        question = consul.leading if program.service == "consul" else health.serving
        return lambda: question(program.health_address)

    def _failure(self, member: Member, what: str) -> errors.Unavailable:
        path = self._log_path(member)
        lines = log.tail(path) or "(nothing was logged)"
        return errors.Unavailable(
            f"{member.program.name} {what}. Last lines of {path}:\n{lines}",
            reason="PROCESS_FAILED",
            metadata={"process": member.program.name},
        )

    async def _stop(self, member: Member) -> None:
        await _ended(*filter(None, [self._keepers.get(member.program.name)]))
        if member.running is not None and not await member.running.stop(self.options.grace_s):
            LOGGER.warning("%s did not stop within %g s and was killed", member.program.name, self.options.grace_s)

    def _log_path(self, member: Member) -> pathlib.Path:
        return self.options.home / "logs" / f"{member.program.name}.log"


async def _ended(*tasks: asyncio.Task[None]) -> None:
    """Cancels tasks and waits until they are gone, whatever they ended with."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def spoken(code: int) -> str:
    """How a process ended, in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
