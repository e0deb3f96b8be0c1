"""Chooses ports for the processes of a suite."""

import contextlib
import random
import socket
from collections.abc import Sequence

from chassis import errors

HOST = "127.0.0.1"
# Below the range that Linux gives to outgoing connections (32768 up): nothing takes a port while its owner restarts.
FIRST, LAST = 20_000, 32_767
NEIGHBOURS = 100  # how many ports after a wanted one are tried
ATTEMPTS_PER_PORT = 200  # a machine with 199 of 200 random ports in use has other troubles


def free(count: int) -> tuple[int, ...]:
    """Ports that nothing listens on now, all different.

    Raises:
        errors.ResourceExhausted: No free port was found.
    """
    chooser = random.SystemRandom()
    with contextlib.ExitStack() as held:  # held until all are chosen, so that none is chosen twice
        return tuple(_one(chooser, held) for _ in range(count))


def from_on(wanted: int) -> int:
    """A port, or the next one after it that nothing listens on.

    Raises:
        errors.ResourceExhausted: None of the next is free.
    """
    for port in range(wanted, wanted + NEIGHBOURS):
        listener = _bound(port)
        if listener is not None:
            listener.close()
            return port
    raise errors.ResourceExhausted(f"no free port from {wanted} on at {HOST}", reason="NO_FREE_PORT")


def _one(chooser: random.Random, held: contextlib.ExitStack) -> int:
    for _ in range(ATTEMPTS_PER_PORT):
        port = chooser.randint(FIRST, LAST)
        listener = _bound(port)
        if listener is not None:
            held.enter_context(listener)
            return port
    raise errors.ResourceExhausted(f"no free port between {FIRST} and {LAST} on {HOST}", reason="NO_FREE_PORT")


def _bound(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT does not count
        listener.bind((HOST, port))
        listener.listen(1)  # two sockets may bind with SO_REUSEADDR, but only one may listen
    except OSError:
        listener.close()
        return None
    return listener


def check_free(wanted: Sequence[tuple[str, int]]) -> None:
    """Makes sure that nothing listens on the ports, given with the names of their processes.

    Raises:
        errors.Unavailable: A port is taken; the message names all of them.
    """
    taken = []
    for name, port in wanted:
        listener = _bound(port)
        if listener is None:
            taken.append(f"{HOST}:{port} ({name})")
        else:
            listener.close()
    if taken:
        raise errors.Unavailable(
            f"in use by another program: {', '.join(taken)}; stop it, or start with --ephemeral-ports",
            reason="PORT_IN_USE",
        )
