"""One job is one trace, also when the job manager dies in the middle of it."""

import asyncio
import collections
import os
import pathlib
import signal

from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import client, discovery, testing
from chassis.testing import otlp
from tests import suites

CREATE = "reelsmith.gateway.v1.ClipService/CreateClips"
EXPECTED = {
    ("gateway", CREATE),
    ("jobs", "reelsmith.jobs.v1.JobService/SubmitJob"),
    ("analyzer", "reelsmith.analyzer.v1.AnalyzerService/Probe"),
    ("analyzer", "reelsmith.analyzer.v1.AnalyzerService/Analyze"),
    ("analyzer", "reelsmith.analyzer.v1.AnalyzerService/ProposeClips"),
    ("exporter", "reelsmith.exporter.v1.ExporterService/ExportClip"),
    ("exporter", "reelsmith.exporter.v1.ExporterService/RenderImages"),
    ("exporter", "reelsmith.exporter.v1.ExporterService/RenderReport"),
}
ENDED_STEPS = {jobs.Step.STATE_SUCCEEDED}


async def follow(stub: rpc.ClipServiceStub, job_id: str):
    """Events of a job until it has ended, across restarts."""
    stream = client.resume(
        lambda after: stub.WatchJob(pb.WatchJobRequest(id=job_id, after_sequence=after or 0), timeout=240),
        lambda event: event.sequence,
        failures_max=30,
    )
    async for event in stream:
        yield event


async def kill_jobs_once(suite: suites.Suite, collector: otlp.Collector, events) -> jobs.Job:
    """Kills the job manager while the first clip is being exported; returns the job as it ends.

    Spans leave a process once a second, and kill -9 takes along what has not left: the steps before are waited for.
    """
    killed, job = False, None
    async for event in events:
        job = event.job
        exporting = any(
            step.kind == jobs.Step.KIND_EXPORT and step.state == jobs.Step.STATE_RUNNING for step in job.steps
        )
        if exporting and not killed:
            await testing.wait_until(lambda: "propose" in traced_steps(collector), what="the span of the proposals")
            os.kill(suite.processes("jobs")[0]["pid"], signal.SIGKILL)
            killed = True
    assert killed
    return job


async def test_job_is_one_trace_across_a_restart_of_jobs(tmp_path: pathlib.Path, media_dir: pathlib.Path) -> None:
    """Every process's spans of a job share its trace id, a span per step and clip, though jobs was killed."""
    source = (media_dir / "real" / "man_talking_10s_h264_datastreams.mp4").resolve().as_uri()
    async with otlp.collector() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}"}
        suite = await asyncio.to_thread(suites.start, tmp_path, env=environment)
        try:
            registry = discovery.StaticRegistry({"gateway": [suite.gateway]})
            async with client.Clients(registry) as clients:
                stub = rpc.ClipServiceStub(clients.channel("gateway"))
                spec = jobs.JobSpec(source_uri=source, count=2, duration_min_s=2, duration_max_s=4)
                job = await stub.CreateClips(pb.CreateClipsRequest(spec=spec, request_id="trace"), timeout=60)
                ended = await kill_jobs_once(suite, collector, follow(stub, job.id))
                await testing.wait_until(lambda: seen(collector, job.trace_id) >= EXPECTED, 60.0, "every span")
        finally:
            await asyncio.to_thread(suites.stop, suite)
    assert jobs.Job.STATE_SUCCEEDED == ended.state
    assert seen(collector, job.trace_id) >= EXPECTED
    check_tree(collector, job.trace_id, ended)


def seen(collector: otlp.Collector, trace_id: str) -> set[tuple[str, str]]:
    """Process and name of every served call of a trace."""
    return {(span.service, span.name) for span in collector.spans if (span.trace_id, span.kind) == (trace_id, "SERVER")}


def traced_steps(collector: otlp.Collector) -> set[object]:
    """Names of the steps that have a span."""
    return {span.attributes["step"] for span in collector.spans if "step" in span.attributes}


def check_tree(collector: otlp.Collector, trace_id: str, job: jobs.Job) -> None:
    """Each step has a span of its own under the one root; each exported clip is named on its span."""
    spans = [span for span in collector.spans if span.trace_id == trace_id]
    assert {trace_id} == {span.trace_id for span in collector.spans if span.attributes.get("job.id") == job.id}
    known = {span.span_id for span in spans}
    assert {"measure", "survey", "render", "inspect"} <= {span.name for span in spans}  # the stages of the long steps
    roots = collections.Counter(span.name for span in spans if span.parent_id not in known)
    # The spans that the killed process had not sent are missing, and the calls below them have lost their parent.
    assert roots.keys() <= {CREATE, *(name for _, name in EXPECTED)}
    assert {step.name for step in job.steps if step.state in ENDED_STEPS} <= traced_steps(collector)
    worked = [span for span in spans if span.service in {"analyzer", "exporter"}]
    assert {(job.id, True)} == {(span.attributes.get("job.id"), "step" in span.attributes) for span in worked}
    stages = [span for span in worked if span.name in {"survey", "render", "cut", "inspect"}]
    assert {"1", "2"} == {span.attributes["clip.rank"] for span in stages}
