"""`reelsmith mcp`: the suite as tools for agents."""

from client.commands import options


def mcp(gateway: options.Gateway = "") -> None:
    """Serve the suite as tools for AI agents (MCP) over standard input and output.

    For the configuration of an agent: command `reelsmith`, argument `mcp`.
    """
    from client.mcp import server  # half a second of imports that no other command needs

    server.build(gateway).run("stdio")
