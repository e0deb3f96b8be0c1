"""What every no-op does: it leaves a time. The file lies in memory, and costs a microsecond."""

import os
import struct
import time

_file = -1


def stamp() -> None:
    """Leaves the time."""
    global _file
    if _file < 0:
        _file = os.open(os.environ["STAMPS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(_file, struct.pack("d", time.monotonic()))
