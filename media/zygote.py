"""A warm process that forks one shut-in child per task.

It is spawned, never forked, by the service, runs no thread, holds no channel and no secret, and has imported what tasks
need. A child is ready in milliseconds, can be killed alone, and sees one task and its files.
"""

import ctypes
import dataclasses
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO

from media import errors, sandbox, wire

MESSAGE_MAX_BYTES = 64 << 10  # orders are short: the request itself comes in a file
FILES_MAX = 32  # files that one task may be handed


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """The files of a task: all that its process can reach."""

    inputs: dict[str, BinaryIO]
    outputs: dict[str, BinaryIO]


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A task to run, with its descriptors in the order: answer pipe, request file, inputs, outputs."""

    id: int
    task: str
    inputs: list[str]
    outputs: list[str]
    box: dict[str, int]
    descriptors: list[int]


def main(descriptor: int, preload: list[str]) -> None:
    """Serves orders from a socket until it closes; returns only in a child."""
    sandbox.prepare()
    for name in preload:
        _resolve(name)()
    control = socket.socket(fileno=descriptor)
    order = _serve(control)
    if order is None:
        return
    control.close()
    _run(order)


def _resolve(name: str) -> Callable[..., Any]:
    """A function by `module:function`; a module alone is imported and does nothing when called."""
    module, _, function = name.partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, function) if function else lambda: None


def _serve(control: socket.socket) -> Order | None:
    """Forks a child per order and reports how each ended; returns the order in the child, None at the end."""
    children: dict[int, tuple[int, int]] = {}  # descriptor of the process -> (order, process)
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        readable, _, _ = select.select([control, *children], [], [])
        for child in [descriptor for descriptor in readable if descriptor in children]:
            _report_end(control, child, *children.pop(child))
        if control in readable:
            message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_MAX_BYTES, FILES_MAX)
            if not message:
                return None
            order = Order(**json.loads(message), descriptors=descriptors)
            process = os.fork()
            if process == 0:
                for child in children:
                    os.close(child)
                return order
            children[_announce(control, order, process)] = (order.id, process)


def _announce(control: socket.socket, order: Order, process: int) -> int:
    for descriptor in order.descriptors:
        os.close(descriptor)
    handle = os.pidfd_open(process)
    socket.send_fds(control, [json.dumps({"started": order.id, "pid": process}).encode()], [handle])
    return handle


def _report_end(control: socket.socket, handle: int, order: int, process: int) -> None:
    os.close(handle)
    _, status = os.waitpid(process, 0)
    control.send(json.dumps({"ended": order, "status": os.waitstatus_to_exitcode(status)}).encode())


def _run(order: Order) -> None:
    """Runs one task in the child: shut in first, then reads."""
    answer = os.fdopen(order.descriptors[0], "wb")
    sys.excepthook = _reporter(answer)
    with os.fdopen(order.descriptors[1], "rb") as file:
        request = json.load(file)
    files = _files(order)
    function = _resolve(order.task)
    _silence()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then kills its children
    protections = sandbox.enter(sandbox.Box(**order.box))
    wire.send(answer, {"kind": "entered", "protections": [dataclasses.astuple(item) for item in protections]})
    result = function(request, files, lambda progress: wire.send(answer, {"kind": "progress", "value": progress}))
    value, arrays = result if isinstance(result, tuple) else (result, {})
    for file in files.outputs.values():
        file.flush()
    wire.send(answer, {"kind": "result", "value": value, "usage": _usage()}, arrays)
    answer.close()
    os._exit(0)  # nothing to tidy: the kernel does, and codecs' own exit handlers may not run shut in


def _files(order: Order) -> Files:
    readable, writable = order.descriptors[2 : 2 + len(order.inputs)], order.descriptors[2 + len(order.inputs) :]
    return Files(
        {name: os.fdopen(descriptor, "rb") for name, descriptor in zip(order.inputs, readable, strict=True)},
        {name: os.fdopen(descriptor, "r+b") for name, descriptor in zip(order.outputs, writable, strict=True)},
    )


def _silence() -> None:
    """Codecs write to the terminal as they please; untrusted text belongs into no log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _usage() -> dict[str, float]:
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": used.ru_utime + used.ru_stime, "memory_peak_bytes": used.ru_maxrss * 1024}


def _reporter(answer: BinaryIO) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An exception hook that tells the service why the task ended."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, errors.MediaError):
            header = {"kind": "error", "error": kind.__name__, "message": error.message}
            header |= {"reason": error.reason, "metadata": error.metadata}
        elif isinstance(error, MemoryError):
            header = {"kind": "error", "error": "WorkerLost", "message": "the worker ran out of memory"}
            header |= {"reason": "OUT_OF_MEMORY", "metadata": {}}
        else:
            header = {"kind": "bug", "traceback": "".join(traceback.format_exception(kind, error, trace))[-20_000:]}
        wire.send(answer, header)
        os._exit(1)

    return report


if __name__ == "__main__":
    # A service that dies without closing its end takes this process along.
    ctypes.CDLL(None).prctl(sandbox.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    main(int(sys.argv[1]), sys.argv[2:])
