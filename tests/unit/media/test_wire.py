"""Frames between a service and a child it does not trust."""

import asyncio
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import wire


async def received(content: bytes, size_max_bytes: int = 1 << 20) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads one frame from bytes."""
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    return await wire.receive(reader, size_max_bytes)


def sent(header: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> bytes:
    """One frame as bytes."""
    file = io.BytesIO()
    wire.send(file, header, arrays)
    return file.getvalue()


def framed(head: bytes, body: bytes = b"") -> bytes:
    """A frame of any content."""
    return struct.pack(">IQ", len(head), len(body)) + head + body


@pytest.mark.parametrize("dtype", ["u1", "<i8", "<f4", "<f8", "?", "<c16"])
async def test_array_arrives_as_it_was_sent(dtype: str) -> None:
    """Type, shape and content, also when it was not contiguous."""
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)[:, ::-1]
    _, arrays = await received(sent({"kind": "x"}, {"a": array}))
    np.testing.assert_array_equal(array, arrays["a"])
    assert array.dtype == arrays["a"].dtype


async def test_objects_cannot_be_sent_for_numbers() -> None:
    """Nothing is ever unpickled."""
    head = json.dumps({"kind": "x", "arrays": [["a", "|O", [1]]]}).encode()
    with pytest.raises(wire.Malformed):
        await received(framed(head, b"12345678"))


@pytest.mark.parametrize(
    "arrays",
    [
        [["a", "<f8", [-1]]],
        [["a", "<f8", [1 << 62, 1 << 62]]],
        [["a", "<f8", [2]]],
        [["a", "<f8", ["1"]]],
        [["a", "<f8", [True]]],
        [["a", "<f7", [1]]],
        [["a", ["<f8"], [1]]],
        [[["a"], "<f8", [1]]],
        [["a", "<f8"]],
        None,
    ],
)
async def test_layout_that_does_not_fit_is_refused(arrays: Any) -> None:
    """Whatever it claims, the answer is one typed error."""
    with pytest.raises(wire.Malformed):
        await received(framed(json.dumps({"arrays": arrays}).encode(), b"12345678"))


async def test_frame_over_the_bound_is_refused_before_it_is_read() -> None:
    """By its length alone."""
    with pytest.raises(wire.Malformed, match="200"):
        await received(struct.pack(">IQ", 100, 100), 199)


async def test_header_over_its_bound_is_refused() -> None:
    """Text is parsed in one go, so it must be short."""
    with pytest.raises(wire.Malformed):
        await received(struct.pack(">IQ", wire.HEADER_MAX_BYTES + 1, 0), 1 << 40)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_any_bytes_give_a_frame_or_one_error(head: bytes, body: bytes) -> None:
    """No other exception escapes."""
    try:
        asyncio.run(received(framed(head, body)))
    except wire.Malformed:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=4)
)


@given(st.lists(st.tuples(JSON, st.sampled_from(["<f8", "|u1", "|O", "<M8[s]", "V8", "", "<f99"]), JSON), max_size=3))
def test_any_layout_gives_arrays_or_one_error(layout: list[Any]) -> None:
    """Also layouts that are nearly right."""
    try:
        asyncio.run(received(framed(json.dumps({"arrays": layout}).encode(), b"x" * 64)))
    except wire.Malformed:
        return
