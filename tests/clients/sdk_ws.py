"""The stock Python SDK client (mcp 1.x), through a bridge, over its own WebSocket transport.

    FOOTBRIDGE_URL=http://127.0.0.1:8000 FOOTBRIDGE_TOKEN=… python sdk_ws.py PARAMS [CALLS]

PARAMS are the `server_params` of `POST …/ws/connect` as JSON; CALLS is a JSON list of
{"name", "arguments"}. Prints what it saw as one line of JSON; exits 1 when anything failed.
"""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request
import warnings
from typing import Any

# The SDK says that its next major version drops this transport; here it is what is tested.
warnings.simplefilter("ignore", DeprecationWarning)

from mcp import ClientSession, McpError, types  # noqa: E402
from mcp.client.websocket import websocket_client  # noqa: E402

DEADLINE = float(os.environ.get("FOOTBRIDGE_DEADLINE_MS", "60000")) / 1000
BASE = os.environ.get("FOOTBRIDGE_URL", "http://127.0.0.1:8000").rstrip("/")


def connect(server_params: dict[str, Any]) -> str:
    """Asks the bridge for a session and returns the WebSocket URL that opens it."""
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("FOOTBRIDGE_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps({"server_params": server_params}).encode()
    request = urllib.request.Request(f"{BASE}/api/mcp/ws/connect", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"connect: {error.code} {error.read().decode()}") from error
    return "ws" + BASE.removeprefix("http") + answer["websocket_url"]


def fill_in(schema: dict[str, Any]) -> dict[str, Any]:
    """Fills the required fields of an elicitation's form."""

    def answer(field: dict[str, Any]) -> Any:
        if "enum" in field:
            return field["enum"][0]
        return {"integer": 1, "number": 1.5, "boolean": True}.get(field.get("type"), "Ada")

    return {name: answer(schema["properties"][name]) for name in schema.get("required", [])}


async def main(server_params: dict[str, Any], calls: list[dict[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {"progress": [], "sampled": [], "elicited": [], "notifications": [], "calls": []}
    broken: list[Exception] = []

    async def on_sampling(_context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        seen["sampled"].append(params.messages[0].content.text)
        content = types.TextContent(type="text", text="An answer from the Python SDK.")
        return types.CreateMessageResult(role="assistant", model="test-model", content=content)

    async def on_elicitation(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        seen["elicited"].append(params.message)
        return types.ElicitResult(action="accept", content=fill_in(params.requestedSchema))

    async def on_message(message: Any) -> None:
        if isinstance(message, types.ServerNotification):
            # The TypeScript SDK hands progress to the caller alone; so that both say the same:
            if message.root.method != "notifications/progress":
                seen["notifications"].append(message.root.method)
        elif isinstance(message, Exception):
            broken.append(message)

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen["progress"].append({"progress": progress, "total": total, "message": message})

    async with websocket_client(connect(server_params)) as (reader, writer):
        async with ClientSession(
            reader,
            writer,
            sampling_callback=on_sampling,
            elicitation_callback=on_elicitation,
            message_handler=on_message,
        ) as session:
            initialized = await session.initialize()
            seen["protocol_version"] = initialized.protocolVersion
            seen["server"] = plain(initialized.serverInfo)
            seen["capabilities"] = plain(initialized.capabilities)
            seen["tools"] = []
            cursor = None
            while True:
                page = await session.list_tools(cursor)
                seen["tools"] += [tool.name for tool in page.tools]
                cursor = page.nextCursor
                if cursor is None:
                    break
            for call in calls:
                name = call["name"]
                try:
                    result = await session.call_tool(
                        name, call.get("arguments", {}), progress_callback=on_progress
                    )
                    seen["calls"].append({"name": name, "result": plain(result)})
                except McpError as error:
                    seen["calls"].append({"name": name, "error": plain(error.error)})
    if broken:
        raise RuntimeError(f"the client could not read: {broken}")
    return seen


def plain(model: Any) -> Any:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python sdk_ws.py PARAMS [CALLS]")
    work = main(json.loads(sys.argv[1]), json.loads(sys.argv[2] if len(sys.argv) == 3 else "[]"))
    print(json.dumps(asyncio.run(asyncio.wait_for(work, DEADLINE))))
