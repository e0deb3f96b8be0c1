"""Jobs keep the configuration that they began with, with every service a process of its own."""

import asyncio
import contextlib
import json
import pathlib
import signal
from collections.abc import AsyncIterator

import pytest
from google.protobuf import json_format
from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.exporter.v1 import exporter_pb2, exporter_pb2_grpc
from reelsmith.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis import client, discovery, errors, live, pins, testing
from media import sessions
from services.jobs import pinning
from services.jobs import settings as settings_module

TALK = "real/man_talking_10s_h264_datastreams.mp4"


async def changed(connect, address: str, expected_version: int, motion: float, crf: int) -> None:
    """Makes the next version of the configuration."""
    request = config_pb2.UpdateConfigRequest(expected_version=expected_version)
    document = {
        "analyzer": {"weights": {"motion": motion}},
        "exporter": {"presets": {"tiktok": {"crf": crf, "encoder_preset": "ultrafast"}}},
    }
    json_format.ParseDict(document, request.config.document)
    async with connect(address) as channel:
        await config_pb2_grpc.ConfigServiceStub(channel).UpdateConfig(request)


async def submitted(connect, address: str, source: str, **spec: object) -> str:
    """The id of a new job."""
    async with connect(address) as channel:
        asked = jobs_pb2.JobSpec(source_uri=source, count=1, duration_min_s=2, duration_max_s=3, **spec)
        request = jobs_pb2.SubmitJobRequest(spec=asked)
        return (await jobs_pb2_grpc.JobServiceStub(channel).SubmitJob(request, wait_for_ready=True)).id


async def until_step(connect, address: str, job_id: str, name: str) -> None:
    """Waits until a step of a job has succeeded."""

    async def done() -> bool:
        async with connect(address) as channel:
            request = jobs_pb2.GetJobRequest(id=job_id)
            job = await jobs_pb2_grpc.JobServiceStub(channel).GetJob(request, wait_for_ready=True)
        assert job.state != jobs_pb2.Job.STATE_FAILED, job.error
        return any(step.name == name and step.state == jobs_pb2.Step.STATE_SUCCEEDED for step in job.steps)

    await testing.wait_until(done, 120, f"{name} of {job_id}")


async def motion(connect, address: str, session_id: str) -> float:
    """The weight of motion that a call goes by which no job makes."""
    request = analyzer_pb2.ProposeClipsRequest(
        output=media_pb2.Output(session_id=session_id, directory="logs"), duration_min_s=2, duration_max_s=3
    )
    async with connect(address) as channel:
        answer = await analyzer_pb2_grpc.AnalyzerServiceStub(channel).ProposeClips(request, wait_for_ready=True)
    return {term.name: term.weight for term in answer.proposals[0].terms}["motion"]


@contextlib.asynccontextmanager
async def pinning_by(address: str, folder: pathlib.Path) -> AsyncIterator[tuple[live.LiveDocument, pinning.Pinner]]:
    """What the job manager does to pin, and the newest configuration as it knows it."""
    settings = settings_module.Settings(
        discovery="static", static_registry=f"config={address}", state_dir=folder / "state", sessions_root=folder
    )
    async with client.Clients(discovery.from_settings(settings), settings) as clients:
        stub = config_pb2_grpc.ConfigServiceStub(clients.channel("config"))
        async with pinning.following(stub, config_pb2, settings) as followed:
            yield followed, pinning.Pinner(followed, sessions.Sessions(folder))


