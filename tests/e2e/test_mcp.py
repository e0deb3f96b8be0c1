"""An agent with the official MCP client drives a real suite from a video to a clip that is made again."""

import os
import pathlib
import sys

from mcp import Client, StdioServerParameters


async def test_agent_submits_explains_and_renders_again(suite, media_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Submit, wait, explain, render again with another shape, and fetch what came out, over `reelsmith mcp`."""
    arguments = ["-m", "client", "mcp", "--gateway", suite.gateway]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    source = str(media_dir / "real" / "man_talking_10s_h264_datastreams.mp4")
    async with Client(server) as agent:

        async def told(tool: str, **said: object) -> dict:
            answer = await agent.call_tool(tool, said)
            assert not answer.is_error, answer.content[0].text
            return answer.structured_content

        job = await told("submit_video", source=source, count=1, min_s=3, max_s=5, timelines=["otio"])
        job = await told("wait_for_job", job_id=job["id"])
        assert ("SUCCEEDED", 1) == (job["state"], len(job["clips"])), job
        why = await told("explain_score", job_id=job["id"], rank=1)
        assert abs(why["score"] - sum(term["contribution"] for term in why["terms"])) < 1e-3
        end_s = job["clips"][0]["start_s"] + 3
        again = await told("render_again", job_id=job["id"], rank=1, end_s=end_s, aspect="1:1", layout="fill")
        again = await told("wait_for_job", job_id=again["id"])
        assert ("SUCCEEDED", end_s) == (again["state"], again["clips"][0]["end_s"])
        fetched = await told("download", job_id=again["id"], folder=str(tmp_path), kind="everything")
        listed = await told("list_jobs", count=2)
    assert all(map(os.path.isfile, fetched["result"]))
    assert {".mp4", ".otio"} <= {pathlib.Path(path).suffix for path in fetched["result"]}
    assert [again["id"], job["id"]] == [item["id"] for item in listed["result"]]
