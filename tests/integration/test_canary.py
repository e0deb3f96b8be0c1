"""The value of a secret is nowhere but in the answer to who asks for it: looked for in all that a process leaves."""

import asyncio
import base64
import pathlib
import signal
import urllib.request

import grpc
import pytest
from google.protobuf import json_format
from reelsmith.config.v1 import config_pb2 as pb
from reelsmith.config.v1 import config_pb2_grpc as rpc

from chassis.testing import otlp

CANARY = b"canary-7be1c40f-not-to-be-seen"
VALUE_BYTES_MAX = 64 * 1024
FORMS = (
    CANARY,
    CANARY.hex().encode(),
    *(base64.b64encode(b"x" * shift + CANARY)[4 if shift else 0 : -4] for shift in range(3)),
)


def shows(content: bytes) -> bool:
    """Whether content holds the canary, as it is, in hexadecimal digits or in Base64."""
    return any(form in content for form in FORMS)


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """What lies in a folder, by the names of the files."""
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def page(port: int) -> bytes:
    """The metrics of a process."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read()


def test_canary_is_seen_in_each_form() -> None:
    """The control: where it is, it is found."""
    for shift in range(7):
        around = b"y" * shift + CANARY + b"z" * 9
        assert all(shows(form) for form in (around, around.hex().encode(), base64.b64encode(around)))
    assert not shows(base64.b64encode(b"something else, and long enough to hold anything"))


async def test_secret_is_nowhere_but_in_the_answer(new_process, connect, free_port, tmp_path: pathlib.Path) -> None:
    """Not in logs at their most talkative, traces, metrics, errors, lists, the record, the database and its log.

    The process leaves no image of its memory either.
    """
    metrics, seen = free_port(), []
    async with otlp.collector() as collector:
        process = new_process(
            "services.config",
            REELSMITH_CONFIG_METRICS_PORT=str(metrics),
            REELSMITH_CONFIG_LOG_LEVEL="DEBUG",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.address}",
            OTEL_EXPORTER_OTLP_INSECURE="true",
        )
        await process.start()
        async with connect(process.address) as channel:
            stub = rpc.ConfigServiceStub(channel)

            async def refused(call: grpc.aio.UnaryUnaryCall) -> None:
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await call
                seen.append(repr(refusal.value).encode())
                seen.extend(str(value).encode() for _, value in refusal.value.trailing_metadata() or ())

            for name in ("mail/password", "other"):
                await stub.SetSecret(pb.SetSecretRequest(name=name, value=CANARY))
            await stub.SetSecret(pb.SetSecretRequest(name="mail/password", value=b"newer " + CANARY))
            await refused(stub.SetSecret(pb.SetSecretRequest(name="No Name", value=CANARY)))
            await refused(stub.SetSecret(pb.SetSecretRequest(name="big", value=CANARY * (VALUE_BYTES_MAX // 8))))
            await refused(stub.SetSecret(pb.SetSecretRequest(name="big", value=CANARY, actor="a" * 201)))
            await refused(stub.AccessSecret(pb.AccessSecretRequest(name="mail/password", version=9)))
            change = pb.UpdateConfigRequest(expected_version=0)
            json_format.ParseDict({"analyzer": {"weights": {"motion": 2}}}, change.config.document)
            await stub.UpdateConfig(change)
            await stub.RotateKeys(pb.RotateKeysRequest())
            answer = await stub.AccessSecret(pb.AccessSecretRequest(name="mail/password", version=1))
            assert CANARY == answer.value
            await stub.DeleteSecret(pb.DeleteSecretRequest(name="other"))
            async for version in stub.WatchConfig(pb.WatchConfigRequest(after_version=0)):
                seen.append(version.SerializeToString())
                break
            for call in (
                stub.ListSecrets(pb.ListSecretsRequest()),
                stub.ListAuditEvents(pb.ListAuditEventsRequest(page_size=100)),
                stub.VerifyAudit(pb.VerifyAuditRequest()),
                stub.GetConfig(pb.GetConfigRequest(show_origins=True)),
            ):
                seen.append((await call).SerializeToString())
        seen.append(await asyncio.to_thread(page, metrics))
        limits = await asyncio.to_thread(pathlib.Path(f"/proc/{process.running.pid}/limits").read_text)
        left = contents(tmp_path)  # as a crash would leave them
        await asyncio.to_thread(process.stop, signal.SIGTERM)  # sends the last spans
        seen.extend((*left.values(), *contents(tmp_path).values(), *collector.raw))
    assert {"config.sqlite3", "config.sqlite3-wal", "audit.head", "secrets.keys"} <= left.keys()
    assert {"VerifyAudit", "SetSecret"} <= {span.name.rpartition("/")[2] for span in collector.spans}
    assert ["1", "1"] == next(line for line in limits.splitlines() if "core file" in line).split()[-3:-1]
    assert [] == [content[:200] for content in seen if shows(content)]
