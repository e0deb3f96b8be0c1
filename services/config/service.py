"""ConfigService: translates between messages and versions, secrets and events."""

import base64
import binascii
import collections
import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from grpc import aio
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import errors
from chassis.audit import chain
from chassis.identity import caller
from services.config import actors, lasting, layers
from services.config import gate as gate_module
from services.config import store as store_module
from services.config import versions as versions_module
from services.config.audit import record
from services.config.proposals import desk as desk_module
from services.config.proposals import store as proposal_store
from services.config.secrets import store as secret_store
from services.config.secrets import vault
from services.config.sources import folder as folder_module

NAME = pb.DESCRIPTOR.services_by_name["ConfigService"].full_name
PAGE_SIZE = 50  # versions, as the API says
SHORT_PAGE_SIZE = 100  # secrets and events, as the API says
PAGE_SIZE_MAX = 1000  # as the API says
SHOWN = 32  # versions as readers see them that are kept: with 500 watches each is made once, not 500 times
RESOURCE_LENGTH_MAX = 200  # characters: names are shorter, but for those that are refused
NUMBER = re.compile(r"\d{1,18}")


STATES = {
    proposal_store.State.PENDING: pb.Proposal.STATE_PENDING,
    proposal_store.State.APPROVED: pb.Proposal.STATE_APPROVED,
    proposal_store.State.REJECTED: pb.Proposal.STATE_REJECTED,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What can be done with documents.

    Args:
        versions: With their versions.
        desk: With proposals.
        folder: The files that documents come from.
        gate: Refuses direct changes where files or a second person decide.
    """

    versions: versions_module.Versions
    desk: desk_module.Desk
    folder: folder_module.Folder
    gate: gate_module.Gate


class ConfigService(rpc.ConfigServiceServicer):
    """Documents, one per environment; every accepted change is a new version.

    Args:
        parts: What can be done with documents.
        secrets: What can be done with secrets.
        events: The record of what was done and refused.
    """

    def __init__(self, parts: Parts, secrets: vault.Vault, events: record.Record) -> None:
        self._parts, self._versions = parts, parts.versions
        self._secrets, self._events = secrets, events
        self._shown: collections.OrderedDict[tuple[str, int, str], pb.Config] = collections.OrderedDict()

    async def check(self) -> None:
        """Looks whether the store answers.

        Raises:
            errors.Error: It does not.
        """
        await self._versions.newest()

    async def GetConfig(self, request: pb.GetConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Returns the newest document, as a reader sees it."""
        reader = layers.Reader(request.service, request.instance)
        return self._traced(await self._versions.newest(request.environment), reader, request.show_origins)

    async def UpdateConfig(self, request: pb.UpdateConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Changes one layer, if the document is still at the expected version and the result is valid."""
        if not request.config.HasField("document"):
            raise _missing("config.document", "the document, or the part of it that the mask names")
        async with self._told("UpdateConfig", self._document(request.config.environment), request.actor) as entry:
            if not request.validate_only:
                environment = self._named(request.config.environment)
                self._parts.gate.check_change(environment, request.update_mask.paths)
            reader = layers.Reader(request.config.service, request.config.instance)
            edit = versions_module.patch(list(request.update_mask.paths), _plain(request.config.document))
            version = await self._versions.update(
                request.config.environment,
                edit,
                request.expected_version,
                reader=reader,
                actor=entry.actor,
                comment=request.comment,
                dry=request.validate_only,
            )
        return self._seen(version, reader)

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: aio.ServicerContext
    ) -> pb.ListVersionsResponse:
        """Lists versions, the newest first."""
        size = _page_size(request.page_size, PAGE_SIZE)
        found = await self._versions.page(request.environment, _number("before", request.page_token), size)
        rest = found[-1].number if found else 0
        token = _token("before", str(rest)) if rest else ""
        listed = [_config(version) for version in found]
        return pb.ListVersionsResponse(versions=listed, next_page_token=token)

    async def GetVersion(self, request: pb.GetVersionRequest, context: aio.ServicerContext) -> pb.Config:
        """Returns one version."""
        reader = layers.Reader(request.service, request.instance)
        version = await self._versions.one(request.environment, request.version)
        return self._traced(version, reader, request.show_origins)

    async def RollbackConfig(self, request: pb.RollbackConfigRequest, context: aio.ServicerContext) -> pb.Config:
        """Makes a new version with the content of an old one."""
        async with self._told("RollbackConfig", self._document(request.environment), request.actor) as entry:
            self._parts.gate.check_direct(self._named(request.environment))
            version = await self._versions.rollback(
                request.environment,
                request.version,
                request.expected_version,
                actor=entry.actor,
                comment=request.comment,
            )
        return self._seen(version, layers.EVERYBODY)

    async def WatchConfig(
        self, request: pb.WatchConfigRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.WatchConfigResponse]:
        """Streams every later version, once and in order."""
        reader = layers.Reader(request.service, request.instance)
        async with contextlib.aclosing(self._versions.watch(request.environment, request.after_version)) as versions:
            async for version, compacted in versions:
                yield pb.WatchConfigResponse(config=self._remembered(version, reader), compacted=compacted)

    async def GetSchema(self, request: pb.GetSchemaRequest, context: aio.ServicerContext) -> pb.GetSchemaResponse:
        """Returns the JSON Schema that documents must satisfy."""
        return pb.GetSchemaResponse(schema=_struct(self._versions.rules.rules))

    async def ProposeConfig(self, request: pb.ProposeConfigRequest, context: aio.ServicerContext) -> pb.Proposal:
        """Proposes a change of one layer."""
        environment = request.config.environment
        if not request.config.HasField("document") and not request.HasField("rollback_version"):
            raise _missing("config.document", "the document, or the part of it that the mask names")
        async with self._told("ProposeConfig", self._document(environment), request.actor) as entry:
            self._parts.gate.check_files(self._named(environment))
            rewrite, reader = await self._wanted(request)
            made = await self._parts.desk.propose(
                environment, rewrite, request.expected_version, reader, entry, request.comment
            )
        return self._proposal(made)

    async def GetProposal(self, request: pb.GetProposalRequest, context: aio.ServicerContext) -> pb.Proposal:
        """Returns one proposal."""
        return self._proposal(await self._parts.desk.one(request.id))

    async def ListProposals(
        self, request: pb.ListProposalsRequest, context: aio.ServicerContext
    ) -> pb.ListProposalsResponse:
        """Lists proposals, the newest first."""
        size = _page_size(request.page_size, SHORT_PAGE_SIZE)
        found = await self._parts.desk.page(_number("before", request.page_token), request.pending_only, size)
        token = _token("before", str(found[-1].id)) if len(found) == size else ""
        return pb.ListProposalsResponse(proposals=map(_told_proposal, found), next_page_token=token)

    async def ApproveProposal(self, request: pb.ApproveProposalRequest, context: aio.ServicerContext) -> pb.Proposal:
        """Makes a proposal the next version."""
        async with self._told("ApproveProposal", f"proposals/{request.id}", request.actor) as entry:
            self._parts.gate.check_files((await self._parts.desk.one(request.id)).environment)
            return self._proposal(await self._parts.desk.approve(request.id, entry.actor, request.comment))

    async def RejectProposal(self, request: pb.RejectProposalRequest, context: aio.ServicerContext) -> pb.Proposal:
        """Turns a proposal down."""
        async with self._told("RejectProposal", f"proposals/{request.id}", request.actor) as entry:
            return self._proposal(await self._parts.desk.reject(request.id, entry.actor, request.comment))

    async def ListSources(self, request: pb.ListSourcesRequest, context: aio.ServicerContext) -> pb.ListSourcesResponse:
        """Lists the environments whose documents come from files."""
        return pb.ListSourcesResponse(sources=map(_source, self._parts.folder.sources))

    async def SetSecret(self, request: pb.SetSecretRequest, context: aio.ServicerContext) -> pb.Secret:
        """Stores a secret, encrypted."""
        async with self._told("SetSecret", f"secrets/{request.name}", request.actor) as entry:
            return _secret(await self._secrets.put(request.name, request.value, entry))

    async def AccessSecret(
        self, request: pb.AccessSecretRequest, context: aio.ServicerContext
    ) -> pb.AccessSecretResponse:
        """Returns the value of a secret; the access is recorded."""
        async with self._told("AccessSecret", f"secrets/{request.name}", request.actor) as entry:
            sealed, value = await self._secrets.access(request.name, request.version, entry)
        return pb.AccessSecretResponse(secret=_secret(sealed), value=value)

    async def ListSecrets(self, request: pb.ListSecretsRequest, context: aio.ServicerContext) -> pb.ListSecretsResponse:
        """Lists secrets, without values."""
        size = _page_size(request.page_size, SHORT_PAGE_SIZE)
        found = await self._secrets.page(_read_token("after", request.page_token), size)
        token = _token("after", found[-1].name) if len(found) == size else ""
        return pb.ListSecretsResponse(secrets=map(_secret, found), next_page_token=token)

    async def DeleteSecret(self, request: pb.DeleteSecretRequest, context: aio.ServicerContext) -> empty_pb2.Empty:
        """Deletes a secret."""
        async with self._told("DeleteSecret", f"secrets/{request.name}", request.actor) as entry:
            await self._secrets.delete(request.name, entry)
        return empty_pb2.Empty()

    async def RotateKeys(self, request: pb.RotateKeysRequest, context: aio.ServicerContext) -> pb.RotateKeysResponse:
        """Makes a new key and encrypts every secret with it."""
        async with self._told("RotateKeys", "keys", request.actor) as entry:
            key_id, count = await self._secrets.turn(entry)
        return pb.RotateKeysResponse(key_id=key_id, rotated_secrets=count)

    async def ListAuditEvents(
        self, request: pb.ListAuditEventsRequest, context: aio.ServicerContext
    ) -> pb.ListAuditEventsResponse:
        """Lists what was done and refused, the newest first."""
        size = _page_size(request.page_size, SHORT_PAGE_SIZE)
        found = await self._events.page(_number("before", request.page_token), size)
        token = _token("before", str(found[-1].sequence)) if found and found[-1].sequence > 1 else ""
        return pb.ListAuditEventsResponse(events=[event.told(pb.AuditEvent) for event in found], next_page_token=token)

    async def VerifyAudit(self, request: pb.VerifyAuditRequest, context: aio.ServicerContext) -> pb.VerifyAuditResponse:
        """Checks that the record of events was not tampered with."""
        verdict = await self._events.verify(request.head)
        return pb.VerifyAuditResponse(
            intact=not verdict.finding.broken,
            events=verdict.finding.events,
            head=verdict.head,
            broken_sequence=verdict.finding.broken,
            public_key=verdict.public_key,
        )

    def _remembered(self, version: store_module.Version, reader: layers.Reader) -> pb.Config:
        """What a reader sees of a version in force; readers of the same layers share it."""
        key = version.environment, version.number, reader.layer
        if key not in self._shown:
            self._shown[key] = self._seen(version, reader)
            if len(self._shown) > SHOWN:
                self._shown.popitem(last=False)
        return self._shown[key]

    def _seen(self, version: store_module.Version, reader: layers.Reader) -> pb.Config:
        config = _config(version)
        config.service, config.instance = reader.service, reader.instance
        config.document.CopyFrom(_struct(self._versions.effective(version, reader)))
        return config

    def _traced(self, version: store_module.Version, reader: layers.Reader, traced: bool) -> pb.Config:
        config = self._seen(version, reader)
        if traced:
            config.origins.update(layers.origins(self._versions.stack(version, reader)))
        return config

    async def _wanted(self, request: pb.ProposeConfigRequest) -> tuple[versions_module.Rewrite, layers.Reader]:
        """The change that is proposed, and whose layer it is."""
        config = request.config
        if request.HasField("rollback_version"):
            old = await self._versions.one(config.environment, request.rollback_version)
            return lambda now: lasting.kept(old.content, now), layers.EVERYBODY
        reader = layers.Reader(config.service, config.instance)
        edit = versions_module.patch(list(request.update_mask.paths), _plain(config.document))
        return versions_module.layered(edit, reader), reader

    def _proposal(self, found: proposal_store.Proposal) -> pb.Proposal:
        proposal = _told_proposal(found)
        proposal.document.CopyFrom(_struct(self._versions.merged(found.content, found.reader)))
        return proposal

    def _named(self, environment: str) -> str:
        return environment or self._versions.environment

    def _document(self, environment: str) -> str:
        return f"config/{self._named(environment)}"

    @contextlib.asynccontextmanager
    async def _told(self, action: str, resource: str, declared: str) -> AsyncIterator[chain.Entry]:
        """What to record of a call, with who is behind it; its refusal is recorded too."""
        actor = actors.of(caller.current(), declared)
        entry = chain.Entry(actor[: versions_module.ACTOR_LENGTH_MAX], action, resource[:RESOURCE_LENGTH_MAX])
        try:
            versions_module.check_length("actor", declared, versions_module.ACTOR_LENGTH_MAX)
            yield entry
        except errors.Error as error:
            await self._events.refused(entry, error)
            raise


def _told_proposal(found: proposal_store.Proposal) -> pb.Proposal:
    """What is said of a proposal, without its document."""
    proposal = pb.Proposal(
        id=found.id,
        environment=found.environment,
        service=found.reader.service,
        instance=found.reader.instance,
        expected_version=found.expected,
        state=STATES[found.state],
        actor=found.actor,
        comment=found.comment,
        decider=found.decider,
        decision_comment=found.decision_comment,
        version=found.version,
    )
    proposal.create_time.FromMicroseconds(found.create_time_us)
    if found.decide_time_us:
        proposal.decide_time.FromMicroseconds(found.decide_time_us)
    return proposal


def _source(source: folder_module.Source) -> pb.Source:
    made = pb.Source(environment=source.environment, files=source.files, fault=source.fault, version=source.version)
    made.load_time.FromMicroseconds(source.load_time_us)
    return made


def _secret(sealed: secret_store.Sealed) -> pb.Secret:
    secret = pb.Secret(name=sealed.name, version=sealed.version, key_id=sealed.key_id)
    secret.create_time.FromMicroseconds(sealed.create_time_us)
    return secret


def _config(version: store_module.Version) -> pb.Config:
    """What is said of a version, without its document."""
    config = pb.Config(
        environment=version.environment,
        version=version.number,
        actor=version.actor,
        comment=version.comment,
        sha256=version.sha256,
    )
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


def _page_size(asked: int, usual: int) -> int:
    if asked < 0:
        message = f"{asked} is negative"
        raise errors.InvalidArgument(
            f"page_size {message}", reason="BAD_PAGE_SIZE", fields=[errors.Field("page_size", message)]
        )
    return min(asked or usual, PAGE_SIZE_MAX)


def _token(kind: str, place: str) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).decode()


def _read_token(kind: str, token: str) -> str:
    """The place that a token stands for; empty for the beginning."""
    if not token:
        return ""
    try:
        found, _, place = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError):
        found, place = "", ""
    if found != kind or not place:
        raise _bad_token()
    return place


def _number(kind: str, token: str) -> int | None:
    place = _read_token(kind, token)
    if place and not NUMBER.fullmatch(place):
        raise _bad_token()
    return int(place) if place else None


def _bad_token() -> errors.InvalidArgument:
    message = "is none that this list gave"
    return errors.InvalidArgument(
        f"page_token {message}", reason="BAD_PAGE_TOKEN", fields=[errors.Field("page_token", message)]
    )


def _missing(field: str, what: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(
        f"{field} is required: {what}", reason="FIELD_REQUIRED", fields=[errors.Field(field, f"is required: {what}")]
    )
