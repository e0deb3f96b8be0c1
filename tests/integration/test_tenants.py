"""What belongs to another tenant is as if it were not there: jobs, clips, files and uploads, by every method."""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc

from chassis import client, discovery, errors, live, server, testing
from chassis.identity import bearer, caller, keys, ledger, patterns
from gateway import access, policy, record, service, suite, tenants, uploads
from gateway import settings as settings_module
from media import sessions
from services.jobs import spec as spec_module

SERVICE = pb.DESCRIPTOR.services_by_name["ClipService"]
NAMES = ("id", "job_id", "session_id", "upload_id")  # fields of requests that name what belongs to somebody
# Methods without such a field.
OF_NOBODY = {
    "CreateClips", "CreateClipsBatch", "ListJobs", "GetSuiteConfig", "GetSuiteStatus", "ListAuditEvents", "VerifyAudit",
}  # fmt: skip
UNKNOWN = "0" * 32


class FakeJobs(jobs_pb2_grpc.JobServiceServicer):
    """A job manager that keeps jobs in memory, and tells everything to everybody: the gateway has to know better."""

    def __init__(self) -> None:
        self.jobs: dict[str, jobs_pb2.Job] = {}
        self.touched: list[str] = []
        self.asked: list[str] = []
        self.breaks = 0  # so many watches break off

    async def SubmitJob(self, request, context):
        job = jobs_pb2.Job(id=sessions.new_id(), spec=request.spec, tenant=request.tenant)
        job.clips.add(rank=1)
        self.jobs[job.id] = job
        return job

    async def SubmitBatch(self, request, context):
        return jobs_pb2.SubmitBatchResponse(jobs=[await self.SubmitJob(one, context) for one in request.requests])

    async def GetJob(self, request, context):
        self.asked.append(request.id)
        if request.id not in self.jobs:
            raise errors.NotFound(
                f"there is no job {request.id!r}", reason="JOB_NOT_FOUND", metadata={"job_id": request.id}
            )
        return self.jobs[request.id]

    async def ListJobs(self, request, context):
        return jobs_pb2.ListJobsResponse(jobs=list(self.jobs.values()))

    async def WatchJob(self, request, context):
        self.touched.append(request.id)
        if self.breaks:
            self.breaks -= 1
            raise errors.Unavailable("planted")
        job = await self.GetJob(request, context)
        job.state = jobs_pb2.Job.STATE_SUCCEEDED
        yield jobs_pb2.JobEvent(sequence=1, job=job)

    async def CancelJob(self, request, context):
        self.touched.append(request.id)
        return await self.GetJob(request, context)

    RetryJob = DeleteJob = CancelJob

    async def GetQueueStats(self, request, context):
        loads = [jobs_pb2.TenantLoad(tenant=name, jobs=3) for name in ("acme", "umbrella")]
        return jobs_pb2.QueueStats(ready_steps=6, tenants=loads)


@dataclasses.dataclass
class Gateway:
    """A gateway with the keys of four callers, and a record of what they do."""

    port: int
    fake: FakeJobs
    keys: dict[str, keys.Made]
    folder: pathlib.Path

    @contextlib.asynccontextmanager
    async def connected(self, name: str) -> AsyncIterator[rpc.ClipServiceStub]:
        """A stub of whoever has a key, with the errors of our own clients."""
        registry = discovery.StaticRegistry({"gateway": [f"127.0.0.1:{self.port}"]})
        async with client.Clients(registry, metadata=bearer.header(self.keys[name].token)) as clients:
            yield rpc.ClipServiceStub(clients.channel("gateway"))


