"""Turns of uploads: whoever may not touch an upload ends none."""

import pytest
from reelsmith.gateway.v1 import gateway_pb2 as pb
from starlette.requests import Request

from chassis import errors
from gateway.http import tus

HEADERS = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": tus.MEDIA_TYPE}
BOUNDS = tus.Bounds(10, 1, 60)


class Loop:
    """A gateway that refuses to say how an upload is, or says it."""

    def __init__(self, refusal: errors.Error | None) -> None:
        self.refusal = refusal

    def sending(self, stub: type, request: Request) -> tuple["Loop", dict[str, object]]:
        """Itself, as a stub."""
        return self, {}

    async def GetUpload(self, request: pb.GetUploadRequest) -> pb.Upload:
        """What is asked before anything else."""
        if self.refusal:
            raise self.refusal
        return pb.Upload(id=request.id, size_bytes=3)


def asked(method: str) -> Request:
    """A request for an upload."""
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    return Request(
        {"type": "http", "method": method, "path_params": {"id": "a"}, "query_string": b"length=9", "headers": headers}
    )


@pytest.mark.parametrize("method", ["head", "patch"])
@pytest.mark.parametrize("kind", [errors.Unauthenticated, errors.NotFound])
async def test_stranger_ends_no_upload(method: str, kind: type[errors.Error]) -> None:
    """Without proof, or of another tenant: the request that runs is not told to stop."""
    uploads = tus.Uploads(Loop(kind("no")), BOUNDS)
    async with uploads.turns.take("a") as over:
        with pytest.raises(kind):
            await getattr(uploads, method)(asked(method.upper()))
        assert not over.is_set()


async def test_owner_is_told_where_its_upload_stands() -> None:
    """Control: with the answer the request has its turn."""
    answer = await tus.Uploads(Loop(None), BOUNDS).head(asked("HEAD"))
    assert ("3", "9") == (answer.headers["upload-offset"], answer.headers["upload-length"])
