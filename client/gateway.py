"""A connection to the gateway: create jobs, watch them, fetch and send files. Broken streams go on by themselves."""

import asyncio
import contextlib
import hashlib
import io
import os
import pathlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import BinaryIO

from reelsmith.config.v1 import config_pb2 as config
from reelsmith.gateway.v1 import gateway_pb2 as pb
from reelsmith.gateway.v1 import gateway_pb2_grpc as rpc
from reelsmith.jobs.v1 import jobs_pb2 as jobs
from reelsmith.media.v1 import media_pb2 as media

from chassis import channels, client, errors
from chassis.identity import transport
from client import events, place

CALL_TIMEOUT_S = 15.0  # a unary call of the gateway touches disks, not pictures
CHECK_TIMEOUT_S = 120.0  # a full record is read and hashed
TRANSFER_TIMEOUT_S = 6 * 3600.0  # a large source over a slow line
WATCH_TIMEOUT_S = 24 * 3600.0  # after a day a watch is opened again
RETRY_FIRST_S, RETRY_MAX_S = 0.2, 3.0  # between attempts to go on
PATIENCE_S = 60.0  # without any progress before a broken stream is given up: a suite restarts in seconds
CHUNK_BYTES = 256 * 1024  # best throughput of a gRPC stream, and well under the message limit
READ_BYTES_MAX = 16 << 20  # what is held in memory: the proposals of a film of hours are a few megabytes
ENDED = frozenset({jobs.Job.STATE_SUCCEEDED, jobs.Job.STATE_PARTIAL, jobs.Job.STATE_FAILED, jobs.Job.STATE_CANCELLED})
PASSING = (errors.Unavailable, errors.Cancelled, errors.DeadlineExceeded)
ANOTHER_OFFSET = "OFFSET_MISMATCH"  # the last piece of a broken stream was still being written
ENDED_EARLY = "CREDENTIALS_ENDED"  # a stream ended with what its caller had proved; there may be a fresh token
MADE_UP = ""  # our errors have a reason; gRPC makes one up for a call that ends while a message is on its way

OnBytes = Callable[[int, int], None]


def silent(done_bytes: int, total_bytes: int) -> None:
    """Tells nobody how far a transfer has come."""


class Patience:
    """Waits between attempts, ever longer, until nothing has moved for too long."""

    def __init__(self) -> None:
        self.progress()

    def progress(self) -> None:
        """Something moved: the patience is new."""
        self._moved = asyncio.get_running_loop().time()
        self._delay_s = RETRY_FIRST_S

    async def wait(self, error: errors.Error) -> None:
        """Waits before the next attempt.

        Raises:
            errors.Error: The error, when the patience is over.
        """
        if asyncio.get_running_loop().time() - self._moved + self._delay_s > PATIENCE_S:
            raise error
        await asyncio.sleep(self._delay_s)
        self._delay_s = min(2 * self._delay_s, RETRY_MAX_S)