@pytest.fixture
async def gateway(tmp_path: pathlib.Path) -> AsyncIterator[Gateway]:
    """A running gateway in front of that job manager."""
    day, fake = datetime.timedelta(days=1), FakeJobs()
    made = {
        "acme": keys.make(caller.Role.EDITOR, "acme", day),
        "umbrella": keys.make(caller.Role.EDITOR, "umbrella", day),
        "operator": keys.make(caller.Role.OPERATOR, "umbrella", day),
        "admin": keys.make(caller.Role.ADMIN, "umbrella", day),
    }
    document = {"access": {"keys": {one.id: one.entry for one in made.values()}}}
    document["access"]["tenants"] = {"umbrella": {"upload_bytes_per_day": 1000}}

    async def watch(after: int):
        yield live.Revision(1, document)
        await asyncio.Event().wait()

    settings = settings_module.Settings(
        port=0, sessions_root=tmp_path, state_dir=tmp_path / "state", lame_duck_s=0, drain_s=1
    )
    add, name = jobs_pb2_grpc.add_JobServiceServicer_to_server, "reelsmith.jobs.v1.JobService"
    async with (
        contextlib.AsyncExitStack() as stack,
        server.Server(settings, [server.Service(fake, add, name)]) as jobs,
        client.Clients(discovery.StaticRegistry({"jobs": [jobs.address]}), settings) as clients,
        live.LiveDocument(tmp_path / "config.json", watch, use=live.Use((access.accept,))) as followed,
    ):
        told = await stack.enter_async_context(record.opened(settings))
        callers = access.Callers(followed, None, ledger.Local(), told, patterns.Bounds(refusals=3))
        storage = service.Storage(sessions.Sessions(tmp_path), uploads.Uploads(sessions.Uploads(tmp_path)), told)
        servicer = service.ClipService(clients, storage, suite.Suite(clients, "static"), settings, callers)
        served = server.Service(servicer, rpc.add_ClipServiceServicer_to_server, service.NAME, policy.RULES)
        async with server.Server(settings, [served], callers=callers) as running:
            yield Gateway(running.port, fake, made, tmp_path / "state")


async def created(stub: rpc.ClipServiceStub, uri: str = "https://media.example/talk.mp4") -> jobs_pb2.Job:
    """A new job."""
    return await stub.CreateClips(pb.CreateClipsRequest(spec=jobs_pb2.JobSpec(source_uri=uri)), timeout=30)


async def sent(*requests: pb.UploadSourceRequest) -> AsyncIterator[pb.UploadSourceRequest]:
    """Requests as a stream."""
    for request in requests:
        yield request


async def uploaded(stub: rpc.ClipServiceStub, content: bytes = b"film") -> pb.Upload:
    """A finished upload."""
    request = pb.UploadSourceRequest(file_name="a.mp4", data=content, finish=True)
    return (await stub.UploadSource(sent(request), timeout=30)).upload


async def outcome(stub: rpc.ClipServiceStub, method: str, thing: str) -> tuple[type, str, str] | None:
    """How a call ends that names a job or an upload: its error, with the name left out; None where it is answered."""
    declared = SERVICE.methods_by_name[method]
    kind = getattr(pb, declared.input_type.name)
    (field,) = [name for name in NAMES if name in declared.input_type.fields_by_name]
    request = kind(**{field: thing})
    if "rank" in declared.input_type.fields_by_name:
        request.rank = 1
    call = getattr(stub, method)(sent(request) if declared.client_streaming else request, timeout=30)
    try:
        if declared.server_streaming:
            async for _ in call:
                pass
        else:
            await call
    except errors.Error as error:
        return type(error), error.reason, error.message.replace(thing, "X")
    return None


NAMING = [name for name in SERVICE.methods_by_name if name not in OF_NOBODY]


@pytest.mark.parametrize("method", NAMING)
async def test_thing_of_another_tenant_is_not_there(gateway: Gateway, method: str) -> None:
    """Every method that names a job or upload answers as if it never was, word for word, and touches nothing."""
    async with gateway.connected("acme") as acme, gateway.connected("umbrella") as umbrella:
        thing = (await uploaded(acme)).id if "Upload" in method else (await created(acme)).id
        foreign, unknown = await outcome(umbrella, method, thing), await outcome(umbrella, method, UNKNOWN)
        assert (errors.NotFound, unknown) == (foreign[0], foreign)
        assert [] == gateway.fake.touched
        own = await outcome(acme, method, thing)
        assert own is None or own[0] is not errors.NotFound or "no finished file" in own[2]


