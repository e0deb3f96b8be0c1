"""JobService: the messages of callers become jobs, and jobs become messages."""

import dataclasses
import importlib.metadata
import math
from collections.abc import AsyncIterator, Iterator, Sequence

from google.protobuf import duration_pb2, empty_pb2, json_format, timestamp_pb2
from grpc import aio
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.jobs.v1 import jobs_pb2 as pb
from reelsmith.jobs.v1 import jobs_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

import failpoints
from chassis import errors, telemetry
from media import errors as media_errors
from media import sessions
from media.ingest import rules
from services.jobs import board as boards
from services.jobs import clock, disk, dressing, flow, names, notice, paging, room, scheduler, sweep, watch
from services.jobs import job as jobs
from services.jobs import spec as specs
from services.jobs import store as stores
from services.jobs.remote import service as remote

BATCH_MAX = 1000  # jobs in one call: one transaction of about a second
PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX = 50, 1000
TENANTS_MAX = 100  # as the API says
REASON_LENGTH_MAX = 1000  # words of a person, not a file
US_PER_S = 1_000_000
OF_CLIPS = (jobs.Role.CLIP, jobs.Role.MANIFEST, jobs.Role.THUMBNAIL, jobs.Role.CAPTIONS)
OVERLAY_FIELDS = ("title", "title_s", "hook", "hook_s", "progress_bar", "logo_uri", "logo_opacity")


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What is taken: how many unfinished jobs, how much of them, which webhooks, and sources from where."""

    jobs: int
    bounds: room.Bounds = dataclasses.field(default_factory=room.Bounds)
    targets: notice.Targets = dataclasses.field(default_factory=notice.Targets)
    sources: rules.Rules = dataclasses.field(default_factory=lambda: rules.Rules.of(""))


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """What the service stands on."""

    store: stores.Store
    scheduler: scheduler.Scheduler
    board: boards.Board
    sweeper: sweep.Sweeper
    disks: disk.Disks
    clock: clock.Clock
    limits: Limits
    known: names.Names | None = None


class JobService(rpc.JobServiceServicer):
    """Accepts jobs, tells about them, and stops or repeats them.

    Args:
        parts: What it stands on.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._watch = watch.Watch(parts.store, parts.board)

    async def check(self) -> None:
        """Makes sure that a job could be accepted now.

        Raises:
            errors.ResourceExhausted: A disk is full.
            errors.Unavailable: The store cannot be written.
        """
        self._parts.disks.check()
        await self._store.check()

    async def SubmitJob(self, request: pb.SubmitJobRequest, context: aio.ServicerContext) -> pb.Job:
        """Accepts a job; it is on disk when the answer leaves."""
        (job,) = await self._submit([request], [""])
        return self._message(job)

    async def SubmitBatch(self, request: pb.SubmitBatchRequest, context: aio.ServicerContext) -> pb.SubmitBatchResponse:
        """Accepts several jobs, all or none."""
        if not 1 <= len(request.requests) <= BATCH_MAX:
            raise _invalid([("requests", f"must be 1 to {BATCH_MAX}, are {len(request.requests)}")])
        prefixes = [f"requests[{index}]." for index in range(len(request.requests))]
        accepted = await self._submit(request.requests, prefixes)
        return pb.SubmitBatchResponse(jobs=[self._message(job) for job in accepted])

    async def _submit(self, requests: Sequence[pb.SubmitJobRequest], prefixes: Sequence[str]) -> list[jobs.Job]:
        submissions = [_submission(item) for item in requests]
        violations = [
            (f"{prefix}{name}", text)
            for prefix, item in zip(prefixes, submissions, strict=True)
            for name, text in (*_submission_violations(item), *self._refused(item.spec))
        ]
        violations = violations or [
            (f"{prefix}spec.{name}", text)
            for prefix, item in zip(prefixes, submissions, strict=True)
            for name, text in await self._misnamed(item.spec)
        ]
        if violations:
            raise _invalid(violations)
        with failpoints.around("jobs.accept"):
            accepted = await self._store.submit(submissions, telemetry.carrier(), self._parts.limits.jobs)
        self._parts.scheduler.wake()
        return accepted

    def _refused(self, spec: specs.Spec) -> Iterator[specs.Violation]:
        """What this job manager does not allow, and another one might: said at once, not by a step that fails."""
        limits = self._parts.limits
        yield from ((f"spec.{name}", text) for name, text in limits.targets.violations(spec.webhook))
        if specs.fetched(spec.source_uri):
            try:
                limits.sources.check(spec.source_uri)
            except media_errors.Refused as refusal:
                yield "spec.source_uri", f"cannot be fetched: {refusal.message}"

    async def _misnamed(self, spec: specs.Spec) -> list[specs.Violation]:
        return await self._parts.known.violations(spec) if self._parts.known is not None else []

    async def GetJob(self, request: pb.GetJobRequest, context: aio.ServicerContext) -> pb.Job:
        """Returns one job with its steps and clips."""
        return self._message(await self._store.get(_checked_id(request.id)))

    async def ListJobs(self, request: pb.ListJobsRequest, context: aio.ServicerContext) -> pb.ListJobsResponse:
        """Lists jobs, the newest first."""
        wanted = _filter(request)
        if request.page_token:
            wanted = dataclasses.replace(wanted, before=paging.before(wanted, request.page_token))
        found = await self._store.page(dataclasses.replace(wanted, limit=wanted.limit + 1))
        page, more = found[: wanted.limit], len(found) > wanted.limit
        return pb.ListJobsResponse(
            jobs=[_head(self._parts.board.view(job)) for job in page],
            next_page_token=paging.token(wanted, page[-1].number) if more else "",
        )

    async def WatchJob(self, request: pb.WatchJobRequest, context: aio.ServicerContext) -> AsyncIterator[pb.JobEvent]:
        """Streams what happens to a job until it has ended."""
        if request.after_sequence < 0:
            raise _invalid([("after_sequence", f"must be at least 0, is {request.after_sequence}")])
        async for sight in self._watch.follow(_checked_id(request.id), request.after_sequence):
            time_us = sight.time_us or self._parts.clock.wall_us()
            yield pb.JobEvent(
                sequence=sight.sequence,
                time=_timestamp(time_us),
                job=_message(sight.view),
                step=sight.step,
                message=sight.message,
            )

    async def CancelJob(self, request: pb.CancelJobRequest, context: aio.ServicerContext) -> pb.Job:
        """Cancels a job; its end is on disk when the answer leaves, and its work is being stopped."""
        _require_short(request.reason)
        with failpoints.around("jobs.cancel"):
            job = await self._store.cancel(_checked_id(request.id), request.reason)
        self._parts.scheduler.stop(job.id)
        return self._message(job)

    async def RetryJob(self, request: pb.RetryJobRequest, context: aio.ServicerContext) -> pb.Job:
        """Runs again what did not succeed."""
        with failpoints.around("jobs.retry"):
            job = await self._store.retry(_checked_id(request.id), self._parts.limits.jobs)
        self._parts.scheduler.wake()
        return self._message(job)

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: aio.ServicerContext) -> empty_pb2.Empty:
        """Deletes a job that has ended: its record first, then its files, so that no record lacks its files."""
        with failpoints.around("jobs.delete"):
            await self._store.delete(_checked_id(request.id))
        await self._parts.sweeper.delete(request.id)
        return empty_pb2.Empty()

    async def PauseQueue(self, request: pb.PauseQueueRequest, context: aio.ServicerContext) -> pb.QueueStats:
        """Starts no more steps, or takes no more jobs."""
        _require_short(request.reason)
        state = flow.FlowState.DRAINING if request.drain else flow.FlowState.PAUSED
        await self._store.set_flow(flow.Flow(state, request.reason, self._parts.clock.wall_us()))
        return await self._stats()

    async def ResumeQueue(self, request: pb.ResumeQueueRequest, context: aio.ServicerContext) -> pb.QueueStats:
        """Starts steps and takes jobs again."""
        await self._store.set_flow(flow.Flow())
        self._parts.scheduler.wake()
        return await self._stats()

    async def GetQueueStats(self, request: pb.GetQueueStatsRequest, context: aio.ServicerContext) -> pb.QueueStats:
        """Says how much is waiting and running."""
        return await self._stats()

    async def _stats(self) -> pb.QueueStats:
        stats = await self._store.stats()
        message = pb.QueueStats(
            jobs=[pb.StateCount(state=f"STATE_{state}", count=count) for state, count in stats.jobs.items()],
            ready_steps=stats.ready_steps,
            running_steps=stats.running_steps,
            job_limit=self._parts.limits.jobs,
            version=importlib.metadata.version("reelsmith"),
            flow=f"FLOW_{stats.flow.state}",
            pause_reason=stats.flow.reason,
            pause_time=_timestamp(stats.flow.since_us),
            spec_bytes=sum(load.spec_bytes for load in stats.loads),
            spec_bytes_limit=self._parts.limits.bounds.spec_bytes,
            waiting_steps=stats.waiting_steps,
            notices_waiting=stats.notices_waiting,
            notices_given_up=stats.notices_given_up,
            tenants=[self._load(load) for load in sorted(stats.loads, key=lambda one: -one.jobs)[:TENANTS_MAX]],
        )
        if stats.oldest_ready_us is not None:
            age_us = max(0, self._parts.clock.wall_us() - stats.oldest_ready_us)
            message.oldest_ready_age.FromMicroseconds(age_us)
        return message

    def _load(self, load: room.Load) -> pb.TenantLoad:
        limit = self._parts.limits.bounds.limit(load.tenant)
        return pb.TenantLoad(tenant=load.tenant, jobs=load.jobs, spec_bytes=load.spec_bytes, job_limit=limit)

    def _message(self, job: jobs.Job) -> pb.Job:
        return _message(self._parts.board.view(job))


