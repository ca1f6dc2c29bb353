"""A small MCP server on the official Python SDK, 1.x or 2.x: `fixture.py stdio|sse|streamable-http [stateless] [port]`."""

import asyncio
import sys

from pydantic import BaseModel

try:
    from mcp.server import MCPServer as Server
    from mcp.server.mcpserver import Context

    IS_OLD = False
except ImportError:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as Server

    IS_OLD = True

transport = sys.argv[1]
stateless = "stateless" in sys.argv
port = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0

server = Server("fixture", **({"port": port, "stateless_http": stateless} if IS_OLD else {}))


class Answer(BaseModel):
    name: str


@server.tool()
def echo(message: str) -> str:
    return message


@server.tool()
async def slow(steps: int, ctx: Context) -> str:
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
        await asyncio.sleep(0.05)
    return "done"


# The SDK 2.x asks inside its answers, in another way; other servers show that.
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Who are you?", Answer)
    return f"{answer.action} {answer.data.name if answer.action == 'accept' else ''}"


if IS_OLD:
    server.tool()(ask)
    server.run(transport)
elif transport == "stdio":
    server.run("stdio")
elif transport == "sse":
    server.run("sse", port=port)
else:
    server.run("streamable-http", port=port, stateless_http=stateless)
