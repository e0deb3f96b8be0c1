"""The server of tools: wiring, and errors that an agent can read."""

import functools
import importlib.metadata
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import MCPServer, exceptions
from mcp.types import ToolAnnotations

from chassis import errors
from client import wording
from client.mcp import tools

INSTRUCTIONS = (
    "reelsmith turns long videos into short clips. Submit a video, wait for its job, explain the scores of its clips, "
    "render a clip again with other edges or another look, and download what is finished. Every score is a sum of "
    "measured terms."
)
READS = ("wait_for_job", "get_job", "list_jobs", "explain_score")  # the tools that change nothing
WRITES = ("submit_video", "render_again", "download", "cancel_job", "retry_job")


def build(address: str) -> MCPServer:
    """The server.

    Args:
        address: Address of the gateway; empty for the suite of this machine.
    """
    version = importlib.metadata.version("reelsmith")
    server = MCPServer("reelsmith", instructions=INSTRUCTIONS, version=version, log_level="WARNING")
    offered = tools.Tools(address)
    for name in (*READS, *WRITES):
        hints = ToolAnnotations(
            read_only_hint=name in READS, destructive_hint=name == "cancel_job", open_world_hint=False
        )
        server.add_tool(_readable(getattr(offered, name)), name=name, annotations=hints)
    return server


def _readable(tool: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The tool, with our errors as what an agent is told."""

    @functools.wraps(tool)
    async def answer(*arguments: Any, **named: Any) -> Any:
        try:
            return await tool(*arguments, **named)
        except errors.Error as error:
            tag = "/".join(filter(None, (error.code.name, error.reason)))
            raise exceptions.ToolError(f"{wording.explain(error)} ({tag})") from error

    return answer