async def test_thing_of_another_tenant_is_there_without_the_check(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: without the question whose it is, the job manager's answer goes to whoever asks."""
    monkeypatch.setattr(tenants, "owned", lambda tenant: True)
    async with gateway.connected("acme") as acme, gateway.connected("umbrella") as umbrella:
        job = await created(acme)
        assert None is await outcome(umbrella, "GetJob", job.id)
        assert 1 == len((await umbrella.ListJobs(pb.ListJobsRequest(), timeout=30)).jobs)


async def test_list_has_own_jobs_only(gateway: Gateway) -> None:
    """Also where the job manager sends more; jobs from before there were tenants are the default tenant's."""
    async with gateway.connected("acme") as acme, gateway.connected("umbrella") as umbrella:
        one = await created(acme)
        two = await created(umbrella)
        gateway.fake.jobs["old"] = jobs_pb2.Job(id="old")
        for stub, job in ((acme, one), (umbrella, two)):
            listed = await stub.ListJobs(pb.ListJobsRequest(), timeout=30)
            assert [job.id] == [item.id for item in listed.jobs]
        assert ("acme", "umbrella") == (one.tenant, two.tenant)


async def test_status_tells_an_operator_the_load_of_its_own_tenant(gateway: Gateway) -> None:
    """And that of all together; an admin looks after all tenants."""
    known: dict[str, list[str]] = {}
    for name in ("operator", "admin"):
        async with gateway.connected(name) as stub:
            queue = (await stub.GetSuiteStatus(pb.GetSuiteStatusRequest(), timeout=30)).queue
            known[name] = [load.tenant for load in queue.tenants]
            assert 6 == queue.ready_steps
    assert {"operator": ["umbrella"], "admin": ["acme", "umbrella"]} == known


async def test_upload_of_another_tenant_is_no_source(gateway: Gateway) -> None:
    """A job that would read it is refused as if it were not there; its owner's is taken."""
    async with gateway.connected("acme") as acme, gateway.connected("umbrella") as umbrella:
        uri = (await uploaded(acme)).source_uri
        with pytest.raises(errors.NotFound):
            await created(umbrella, uri)
        batch = pb.CreateClipsBatchRequest(
            requests=[pb.CreateClipsRequest(spec=jobs_pb2.JobSpec(source_uri="https://x.example", transcript_uri=uri))]
        )
        with pytest.raises(errors.NotFound):
            await umbrella.CreateClipsBatch(batch, timeout=30)
        assert uri == (await created(acme, uri)).spec.source_uri


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "FILE:///etc/passwd", "/etc/passwd", "s3://bucket/x"])
async def test_file_of_the_machine_is_for_operators(gateway: Gateway, uri: str) -> None:
    """Editors upload what they have: a path could lead to another tenant's files."""
    async with gateway.connected("acme") as acme, gateway.connected("operator") as operator:
        with pytest.raises(errors.PermissionDenied) as refused:
            await created(acme, uri)
        assert "SOURCE_NOT_ALLOWED" == refused.value.reason
        assert uri == (await created(operator, uri)).spec.source_uri


async def test_upload_quota_is_told_with_a_time(gateway: Gateway) -> None:
    """Bytes beyond the tenant's day are refused, with the time after which a retry helps; another tenant goes on."""
    async with gateway.connected("acme") as acme, gateway.connected("umbrella") as umbrella:
        assert (await uploaded(umbrella, b"x" * 900)).finished
        with pytest.raises(errors.ResourceExhausted) as refused:
            await uploaded(umbrella, b"x" * 200)
        assert ("UPLOAD_QUOTA", True) == (refused.value.reason, refused.value.retry_after_s > 1000)
        assert (await uploaded(acme, b"x" * 2000)).finished


