"""The configuration service as a process, with clients that know only its address."""

import asyncio
import contextlib
import json
import pathlib
import signal
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis import client, discovery, errors, live, testing

PATIENCE_S = 60.0  # for what takes milliseconds on an idle machine
SERVICE = pb.DESCRIPTOR.services_by_name["ConfigService"]


@pytest.fixture
async def process(new_process):
    """A running configuration service."""
    process = new_process("services.config")
    await process.start()
    return process


@pytest.fixture
async def stub(process, connect) -> AsyncIterator[rpc.ConfigServiceStub]:
    """A plain stub of the running service."""
    async with connect(process.address) as channel:
        yield rpc.ConfigServiceStub(channel)


def change(document: dict, expected: int, *paths: str, **values: object) -> pb.UpdateConfigRequest:
    """A request to change the document."""
    request = pb.UpdateConfigRequest(expected_version=expected, **values)
    json_format.ParseDict(document, request.config.document)
    request.update_mask.paths.extend(paths)
    return request


def weight(value: float, expected: int, **values: object) -> pb.UpdateConfigRequest:
    """A request to change one weight."""
    document = {"analyzer": {"weights": {"motion": value}}}
    return change(document, expected, "analyzer.weights.motion", **values)


async def refusal(call) -> errors.Error:
    """The error that a call ends with, as a chassis client sees it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return errors.from_rpc(caught.value)


async def test_documents_come_and_go_by_the_api(stub: rpc.ConfigServiceStub) -> None:
    """Read, change, list, read an old one, go back: every step is a version with who, why and when."""
    zero = await stub.GetConfig(pb.GetConfigRequest())
    assert (0, "production", 64) == (zero.version, zero.environment, len(zero.sha256))
    one = await stub.UpdateConfig(weight(4, 0, actor="ann", comment="more action"))
    assert (1, "ann", "more action") == (one.version, one.actor, one.comment)
    assert abs(one.create_time.ToMicroseconds() / 1e6 - time.time()) < 60
    assert (4, 1.5) == (
        one.document["analyzer"]["weights"]["motion"],
        one.document["analyzer"]["weights"]["hook"],
    )
    two = await stub.RollbackConfig(pb.RollbackConfigRequest(version=0, expected_version=1))
    assert (2, zero.sha256) == (two.version, two.sha256)
    assert one == await stub.GetVersion(pb.GetVersionRequest(version=1))
    listed = await stub.ListVersions(pb.ListVersionsRequest(page_size=2))
    rest = await stub.ListVersions(pb.ListVersionsRequest(page_size=2, page_token=listed.next_page_token))
    assert ([2, 1, 0], "") == ([item.version for item in [*listed.versions, *rest.versions]], rest.next_page_token)
    assert not any(item.HasField("document") for item in listed.versions)


async def test_part_that_the_document_lacks_is_removed(stub: rpc.ConfigServiceStub) -> None:
    """A mask that names more than is given removes the rest, and nothing beside it."""
    both = {"exporter": {"presets": {"a": {"crf": 18}, "b": {"crf": 20}}}}
    await stub.UpdateConfig(change(both, 0, "exporter.presets"))
    left = await stub.UpdateConfig(change({}, 1, "exporter.presets.a"))
    assert {"b": {"crf": 20}} == json_format.MessageToDict(left.document)["exporter"]["presets"]


async def test_refusals_say_what_where_and_what_was_meant(stub: rpc.ConfigServiceStub) -> None:
    """Every refusal has its code, its reason, and the fields or facts to correct it."""
    wrong = {"analyzer": {"weights": {"moton": 1, "hook": -1}}, "exporter": {"presets": {}}}
    invalid = await refusal(stub.UpdateConfig(change(wrong, 0)))
    assert (errors.InvalidArgument, "INVALID_DOCUMENT") == (type(invalid), invalid.reason)
    assert [
        errors.Field("config.document.analyzer.weights.hook", "-1 is less than 0 [minimum]"),
        errors.Field(
            "config.document.analyzer.weights.moton",
            'unknown name "moton": did you mean motion? [additionalProperties]',
        ),
    ] == list(invalid.fields)
    await stub.UpdateConfig(weight(2, 0))
    conflict = await refusal(stub.UpdateConfig(weight(3, 0)))
    assert (errors.Aborted, "1") == (type(conflict), conflict.metadata["current_version"])


async def test_readers_see_their_own_layers(stub: rpc.ConfigServiceStub) -> None:
    """A change of a layer is seen by its own readers alone, and they can ask where a value is from."""
    one = change({"analyzer": {"weights": {"motion": 5}}}, 0, "analyzer.weights.motion")
    one.config.service, one.config.instance = "analyzer", "one"
    made = await stub.UpdateConfig(one)
    assert (1, 5, "one") == (made.version, made.document["analyzer"]["weights"]["motion"], made.instance)
    others = await stub.GetConfig(pb.GetConfigRequest(service="analyzer", instance="two", show_origins=True))
    assert (1, "built in") == (
        others.document["analyzer"]["weights"]["motion"],
        others.origins["analyzer.weights.motion"],
    )
    own = await stub.GetVersion(pb.GetVersionRequest(version=1, service="analyzer", instance="one", show_origins=True))
    assert ("analyzer/one", "built in") == (
        own.origins["analyzer.weights.motion"],
        own.origins["analyzer.weights.hook"],
    )
    call = stub.WatchConfig(pb.WatchConfigRequest(service="analyzer", instance="one"))
    assert made == (await call.read()).config
    call.cancel()


WRONG = [
    ("GetConfig", pb.GetConfigRequest(environment="../x"), errors.InvalidArgument, "BAD_ENVIRONMENT"),
    ("GetVersion", pb.GetVersionRequest(version=9), errors.NotFound, "NO_SUCH_VERSION"),
    ("ListVersions", pb.ListVersionsRequest(page_size=-1), errors.InvalidArgument, "BAD_PAGE_SIZE"),
    ("ListVersions", pb.ListVersionsRequest(page_token="?"), errors.InvalidArgument, "BAD_PAGE_TOKEN"),
    ("ListVersions", pb.ListVersionsRequest(page_token="é"), errors.InvalidArgument, "BAD_PAGE_TOKEN"),
    ("UpdateConfig", pb.UpdateConfigRequest(), errors.InvalidArgument, "FIELD_REQUIRED"),
    ("UpdateConfig", change({"analyzr": {}}, 0), errors.InvalidArgument, "INVALID_DOCUMENT"),
    ("GetConfig", pb.GetConfigRequest(service="job"), errors.InvalidArgument, "BAD_LAYER"),
    ("GetVersion", pb.GetVersionRequest(instance="one"), errors.InvalidArgument, "BAD_LAYER"),
    ("UpdateConfig", change({}, 0, '"a.b"'), errors.InvalidArgument, "INVALID_MASK"),
    ("UpdateConfig", change({"a.b": 1}, 0), errors.InvalidArgument, "INVALID_DOCUMENT"),
    ("UpdateConfig", weight(float("nan"), 0), errors.InvalidArgument, "INVALID_DOCUMENT"),
    ("ProposeConfig", pb.ProposeConfigRequest(), errors.InvalidArgument, "FIELD_REQUIRED"),
    ("ProposeConfig", pb.ProposeConfigRequest(config=change({}, 0).config), errors.InvalidArgument, "ACTOR_REQUIRED"),
    ("GetProposal", pb.GetProposalRequest(), errors.NotFound, "NO_SUCH_PROPOSAL"),
    ("ApproveProposal", pb.ApproveProposalRequest(id=7, actor="a"), errors.NotFound, "NO_SUCH_PROPOSAL"),
    ("RejectProposal", pb.RejectProposalRequest(id=-7, actor="a"), errors.NotFound, "NO_SUCH_PROPOSAL"),
    ("ListProposals", pb.ListProposalsRequest(page_size=-1), errors.InvalidArgument, "BAD_PAGE_SIZE"),
    ("SetSecret", pb.SetSecretRequest(name="A", value=b"1"), errors.InvalidArgument, "BAD_SECRET"),
    ("SetSecret", pb.SetSecretRequest(name="a", actor="x" * 201, value=b"1"), errors.InvalidArgument, "TOO_LONG"),
    ("SetSecret", pb.SetSecretRequest(name="a"), errors.InvalidArgument, "BAD_SECRET"),
    ("SetSecret", pb.SetSecretRequest(name="a", value=bytes(65537)), errors.InvalidArgument, "BAD_SECRET"),
    ("AccessSecret", pb.AccessSecretRequest(name="a"), errors.NotFound, "NO_SUCH_SECRET"),
    ("ListSecrets", pb.ListSecretsRequest(page_token="YmVmb3JlOjE="), errors.InvalidArgument, "BAD_PAGE_TOKEN"),
    ("DeleteSecret", pb.DeleteSecretRequest(name="a"), errors.NotFound, "NO_SUCH_SECRET"),
    ("ListAuditEvents", pb.ListAuditEventsRequest(page_size=-1), errors.InvalidArgument, "BAD_PAGE_SIZE"),
    ("VerifyAudit", pb.VerifyAuditRequest(head="reelsmith-audit.1.00.x"), errors.InvalidArgument, "BAD_HEAD"),
]


async def test_wrong_requests_are_refused_with_their_reasons(stub: rpc.ConfigServiceStub) -> None:
    """A wrong request is never a bug of ours."""
    found = [(method, await refusal(getattr(stub, method)(request))) for method, request, _, _ in WRONG]
    assert [(method, kind, reason) for method, _, kind, reason in WRONG] == [
        (method, type(error), error.reason) for method, error in found
    ]


async def test_secrets_come_and_go_and_leave_no_trace(process, stub: rpc.ConfigServiceStub) -> None:
    """A secret is set, read, renewed under another key and deleted; nothing on disk or in the log shows its value."""
    canary = b"canary-5d0f2a61"
    made = await stub.SetSecret(pb.SetSecretRequest(name="mail/password", value=canary, actor="ann"))
    await stub.SetSecret(pb.SetSecretRequest(name="mail/password", value=canary + b"-2", actor="ann"))
    rotated = await stub.RotateKeys(pb.RotateKeysRequest(actor="bob"))
    assert (2, False) == (rotated.rotated_secrets, rotated.key_id == made.key_id)
    old, new = [
        await stub.AccessSecret(pb.AccessSecretRequest(name="mail/password", version=version, actor="svc"))
        for version in (1, 0)
    ]
    assert (canary, canary + b"-2", 2, rotated.key_id) == (old.value, new.value, new.secret.version, new.secret.key_id)
    listed = (await stub.ListSecrets(pb.ListSecretsRequest())).secrets
    assert [("mail/password", 2)] == [(secret.name, secret.version) for secret in listed]
    told = await live.revealed("secret://mail/password", stub.AccessSecret, pb.AccessSecretRequest, "me")
    assert canary + b"-2" == told
    await stub.DeleteSecret(pb.DeleteSecretRequest(name="mail/password", actor="ann"))
    gone = await refusal(stub.AccessSecret(pb.AccessSecretRequest(name="mail/password", version=1)))
    assert ("NO_SUCH_SECRET", 0) == (gone.reason, len((await stub.ListSecrets(pb.ListSecretsRequest())).secrets))
    again = await stub.SetSecret(pb.SetSecretRequest(name="mail/password", value=b"other"))
    assert 3 == again.version
    state = process.log.parent
    assert [] == [file for file in state.rglob("*") if file.is_file() and canary in file.read_bytes()]
    assert {0o600} == {file.stat().st_mode & 0o777 for file in state.rglob("*.key*")}


async def test_secret_is_revealed_to_the_service_that_needs_it(stub: rpc.ConfigServiceStub) -> None:
    """A document holds the reference alone; its value is asked for, on record, and never in what is watched."""
    canary = b"canary-77d0"
    await stub.SetSecret(pb.SetSecretRequest(name="mail/password", value=canary))
    preset = {"exporter": {"presets": {"mine": {"description": "secret://mail/password"}}}}
    await stub.UpdateConfig(change(preset, 0, "exporter.presets"))
    seen = (await stub.WatchConfig(pb.WatchConfigRequest(after_version=-1)).read()).config
    text = seen.document["exporter"]["presets"]["mine"]["description"]
    request = pb.AccessSecretRequest
    assert canary == await live.revealed(text, stub.AccessSecret, request, "exporter")
    assert b"plain" == await live.revealed("plain", stub.AccessSecret, request, "exporter")
    assert (b"", "exporter") == (
        canary if canary in seen.SerializeToString() else b"",
        (await stub.ListAuditEvents(pb.ListAuditEventsRequest(page_size=1))).events[0].actor,
    )


async def test_version_comes_back_by_two_people(stub: rpc.ConfigServiceStub) -> None:
    """A proposal may be to go back: all layers of the old version are what is approved."""
    one = change({"analyzer": {"weights": {"motion": 5}}}, 0, "analyzer.weights.motion")
    one.config.service = "analyzer"
    await stub.UpdateConfig(one)
    await stub.UpdateConfig(weight(9, 1))
    request = pb.ProposeConfigRequest(rollback_version=0, expected_version=2, actor="ann")
    made = await stub.ProposeConfig(request)
    assert (1, 1) == (made.id, made.document["analyzer"]["weights"]["motion"])
    decided = await stub.ApproveProposal(pb.ApproveProposalRequest(id=1, actor="bob"))
    assert (pb.Proposal.STATE_APPROVED, 3) == (decided.state, decided.version)
    versions = [await stub.GetVersion(pb.GetVersionRequest(version=number)) for number in (0, 3)]
    assert versions[0].sha256 == versions[1].sha256
    request.rollback_version, request.expected_version = 77, 3
    assert "NO_SUCH_VERSION" == (await refusal(stub.ProposeConfig(request))).reason


async def test_everything_is_on_record(stub: rpc.ConfigServiceStub) -> None:
    """Changes, accesses and refusals, each with who and what, in one chain whose head can be checked later."""
    await stub.UpdateConfig(weight(2, 0, actor="ann"))
    await refusal(stub.UpdateConfig(weight(3, 0, actor="bob")))
    await stub.RollbackConfig(pb.RollbackConfigRequest(version=0, expected_version=1, actor="ann"))
    head = (await stub.VerifyAudit(pb.VerifyAuditRequest())).head
    await stub.SetSecret(pb.SetSecretRequest(name="s", value=b"v", actor="ann"))
    await refusal(stub.AccessSecret(pb.AccessSecretRequest(name="t", actor="eve")))
    first = await stub.ListAuditEvents(pb.ListAuditEventsRequest(page_size=3))
    rest = await stub.ListAuditEvents(pb.ListAuditEventsRequest(page_token=first.next_page_token))
    found = [
        (event.sequence, event.actor, event.action, event.resource, event.outcome.split(": ")[:2])
        for event in [*first.events, *rest.events]
    ]
    assert [
        (5, "eve", "AccessSecret", "secrets/t", ["refused", "NO_SUCH_SECRET"]),
        (4, "ann", "SetSecret", "secrets/s", ["done"]),
        (3, "ann", "RollbackConfig", "config/production/versions/2", ["done"]),
        (2, "bob", "UpdateConfig", "config/production", ["refused", "VERSION_CONFLICT"]),
        (1, "ann", "UpdateConfig", "config/production/versions/1", ["done"]),
    ] == found
    assert "" == rest.next_page_token
    verdict = await stub.VerifyAudit(pb.VerifyAuditRequest(head=head))
    assert (True, 5, 0) == (verdict.intact, verdict.events, verdict.broken_sequence)


async def test_answer_survives_kills(process, connect) -> None:
    """What was answered before a kill -9 is there after it, with no gap, round after round."""
    answered: list[pb.Config] = []

    async def kill(after: int) -> None:
        await testing.wait_until(lambda: len(answered) >= after, PATIENCE_S)
        await asyncio.to_thread(process.stop, signal.SIGKILL)

    for _ in range(4):
        killing = asyncio.create_task(kill(len(answered) + 3))
        async with connect(process.address) as channel:
            stub = rpc.ConfigServiceStub(channel)
            with contextlib.suppress(grpc.aio.AioRpcError):
                while True:
                    newest = await stub.GetConfig(pb.GetConfigRequest())
                    answered.append(await stub.UpdateConfig(weight(newest.version + 1, newest.version)))
        await killing
        known = max(newest.version, answered[-1].version)
        await process.start()
        async with connect(process.address) as channel:
            stub = rpc.ConfigServiceStub(channel)
            kept = [await stub.GetVersion(pb.GetVersionRequest(version=item.version)) for item in answered]
            newest = await stub.GetConfig(pb.GetConfigRequest())
        assert answered == kept
        assert known <= newest.version <= known + 1, "one change may have been stored whose answer the kill cut off"


async def watched(stub: rpc.ConfigServiceStub, after: int, last: int, pause_s: float = 0.0) -> list[int]:
    """The version numbers that a watch brings up to a last one."""
    found = []
    call = stub.WatchConfig(pb.WatchConfigRequest(after_version=after))
    async for answer in call:
        assert not answer.compacted
        found.append(answer.config.version)
        await asyncio.sleep(pause_s)
        if found[-1] == last:
            call.cancel()
            break
    return found


async def test_every_watcher_gets_every_version_once_in_order(stub: rpc.ConfigServiceStub) -> None:
    """Fast, slow and late readers, from the start and from the middle, see no gap and no double."""
    readers = [asyncio.create_task(watched(stub, 0, 200, pause_s)) for pause_s in [0] * 8 + [0.01]]
    for number in range(200):
        await stub.UpdateConfig(weight(number, number))
    found = await asyncio.wait_for(asyncio.gather(*readers), 30)
    assert [list(range(1, 201))] * 9 == found
    assert list(range(58, 201)) == await watched(stub, 57, 200)


async def test_watch_goes_on_after_a_kill(process, connect) -> None:
    """A reader that asks from its last version after a kill -9 has every version once."""
    found: list[int] = []
    for round_ in range(3):
        async with connect(process.address) as channel:
            stub = rpc.ConfigServiceStub(channel)
            for number in range(5):
                await stub.UpdateConfig(weight(number, round_ * 5 + number))
            found += await watched(stub, found[-1] if found else 0, round_ * 5 + 5)
        process.stop(signal.SIGKILL)
        await process.start()
    assert list(range(1, 16)) == found


async def test_watch_is_told_of_the_stop_and_does_not_hold_it_up(process, connect) -> None:
    """A process that is told to stop ends its watches with UNAVAILABLE instead of waiting for them."""
    async with connect(process.address) as channel:
        stub = rpc.ConfigServiceStub(channel)
        call = stub.WatchConfig(pb.WatchConfigRequest(after_version=-1))
        await call.read()
        process.running.send_signal(signal.SIGTERM)
        error = await refusal(call.read())
        await asyncio.to_thread(process.running.wait, 30)
    assert (errors.Unavailable, "DRAINING", 0) == (type(error), error.reason, process.running.returncode)


async def test_cancelled_watches_leave_nothing(stub: rpc.ConfigServiceStub) -> None:
    """More watches than may run at once can come and go: each frees its place."""
    for _ in range(6):
        calls = [stub.WatchConfig(pb.WatchConfigRequest(after_version=-1)) for _ in range(100)]
        for call in calls:
            assert 0 == (await call.read()).config.version
        for call in calls:
            call.cancel()


async def test_generic_client_can_do_it_all(process, buf_curl) -> None:
    """Reflection, health, a unary call, a change by mask and a stream, with nothing but the address and JSON."""
    address, base = process.address, "/reelsmith.config.v1.ConfigService"
    services = await buf_curl(address, "--list-services", "")
    methods = await buf_curl(address, "--list-methods", "")
    health = await buf_curl(address, "-d", "{}", "/grpc.health.v1.Health/Check")
    mask = {
        "config": {"document": {"analyzer": {"weights": {"speech_density": 2}}}},
        "updateMask": "analyzer.weights.speechDensity",
    }
    changed = await buf_curl(address, "-d", json.dumps(mask), f"{base}/UpdateConfig")
    read = await buf_curl(address, "-d", "{}", f"{base}/GetConfig")
    first = await buf_curl(address, "-d", '{"afterVersion": -1}', f"{base}/WatchConfig", until=b"\n}\n")
    assert {b"grpc.health.v1.Health", b"reelsmith.config.v1.ConfigService"} <= set(services.split())
    assert {f"{base[1:]}/{method.name}".encode() for method in SERVICE.methods} <= set(methods.split())
    assert {"status": "SERVING"} == json.loads(health)
    assert 2 == json.loads(changed)["document"]["analyzer"]["weights"]["speech_density"]
    assert json.loads(changed) == json.loads(read) == json.loads(first)["config"]


def consumer(path: pathlib.Path, clients: client.Clients) -> live.LiveDocument:
    """What the analyzer does: its scoring weights follow the configuration."""
    stub = rpc.ConfigServiceStub(clients.channel("config"))

    async def watch(after: int) -> AsyncIterator[live.Revision]:
        async for answer in stub.WatchConfig(pb.WatchConfigRequest(after_version=after)):
            yield live.Revision(answer.config.version, json_format.MessageToDict(answer.config.document))

    return live.LiveDocument(path, watch, {"analyzer": {"weights": {"motion": 0.25}}})


def motion(document: live.LiveDocument) -> float:
    """The weight that a consumer would use now."""
    return document.value["analyzer"]["weights"]["motion"]


async def test_consumer_gets_a_changed_weight_live(
    process, stub: rpc.ConfigServiceStub, tmp_path: pathlib.Path
) -> None:
    """A weight is in force at a running consumer soon after the answer, change after change; it says how soon."""
    registry = discovery.StaticRegistry({"config": [process.address]})
    delays_s = []
    async with client.Clients(registry) as clients, consumer(tmp_path / "good.json", clients) as document:
        for number in range(20):
            await stub.UpdateConfig(weight(number + 0.5, number))
            start_s = time.monotonic()
            await document.changed(after=number, timeout_s=PATIENCE_S)
            delays_s.append(time.monotonic() - start_s)
            assert (number + 1, number + 0.5) == (document.version, motion(document))
    print(f"propagation: median {sorted(delays_s)[10] * 1e3:.1f} ms, max {max(delays_s) * 1e3:.1f} ms")


async def test_consumer_survives_without_the_service(
    process, connect, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the service killed a consumer keeps its weights, starts with them, and follows again when it is back."""
    registry = discovery.StaticRegistry({"config": [process.address]})
    path = tmp_path / "good.json"
    async with client.Clients(registry) as clients, consumer(path, clients) as document:
        async with connect(process.address) as channel:
            await rpc.ConfigServiceStub(channel).UpdateConfig(weight(7, 0))
        await document.changed(after=0, timeout_s=PATIENCE_S)
        process.stop(signal.SIGKILL)
        await asyncio.sleep(1)
        assert (1, 7) == (document.version, motion(document))
    monkeypatch.setattr(live, "FIRST_TIMEOUT_S", 3600)  # the start waits for nothing: the disk knows the last good one
    async with client.Clients(registry) as clients, consumer(path, clients) as document:
        assert (1, 7) == (document.version, motion(document))
        await process.start()
        async with connect(process.address) as channel:
            await rpc.ConfigServiceStub(channel).UpdateConfig(weight(8, 1))
        await document.changed(after=1, timeout_s=PATIENCE_S)
        assert (2, 8) == (document.version, motion(document))