async def test_session_keeps_what_its_first_step_found(new_process, connect, tmp_path: pathlib.Path) -> None:
    """Steps that begin together agree; later jobs get later versions; what is on disk serves without the service."""
    config, store = new_process("services.config"), sessions.Sessions(tmp_path)
    early, first, second, third = (store.create() for _ in range(4))

    def version(session: sessions.Session) -> int:
        return pins.opened(session.read(pins.PATH, pins.BYTES_MAX)).version

    async with pinning_by(config.address, tmp_path) as (followed, pinner):
        assert "" == await pinner.pin(early.id)  # nothing is known of any configuration
        await config.start()
        await testing.wait_until(lambda: followed.value, 60, "the configuration is known")
        await changed(connect, config.address, 0, motion=7.5, crf=31)
        await followed.changed(0, 60)
        assert {pins.PATH} == set(await asyncio.gather(*(pinner.pin(first.id) for _ in range(5))))
        await changed(connect, config.address, 1, motion=1.5, crf=40)
        await followed.changed(1, 60)
        for session in (early, first, second):
            await pinner.pin(session.id)
    config.stop(signal.SIGKILL)
    async with pinning_by(config.address, tmp_path) as (_, pinner):
        await pinner.pin(third.id)
    assert [2, 1, 2, 2] == [version(session) for session in (early, first, second, third)]
    pin = pins.opened(first.read(pins.PATH, pins.BYTES_MAX))
    assert (7.5, {"tiktok": {"crf": 31, "encoder_preset": "ultrafast"}}) == (
        pin.sections["analyzer"]["weights"]["motion"],
        pin.sections["exporter"]["presets"],
    )
    assert not any("settings" in section for section in pin.sections.values())


@pytest.mark.slow  # two analyses and an export; its parts are tested by themselves
async def test_job_keeps_its_configuration_over_changes_restarts_and_instances(
    new_process, connect, media_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """A change reaches later jobs only; a running one is exported as it began, by an instance that knows of no change.

    The manager is killed and the configuration service gone by then, so nothing but the session can tell.
    """
    config, source = new_process("services.config"), (media_dir / TALK).as_uri()
    await config.start()
    known = f"config={config.address}"
    analyzer = new_process("services.analyzer", REELSMITH_STATIC_REGISTRY=known)
    exporter = new_process("services.exporter")
    jobs = new_process(
        "services.jobs",
        REELSMITH_STATIC_REGISTRY=f"{known};analyzer={analyzer.address};exporter={exporter.address}",
    )
    kept = pathlib.Path(jobs.environment["REELSMITH_STATE_DIR"]) / "jobs.pins.json"
    analyzer.launch()
    await jobs.start()
    await changed(connect, config.address, 0, motion=7.5, crf=31)
    await testing.wait_until(lambda: kept.exists() and json.loads(kept.read_bytes())["version"] == 1, 60)
    first = await submitted(connect, jobs.address, source, preset="tiktok")
    await until_step(connect, jobs.address, first, "propose")

    await changed(connect, config.address, 1, motion=1.5, crf=40)
    await testing.wait_until(lambda: json.loads(kept.read_bytes())["version"] == 2, 60)

    async def live() -> bool:
        return 1.5 == await motion(connect, analyzer.address, first)

    await testing.wait_until(live, 60, "the change is in force")
    config.stop(signal.SIGKILL)
    jobs.stop(signal.SIGKILL)
    await exporter.start()
    await jobs.start()
    second = await submitted(connect, jobs.address, source, analyze_only=True)
    await until_step(connect, jobs.address, first, "report")
    await until_step(connect, jobs.address, second, "propose")

    def read(job_id: str, name: str) -> dict:
        return json.loads((tmp_path / "sessions" / job_id / "metadata" / name).read_bytes())

    manifest = read(first, "clip-01.manifest.json")
    assert ({"version": 1, "pinned": True}, 31.0) == (manifest["config"], manifest["settings"]["preset"]["crf"])
    assert [1, 2] == [read(job_id, "proposals.json")["config_version"] for job_id in (first, second)]
    weights = [read(job_id, "proposals.json")["request"]["weights"]["motion"] for job_id in (first, second)]
    assert [7.5, 1.5] == weights
    async with connect(exporter.address) as channel:
        stub = exporter_pb2_grpc.ExporterServiceStub(channel)
        preset = await stub.GetPreset(exporter_pb2.GetPresetRequest(name="tiktok"))
        assert 0 == preset.config_version  # so what the clip was made by came with the job
        broken = sessions.Sessions(tmp_path).get(first)
        broken.write_bytes(pins.PATH, b"{}")
        request = exporter_pb2.ExportClipRequest(
            source_uri=source,
            output=media_pb2.Output(session_id=first, directory="logs"),
            time=media_pb2.TimeRange(start_s=0, end_s=1),
            config_path=pins.PATH,
        )
        with pytest.raises(Exception, match="cannot be read") as refusal:
            async for _ in stub.ExportClip(request):
                pass
        assert "BAD_PIN" == errors.from_rpc(refusal.value).reason
