"""An analyzer that does nothing: each step writes one file of a line, as every step must leave what it made."""

import asyncio
from collections.abc import AsyncIterator

from grpc import aio
from reelsmith.analyzer.v1 import analyzer_pb2 as pb
from reelsmith.analyzer.v1 import analyzer_pb2_grpc as rpc
from reelsmith.media.v1 import media_pb2

from benchmarks.queues import stamp
from chassis import discovery, server, telemetry
from chassis import settings as settings_module
from media import sessions


class Settings(settings_module.Settings):
    """Settings of the instance."""

    model_config = settings_module.config("noop")
    name = "noop"


class Noop(rpc.AnalyzerServiceServicer):
    """Analyzes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._sessions = sessions.Sessions(settings.sessions_root)

    def _write(self, output: media_pb2.Output, name: str) -> media_pb2.Artifact:
        made = self._sessions.get(output.session_id).write_bytes(f"{output.directory}/{name}", b"{}\n")
        stamp.stamp()
        return media_pb2.Artifact(
            path=made.path, size_bytes=made.size_bytes, sha256=made.sha256, media_type=made.media_type
        )

    async def Probe(self, request: pb.ProbeRequest, context: aio.ServicerContext) -> pb.ProbeResponse:
        """Probes nothing."""
        return pb.ProbeResponse(artifact=await asyncio.to_thread(self._write, request.output, "media_info.json"))

    async def Analyze(
        self, request: pb.AnalyzeRequest, context: aio.ServicerContext
    ) -> AsyncIterator[pb.AnalyzeResponse]:
        """Analyzes nothing."""
        artifact = await asyncio.to_thread(self._write, request.output, "analysis.json")
        yield pb.AnalyzeResponse(result=pb.AnalyzeResult(artifact=artifact))

    async def ProposeClips(
        self, request: pb.ProposeClipsRequest, context: aio.ServicerContext
    ) -> pb.ProposeClipsResponse:
        """Proposes nothing."""
        return pb.ProposeClipsResponse(artifact=await asyncio.to_thread(self._write, request.output, "proposals.json"))


async def main() -> None:
    """Serves."""
    settings = Settings()
    telemetry.setup(settings)
    name = pb.DESCRIPTOR.services_by_name["AnalyzerService"].full_name
    what = server.Service(Noop(settings), rpc.add_AnalyzerServiceServicer_to_server, name)
    await server.run(settings, [what], discovery.from_settings(settings))


if __name__ == "__main__":
    asyncio.run(main())