async def test_consumer_of_an_untouched_environment_starts_at_once(
    process, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The built-in document of the service is an answer: a first start waits for nothing more."""
    monkeypatch.setattr(live, "FIRST_TIMEOUT_S", 3600)
    registry = discovery.StaticRegistry({"config": [process.address]})
    async with client.Clients(registry) as clients, consumer(tmp_path / "good.json", clients) as document:
        assert (0, 1) == (document.version, motion(document))


async def test_consumer_without_disk_and_service_has_its_defaults(tmp_path: pathlib.Path, free_port) -> None:
    """The control: with neither, the built-in value is in force, not the last one."""
    registry = discovery.StaticRegistry({"config": [f"127.0.0.1:{free_port()}"]})
    async with client.Clients(registry) as clients, consumer(tmp_path / "none.json", clients) as document:
        assert (0, 0.25) == (document.version, motion(document))


async def test_refused_change_reaches_no_consumer(process, stub: rpc.ConfigServiceStub, tmp_path: pathlib.Path) -> None:
    """A bad weight is refused at the service: consumers never hear of it."""
    registry = discovery.StaticRegistry({"config": [process.address]})
    async with client.Clients(registry) as clients, consumer(tmp_path / "good.json", clients) as document:
        await stub.UpdateConfig(weight(2, 0))
        assert errors.InvalidArgument is type(await refusal(stub.UpdateConfig(weight(-1, 1))))
        await stub.UpdateConfig(weight(3, 1))
        await testing.wait_until(lambda: document.version == 2, PATIENCE_S)
        assert 3 == motion(document)


async def test_second_process_on_a_port_says_so(process, new_process) -> None:
    """A port that is taken ends the start with one line, not with a traceback, and the first process serves on."""
    second = new_process("services.config", REELSMITH_CONFIG_PORT=str(process.port))
    second.launch()
    assert 1 == await asyncio.to_thread(second.running.wait, 30)
    said = second.log.read_text()
    assert "the configuration service cannot run: " in said
    assert "Traceback" not in said
    assert await process.serves()
