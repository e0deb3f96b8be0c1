"""The HTTP door of the gateway as a process, in front of a fake job manager: calls, events, files and problems."""

import asyncio
import json
import pathlib
import signal
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf import json_format, message_factory
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2

from chassis import testing
from gateway.http import bindings
from tests.integration import doors, test_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = pb.DESCRIPTOR.services_by_name["ClipService"]
NOBODY = "0" * 32
CONTENT = doors.CONTENT


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[doors.Door]:
    """One gateway for all tests of this file."""
    async with doors.opened(tmp_path_factory.mktemp("http")) as door:
        yield door


def message(answer: httpx.Response, kind: type) -> object:
    """The message that a JSON answer is."""
    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"]), answer.text
    return json_format.Parse(answer.text, kind())


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and reason of a problem."""
    assert "application/problem+json" == answer.headers["content-type"], answer.text
    document = answer.json()
    assert answer.status_code == document["status"]
    return document["status"], document["code"], document["reason"]


async def test_job_goes_through_every_call(door: doors.Door) -> None:
    """Create, read, list, watch, cancel, retry and delete work with nothing but HTTP and JSON."""
    spec = {"sourceUri": "file:///talk.mp4", "count": 3, "labels": {"team": "a"}}
    created = (await door.http.post("/v1/jobs", json={"spec": spec, "requestId": "http-1"})).json()
    assert created == (await door.http.post("/v1/jobs", json={"spec": spec, "requestId": "http-1"})).json()
    address = f"/v1/jobs/{created['id']}"
    assert created == (await door.http.get(address)).json()
    listed = (await door.http.get("/v1/jobs?pageSize=1000&states=STATE_PENDING&labels[team]=a")).json()
    assert created["id"] in [job["id"] for job in listed["jobs"]]
    cancelled = (await door.http.post(f"{address}:cancel", json={"reason": "enough"})).json()
    assert "STATE_CANCELLED" == cancelled["state"]
    assert "STATE_RUNNING" == (await door.http.post(f"{address}:retry", json={})).json()["state"]
    assert {} == (await door.http.delete(f"/v1/sessions/{created['id']}")).json()
    assert (404, "NOT_FOUND", "NO_SUCH_JOB") == refused(await door.http.get(address))


async def test_file_has_ranges_and_tags(door: doors.Door) -> None:
    """A browser can seek: ranges, their refusal, entity tags and HEAD are those of RFC 9110."""
    session, artifact = await door.clip()
    address = f"/v1/sessions/{session}/files/{artifact.path}"
    whole = await door.http.get(address)
    tag = f'"{artifact.sha256}"'
    assert (200, CONTENT) == (whole.status_code, whole.content)
    assert ("video/mp4", tag, "bytes") == tuple(
        whole.headers[name] for name in ("content-type", "etag", "accept-ranges")
    )
    size = len(CONTENT)
    for asked, span in {
        "bytes=0-0": (0, 1),
        "bytes=300000-": (300_000, size),
        "bytes=10-300000": (10, 300_001),
        "bytes=-7": (size - 7, size),
        f"bytes=5-{size * 2}": (5, size),
    }.items():
        part = await door.http.get(address, headers={"Range": asked})
        assert (206, CONTENT[slice(*span)]) == (part.status_code, part.content)
        assert f"bytes {span[0]}-{span[1] - 1}/{size}" == part.headers["content-range"]
    beyond = await door.http.get(address, headers={"Range": f"bytes={size}-"})
    assert (416, "OUT_OF_RANGE", "RANGE_NOT_SATISFIABLE") == refused(beyond)
    assert f"bytes */{size}" == beyond.headers["content-range"]
    assert 304 == (await door.http.get(address, headers={"If-None-Match": tag})).status_code
    assert 200 == (await door.http.get(address, headers={"Range": "bytes=0-0", "If-Range": '"old"'})).status_code
    head = await door.http.head(address)
    assert (200, b"", str(size)) == (head.status_code, head.content, head.headers["content-length"])
    missing = await door.http.get(f"/v1/sessions/{session}/files/final_output/none.mp4")
    assert (404, "NOT_FOUND", "NO_SUCH_ARTIFACT") == refused(missing)


async def events(answer: httpx.Response) -> list[dict[str, str]]:
    """The events of a stream, each as its fields."""
    found: list[dict[str, str]] = [{}]
    async for line in answer.aiter_lines():
        if not line:
            found.append({})
        else:
            name, _, value = line.partition(": ")
            found[-1][name] = value
    return [event for event in found if event and set(event) - {"retry", ""}]


async def test_events_go_on_where_the_caller_stands(door: doors.Door) -> None:
    """A watch is a stream of events with their numbers, which goes on after `Last-Event-ID` and says when it ends."""
    job = await door.job()
    for number in range(3):
        door.jobs.fake.happen(job.id, test_gateway.SUCCEEDED if number == 2 else test_gateway.RUNNING)
    address = f"/v1/jobs/{job.id}/events"
    async with door.http.stream("GET", address) as answer:
        assert "text/event-stream; charset=utf-8" == answer.headers["content-type"]
        found = await events(answer)
    assert {"event": "end", "data": "{}"} == found[-1]
    told = [json_format.Parse(event["data"], jobs_pb2.JobEvent()) for event in found[:-1]]
    assert [event["id"] for event in found[:-1]] == [str(event.sequence) for event in told]
    assert [1, 2, 3] == sorted({event.sequence for event in told})
    async with door.http.stream("GET", address, headers={"Last-Event-ID": "2"}) as answer:
        assert {"3"} == {event["id"] for event in (await events(answer))[:-1]}
    assert (404, "NOT_FOUND", "NO_SUCH_JOB") == refused(await door.http.get(f"/v1/jobs/{NOBODY}/events"))
    odd = await door.http.get(address, headers={"Last-Event-ID": "x"})
    assert (400, "INVALID_ARGUMENT", "INVALID_FIELD") == refused(odd)


async def test_watch_that_is_left_is_closed(door: doors.Door) -> None:
    """A browser that goes away leaves no stream behind at the job manager."""
    job = await door.job()
    door.jobs.fake.happen(job.id)
    before = door.jobs.fake.watches
    async with door.http.stream("GET", f"/v1/jobs/{job.id}/events") as answer:
        await anext(answer.aiter_lines())
        await testing.wait_until(lambda: door.jobs.fake.watches == before + 1, 30, "the watch")
    await testing.wait_until(lambda: door.jobs.fake.watches == before, 30, "no watch left")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", ""),
        (b"[]", "body"),
        (b'{"spec": {"count": "many"}}', "spec.count"),
        (b'{"spec": {"colour": 1}}', "spec.colour"),
        (b'{"spec": {"durationMinS": NaN}}', ""),
        (b'{"spec": {}}', "spec.sourceUri"),
        (b'{"spec": {"clips": [{}, {"startS": "x"}]}}', "spec.clips[1].startS"),
        (b"[" * 90_000, ""),
        (b"\xff", ""),
    ],
)
async def test_wrong_body_is_a_problem_with_its_place(door: doors.Door, body: bytes, field: str) -> None:
    """A body that is no such request is refused with the field that is wrong."""
    answer = await door.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (400, "INVALID_ARGUMENT") == refused(answer)[:2]
    assert ([field] if field else []) == [item["field"] for item in answer.json()["fieldViolations"]]


async def test_requests_outside_of_the_rules_are_problems(door: doors.Door) -> None:
    """Other paths, methods, media types, sizes and queries are refused as what they are."""
    large = await door.http.post("/v1/jobs", json={"requestId": "x" * 200_000})
    assert (413, "INVALID_ARGUMENT", "TOO_LARGE") == refused(large)
    form = await door.http.post("/v1/jobs", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (415, "INVALID_ARGUMENT", "BAD_MEDIA_TYPE") == refused(form)
    assert (404, "NOT_FOUND", "NO_SUCH_ROUTE") == refused(await door.http.get("/v1/nothing"))
    wrong = await door.http.put("/v1/jobs")
    assert (405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED") == refused(wrong)
    for query in ("colour=red", "labels=a", "pageSize=1&pageSize=2", "states[a]=b", "pageSize=x", "states=STATE_NONE"):
        assert (400, "INVALID_ARGUMENT") == refused(await door.http.get(f"/v1/jobs?{query}"))[:2]
    late = await door.http.get("/v1/status?patience=99s")
    assert (400, "INVALID_ARGUMENT", "INVALID_FIELD") == refused(late)


async def test_pages_elsewhere_steer_nothing(door: doors.Door) -> None:
    """Another page cannot make a browser act here: neither by a request nor by a name that points here."""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.test"}):
        answer = await door.http.post("/v1/jobs", json={}, headers=headers)
        assert (403, "PERMISSION_DENIED", "ORIGIN_REFUSED") == refused(answer)
    rebound = await door.http.get("/v1/jobs", headers={"Host": "evil.test:8080"})
    assert (421, "PERMISSION_DENIED", "HOST_REFUSED") == refused(rebound)
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": str(door.http.base_url)}
    assert "INVALID_FIELD" == (await door.http.post("/v1/jobs", json={"spec": {}}, headers=ours)).json()["reason"]
    open_ = await door.http.options("/v1/jobs", headers={"Origin": "http://a.test"})
    assert "access-control-allow-origin" not in open_.headers
    assert "frame-ancestors 'none'" in (await door.http.get("/v1/jobs")).headers["content-security-policy"]
    session, artifact = await door.clip()
    shown = await door.http.get(f"/v1/sessions/{session}/files/{artifact.path}")
    assert shown.headers["content-security-policy"].startswith("sandbox ")


UNARY = [item for item in bindings.of(SERVICE) if not item.method.server_streaming]
VOLATILE = frozenset({"latency"})  # what differs between any two calls


def plain(answer: object) -> object:
    """The fields of an answer that two equal calls share."""
    document = json_format.MessageToDict(answer)
    return json.loads(
        json.dumps(document), object_hook=lambda item: {k: v for k, v in item.items() if k not in VOLATILE}
    )


@pytest.mark.parametrize("binding", UNARY, ids=lambda item: item.method.name)
async def test_json_and_grpc_answers_are_equal(door: doors.Door, binding: bindings.Binding) -> None:
    """The same call gives the same answer, or the same error, by both doors; for every method."""
    name = binding.method.name
    session, _ = await door.clip()
    spec = jobs_pb2.JobSpec(source_uri="file:///talk.mp4", labels={"a": "b"}, weights={"hook": 0.5})
    said = {
        "CreateClips": pb.CreateClipsRequest(spec=spec, request_id="both"),
        "CreateClipsBatch": pb.CreateClipsBatchRequest(requests=[{"spec": spec, "request_id": "both"}]),
        "ListJobs": pb.ListJobsRequest(page_size=3, states=[jobs_pb2.Job.STATE_PENDING], labels={"a": "b"}),
        "ListClips": pb.ListClipsRequest(job_id=session),
        "GetClip": pb.GetClipRequest(job_id=session, rank=1),
        "GetUpload": pb.GetUploadRequest(id=NOBODY),
        "DeleteUpload": pb.DeleteUploadRequest(id=NOBODY),
        "RecordPublication": pb.RecordPublicationRequest(job_id=NOBODY),
        "ListPublications": pb.ListPublicationsRequest(job_id=session),
        "RenderClip": pb.RenderClipRequest(job_id=session, rank=1, request_id="again", time={"start_s": 1, "end_s": 9}),
        "DeleteSession": pb.DeleteSessionRequest(id=NOBODY),
        "GetSuiteStatus": pb.GetSuiteStatusRequest(patience={"seconds": 2}),
        "GetJob": pb.GetJobRequest(id=session),
        "CancelJob": pb.CancelJobRequest(id=NOBODY),
        "RetryJob": pb.RetryJobRequest(id=NOBODY),
    }.get(name, message_factory.GetMessageClass(binding.method.input_type)())
    try:
        by_grpc = await getattr(door.stub, name)(said, timeout=20)
    except grpc.aio.AioRpcError as failure:
        by_grpc = failure
    answer = await asked(door, binding, said)
    if isinstance(by_grpc, grpc.aio.AioRpcError):
        assert (by_grpc.code().name, by_grpc.details()) == (answer.json()["code"], answer.json()["detail"])
    else:
        assert plain(by_grpc) == plain(message(answer, type(by_grpc)))


async def asked(door: doors.Door, binding: bindings.Binding, said: object) -> httpx.Response:
    """The HTTP request that a binding makes of a message."""
    document = json_format.MessageToDict(said)
    kind = binding.method.input_type
    path = binding.template
    for name in binding.variables:
        path = path.replace(f"{{{name}}}", str(getattr(said, name)))
        document.pop(kind.fields_by_name[name].json_name, None)
    if binding.body:
        return await door.http.request(binding.verb, path, json=document)
    query = []
    for key, value in document.items():
        if isinstance(value, dict):
            query += [(f"{key}[{inner}]", text) for inner, text in value.items()]
        else:
            query += [(key, item) for item in (value if isinstance(value, list) else [value])]
    return await door.http.request(binding.verb, path, params=query)


async def test_stop_ends_streams_and_is_quick(tmp_path: pathlib.Path) -> None:
    """A gateway that is told to stop ends its streams without saying that the job has ended, and is gone."""
    async with doors.opened(tmp_path) as door:
        job = await door.job()
        door.jobs.fake.happen(job.id)
        async with door.http.stream("GET", f"/v1/jobs/{job.id}/events") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            door.process.running.send_signal(signal.SIGTERM)
            rest = [line async for line in lines]
        assert 0 == await asyncio.to_thread(door.process.running.wait, 30)
    assert "event: end" not in rest
    assert any(line.startswith("id: 1") for line in rest)
