"""ClipService: forwards to the job manager, serves files, takes uploads, and looks after the suite."""

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from google.protobuf import empty_pb2
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import client, errors
from gateway import access, configuration, downloads, publications, record, suite, tenants, uploads, watch
from gateway import settings as settings_module
from media import artifacts, sessions

NAME = pb.DESCRIPTOR.services_by_name["ClipService"].full_name
PATIENCE_S = 2.0  # as the API says
PATIENCE_MAX_S = 10.0  # as the API says
CONFIG_TIMEOUT_S = 5.0  # the configuration service reads one small database
HEALTH_TIMEOUT_S = 1.0  # a job manager that serves answers in milliseconds
CLIP_LABEL = (
    "reelsmith-clip"  # of a job that renders a clip again: JOB/RANK of that clip, so that its versions are found
)
LABELS_MAX = 64  # of a job, as the job manager has it
UPLOAD_ID_KEY = "reelsmith-upload-id"  # response header: known before the upload has ended


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """The files that the gateway reads, takes and writes.

    Args:
        sessions: Finished files.
        uploads: Sources that arrive in pieces.
        told: Tells the record what calls do.
    """

    sessions: sessions.Sessions
    uploads: uploads.Uploads
    told: record.Told = dataclasses.field(default_factory=lambda: record.Told(None))


