"""Reads and changes the shared configuration of a suite."""

import contextlib
import getpass
import json
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import field_mask_pb2, json_format, struct_pb2
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import client, errors
from chassis.identity import transport
from client import events, place

CALL_TIMEOUT_S = 10.0  # the service touches one small database
LONG_TIMEOUT_S = 300.0  # for calls that go through everything there is
PAGE_SIZE = 1000  # as many as the API gives at once
WATCH_TIMEOUT_S = 24 * 3600.0  # a person watches for a day at most


def plain(config: pb.Config | pb.Proposal) -> dict[str, Any]:
    """The document of a version, or of a proposal, as JSON: names in order, whole numbers without a point."""
    return _tidied(json_format.MessageToDict(config.document))


def _tidied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tidied(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_tidied(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def at(document: Any, path: str) -> Any:
    """The part of a document at a path such as `analyzer.weights.motion`; all of it for an empty path.

    Raises:
        errors.NotFound: There is no such part.
    """
    for name in filter(None, path.split(".")):
        if not isinstance(document, dict) or name not in document:
            raise errors.NotFound(f"the configuration has no {path!r}", reason="NO_SUCH_PATH")
        document = document[name]
    return document


def nested(path: str, value: Any) -> dict[str, Any]:
    """A document that has a value at a path and nothing else."""
    names = [name for name in path.split(".") if name]
    if not names:
        raise errors.InvalidArgument("the path is empty; it is like analyzer.weights.motion", reason="BAD_PATH")
    for name in reversed(names):
        value = {name: value}
    return value


def changed(before: Any, after: Any, path: str = "") -> list[str]:
    """The paths at which two documents differ, as few as can be; one that is gone is among them."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [path] if before != after else []
    found = []
    for name in sorted({*before, *after}):
        inner = f"{path}.{name}" if path else name
        if name in before and name in after:
            found += changed(before[name], after[name], inner)
        else:
            found.append(inner)
    return found


def parsed(text: str) -> Any:
    """A value from the command line: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def settings(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every setting of every service, those that change live first.

    Args:
        schema: The schema of documents.
        document: A document.

    Returns:
        `service`, `name`, `description`, `live`, the `value` that the document gives, and for those that need a restart
        the `variable` that sets them.
    """
    rows = []
    for service, section in sorted(schema["properties"].items()):
        told = section["properties"].get("settings")
        given = document.get(service, {}).get("settings", {})
        for kind in ("properties", "x-restart") if told else ():
            for name, rules in sorted(told.get(kind, {}).items()):
                row = {"service": service, "name": name, "description": rules["description"]}
                row |= {"live": kind == "properties", "value": given.get(name), "variable": rules.get("variable")}
                rows.append(row)
    return rows


class Config:
    """Calls of the configuration service for one environment, and one layer of it. Use `connect(address)`."""

    def __init__(self, stub: rpc.ConfigServiceStub, environment: str, layer: str = "") -> None:
        self._stub, self._environment = stub, environment
        service, _, instance = layer.partition("/")
        self._layer = {"service": service, "instance": instance}

    async def get(self, version: int | None = None, *, origins: bool = False) -> pb.Config:
        """The newest document, or that of a version.

        Args:
            version: Which one; the newest by default.
            origins: Whether to say which layer each value comes from.
        """
        values = {"environment": self._environment, "show_origins": origins, **self._layer}
        if version is None:
            return await self._stub.GetConfig(pb.GetConfigRequest(**values), timeout=CALL_TIMEOUT_S)
        request = pb.GetVersionRequest(version=version, **values)
        return await self._stub.GetVersion(request, timeout=CALL_TIMEOUT_S)

    async def update(
        self,
        document: dict[str, Any],
        paths: list[str],
        comment: str = "",
        *,
        validate_only: bool = False,
        expected: int | None = None,
    ) -> pb.Config:
        """Changes the named parts of the layer, or all of it.

        Args:
            document: The new content.
            paths: What changes; empty for all. A path that the document lacks is removed.
            comment: Why.
            validate_only: Change nothing, only say what would be.
            expected: Version that the change starts from; the newest by default.

        Raises:
            errors.Aborted: Someone else made a change in between.
            errors.InvalidArgument: The result would not be valid.
        """
        current = expected if expected is not None else (await self.get()).version
        content = struct_pb2.Struct()
        content.update(document)
        request = pb.UpdateConfigRequest(
            config=pb.Config(environment=self._environment, document=content, **self._layer),
            update_mask=field_mask_pb2.FieldMask(paths=paths) if paths else None,
            expected_version=current,
            validate_only=validate_only,
            comment=comment,
            actor=getpass.getuser(),
        )
        return await self._stub.UpdateConfig(request, timeout=CALL_TIMEOUT_S)

    async def schema(self) -> dict[str, Any]:
        """The JSON Schema that documents must satisfy."""
        found = await self._stub.GetSchema(pb.GetSchemaRequest(), timeout=CALL_TIMEOUT_S)
        return _tidied(json_format.MessageToDict(found.schema))

    async def history(self, count: int) -> list[pb.Config]:
        """The newest versions, without their documents."""
        request = pb.ListVersionsRequest(environment=self._environment, page_size=count)
        return list((await self._stub.ListVersions(request, timeout=CALL_TIMEOUT_S)).versions)

    async def rollback(self, version: int, comment: str = "") -> pb.Config:
        """Makes a new version with the content of an old one."""
        request = pb.RollbackConfigRequest(
            environment=self._environment,
            version=version,
            expected_version=(await self.get()).version,
            comment=comment,
            actor=getpass.getuser(),
        )
        return await self._stub.RollbackConfig(request, timeout=CALL_TIMEOUT_S)

    async def propose(self, document: dict[str, Any], paths: list[str], comment: str, actor: str) -> pb.Proposal:
        """Proposes a change of the named parts of the layer, or of all of it, which somebody else must approve."""
        content = struct_pb2.Struct()
        content.update(document)
        request = pb.ProposeConfigRequest(
            config=pb.Config(environment=self._environment, document=content, **self._layer),
            update_mask=field_mask_pb2.FieldMask(paths=paths) if paths else None,
            expected_version=(await self.get()).version,
            comment=comment,
            actor=actor or getpass.getuser(),
        )
        return await self._stub.ProposeConfig(request, timeout=CALL_TIMEOUT_S)

    async def propose_rollback(self, version: int, comment: str) -> pb.Proposal:
        """Proposes the content of an old version, which somebody else must approve."""
        request = pb.ProposeConfigRequest(
            config=pb.Config(environment=self._environment),
            rollback_version=version,
            expected_version=(await self.get()).version,
            comment=comment or f"back to version {version}",
            actor=getpass.getuser(),
        )
        return await self._stub.ProposeConfig(request, timeout=CALL_TIMEOUT_S)

    async def proposal(self, number: int) -> pb.Proposal:
        """One proposal."""
        return await self._stub.GetProposal(pb.GetProposalRequest(id=number), timeout=CALL_TIMEOUT_S)

    async def proposals(self, count: int, *, pending_only: bool) -> list[pb.Proposal]:
        """The newest proposals, without their documents."""
        request = pb.ListProposalsRequest(page_size=count, pending_only=pending_only)
        return list((await self._stub.ListProposals(request, timeout=CALL_TIMEOUT_S)).proposals)

    async def approve(self, number: int, comment: str, actor: str) -> pb.Proposal:
        """Makes a proposal the next version."""
        request = pb.ApproveProposalRequest(id=number, comment=comment, actor=actor or getpass.getuser())
        return await self._stub.ApproveProposal(request, timeout=CALL_TIMEOUT_S)

    async def reject(self, number: int, comment: str, actor: str) -> pb.Proposal:
        """Turns a proposal down."""
        request = pb.RejectProposalRequest(id=number, comment=comment, actor=actor or getpass.getuser())
        return await self._stub.RejectProposal(request, timeout=CALL_TIMEOUT_S)

    async def sources(self) -> list[pb.Source]:
        """The environments whose documents come from files."""
        return list((await self._stub.ListSources(pb.ListSourcesRequest(), timeout=CALL_TIMEOUT_S)).sources)

    async def set_secret(self, name: str, value: bytes) -> pb.Secret:
        """Stores a secret."""
        request = pb.SetSecretRequest(name=name, value=value, actor=getpass.getuser())
        return await self._stub.SetSecret(request, timeout=CALL_TIMEOUT_S)

    async def secret(self, name: str, version: int = 0) -> bytes:
        """The value of a secret, of its newest version by default; the access is recorded."""
        request = pb.AccessSecretRequest(name=name, version=version, actor=getpass.getuser())
        return (await self._stub.AccessSecret(request, timeout=CALL_TIMEOUT_S)).value

    async def secrets(self) -> list[pb.Secret]:
        """All secrets, without values."""
        found, token = [], ""
        while True:
            request = pb.ListSecretsRequest(page_size=PAGE_SIZE, page_token=token)
            page = await self._stub.ListSecrets(request, timeout=CALL_TIMEOUT_S)
            found += page.secrets
            token = page.next_page_token
            if not token:
                return found

    async def delete_secret(self, name: str) -> None:
        """Deletes a secret."""
        request = pb.DeleteSecretRequest(name=name, actor=getpass.getuser())
        await self._stub.DeleteSecret(request, timeout=CALL_TIMEOUT_S)

    async def rotate_keys(self) -> pb.RotateKeysResponse:
        """Has every secret encrypted with a new key."""
        request = pb.RotateKeysRequest(actor=getpass.getuser())
        return await self._stub.RotateKeys(request, timeout=LONG_TIMEOUT_S)

    def events(self, count: int | None = None) -> AsyncIterator[pb.AuditEvent]:
        """What was done and refused, the newest first.

        Args:
            count: How many at most; all by default.
        """
        return events.newest(self._events, count)

    async def _events(self, size: int, token: str) -> pb.ListAuditEventsResponse:
        request = pb.ListAuditEventsRequest(page_size=size, page_token=token)
        return await self._stub.ListAuditEvents(request, timeout=CALL_TIMEOUT_S)

    async def verify(self, head: str = "") -> pb.VerifyAuditResponse:
        """Has the record of events checked, past a head that was kept elsewhere."""
        return await self._stub.VerifyAudit(pb.VerifyAuditRequest(head=head), timeout=LONG_TIMEOUT_S)

    async def watch(self) -> AsyncIterator[pb.Config]:
        """The newest document, then every later version."""
        request = pb.WatchConfigRequest(environment=self._environment, after_version=-1, **self._layer)
        async for answer in self._stub.WatchConfig(request, timeout=WATCH_TIMEOUT_S):
            yield answer.config


@contextlib.asynccontextmanager
async def connect(
    address: str, environment: str = "", layer: str = "", secure: transport.Transport | None = None
) -> AsyncIterator[Config]:
    """A connection to the configuration service at an address.

    Args:
        address: Host and port.
        environment: Which document; the service's own by default.
        layer: A layer over it, `SERVICE` or `SERVICE/INSTANCE`; none by default.
        secure: What it is encrypted and proven with; None for a plain one.

    Raises:
        errors.InvalidArgument: The address is not of the form `host:port`.
    """
    async with client.Clients(place.registry("config", address), secure=secure) as clients:
        yield Config(rpc.ConfigServiceStub(clients.channel("config")), environment, layer)