def _invalid(violations: Sequence[specs.Violation]) -> errors.InvalidArgument:
    """One error that names every bad field."""
    fields = [errors.Field(name, text) for name, text in violations]
    words = "; ".join(f"{field.name} {field.description}" for field in fields)
    return errors.InvalidArgument(words, reason="INVALID_FIELDS", fields=fields)


def _submission(request: pb.SubmitJobRequest) -> stores.Submission:
    spec = specs.resolved(_spec(request.spec))
    return stores.Submission(sessions.new_id(), spec, request.request_id, request.tenant or specs.TENANT_DEFAULT)


def _submission_violations(item: stores.Submission) -> Iterator[specs.Violation]:
    yield from specs.request_id_violations(item.request_id)
    yield from specs.tenant_violations(item.tenant)
    yield from ((f"spec.{name}", text) for name, text in specs.violations(item.spec))


def _require_short(reason: str) -> None:
    if len(reason) > REASON_LENGTH_MAX:
        raise _invalid([("reason", f"must have at most {REASON_LENGTH_MAX} characters")])


def _checked_id(text: str) -> str:
    if not sessions.ID.fullmatch(text):
        raise _invalid([("id", "must be 32 lowercase hexadecimal digits")])
    return text


def _filter(request: pb.ListJobsRequest) -> stores.Filter:
    """What to list, with the size of a page as its limit."""
    if not 0 <= request.page_size <= PAGE_SIZE_MAX:
        raise _invalid([("page_size", f"must be 1 to {PAGE_SIZE_MAX}, is {request.page_size}")])
    names = [_enum_name(pb.Job.State, state, "STATE_") for state in request.states]
    if unknown := [(f"states[{index}]", "is not a state") for index, name in enumerate(names) if name not in STATES]:
        raise _invalid(unknown)
    if request.tenant and (wrong := specs.tenant_violations(request.tenant)):
        raise _invalid(wrong)
    return stores.Filter(
        limit=request.page_size or PAGE_SIZE_DEFAULT,
        states=tuple(jobs.JobState(name) for name in names),
        labels=dict(request.labels),
        tenant=request.tenant,
    )


