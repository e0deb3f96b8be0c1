"""The command line of the launcher."""

import argparse
import asyncio
import dataclasses
import json
import logging
import logging.handlers
import os
import pathlib
import signal
import sys
from collections.abc import Sequence

from chassis import errors
from deploy.local import launcher, leash, log, plan, state

GRACE_S = plan.Options(pathlib.Path()).grace_s


def parser() -> argparse.ArgumentParser:
    """What may be said."""
    command = argparse.ArgumentParser(prog="python -m deploy.local", description=launcher.__doc__)
    verbs = command.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start the suite and keep it running")
    up.add_argument("--detach", action="store_true", help="run in the background; return when everything serves")
    up.add_argument("--ephemeral-ports", action="store_true", help="choose free ports instead of the standard ones")
    up.add_argument("--http-port", type=int, metavar="N", help="port of HTTP, 0 for none [8080 or the next free one]")
    up.add_argument("--tls", action="store_true", help="encrypt connections; each process proves which one it is")
    up.add_argument("--leash", type=int, metavar="PID", help="stop when this process, the parent, ends (Linux)")
    for service, *_ in plan.SERVICES[1:3]:
        up.add_argument(f"--{service}s", type=instances, default=1, metavar="N", help=f"how many run the {service}")
    down = verbs.add_parser("down", help="stop the suite: gateway, then jobs, then the rest")
    status = verbs.add_parser("status", help="say how every process is")
    status.add_argument("--json", action="store_true", help="print one JSON document")
    for verb in (up, down, status):
        verb.add_argument("--home", type=pathlib.Path, default=default_home(), help="folder of the suite [%(default)s]")
    for verb in (up, down):
        verb.add_argument(
            "--grace", type=float, default=GRACE_S, metavar="S", help="seconds until a kill [%(default)s]"
        )
    return command


def instances(text: str) -> int:
    """A number of instances."""
    number = int(text)
    if not 1 <= number <= plan.INSTANCES_MAX:
        raise argparse.ArgumentTypeError(f"{number} is not between 1 and {plan.INSTANCES_MAX}")
    return number


def default_home() -> pathlib.Path:
    """The folder of this user's suite: `REELSMITH_HOME`, or `reelsmith` under the data folder of the XDG standard."""
    given = os.environ.get("REELSMITH_HOME")
    data = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    return pathlib.Path(given) if given else pathlib.Path(data) / "reelsmith"


def run(arguments: Sequence[str]) -> int:
    """Does what the command line says.

    Returns:
        Exit code: 0 done, 1 failed with one clear message on stderr, 2 wrong usage, 130 interrupted.
    """
    given = parser().parse_args(arguments)
    given.home = given.home.expanduser().absolute()
    try:
        return {"up": _up, "down": _down, "status": _status}[given.verb](given, arguments)
    except errors.Error as error:
        print(f"reelsmith: {error.message}", file=sys.stderr)
    except OSError as error:
        print(f"reelsmith: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("reelsmith: interrupted", file=sys.stderr)
        return 130
    return 1


def _up(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    counts = {"analyzer": given.analyzers, "exporter": given.exporters}
    options = plan.Options(
        given.home,
        counts,
        ephemeral=given.ephemeral_ports,
        tls=given.tls,
        grace_s=given.grace,
        http_port=_http_port(given),
    )
    running = state.read(options.home)
    if running is not None and running.launcher.alive():
        _say("already runs", running, options.home)
        return 0 if given.detach else 1  # asked for in the background, it is there; asked to run here, it cannot
    if given.detach:
        foreground = [argument for argument in arguments if argument != "--detach"]
        _say("serves", launcher.detach(options, foreground), options.home)
        return 0
    if given.leash:
        leash.die_with_parent(given.leash, signal.SIGTERM)
    _log_to(options.home)
    asyncio.run(launcher.up(options, lambda suite: _say("serves", suite, options.home)))
    return 0


def _http_port(given: argparse.Namespace) -> int | None:
    """What the command line says, or the gateway's own variable; None where neither does."""
    said = os.environ.get("REELSMITH_GATEWAY_HTTP_PORT", "")
    return int(said) if given.http_port is None and said.isdigit() else given.http_port


def _down(given: argparse.Namespace, _: Sequence[str]) -> int:
    ran = asyncio.run(launcher.down(given.home, given.grace))
    print(f"stopped the suite in {given.home}" if ran else f"nothing runs in {given.home}")
    return 0


def _status(given: argparse.Namespace, _: Sequence[str]) -> int:
    suite, reports = asyncio.run(launcher.status(given.home))
    if given.json:
        conditions = {report.process.name: report.condition for report in reports}
        print(json.dumps({"suite": suite and dataclasses.asdict(suite), "conditions": conditions}, indent=2))
    elif suite is None:
        print(f"nothing runs in {given.home}")
    else:
        _say(suite.phase, suite, given.home)
        for report in reports:
            print(_line(report.process, report.condition))
    return 0 if suite and all(report.condition == "serving" for report in reports) else 1


def _line(process: state.Process, condition: str) -> str:
    return f"  {process.name:12} {condition:12} {process.address:22} pid {process.pid:<8} restarts {process.restarts}"


def _say(what: str, suite: state.Suite, home: pathlib.Path) -> None:
    print(f"suite {what}: gateway {suite.gateway}, discovery {suite.discovery}, home {home}", flush=True)
    if suite.http:
        print(f"in a browser: {suite.http}", flush=True)


def _log_to(home: pathlib.Path) -> None:
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    rolling = logging.handlers.RotatingFileHandler(
        logs / "launcher.log", maxBytes=log.SIZE_MAX, backupCount=log.FILES_MAX - 1
    )
    form = "%(asctime)s %(levelname)s %(message)s"
    # What stderr is redirected to is nobody's to keep small: then the file alone gets the lines.
    handlers = [rolling, logging.StreamHandler()] if sys.stderr.isatty() else [rolling]
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line per question to Consul otherwise
