"""Who stands in the record of the configuration where callers prove who they are."""

import contextlib
import pathlib
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf import json_format
from grpc import aio
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import errors
from chassis.identity import authority, transport


@pytest.fixture
def certificates(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of certificates, two of them of people."""
    authority.Authority.make().write(tmp_path / "certificates", people=("ann", "bob"))
    return tmp_path / "certificates"


def change(kind: type, actor: str, motion: float, expected_version: int) -> pb.UpdateConfigRequest:
    """A request for a change, or for a proposal of one."""
    request = kind(actor=actor, expected_version=expected_version)
    request.config.environment = "production"
    json_format.ParseDict({"analyzer": {"weights": {"motion": motion}}}, request.config.document)
    return request


async def reason(call: aio.UnaryUnaryCall) -> str:
    """Why a call was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return errors.from_rpc(refusal.value).reason


async def test_record_names_whom_a_certificate_proves(new_process, certificates: pathlib.Path) -> None:
    """What a caller says of itself stands beside it, and makes nobody a second person."""
    files = transport.of(certificates, "config")
    process = new_process(
        "services.config",
        REELSMITH_CONFIG_TLS_CA=str(files.ca),
        REELSMITH_CONFIG_TLS_CERTIFICATE=str(files.certificate),
        REELSMITH_CONFIG_TLS_KEY=str(files.key),
    )
    process.launch()

    @contextlib.asynccontextmanager
    async def as_(name: str) -> AsyncIterator[rpc.ConfigServiceStub]:
        credentials = transport.Transport(transport.of(certificates, name)).channel()
        options = [("grpc.use_local_subchannel_pool", 1), *transport.named("config")]
        async with aio.secure_channel(process.address, credentials, options=options) as channel:
            await channel.channel_ready()
            yield rpc.ConfigServiceStub(channel)

    async with as_("admin.ann") as ann, as_("admin.bob") as bob, as_("admin") as anybody, as_("exporter") as exporter:
        assert "admin/ann" == (await ann.UpdateConfig(change(pb.UpdateConfigRequest, "ann", 1.5, 0))).actor
        made = await ann.UpdateConfig(change(pb.UpdateConfigRequest, "bob", 2.5, 1))
        assert "admin/ann (says bob)" == made.actor
        await anybody.SetSecret(pb.SetSecretRequest(name="mail", value=b"x"))
        await exporter.AccessSecret(pb.AccessSecretRequest(name="mail", actor="jobs"))

        own = await ann.ProposeConfig(change(pb.ProposeConfigRequest, "ann", 3.5, 2))
        assert "OWN_PROPOSAL" == await reason(ann.ApproveProposal(pb.ApproveProposalRequest(id=own.id, actor="bob")))
        decided = await bob.ApproveProposal(pb.ApproveProposalRequest(id=own.id))
        assert ("admin/ann", "admin/bob") == (decided.actor, decided.decider)
        shared = await anybody.ProposeConfig(change(pb.ProposeConfigRequest, "ann", 4.5, 3))
        call = anybody.ApproveProposal(pb.ApproveProposalRequest(id=shared.id, actor="bob"))
        assert "OWN_PROPOSAL" == await reason(call)

        told = (await anybody.ListAuditEvents(pb.ListAuditEventsRequest(page_size=100))).events
    assert [
        ("UpdateConfig", "admin/ann"),
        ("UpdateConfig", "admin/ann (says bob)"),
        ("SetSecret", "admin"),
        ("AccessSecret", "exporter (says jobs)"),
        ("ProposeConfig", "admin/ann"),
        ("ApproveProposal", "admin/ann (says bob)"),
        ("ApproveProposal", "admin/bob"),
        ("ProposeConfig", "admin (says ann)"),
        ("ApproveProposal", "admin (says bob)"),
    ] == [(event.action, event.actor) for event in reversed(told)]
