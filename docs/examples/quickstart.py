#!/usr/bin/env python3
"""Talk to an MCP server through Footbridge in three steps: connect, JSON-RPC, status.

    pip install websockets
    python quickstart.py --token TOKEN                      # the built-in demo server
    python quickstart.py --token TOKEN --tool read_graph -- npx -y @modelcontextprotocol/server-memory

The token is the one that `footbridge serve` prints in its URL.
"""

import argparse
import asyncio
import json
import urllib.error
import urllib.request

from websockets.asyncio.client import connect as open_socket


def call_bridge(url, token, body=None):
    """One HTTP request to the bridge: a POST when there is a body, else a GET."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        # The bridge says what is wrong, and often the way out.
        raise SystemExit(f"{error.code}: {json.load(error)['message']}") from None


async def request(socket, id, method, params=None):
    """One JSON-RPC request over the socket. Notifications that come first are printed."""
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        message["params"] = params
    await socket.send(json.dumps(message))
    while True:
        answer = json.loads(await socket.recv())
        if answer.get("id") == id and "method" not in answer:
            if "error" in answer:
                raise SystemExit(f"{method}: {answer['error']['message']}")
            return answer["result"]
        print("meanwhile:", answer.get("method"))


async def main(options):
    # 1. Connect: say which MCP server you want, get the address of a socket.
    if options.command:
        command, *args = options.command
        params = {"type": "StdioServerParams", "command": command, "args": args}
    else:
        params = {"type": "named", "server": "demo"}
        if options.tool is None:
            options.tool, options.arguments = "echo", {"message": "Hello"}
    api = f"{options.url.rstrip('/')}/api/mcp/ws"
    session = call_bridge(f"{api}/connect", options.token, {"server_params": params})
    print("session:", session["session_id"])

    # 2. JSON-RPC: the bridge has shaken hands with the server when the first frame comes.
    address = "ws" + options.url.rstrip("/").removeprefix("http") + session["websocket_url"]
    async with open_socket(address, max_size=64 * 2**20) as socket:
        first = json.loads(await socket.recv())
        if first["type"] != "initialized":
            raise SystemExit(f"the MCP server did not start: {first.get('error')}")

        tools = (await request(socket, 1, "tools/list"))["tools"]
        print("tools:", ", ".join(tool["name"] for tool in tools))

        if options.tool:
            call = {"name": options.tool, "arguments": options.arguments or {}}
            result = await request(socket, 2, "tools/call", call)
            print("result:", json.dumps(result, ensure_ascii=False))

        # 3. Status: what the bridge knows of the session, for as long as it lives.
        status = call_bridge(f"{api}/status/{session['session_id']}", options.token)
        print("status: connected" if status["connected"] else "status: not connected")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Talk to an MCP server through Footbridge.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the bridge listens")
    parser.add_argument("--token", help="what `footbridge serve` prints after #token=")
    parser.add_argument("--tool", help="the tool to call; the demo's `echo` when absent")
    parser.add_argument("--arguments", type=json.loads, help="its arguments, as JSON")
    parser.add_argument("command", nargs="*", help="after --: the MCP server to start")
    asyncio.run(main(parser.parse_args()))
