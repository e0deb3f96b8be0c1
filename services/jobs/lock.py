"""The lock that keeps a store to one process."""

import fcntl
import os
import pathlib

import failpoints
from chassis import errors


class Lock:
    """The lock file that keeps a second manager from opening the store."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Takes the lock; the kernel gives it back when this process ends, however it ends.

        Raises:
            errors.FailedPrecondition: Another process holds it.
        """
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            with failpoints.around("jobs.lock"):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            self._file = None
            raise errors.FailedPrecondition(
                f"another job manager (process {holder}) has {self._path.parent} open; one store, one manager",
                reason="STORE_IN_USE",
                metadata={"pid": holder},
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