class ClipService(rpc.ClipServiceServicer):
    """Long video in, short clips out.

    Args:
        clients: Channels to the other services.
        storage: The files that it reads and takes.
        status: Knows every instance of the suite.
        settings: How patient it is.
        callers: Counts what callers upload; None where they need not prove who they are.
    """

    def __init__(
        self,
        clients: client.Clients,
        storage: Storage,
        status: suite.Suite,
        settings: settings_module.Settings,
        callers: access.Callers | None = None,
    ) -> None:
        self._clients = clients
        channel = clients.channel("jobs")
        self._jobs = jobs_pb2_grpc.JobServiceStub(channel)
        self._config = config_pb2_grpc.ConfigServiceStub(clients.channel("config"))
        self._health = health_pb2_grpc.HealthStub(channel)
        self._storage = storage
        self._suite = status
        self._callers = callers
        self._told = storage.told
        self._idle_max_s = settings.upload_idle_max_s
        self._patience = watch.Patience(settings.watch_outage_max_s)
        # A job manager that is being restarted is worth a wait: there is one, and no other to turn to.
        self._options = {"timeout": settings.jobs_timeout_s, "wait_for_ready": True}

    async def check(self) -> None:
        """Looks whether the job manager can be reached: without it there is nothing to offer.

        Raises:
            errors.Unavailable: It cannot, or does not serve.
        """
        answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_TIMEOUT_S)
        if answer.status != health_pb2.HealthCheckResponse.SERVING and not await self._led():
            raise errors.Unavailable("the job manager says that it does not serve", reason="JOBS_NOT_SERVING")

    async def _led(self) -> bool:
        """Whether one of several job managers serves: the others stand by for it, and say that they do not."""
        request = health_pb2.HealthCheckRequest()
        stubs = [health_pb2_grpc.HealthStub(channel) for _, channel in self._clients.each("jobs")]
        asked = [stub.Check(request, timeout=HEALTH_TIMEOUT_S) for stub in stubs]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return any(getattr(answer, "status", None) == health_pb2.HealthCheckResponse.SERVING for answer in answers)

    async def CreateClips(self, request: pb.CreateClipsRequest, context: aio.ServicerContext) -> jobs_pb2.Job:
        """Starts to make clips."""
        async with self._told.doing("CreateClips", "jobs", context) as note:
            job = await self._jobs.SubmitJob(await self._submission(request, "spec"), **self._options)
            note.resources = [_named(job)]
        return job

    async def CreateClipsBatch(
        self, request: pb.CreateClipsBatchRequest, context: aio.ServicerContext
    ) -> pb.CreateClipsBatchResponse:
        """Starts several jobs, all or none."""
        async with self._told.doing("CreateClipsBatch", "jobs", context) as note:
            submissions = [
                await self._submission(item, f"requests[{index}].spec") for index, item in enumerate(request.requests)
            ]
            answer = await self._jobs.SubmitBatch(jobs_pb2.SubmitBatchRequest(requests=submissions), **self._options)
            note.resources = [_named(job) for job in answer.jobs]
        return pb.CreateClipsBatchResponse(jobs=answer.jobs)

    async def GetJob(self, request: pb.GetJobRequest, context: aio.ServicerContext) -> jobs_pb2.Job:
        """Returns one job with its steps and clips."""
        return await self._job(request.id)

    async def ListJobs(self, request: pb.ListJobsRequest, context: aio.ServicerContext) -> pb.ListJobsResponse:
        """Lists jobs, the newest first."""
        wanted = jobs_pb2.ListJobsRequest(
            page_size=request.page_size,
            page_token=request.page_token,
            states=request.states,
            labels=request.labels,
            tenant=tenants.mine(),
        )
        answer = await self._jobs.ListJobs(wanted, **self._options)
        jobs = [job for job in answer.jobs if tenants.owned(job.tenant)]  # again here: nothing may slip through
        return pb.ListJobsResponse(jobs=jobs, next_page_token=answer.next_page_token)

    async def WatchJob(
        self, request: pb.WatchJobRequest, context: aio.ServicerContext
    ) -> AsyncIterator[jobs_pb2.JobEvent]:
        """Streams what happens to a job, also while the job manager is restarted."""

        owned = False

        async def open_stream(after: int) -> AsyncGenerator[jobs_pb2.JobEvent, None]:
            nonlocal owned
            if not owned:  # once: whose a job is never changes
                await self._check_owned(request.id)
                owned = True
            call = self._jobs.WatchJob(jobs_pb2.WatchJobRequest(id=request.id, after_sequence=after))
            try:
                async for event in call:
                    yield event
            finally:
                call.cancel()  # a caller that leaves keeps no stream open behind us

        async with contextlib.aclosing(watch.follow(open_stream, request.after_sequence, self._patience)) as events:
            async for event in events:
                yield event

    async def CancelJob(self, request: pb.CancelJobRequest, context: aio.ServicerContext) -> jobs_pb2.Job:
        """Cancels a job."""
        async with self._told.doing("CancelJob", f"jobs/{request.id}", context):
            await self._check_owned(request.id)
            return await self._jobs.CancelJob(
                jobs_pb2.CancelJobRequest(id=request.id, reason=request.reason), **self._options
            )

    async def RetryJob(self, request: pb.RetryJobRequest, context: aio.ServicerContext) -> jobs_pb2.Job:
        """Runs again what failed or was cancelled, and nothing else."""
        async with self._told.doing("RetryJob", f"jobs/{request.id}", context):
            await self._check_owned(request.id)
            return await self._jobs.RetryJob(jobs_pb2.RetryJobRequest(id=request.id), **self._options)

    async def ListClips(self, request: pb.ListClipsRequest, context: aio.ServicerContext) -> pb.ListClipsResponse:
        """Lists the clips of a job, best first."""
        return pb.ListClipsResponse(clips=(await self._job(request.job_id)).clips)

    async def GetClip(self, request: pb.GetClipRequest, context: aio.ServicerContext) -> jobs_pb2.Clip:
        """Returns one clip."""
        return _clip(await self._job(request.job_id), request.rank)

    async def DownloadArtifact(
        self, request: pb.DownloadArtifactRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.DownloadArtifactResponse]:
        """Streams a finished file of a session, from any place on."""
        if request.offset < 0:
            raise uploads.invalid("offset", f"{request.offset} is negative")
        downloads.refuse_way_out(request.path)
        found = _artifact(await self._job(request.session_id), request.path)
        stored = artifacts.Artifact(found.path, found.size_bytes, found.sha256, found.media_type)
        first: media_pb2.Artifact | None = found
        async for offset, data in downloads.pieces(self._storage.sessions, request.session_id, stored, request.offset):
            yield pb.DownloadArtifactResponse(artifact=first, offset=offset, data=data)
            first = None

    async def UploadSource(
        self, request_iterator: AsyncIterator[pb.UploadSourceRequest], context: aio.ServicerContext
    ) -> pb.UploadSourceResponse:
        """Takes a source in pieces."""
        async with self._told.doing("UploadSource", "uploads", context) as note:
            upload = await self._taken(request_iterator, context, note)
        return pb.UploadSourceResponse(upload=_upload(upload))

    async def _taken(
        self, messages: AsyncIterator[pb.UploadSourceRequest], context: aio.ServicerContext, note: record.Note
    ) -> sessions.Upload:
        upload: sessions.Upload | None = None
        begun = False
        while message := await self._next(messages):
            if upload is None:
                begun = not message.upload_id
                note.resources = [f"uploads/{message.upload_id}"]
                upload = await self._storage.uploads.start(message.upload_id, message.file_name)
                note.resources = [f"uploads/{upload.id}"]
                await context.send_initial_metadata(((UPLOAD_ID_KEY, upload.id),))
            elif message.upload_id not in ("", upload.id):
                raise uploads.invalid("upload_id", "is another one than in the first message")
            if self._callers:
                await self._callers.uploaded(len(message.data))
            piece = uploads.Piece(message.offset, message.data, message.finish, message.sha256)
            upload = await self._storage.uploads.take(upload.id, piece)
        if upload is None:
            raise uploads.invalid("upload_id", "is not said: the stream has no message")
        if not (begun or upload.finished):
            note.resources = []  # one of many pieces
        return upload

    async def GetUpload(self, request: pb.GetUploadRequest, context: aio.ServicerContext) -> pb.Upload:
        """Says how much of an upload has arrived."""
        return _upload(await self._storage.uploads.get(request.id))

    async def RenderClip(self, request: pb.RenderClipRequest, context: aio.ServicerContext) -> jobs_pb2.Job:
        """Renders one clip of a job again, as a job of its own."""
        clip = f"jobs/{request.job_id}/clips/{request.rank}"
        async with self._told.doing("RenderClip", clip, context) as note:
            job = await self._job(request.job_id)
            await self._check_sources(jobs_pb2.JobSpec(overlays=request.overlays))  # the others were checked before
            spec = _render_spec(job.spec, _clip(job, request.rank), request)
            tenant = tenants.mine() or job.tenant  # where nobody has to prove anything it stays whose it was
            again = jobs_pb2.SubmitJobRequest(spec=spec, request_id=_key(request.request_id), tenant=tenant)
            made = await self._jobs.SubmitJob(again, **self._options)
            note.resources = [f"{clip} as {_named(made)}"]
        return made

    async def DeleteSession(self, request: pb.DeleteSessionRequest, context: aio.ServicerContext) -> empty_pb2.Empty:
        """Deletes a job that has ended, with its session and all files."""
        async with self._told.doing("DeleteSession", f"jobs/{request.id}", context):
            await self._check_owned(request.id)
            return await self._jobs.DeleteJob(jobs_pb2.DeleteJobRequest(id=request.id), **self._options)

    async def DeleteUpload(self, request: pb.DeleteUploadRequest, context: aio.ServicerContext) -> empty_pb2.Empty:
        """Deletes an upload, whole or not."""
        async with self._told.doing("DeleteUpload", f"uploads/{request.id}", context):
            await self._storage.uploads.delete(request.id)
        return empty_pb2.Empty()

    async def RecordPublication(
        self, request: pb.RecordPublicationRequest, context: aio.ServicerContext
    ) -> pb.Publication:
        """Notes that a finished file was published, or is about to be."""
        async with self._told.doing("RecordPublication", f"jobs/{request.job_id}", context):
            artifact = _artifact(await self._job(request.job_id), request.path)
            state = publications.STATES.get(request.state)
            if state is None:
                raise uploads.invalid("state", "must be started or delivered")
            note = publications.note(artifact.path, artifact.sha256, request.destination, state, request.location)
            session = await asyncio.to_thread(self._storage.sessions.get, request.job_id)
            await asyncio.to_thread(publications.record, session, note)
        return _publication(note)

    async def ListPublications(
        self, request: pb.ListPublicationsRequest, context: aio.ServicerContext
    ) -> pb.ListPublicationsResponse:
        """Lists what of a job was published, and where."""
        await self._job(request.job_id)  # whoever may see the job may see these
        notes = await asyncio.to_thread(publications.of, self._storage.sessions, request.job_id)
        return pb.ListPublicationsResponse(publications=map(_publication, notes))

    async def GetSuiteConfig(self, request: pb.GetSuiteConfigRequest, context: aio.ServicerContext) -> pb.SuiteConfig:
        """Returns the shared configuration in force, value by value."""
        wanted = config_pb2.GetConfigRequest(service=request.service, show_origins=True)
        return configuration.shown(await self._config.GetConfig(wanted, timeout=CONFIG_TIMEOUT_S))

    async def GetSuiteStatus(self, request: pb.GetSuiteStatusRequest, context: aio.ServicerContext) -> pb.SuiteStatus:
        """Asks every instance of every service how it is, all at once."""
        patience_s = request.patience.ToNanoseconds() / 1e9 if request.HasField("patience") else PATIENCE_S
        if not 0 < patience_s <= PATIENCE_MAX_S:
            raise uploads.invalid("patience", f"{patience_s:g} s is not more than 0 and at most {PATIENCE_MAX_S:g} s")
        status = await self._suite.status(patience_s)
        if status.HasField("queue"):
            status.queue.CopyFrom(tenants.seen(status.queue))
        return status

    async def ListAuditEvents(
        self, request: pb.ListAuditEventsRequest, context: aio.ServicerContext
    ) -> pb.ListAuditEventsResponse:
        """Lists who did what, and what was refused, the newest first."""
        return await self._told.page(request)

    async def VerifyAudit(self, request: pb.VerifyAuditRequest, context: aio.ServicerContext) -> pb.VerifyAuditResponse:
        """Checks that the record was not tampered with."""
        return await self._told.verify(request.head)

    async def _job(self, job_id: str) -> jobs_pb2.Job:
        return tenants.check_job(await self._jobs.GetJob(jobs_pb2.GetJobRequest(id=job_id), **self._options))

    async def _check_owned(self, job_id: str) -> None:
        """Looks whether a job may be touched, where it could be another's."""
        if tenants.mine():
            await self._job(job_id)

    async def _check_sources(self, spec: jobs_pb2.JobSpec) -> None:
        """Looks whether everything that a job would read may be read."""
        tenants.check_files(spec)
        if tenants.mine():
            for upload_id in tenants.uploads(spec):
                await self._storage.uploads.get(upload_id)

    async def _submission(self, request: pb.CreateClipsRequest, field: str) -> jobs_pb2.SubmitJobRequest:
        if not request.spec.source_uri:
            raise uploads.invalid(f"{field}.source_uri", "is required")
        await self._check_sources(request.spec)
        return jobs_pb2.SubmitJobRequest(spec=request.spec, request_id=_key(request.request_id), tenant=tenants.mine())

    async def _next(self, messages: AsyncIterator[pb.UploadSourceRequest]) -> pb.UploadSourceRequest | None:
        """The next message; None at the end."""
        try:
            async with asyncio.timeout(self._idle_max_s):
                return await anext(messages, None)
        except TimeoutError as silence:
            raise errors.DeadlineExceeded(
                f"no piece came for {self._idle_max_s:g} s; the upload can go on where it stands", reason="UPLOAD_IDLE"
            ) from silence