async def test_log_says_who_did_what(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a call names the key and the tenant, and never the key itself."""
    caplog.set_level("INFO")
    async with gateway.connected("acme") as acme:
        job = await created(acme)
    (line,) = [record for record in caplog.records if getattr(record, "rpc_method", "").endswith("CreateClips")]
    assert (f"key:{gateway.keys['acme'].id}", "acme", "OK") == (line.caller, line.tenant, line.rpc_code)
    assert job.id
    assert gateway.keys["acme"].token not in str([record.__dict__ for record in caplog.records])


async def told(gateway: Gateway) -> list[tuple[str, str, str, str]]:
    """What the record says, the oldest first, as an admin sees it."""
    async with gateway.connected("admin") as stub:
        found = await stub.ListAuditEvents(pb.ListAuditEventsRequest(), timeout=30)
    return [(one.actor, one.action, one.resource, one.outcome.split(": t")[0]) for one in found.events][::-1]


async def test_record_says_who_did_what_to_which_job(gateway: Gateway) -> None:
    """Every change by its caller, and what was refused; reading and what was wrong in itself are no events."""
    acme, umbrella = (f"{name}/key:{gateway.keys[name].id}" for name in ("acme", "umbrella"))
    async with gateway.connected("acme") as stub, gateway.connected("umbrella") as other:
        job = await created(stub)
        batch = pb.CreateClipsBatchRequest(requests=[pb.CreateClipsRequest(spec=job.spec)] * 2)
        two = await stub.CreateClipsBatch(batch, timeout=30)
        again = await stub.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=1), timeout=30)
        await stub.RetryJob(pb.RetryJobRequest(id=job.id), timeout=30)
        await stub.GetJob(pb.GetJobRequest(id=job.id), timeout=30)
        upload = await uploaded(stub)
        with pytest.raises(errors.NotFound):
            await other.CancelJob(pb.CancelJobRequest(id=job.id), timeout=30)
        with pytest.raises(errors.InvalidArgument):
            await stub.CreateClips(pb.CreateClipsRequest(), timeout=30)
        with pytest.raises(errors.NotFound):
            await other.UploadSource(sent(pb.UploadSourceRequest(upload_id=upload.id)), timeout=30)
        await stub.DeleteSession(pb.DeleteSessionRequest(id=job.id), timeout=30)
    assert [
        (acme, "CreateClips", f"jobs/{job.id}", "done"),
        *[(acme, "CreateClipsBatch", f"jobs/{one.id}", "done") for one in two.jobs],
        (acme, "RenderClip", f"jobs/{job.id}/clips/1 as jobs/{again.id}", "done"),
        (acme, "RetryJob", f"jobs/{job.id}", "done"),
        (acme, "UploadSource", f"uploads/{upload.id}", "done"),
        (umbrella, "CancelJob", f"jobs/{job.id}", "refused: JOB_NOT_FOUND"),
        (umbrella, "UploadSource", f"uploads/{upload.id}", "refused: NOT_FOUND"),
        (acme, "DeleteSession", f"jobs/{job.id}", "done"),
    ] == await told(gateway)


async def test_record_is_for_admins_and_holds_no_key(gateway: Gateway) -> None:
    """Others are refused; no file of it has a key, and the check finds what was changed."""
    async with gateway.connected("acme") as acme, gateway.connected("operator") as operator:
        await created(acme)
        for call in (operator.ListAuditEvents(pb.ListAuditEventsRequest(), timeout=30),
                     operator.VerifyAudit(pb.VerifyAuditRequest(), timeout=30)):  # fmt: skip
            with pytest.raises(errors.PermissionDenied):
                await call
    (file,) = (gateway.folder / "audit").glob("*.log")
    content = file.read_bytes()
    assert [] == [name for name, made in gateway.keys.items() if made.token.rpartition("_")[2].encode() in content]
    async with gateway.connected("admin") as admin:
        whole = await admin.VerifyAudit(pb.VerifyAuditRequest(), timeout=30)
        file.write_bytes(content.replace(b"CreateClips", b"CancelJob"))
        broken = await admin.VerifyAudit(pb.VerifyAuditRequest(head=whole.head), timeout=30)
        page = await admin.ListAuditEvents(pb.ListAuditEventsRequest(page_size=1), timeout=30)
        with pytest.raises(errors.InvalidArgument, match="page_token"):
            await admin.ListAuditEvents(pb.ListAuditEventsRequest(page_token="before-x"), timeout=30)
    assert ((True, 1, 1), (False, 1)) == (
        (whole.intact, whole.events, whole.first_sequence),
        (broken.intact, broken.broken_sequence),
    )
    assert ([1], "") == ([one.sequence for one in page.events], page.next_page_token)


async def test_guessing_is_noticed_in_the_record(gateway: Gateway) -> None:
    """By the address of whoever guesses, and by the key of whoever tries what it may not; once each."""
    gateway.keys["guess"] = keys.make(caller.Role.ADMIN, "acme", datetime.timedelta(days=1))
    for name in ("guess", "acme"):
        async with gateway.connected(name) as stub:
            for _ in range(6):
                with pytest.raises((errors.Unauthenticated, errors.PermissionDenied)):
                    await stub.GetSuiteStatus(pb.GetSuiteStatusRequest(), timeout=30)
    noticed = "more than 3 refusals in 600 s"
    expected = [
        ("address:127.0.0.1", "Notice", "gateway", noticed),
        (f"key:{gateway.keys['acme'].id}", "Notice", "gateway", noticed),
    ]

    async def recorded() -> bool:
        return len(await told(gateway)) >= len(expected)

    await testing.wait_until(recorded, what="both are recorded: no call waits for what is noticed about it")
    assert expected == await told(gateway)


async def test_reflection_is_for_callers_and_health_for_everybody(gateway: Gateway) -> None:
    """A monitor needs no key to see whether the gateway serves; what it offers is for those who may call."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    key = bearer.header(gateway.keys["acme"].token)
    async with aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        assert (await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)).status
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        assert SERVICE.full_name in str(await ask(iter([request]), metadata=key, timeout=30).read())
        with pytest.raises(aio.AioRpcError) as refused:
            await ask(iter([request]), timeout=30).read()
    assert grpc.StatusCode.UNAUTHENTICATED == refused.value.code()