class Gateway:
    """Calls of the gateway. Use `connect(address)`.

    Every method raises the classes of `chassis.errors`.
    """

    def __init__(self, stub: rpc.ClipServiceStub) -> None:
        self._stub = stub

    async def create_clips(self, spec: jobs.JobSpec, request_id: str = "") -> jobs.Job:
        """Starts a job; may be repeated with the same request id without starting a second one.

        Args:
            spec: What to make, and from what.
            request_id: Idempotency key; a random one by default.
        """
        request = pb.CreateClipsRequest(spec=spec, request_id=request_id or uuid.uuid4().hex)
        return await self._stub.CreateClips(request, timeout=CALL_TIMEOUT_S)

    async def job(self, job_id: str) -> jobs.Job:
        """One job with its steps and clips."""
        return await self._stub.GetJob(pb.GetJobRequest(id=job_id), timeout=CALL_TIMEOUT_S)

    async def list_jobs(self, count: int, states: Sequence[jobs.Job.State] = ()) -> list[jobs.Job]:
        """The newest jobs.

        Args:
            count: How many at most.
            states: Only these; all by default.
        """
        found: list[jobs.Job] = []
        token = ""
        while len(found) < count:
            request = pb.ListJobsRequest(page_size=min(count - len(found), 1000), page_token=token, states=states)
            page = await self._stub.ListJobs(request, timeout=CALL_TIMEOUT_S)
            found.extend(page.jobs)
            token = page.next_page_token
            if not token:
                break
        return found

    async def watch(self, job_id: str, after_sequence: int = 0) -> AsyncIterator[jobs.JobEvent]:
        """What happens to a job until it has ended; goes on by itself after a break.

        Args:
            job_id: The job.
            after_sequence: Only later events.
        """
        patience = Patience()
        while True:  # bounded by the patience, and by the end of the job
            request = pb.WatchJobRequest(id=job_id, after_sequence=after_sequence)
            try:
                async for event in self._stub.WatchJob(request, timeout=WATCH_TIMEOUT_S):
                    patience.progress()
                    after_sequence = max(after_sequence, event.sequence)
                    yield event
                    if event.job.state in ENDED:
                        return
            except errors.Error as error:
                if not _passing(error):
                    raise
                await patience.wait(error)
                continue
            job = await self.job(job_id)
            if job.state in ENDED:  # it had ended before the watch began
                yield jobs.JobEvent(sequence=job.sequence, job=job)
                return
            await patience.wait(errors.Unavailable(f"the watch of job {job_id} ends again and again before the job"))

    async def cancel(self, job_id: str, reason: str = "") -> jobs.Job:
        """Cancels a job; finished clips stay."""
        return await self._stub.CancelJob(pb.CancelJobRequest(id=job_id, reason=reason), timeout=CALL_TIMEOUT_S)

    async def retry(self, job_id: str) -> jobs.Job:
        """Runs again what failed."""
        return await self._stub.RetryJob(pb.RetryJobRequest(id=job_id), timeout=CALL_TIMEOUT_S)

    async def clips(self, job_id: str) -> list[jobs.Clip]:
        """The clips of a job, best first."""
        answer = await self._stub.ListClips(pb.ListClipsRequest(job_id=job_id), timeout=CALL_TIMEOUT_S)
        return list(answer.clips)

    async def render(self, request: pb.RenderClipRequest) -> jobs.Job:
        """Renders one clip again as a job of its own; may be repeated with the same request id.

        Args:
            request: The clip, and what is to be other than before; a random request id by default.
        """
        keyed = pb.RenderClipRequest()
        keyed.CopyFrom(request)
        keyed.request_id = request.request_id or uuid.uuid4().hex
        return await self._stub.RenderClip(keyed, timeout=CALL_TIMEOUT_S)

    async def publications(self, job_id: str) -> list[pb.Publication]:
        """What of a job was published, and where."""
        answer = await self._stub.ListPublications(pb.ListPublicationsRequest(job_id=job_id), timeout=CALL_TIMEOUT_S)
        return list(answer.publications)

    async def record_publication(self, request: pb.RecordPublicationRequest) -> pb.Publication:
        """Notes that a file was published, or is about to be; may be repeated."""
        return await self._stub.RecordPublication(request, timeout=CALL_TIMEOUT_S)

    async def delete(self, job_id: str) -> None:
        """Deletes a job that has ended, with all its files."""
        await self._stub.DeleteSession(pb.DeleteSessionRequest(id=job_id), timeout=CALL_TIMEOUT_S)

    async def status(self) -> pb.SuiteStatus:
        """How every instance of every service is."""
        return await self._stub.GetSuiteStatus(pb.GetSuiteStatusRequest(), timeout=CALL_TIMEOUT_S)

    def events(self, count: int | None = None) -> AsyncIterator[config.AuditEvent]:
        """Who did what, and what was refused, the newest first.

        Args:
            count: How many at most; all by default.
        """
        return events.newest(self._events, count)

    async def _events(self, size: int, token: str) -> pb.ListAuditEventsResponse:
        request = pb.ListAuditEventsRequest(page_size=size, page_token=token)
        return await self._stub.ListAuditEvents(request, timeout=CALL_TIMEOUT_S)

    async def verify(self, head: str = "") -> pb.VerifyAuditResponse:
        """Has the record of who did what checked, past a head that was kept elsewhere."""
        return await self._stub.VerifyAudit(pb.VerifyAuditRequest(head=head), timeout=CHECK_TIMEOUT_S)

    async def download(
        self, session_id: str, artifact: media.Artifact, target: pathlib.Path, on_bytes: OnBytes = silent
    ) -> None:
        """Fetches a file of a session. It appears whole, with the promised hash, or not at all.

        Args:
            session_id: The session.
            artifact: The file, as a job lists it.
            target: Where it goes.
            on_bytes: Told how many bytes of how many have come.

        Raises:
            errors.DataLoss: What came is not what was promised.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with _whole(target) as file:
            digest = await self._receive(session_id, artifact, file, on_bytes)
            if artifact.sha256 and digest != artifact.sha256:
                raise errors.DataLoss(
                    f"{artifact.path} of session {session_id} arrived with SHA-256 {digest}, not {artifact.sha256}",
                    reason="HASH_DIFFERS",
                )

    async def read(self, session_id: str, artifact: media.Artifact) -> bytes:
        """The content of a small file of a session, with the promised hash.

        Raises:
            errors.DataLoss: What came is not what was promised.
            errors.OutOfRange: It is no small file: download it.
        """
        if artifact.size_bytes > READ_BYTES_MAX:
            raise errors.OutOfRange(f"{artifact.path} has {artifact.size_bytes} bytes: download it", reason="TOO_LARGE")
        content = io.BytesIO()
        if artifact.sha256 not in ("", await self._receive(session_id, artifact, content, silent)):
            raise errors.DataLoss(f"{artifact.path} arrived with another hash than promised", reason="HASH_DIFFERS")
        return content.getvalue()

    async def _receive(self, session_id: str, artifact: media.Artifact, file: BinaryIO, on_bytes: OnBytes) -> str:
        digest, offset, patience = hashlib.sha256(), 0, Patience()
        while True:  # bounded by the patience
            request = pb.DownloadArtifactRequest(session_id=session_id, path=artifact.path, offset=offset)
            try:
                async for piece in self._stub.DownloadArtifact(request, timeout=TRANSFER_TIMEOUT_S):
                    file.write(piece.data)
                    digest.update(piece.data)
                    offset += len(piece.data)
                    patience.progress()
                    on_bytes(offset, artifact.size_bytes)
                return digest.hexdigest()
            except errors.Error as error:
                if not _passing(error):
                    raise
                await patience.wait(error)

    async def upload(self, source: pathlib.Path, on_bytes: OnBytes = silent) -> str:
        """Sends a source in pieces; a break costs no byte that had arrived.

        Args:
            source: The file.
            on_bytes: Told how many bytes of how many have been sent.

        Returns:
            The URI to give as the source of a job.
        """
        upload = await self._send(iter([pb.UploadSourceRequest(file_name=source.name)]))
        digest = await asyncio.to_thread(_sha256, source)
        patience = Patience()
        while not upload.finished:  # bounded by the patience
            try:
                upload = await self._send(_pieces(source, upload, digest, on_bytes))
                patience.progress()
            except errors.Error as error:
                if not _passing(error) and error.reason not in (ANOTHER_OFFSET, MADE_UP):
                    raise
                before = upload.size_bytes
                await patience.wait(error)
                upload = await self._stub.GetUpload(pb.GetUploadRequest(id=upload.id), timeout=CALL_TIMEOUT_S)
                if upload.size_bytes > before:
                    patience.progress()
        return upload.source_uri

    async def _send(self, requests: Iterator[pb.UploadSourceRequest]) -> pb.Upload:
        async def stream() -> AsyncIterator[pb.UploadSourceRequest]:
            for request in requests:
                yield request

        return (await self._stub.UploadSource(stream(), timeout=TRANSFER_TIMEOUT_S)).upload


def _passing(error: errors.Error) -> bool:
    """Whether a stream that broke so is worth opening again."""
    return isinstance(error, PASSING) or error.reason == ENDED_EARLY


def _pieces(
    source: pathlib.Path, upload: pb.Upload, digest: str, on_bytes: OnBytes
) -> Iterator[pb.UploadSourceRequest]:
    """The rest of a source, from where the upload stands."""
    total, offset = source.stat().st_size, upload.size_bytes
    with source.open("rb") as file:
        file.seek(offset)
        while data := file.read(CHUNK_BYTES):
            yield pb.UploadSourceRequest(upload_id=upload.id, offset=offset, data=data)
            offset += len(data)
            on_bytes(offset, total)
    yield pb.UploadSourceRequest(upload_id=upload.id, offset=offset, finish=True, sha256=digest)


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _whole(target: pathlib.Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, and is gone otherwise."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    part = pathlib.Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        part.chmod(0o644)  # temporary files are private; results are ordinary files
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def connect(
    address: str, secure: transport.Transport | None = None, metadata: channels.Sent = ()
) -> AsyncIterator[Gateway]:
    """A connection to the gateway at an address, `host:port`; nothing is sent before the first call.

    Args:
        address: Host and port.
        secure: What it is encrypted with; None for a plain one.
        metadata: Sent with every call: what proves who calls.

    Raises:
        errors.InvalidArgument: The address is not of the form `host:port`.
    """
    async with client.Clients(place.registry("gateway", address), secure=secure, metadata=metadata) as clients:
        yield Gateway(rpc.ClipServiceStub(clients.channel("gateway")))
