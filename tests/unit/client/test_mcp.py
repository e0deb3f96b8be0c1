"""The tools for agents, asked by the official client: what they offer, and what they say when something is wrong."""

import json

import pytest
from mcp import Client
from reelsmith.media.v1 import media_pb2 as media

from client.mcp import server
from tests.unit.client.conftest import artifact

TERMS = [
    {"name": "hook", "state": "measured", "value": 1.0, "weight": 1.5, "contribution": 0.1, "reason": "loud"},
    {"name": "faces", "state": "measured", "value": 0.9, "weight": 2.0, "contribution": 0.4, "reason": "a face"},
    {"name": "reaction", "state": "unknown", "value": None, "weight": 1.0, "contribution": 0.0, "reason": "no model"},
]
PROPOSAL = {"rank": 1, "start_s": 1.0, "end_s": 5.0, "score": 0.5, "terms": TERMS}
TOOLS = "submit_video wait_for_job get_job list_jobs explain_score render_again download cancel_job retry_job"


@pytest.fixture
def explained(finished, files):
    """A finished job with its proposals."""
    content = json.dumps({"proposals": [PROPOSAL]}).encode()
    finished.artifacts.append(artifact("metadata/proposals.json", content, media.ARTIFACT_ROLE_PROPOSALS))
    return finished, {**files, "metadata/proposals.json": content}


async def test_every_operation_is_a_tool_that_explains_itself() -> None:
    """Each tool has a description, a schema of what it takes and one of what it answers."""
    async with Client(server.build("127.0.0.1:1")) as agent:
        tools = (await agent.list_tools()).tools
    assert set(TOOLS.split()) == {tool.name for tool in tools}
    assert all(tool.description and tool.input_schema and tool.output_schema for tool in tools)
    assert {"wait_for_job", "get_job", "list_jobs", "explain_score"} == {
        tool.name for tool in tools if tool.annotations.read_only_hint
    }


async def test_score_is_explained_by_its_terms(fake, serve, explained) -> None:
    """The terms come with their reasons, the largest first; what is unknown stays so."""
    job, files = explained
    async with serve(fake(job, files)) as address, Client(server.build(address)) as agent:
        told = (await agent.call_tool("explain_score", {"job_id": job.id, "rank": 1})).structured_content
        missing = await agent.call_tool("explain_score", {"job_id": job.id, "rank": 7})
    assert ["faces", "hook", "reaction"] == [term["name"] for term in told["terms"]]
    assert (None, "no model") == (told["terms"][2]["value"], told["terms"][2]["reason"])
    assert missing.is_error
    assert "NO_SUCH_PROPOSAL" in missing.content[0].text


async def test_wait_tells_progress_and_the_end(fake, serve, finished, steps) -> None:
    """An agent that waits hears how far the job is, and gets it as it ended."""
    heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total))

    async with serve(fake(finished, steps=steps)) as address, Client(server.build(address)) as agent:
        told = await agent.call_tool("wait_for_job", {"job_id": finished.id}, progress_callback=hear)
    assert "SUCCEEDED" == told.structured_content["state"]
    assert len(heard) == len(steps) + 1


async def test_files_are_fetched_into_a_folder(fake, serve, finished, files, tmp_path) -> None:
    """The clips land in a folder of the job, with their bytes; a relative folder is refused."""
    async with serve(fake(finished, files)) as address, Client(server.build(address)) as agent:
        told = await agent.call_tool("download", {"job_id": finished.id, "folder": str(tmp_path), "kind": "everything"})
        vague = await agent.call_tool("download", {"job_id": finished.id, "folder": "here"})
    fetched = {path.relative_to(tmp_path / finished.id).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(told.structured_content["result"]) == len(fetched)
    assert "final_output/clip-01.mp4" in fetched
    assert vague.is_error


async def test_what_is_wrong_is_said_in_words(video) -> None:
    """Without a suite, and with arguments that are none, an agent is told what to do."""
    async with Client(server.build("127.0.0.1:1")) as agent:
        silent = await agent.call_tool("submit_video", {"source": str(video)})
        odd = await agent.call_tool("get_job", {"job_id": "../../etc"})
    assert "reelsmith up" in silent.content[0].text
    assert odd.is_error
