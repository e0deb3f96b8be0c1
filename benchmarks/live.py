"""How soon a changed weight shows in the breakdown of proposals, over gRPC and from process to process.

    python benchmarks/live.py [SOURCE] [--changes 20]

A configuration service and an analyzer run, SOURCE is analyzed once. Each change of a weight is timed from the answer
that it is a version to the answer of the first proposal that was weighed by it. The table is Markdown.
"""

import argparse
import asyncio
import pathlib
import statistics
import tempfile
import time

from google.protobuf import json_format
from grpc import aio
from reelsmith.analyzer.v1 import analyzer_pb2, analyzer_pb2_grpc
from reelsmith.config.v1 import config_pb2, config_pb2_grpc
from reelsmith.media.v1 import media_pb2

from chassis.testing import process
from media import sessions

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "shared/media/real/man_talking_10s_h264_datastreams.mp4"
COMMON = {"REELSMITH_DISCOVERY": "static"}


async def measure(
    config: config_pb2_grpc.ConfigServiceStub,
    analyzer: analyzer_pb2_grpc.AnalyzerServiceStub,
    session_id: str,
    number: int,
) -> tuple[float, float]:
    """Seconds from a change to the first proposal by it, and of one proposal."""
    request = config_pb2.UpdateConfigRequest(expected_version=number)
    json_format.ParseDict({"analyzer": {"weights": {"motion": number + 2}}}, request.config.document)
    await config.UpdateConfig(request)
    begin_s = time.perf_counter()
    while True:  # ends with the change
        asked_s = time.perf_counter()
        output = media_pb2.Output(session_id=session_id)
        asked = analyzer_pb2.ProposeClipsRequest(output=output, duration_min_s=2, duration_max_s=3)
        answer = await analyzer.ProposeClips(asked)
        now_s = time.perf_counter()
        if number + 2 == {term.name: term.weight for term in answer.proposals[0].terms}["motion"]:
            return now_s - begin_s, now_s - asked_s


async def main(source: pathlib.Path, changes: int) -> None:
    """Starts both, analyzes, changes, prints the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        session = sessions.Sessions(folder).create()
        common = COMMON | {"REELSMITH_SESSIONS_ROOT": name}
        async with process.running("config", "services.config", 1, folder, common) as (config,):
            known = common | {"REELSMITH_STATIC_REGISTRY": f"config={config.address}"}
            async with (
                process.running("analyzer", "services.analyzer", 1, folder, known) as (analyzer,),
                aio.insecure_channel(config.address) as config_channel,
                aio.insecure_channel(analyzer.address) as channel,
            ):
                stub = analyzer_pb2_grpc.AnalyzerServiceStub(channel)
                output = media_pb2.Output(session_id=session.id)
                async for _ in stub.Analyze(analyzer_pb2.AnalyzeRequest(source_uri=source.as_uri(), output=output)):
                    continue
                changer = config_pb2_grpc.ConfigServiceStub(config_channel)
                found = [await measure(changer, stub, session.id, number) for number in range(changes)]
    print("| changes | until shown: median, s | worst, s | one proposal: median, s |\n|---|---|---|---|")
    (shown, one) = zip(*found, strict=True)
    print(f"| {changes} | {statistics.median(shown):.3f} | {max(shown):.3f} | {statistics.median(one):.3f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path, nargs="?", default=SOURCE)
    parser.add_argument("--changes", type=int, default=20)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.source.resolve(), arguments.changes))