STATES = frozenset(state.value for state in jobs.JobState)


def _enum_name(kind, number: int, prefix: str) -> str:
    """The name of an enum's value without its prefix; empty where unset, the number where unknown."""
    if number not in kind.values():
        return str(number)
    name = kind.Name(number).removeprefix(prefix)
    return "" if name == "UNSPECIFIED" else name


def _spec(message: pb.JobSpec) -> specs.Spec:
    return specs.Spec(
        source_uri=message.source_uri,
        title=message.title,
        count=message.count,
        duration_min_s=message.duration_min_s,
        duration_max_s=message.duration_max_s,
        aspect_ratio=_enum_name(exporter_pb2.AspectRatio, message.aspect_ratio, "ASPECT_RATIO_"),
        layout=_enum_name(exporter_pb2.Layout, message.layout, "LAYOUT_"),
        preset=message.preset,
        range=_range(message.range) if message.HasField("range") else None,
        keywords=tuple(message.keywords),
        weights=dict(message.weights),
        analyze_only=message.analyze_only,
        priority=message.priority,
        labels=dict(message.labels),
        clips=tuple(_range(clip) for clip in message.clips),
        transcript_uri=message.transcript_uri,
        evidence=message.evidence,
        language=message.language,
        mode=_enum_name(exporter_pb2.ExportMode, message.mode, "EXPORT_MODE_"),
        video_codec=_enum_name(exporter_pb2.VideoCodec, message.video_codec, "VIDEO_CODEC_"),
        genre=message.genre,
        diversity=message.diversity,
        durations=tuple(specs.Duration(one.target_s, one.count) for one in message.durations),
        durations_apart=message.durations_apart,
        gap_min_s=message.gap_min_s,
        exclusions=tuple(_range(stretch) for stretch in message.exclusions),
        explain=message.explain,
        captions=_captions(message.captions) if message.HasField("captions") else None,
        overlays=_overlays(message.overlays) if message.HasField("overlays") else None,
        edit=json_format.MessageToDict(message.edit, preserving_proto_field_name=True),
        manifest_uri=message.manifest_uri,
        timelines=tuple(
            _enum_name(exporter_pb2.ExportTimelineRequest.Format, one, "FORMAT_") for one in message.timelines
        ),
        start_us=_time_us(message.start_time) if message.HasField("start_time") else 0,
        deadline_us=_time_us(message.deadline) if message.HasField("deadline") else 0,
        webhook=_webhook(message.webhook) if message.HasField("webhook") else None,
    )


