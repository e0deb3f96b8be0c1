"""ConfigService: translates between messages and versions."""

import base64
import binascii
import contextlib
import importlib.metadata
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.protobuf import message as message_module
from google.protobuf import struct_pb2
from grpc import aio
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import errors
from services.config import store as store_module
from services.config import versions as versions_module

NAME = pb.DESCRIPTOR.services_by_name["ConfigService"].full_name
PAGE_SIZE = 50  # as the API says
PAGE_SIZE_MAX = 1000  # as the API says
PAGE_TOKEN = re.compile(r"before:(\d{1,18})")

Handler = Callable[[Any, Any, aio.ServicerContext], Awaitable[message_module.Message]]


def _not_offered(what: str, reason: str) -> Handler:
    """A method that says that this release does not offer it."""

    async def refuse(self: Any, request: Any, context: aio.ServicerContext) -> message_module.Message:
        release = importlib.metadata.version("reelsmith")
        raise errors.Unimplemented(f"{what} is not part of release {release}", reason=reason)

    return refuse


class ConfigService(rpc.ConfigServiceServicer):
    """Documents, one per environment; every accepted change is a new version.

    Args:
        versions: What can be done with versions.
    """

    def __init__(self, versions: versions_module.Versions) -> None:
        self._versions = versions

    async def check(self) -> None:
        """Looks whether the store answers.

        Raises:
            errors.Error: It does not.
        """
        await self._versions.newest()

    async def GetConfig(self, request: pb.GetConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Returns the newest document."""
        return _config(await self._versions.newest(request.environment))

    async def UpdateConfig(self, request: pb.UpdateConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Changes the document, if it is still at the expected version and the result is valid."""
        if not request.config.HasField("document"):
            raise _missing("config.document", "the document, or the part of it that the mask names")
        edit = versions_module.patch(list(request.update_mask.paths), _plain(request.config.document))
        version = await self._versions.update(
            request.config.environment,
            edit,
            request.expected_version,
            actor=request.actor,
            comment=request.comment,
            dry=request.validate_only,
        )
        return _config(version)

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: aio.ServicerContext
    ) -> pb.ListVersionsResponse:
        """Lists versions, the newest first."""
        found = await self._versions.page(request.environment, _before(request.page_token), _page_size(request))
        rest = found[-1].number if found else 0
        token = _token(rest) if rest else ""
        listed = [_config(version, whole=False) for version in found]
        return pb.ListVersionsResponse(versions=listed, next_page_token=token)

    async def GetVersion(self, request: pb.GetVersionRequest, context: aio.ServicerContext) -> pb.Config:
        """Returns one version."""
        return _config(await self._versions.one(request.environment, request.version))

    async def RollbackConfig(self, request: pb.RollbackConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Makes a new version with the content of an old one."""
        version = await self._versions.rollback(
            request.environment,
            request.version,
            request.expected_version,
            actor=request.actor,
            comment=request.comment,
        )
        return _config(version)

    async def WatchConfig(
        self, request: pb.WatchConfigRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.WatchConfigResponse]:
        """Streams every later version, once and in order."""
        async with contextlib.aclosing(self._versions.watch(request.environment, request.after_version)) as versions:
            async for version, compacted in versions:
                yield pb.WatchConfigResponse(config=_config(version), compacted=compacted)

    async def GetSchema(self, request: pb.GetSchemaRequest, context: aio.ServicerContext) -> pb.GetSchemaResponse:
        """Returns the JSON Schema that documents must satisfy."""
        return pb.GetSchemaResponse(schema=_struct(self._versions.rules.rules))

    SetSecret = _not_offered("storing secrets", "SECRETS_NOT_OFFERED")
    AccessSecret = _not_offered("reading secrets", "SECRETS_NOT_OFFERED")
    ListSecrets = _not_offered("listing secrets", "SECRETS_NOT_OFFERED")
    DeleteSecret = _not_offered("deleting secrets", "SECRETS_NOT_OFFERED")
    RotateKeys = _not_offered("rotating keys", "SECRETS_NOT_OFFERED")
    ListAuditEvents = _not_offered("the record of events", "AUDIT_NOT_OFFERED")
    VerifyAudit = _not_offered("checking the record of events", "AUDIT_NOT_OFFERED")


def _config(version: store_module.Version, *, whole: bool = True) -> pb.Config:
    config = pb.Config(
        environment=version.environment,
        version=version.number,
        actor=version.actor,
        comment=version.comment,
        sha256=version.sha256,
    )
    if whole and version.document is not None:
        config.document.CopyFrom(_struct(version.document))
    if version.create_time_us:
        config.create_time.FromMicroseconds(version.create_time_us)
    return config


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _value(value) for name, value in struct.fields.items()}


def _value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _plain(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)


def _page_size(request: pb.ListVersionsRequest) -> int:
    if request.page_size < 0:
        message = f"{request.page_size} is negative"
        raise errors.InvalidArgument(
            f"page_size {message}", reason="BAD_PAGE_SIZE", fields=[errors.Field("page_size", message)]
        )
    return min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)


def _token(before: int) -> str:
    return base64.urlsafe_b64encode(f"before:{before}".encode()).decode()


def _before(token: str) -> int | None:
    if not token:
        return None
    try:
        found = PAGE_TOKEN.fullmatch(base64.urlsafe_b64decode(token.encode()).decode())
    except (binascii.Error, UnicodeError):
        found = None
    if not found:
        message = "is none that ListVersions gave"
        raise errors.InvalidArgument(
            f"page_token {message}", reason="BAD_PAGE_TOKEN", fields=[errors.Field("page_token", message)]
        )
    return int(found[1])


def _missing(field: str, what: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"{field} is required: {what}", reason="FIELD_REQUIRED", fields=[errors.Field(field, f"is required: {what}")]
    )
