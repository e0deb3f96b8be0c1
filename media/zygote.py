"""A warm process that forks one shut-in child per task.

It is spawned, never forked, by the service, runs no thread, holds no channel and no secret, and has imported what tasks
need. A child is ready in milliseconds, can be killed alone, and sees one task and its files.
"""

import dataclasses
import gc
import importlib
import json
import os
import resource
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
    """A task to run, with its descriptors in the order: answer pipe, request file, inputs, outputs.

    Its opening is a function that is called before the child is shut in; none if it is empty.
    """

    id: int
    task: str
    inputs: list[str]
    outputs: list[str]
    box: dict[str, int]
    opening: str
    descriptors: list[int]


def main(descriptor: int, preload: list[str]) -> None:
    """Serves orders from a socket until it closes; returns only in a child."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the service, which drains first and then kills us
        signal.signal(number, signal.SIG_IGN)
    sandbox.prepare()
    for name in preload:
        _resolve(name)()
    _require_one_thread()
    gc.freeze()  # collecting in a child would copy the pages it shares with this process
    control = socket.socket(fileno=descriptor)
    parent = os.getpid()
    order = _serve(control)
    if order is None:
        return
    sandbox.die_with_parent()
    if os.getppid() != parent:  # it died before the kernel knew of the tie
        os._exit(1)
    control.close()
    _run(order)


def _resolve(name: str) -> Callable[..., Any]:
    """A function by `module:function`; a module alone is imported and does nothing when called."""
    module, _, function = name.partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, function) if function else lambda: None


def _require_one_thread() -> None:
    """A fork copies only the thread that forks: locks that others hold would stay locked in the children."""
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"preloading started {len(threads) - 1} threads: {', '.join(sorted(sys.modules))[-2000:]}")


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
            process = _fork(control, order)
            if process == 0:
                for child in children:
                    os.close(child)
                return order
            if process is not None:
                children[_announce(control, order, process)] = (order.id, process)


def _fork(control: socket.socket, order: Order) -> int | None:
    try:
        return os.fork()
    except OSError:  # no more processes or memory: one order fails, not all
        for descriptor in order.descriptors:
            os.close(descriptor)
        control.send(json.dumps({"ended": order.id, "status": 1, "memory_peak_bytes": 0}).encode())
        return None


def _announce(control: socket.socket, order: Order, process: int) -> int:
    for descriptor in order.descriptors:
        os.close(descriptor)
    handle = os.pidfd_open(process)
    socket.send_fds(control, [json.dumps({"started": order.id, "pid": process}).encode()], [handle])
    return handle


def _report_end(control: socket.socket, handle: int, order: int, process: int) -> None:
    os.close(handle)
    _, status, used = os.wait4(process, 0)
    word = {"ended": order, "status": os.waitstatus_to_exitcode(status), "memory_peak_bytes": used.ru_maxrss * 1024}
    control.send(json.dumps(word).encode())


def _run(order: Order) -> None:
    """Runs one task in the child: shut in first, then reads."""
    answer = os.fdopen(order.descriptors[0], "wb")
    sys.excepthook = _reporter(answer)
    with os.fdopen(order.descriptors[1], "rb") as file:
        request = json.load(file)
    files = _files(order)
    function = _resolve(order.task)
    box = sandbox.Box(**order.box)
    _silence()
    if order.opening:
        _resolve(order.opening)()
    protections = sandbox.enter(box)
    if box.device and not any(item.name == "landlock" and item.active for item in protections):
        raise errors.WorkerLost("without Landlock, the files of the system would be open", reason="DEVICE_FAILED")
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
        {name: os.fdopen(_only_readable(file), "rb") for name, file in zip(order.inputs, readable, strict=True)},
        {name: os.fdopen(file, "r+b") for name, file in zip(order.outputs, writable, strict=True)},
    )


def _only_readable(descriptor: int) -> int:
    """The same file, opened anew: with a place of its own in it, and for reading only."""
    anew = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(descriptor)
    return anew


def _silence() -> None:
    """Codecs write to the terminal as they please; untrusted text belongs into no log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _usage() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": used.ru_utime + used.ru_stime, "memory_peak_bytes": used.ru_maxrss * 1024}


def _reporter(answer: BinaryIO) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An exception hook that tells the service why the task ended."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, errors.MediaError):
            name = next(each.__name__ for each in kind.__mro__ if each.__name__ in errors.BY_NAME)
            header = {"kind": "error", "error": name, "message": error.message}
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
    sandbox.die_with_parent()
    main(int(sys.argv[1]), sys.argv[2:])