def _webhook(message: pb.Webhook) -> specs.Webhook:
    return specs.Webhook(message.url, message.secret) if message.secret else specs.Webhook(message.url)


def _time_us(time: timestamp_pb2.Timestamp) -> int:
    return time.seconds * US_PER_S + time.nanos // 1000


def _range(message: media_pb2.TimeRange) -> specs.TimeRange:
    return specs.TimeRange(message.start_s, message.end_s)


def _range_message(stretch: specs.TimeRange | jobs.Clip) -> media_pb2.TimeRange:
    return media_pb2.TimeRange(start_s=stretch.start_s, end_s=stretch.end_s)


def _captions(message: exporter_pb2.CaptionOptions) -> dressing.Captions:
    formats = tuple(_enum_name(exporter_pb2.CaptionOptions.Format, one, "FORMAT_") for one in message.formats)
    return dressing.Captions(message.style, formats, message.text_track)


def _overlays(message: exporter_pb2.Overlays) -> dressing.Overlays:
    values = {name: getattr(message, name) for name in OVERLAY_FIELDS}
    corner = _enum_name(exporter_pb2.Overlays.Corner, message.logo_corner, "CORNER_")
    return dressing.Overlays(**values, logo_corner=corner)


def _spec_message(spec: specs.Spec) -> pb.JobSpec:
    return pb.JobSpec(
        source_uri=spec.source_uri,
        title=spec.title,
        count=spec.count,
        duration_min_s=spec.duration_min_s,
        duration_max_s=spec.duration_max_s,
        aspect_ratio=f"ASPECT_RATIO_{spec.aspect_ratio or 'UNSPECIFIED'}",
        layout=f"LAYOUT_{spec.layout or 'UNSPECIFIED'}",
        preset=spec.preset,
        range=_range_message(spec.range) if spec.range else None,
        keywords=spec.keywords,
        weights=dict(spec.weights),
        analyze_only=spec.analyze_only,
        priority=spec.priority,
        labels=dict(spec.labels),
        clips=[_range_message(clip) for clip in spec.clips],
        transcript_uri=spec.transcript_uri,
        evidence=spec.evidence,
        language=spec.language,
        mode=f"EXPORT_MODE_{spec.mode or 'UNSPECIFIED'}",
        video_codec=f"VIDEO_CODEC_{spec.video_codec or 'UNSPECIFIED'}",
        genre=spec.genre,
        diversity=spec.diversity,
        durations=[media_pb2.ClipDuration(target_s=one.target_s, count=one.count) for one in spec.durations],
        durations_apart=spec.durations_apart,
        gap_min_s=spec.gap_min_s,
        exclusions=[_range_message(stretch) for stretch in spec.exclusions],
        explain=spec.explain,
        captions=remote.captions_message(spec.captions),
        overlays=remote.overlays_message(spec.overlays),
        edit=json_format.ParseDict(spec.edit, exporter_pb2.Edit()) if spec.edit else None,
        manifest_uri=spec.manifest_uri,
        timelines=[f"FORMAT_{name}" for name in spec.timelines],
        start_time=_timestamp(spec.start_us or None),
        deadline=_timestamp(spec.deadline_us or None),
        webhook=pb.Webhook(url=spec.webhook.url, secret=spec.webhook.secret) if spec.webhook else None,
    )


