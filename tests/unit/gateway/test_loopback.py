"""The socket file by which the HTTP door calls the gateway's own gRPC server."""

import pathlib
import stat
import tempfile

import pytest
from grpc import aio

from gateway.http import loopback


def looked_at(place: pathlib.Path) -> tuple[bool, int | None]:
    """Whether there is a socket, and who may look into its folder."""
    folder = place.parent
    return place.is_socket(), stat.S_IMODE(folder.stat().st_mode) if folder.exists() else None


@pytest.mark.parametrize("length", [10, 150])
async def test_socket_can_be_listened_at_however_long_the_temporary_folder_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """In a folder of this user alone, which is gone afterwards."""
    folder = tmp_path / ("x" * length)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with loopback.socket() as address:
        server = aio.server()
        server.add_insecure_port(address)
        await server.start()
        place = pathlib.Path(address.removeprefix("unix:"))
        assert (True, 0o700) == looked_at(place)
        await server.stop(None)
    assert (False, None) == looked_at(place)