async def test_watch_asks_once_whose_a_job_is(gateway: Gateway) -> None:
    """However often it is opened again."""
    async with gateway.connected("acme") as stub:
        job = await created(stub)
        gateway.fake.breaks = 3
        events = [event.sequence async for event in stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=30)]
    assert ([1], 2) == (events, gateway.fake.asked.count(job.id))  # by the gateway, and by the last watch itself


async def test_clip_that_nobody_in_particular_renders_again_stays_whose_it_was(tmp_path: pathlib.Path) -> None:
    """Where callers need not prove who they are; and a job with all the labels that it may have makes room for one."""
    fake, settings = FakeJobs(), settings_module.Settings(port=0, sessions_root=tmp_path, lame_duck_s=0, drain_s=1)
    labels = {f"label-{number:02}": "x" for number in range(service.LABELS_MAX)}
    spec = jobs_pb2.JobSpec(source_uri="https://media.example/talk.mp4", labels=labels)
    job = await fake.SubmitJob(jobs_pb2.SubmitJobRequest(spec=spec, tenant="acme"), None)
    add = jobs_pb2_grpc.add_JobServiceServicer_to_server
    async with (
        server.Server(settings, [server.Service(fake, add, "reelsmith.jobs.v1.JobService")]) as jobs,
        client.Clients(discovery.StaticRegistry({"jobs": [jobs.address]}), settings) as clients,
    ):
        storage = service.Storage(sessions.Sessions(tmp_path), uploads.Uploads(sessions.Uploads(tmp_path)))
        servicer = service.ClipService(clients, storage, suite.Suite(clients, "static"), settings)
        again = await servicer.RenderClip(pb.RenderClipRequest(job_id=job.id, rank=1), None)
        third = await servicer.RenderClip(pb.RenderClipRequest(job_id=again.id, rank=1), None)
    for one, of in ((again, job), (third, again)):
        assert ("acme", f"{of.id}/1", 64) == (one.tenant, one.spec.labels[service.CLIP_LABEL], len(one.spec.labels))


def test_labels_are_as_many_as_the_job_manager_takes() -> None:
    """The number stands in two places, for no service may import another."""
    assert spec_module.LABELS_MAX == service.LABELS_MAX