def _key(request_id: str) -> str:
    """The caller's key, or a fresh one: a call that is tried again on the way to the job manager makes one job."""
    return request_id or f"gateway-{uuid.uuid4().hex}"


def _named(job: jobs_pb2.Job) -> str:
    """A job as the record has it."""
    return f"jobs/{job.id}"


def _clip(job: jobs_pb2.Job, rank: int) -> jobs_pb2.Clip:
    for clip in job.clips:
        if clip.rank == rank:
            return clip
    raise errors.NotFound(
        f"job {job.id} has no clip {rank}, it has {len(job.clips)}",
        reason="NO_SUCH_CLIP",
        metadata={"job_id": job.id, "rank": str(rank)},
    )


def _committed(job: jobs_pb2.Job) -> Iterator[media_pb2.Artifact]:
    """Every finished file of a job."""
    yield from job.artifacts
    for clip in job.clips:
        yield from (getattr(clip, name) for name in ("video", "manifest", "thumbnail") if clip.HasField(name))
        yield from clip.captions


def _artifact(job: jobs_pb2.Job, path: str) -> media_pb2.Artifact:
    for artifact in _committed(job):
        if artifact.path == path:
            return artifact
    raise errors.NotFound(
        f"session {job.id} has no finished file {path[:200]!r}",
        reason="NO_SUCH_ARTIFACT",
        metadata={"session_id": job.id, "path": path[:200]},
    )


