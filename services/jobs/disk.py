"""Whether the disks have room for what is promised."""

import dataclasses
import os
import pathlib

from chassis import errors

RETRY_AFTER_S = 5.0  # hint to callers: space is freed by people or by a sweep, not within a second


@dataclasses.dataclass(frozen=True, slots=True)
class Disks:
    """The folders that are written to, and the free bytes that each must have."""

    folders: tuple[pathlib.Path, ...]
    free_bytes_min: int

    def check(self) -> None:
        """Looks at every disk.

        Raises:
            errors.ResourceExhausted: One is too full.
            errors.Unavailable: One cannot be looked at.
        """
        for folder in self.folders:
            try:
                found = os.statvfs(folder)
            except OSError as error:
                raise errors.Unavailable(f"{folder} cannot be looked at: {error}", reason="STORAGE_FAILED") from error
            free_bytes = found.f_bavail * found.f_frsize
            if free_bytes < self.free_bytes_min:
                raise errors.ResourceExhausted(
                    f"{folder} has {free_bytes} bytes free, at least {self.free_bytes_min} are needed",
                    reason="STORAGE_FULL",
                    retry_after_s=RETRY_AFTER_S,
                )
