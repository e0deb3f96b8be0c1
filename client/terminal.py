"""Between the commands and the person or program that runs them: output, errors, signals, exit codes."""

import asyncio
import enum
import json
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import rich.console
import typer

from chassis import errors
from client import wording

PIPE_WIDTH = 200  # columns

# Results go to stdout, everything else to stderr.
# What is piped into a file or a program is not cut to the width of some terminal.
out = rich.console.Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = rich.console.Console(stderr=True)


class Code(enum.IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3  # some clips are there, others failed
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(work: Coroutine[Any, Any, Code], as_json: bool = False) -> None:
    """Runs a command to its end and leaves with its code.

    Args:
        work: The command.
        as_json: Whether an error is also printed as a JSON document on stdout.

    Raises:
        typer.Exit: Always.
    """
    try:
        code = asyncio.run(_interruptible(work))
    except errors.Error as error:
        code = Code.FAILED
        complain(wording.explain(error))
        if as_json:
            write({"error": {"code": error.code.name, "reason": error.reason, "message": error.message}})
    except OSError as error:
        code = Code.FAILED
        complain(str(error))
        if as_json:
            write({"error": {"code": "UNKNOWN", "reason": type(error).__name__, "message": str(error)}})
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = Code.INTERRUPTED
        complain("interrupted")
    raise typer.Exit(code)


async def _interruptible(work: Coroutine[Any, Any, Code]) -> Code:
    """Runs a command so that SIGTERM ends it as Ctrl-C does."""
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def complain(text: str) -> None:
    """Says what is wrong, on stderr."""
    err.print(f"reelsmith: {text}", style="red", markup=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Prints a line of a result."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def write(document: Any) -> None:
    """Prints one JSON document, whatever the width of the terminal."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()