def _publication(note: publications.Note) -> pb.Publication:
    found = pb.Publication(
        path=note.path,
        sha256=note.sha256,
        destination=note.destination,
        state=f"STATE_{note.state.upper()}",
        location=note.location,
    )
    found.time.FromMilliseconds(note.time_ms)
    return found


def _upload(upload: sessions.Upload) -> pb.Upload:
    return pb.Upload(
        id=upload.id,
        size_bytes=upload.size_bytes,
        finished=upload.finished,
        sha256=upload.sha256,
        source_uri=f"upload:{upload.id}" if upload.finished else "",
    )


def _render_spec(spec: jobs_pb2.JobSpec, clip: jobs_pb2.Clip, request: pb.RenderClipRequest) -> jobs_pb2.JobSpec:
    """What to do to render one clip again: as before, but for what the request names."""
    changed = jobs_pb2.JobSpec()
    changed.CopyFrom(spec)
    del changed.clips[:]
    changed.count, changed.analyze_only, changed.manifest_uri = 1, False, ""
    changed.ClearField("start_time")  # when the first job was to run says nothing about this one
    changed.ClearField("deadline")
    changed.ClearField("webhook")
    for label in sorted(set(changed.labels) - {CLIP_LABEL})[LABELS_MAX - 1 :]:  # one too many would be refused
        del changed.labels[label]
    changed.labels[CLIP_LABEL] = f"{request.job_id}/{request.rank}"
    if request.HasField("edit"):
        changed.edit.CopyFrom(request.edit)
    elif request.HasField("time"):
        del changed.edit.ranges[:]
    if not changed.edit.ranges:
        changed.clips.append(request.time if request.HasField("time") else clip.time)
    for name in ("aspect_ratio", "layout", "preset", "mode"):
        if getattr(request, name):
            setattr(changed, name, getattr(request, name))
    for name in ("captions", "overlays"):
        if request.HasField(name):
            getattr(changed, name).CopyFrom(getattr(request, name))
    return changed
