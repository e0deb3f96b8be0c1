"""What crosses between a service and its sandboxed children: JSON and raw arrays, never pickle.

A frame is a header of JSON and a body of bytes, each with its length before it. The reader decides how much it takes.
"""

import asyncio
import json
import math
import re
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

LENGTHS = struct.Struct(">IQ")  # bytes of the header, bytes of the body
HEADER_MAX_BYTES = 32 << 20  # text takes long to parse: bulk goes into arrays
NUMBERS = re.compile(r"[<>|][biufc]\d{1,2}")  # types of plain numbers


class Malformed(Exception):
    """A frame that breaks the rules: whoever sent it is not to be trusted further."""


def send(file: BinaryIO, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Writes one frame.

    Args:
        file: Where to.
        header: Anything JSON can say.
        arrays: Arrays of numbers, by name.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    layout = [(name, array.dtype.str, array.shape) for name, array in whole.items()]
    head = json.dumps({**header, "arrays": layout}, allow_nan=False, separators=(",", ":")).encode()
    file.write(LENGTHS.pack(len(head), sum(array.nbytes for array in whole.values())) + head)
    for array in whole.values():
        file.write(array.data if array.size else b"")
    file.flush()


async def receive(reader: asyncio.StreamReader, size_max_bytes: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads one frame.

    Args:
        reader: Where from.
        size_max_bytes: Largest frame that is taken.

    Raises:
        asyncio.IncompleteReadError: The sender is gone.
        Malformed: The frame is too large or is none.
    """
    head_bytes, body_bytes = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
    if head_bytes > HEADER_MAX_BYTES or head_bytes + body_bytes > size_max_bytes:
        raise Malformed(f"a frame of {head_bytes + body_bytes} bytes, {size_max_bytes} allowed")
    head, body = await reader.readexactly(head_bytes), await reader.readexactly(body_bytes)
    try:
        header = json.loads(head)
        return header, _arrays(header.pop("arrays"), body)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Malformed(f"a frame that cannot be read: {error}") from error


def _arrays(layout: list[Any], body: bytes) -> dict[str, np.ndarray]:
    arrays, offset = {}, 0
    for name, kind, shape in layout:
        if not NUMBERS.fullmatch(kind) or any(type(length) is not int or length < 0 for length in shape):
            raise ValueError("an array of no numbers")
        dtype, count = np.dtype(kind), math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, count, offset).reshape(shape)
        offset += count * dtype.itemsize
    return arrays
