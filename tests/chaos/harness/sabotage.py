"""Protections that are taken away, one each: the harness must see it, or its green says nothing."""

import os
import time

import failpoints
from media import folders
from services.jobs import store


def in_place() -> None:
    """Files get their final names by being written there, instead of by a rename."""

    def link_over(root: str | os.PathLike[str], source: str, target: str) -> None:
        with folders.open_file(root, source) as file:
            content = file.read()
        *parents, name = folders.parts(target)
        with folders.opened(root, parents, create=True) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(name, flags, 0o640, dir_fd=folder), "wb", buffering=0) as file:
                file.write(content[: len(content) // 2])
                with failpoints.around("media.link.rename"):
                    file.write(content[len(content) // 2 :])

    folders.link_over = link_over


def no_token() -> None:
    """The store takes any result, whatever lease it comes under."""
    store.Store.holds = staticmethod(lambda step, lease: True)


def no_fsync() -> None:
    """Commits are not forced to disk one by one: what the engine calls `synchronous = NORMAL`."""
    opened = store.connected

    def connected(path: os.PathLike[str], *more: store.Recent) -> store.Database:
        database = opened(path, *more)
        database._connection.execute("PRAGMA synchronous = NORMAL")
        return database

    store.connected = connected


def no_file_sync() -> None:
    """Files of sessions are renamed without being forced to disk before."""

    class Silent:
        def __getattr__(self, name: str):
            return (lambda descriptor: None) if name == "fsync" else getattr(os, name)

    folders.os = Silent()


def wall_leases() -> None:
    """Leases, back-off and start times are told by the wall clock instead of one that only goes forward."""
    time.monotonic, time.monotonic_ns = time.time, time.time_ns