def _head(view: boards.View) -> pb.Job:
    """A job without its steps, clips and files."""
    job = view.job
    return pb.Job(
        id=job.id,
        spec=_spec_message(job.spec),
        state=f"STATE_{job.state}",
        fraction=view.fraction,
        eta=_duration(view.eta_s),
        eta_low=_duration(view.span.low_s if view.span else None),
        eta_high=_duration(view.span.high_s if view.span else None),
        error=_failure(job.error),
        create_time=_timestamp(job.create_us),
        start_time=_timestamp(job.start_us),
        end_time=_timestamp(job.end_us),
        sequence=job.sequence,
        trace_id=job.trace_id,
        tenant=job.tenant,
    )


def _message(view: boards.View) -> pb.Job:
    """A job whole."""
    message = _head(view)
    message.steps.extend(_step(view, step) for step in view.job.steps)
    message.clips.extend(_clips(view.job))
    message.artifacts.extend(_artifact(item) for item in view.job.artifacts if item.role not in OF_CLIPS)
    return message


def _step(view: boards.View, step: jobs.Step) -> pb.Step:
    live = view.live.get(step.name) if step.state is jobs.StepState.RUNNING else None
    return pb.Step(
        name=step.name,
        kind=f"KIND_{step.kind}",
        state=f"STATE_{step.state}",
        attempts=step.attempts,
        fencing_token=step.token,
        progress=_progress(live) if live else None,
        instance=step.instance,
        error=_failure(step.error),
        depends_on=[*step.needs, *step.follows],
        start_time=_timestamp(step.start_us),
        end_time=_timestamp(step.end_us),
        retry_time=_timestamp(step.retry_us),
        worker_deaths=step.worker_deaths,
        note=step.note,
    )


def _clips(job: jobs.Job) -> Iterator[pb.Clip]:
    steps = [step for step in job.steps if step.clip is not None]
    for step in sorted(steps, key=lambda item: item.clip.rank if item.clip else 0):
        if (clip := step.clip) is None:
            continue
        yield pb.Clip(
            rank=clip.rank,
            time=_range_message(clip),
            score=clip.score,
            state=f"STATE_{step.state}",
            video=_artifact(job.artifact(jobs.Role.CLIP, clip.name)),
            manifest=_artifact(job.artifact(jobs.Role.MANIFEST, clip.name)),
            thumbnail=_artifact(job.artifact(jobs.Role.THUMBNAIL, clip.name)),
            error=_failure(step.error),
            step=step.name,
            captions=[_artifact(one) for one in job.artifacts_of(jobs.Role.CAPTIONS, clip.name)],
        )


def _artifact(artifact: jobs.Artifact | None) -> media_pb2.Artifact | None:
    if artifact is None:
        return None
    return media_pb2.Artifact(
        path=artifact.path,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        media_type=artifact.media_type,
        role=f"ARTIFACT_ROLE_{artifact.role}",
    )


def _failure(failure: jobs.Failure | None) -> media_pb2.Failure | None:
    if failure is None:
        return None
    return media_pb2.Failure(
        code=failure.code, reason=failure.reason, message=failure.message, metadata=dict(failure.metadata)
    )


def _progress(progress: jobs.Progress) -> media_pb2.Progress:
    return media_pb2.Progress(
        fraction=progress.fraction,
        stage=progress.stage,
        frames=progress.frames,
        frames_per_second=progress.frames_per_second,
        eta=_duration(progress.eta_s),
    )


def _timestamp(time_us: int | None) -> timestamp_pb2.Timestamp | None:
    if time_us is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromMicroseconds(time_us)
    return message


def _duration(seconds: float | None) -> duration_pb2.Duration | None:
    if seconds is None or not math.isfinite(seconds):
        return None
    message = duration_pb2.Duration()
    message.FromMicroseconds(round(seconds * US_PER_S))
    return message
