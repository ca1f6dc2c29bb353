"""An MCP server that means harm: each of its tools does something that no server should.

Nothing but the standard library, on standard input and output. A tool that returns has answered its call, so a
test can tell what came after from what came before.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

out = sys.stdout.buffer


def line(data):
    out.write(data + b"\n")


def message(value):
    line(json.dumps(value, separators=(",", ":")).encode())


def note(number, pad=""):
    message({"jsonrpc": "2.0", "method": "notifications/message",
             "params": {"level": "info", "data": number, "pad": pad}})


def answer(ident, result):
    message({"jsonrpc": "2.0", "id": ident, "result": result})
    out.flush()


def garbage(ident, arguments):
    """Noise of every kind between `n` notifications."""
    random = open("/dev/urandom", "rb")
    for number in range(arguments["n"]):
        kind = number % 8
        if kind == 0:
            line(random.read(200).replace(b"\n", b"").replace(b"{", b""))
        elif kind == 1:
            line(b"Listening on stdio...")
        elif kind == 2:
            line(b'{"jsonrpc":"2.0","method":')
        elif kind == 3:
            line("{\"jsonrpc\":\"2.0\",\"method\":\"x\"}".encode("utf-16"))
        elif kind == 4:
            line(b'["not", "a", "message"]')
        elif kind == 5:
            line(b'{"jsonrpc":"1.0","id":{},"method":7}')
        elif kind == 6:
            out.write(b"\xef\xbb\xbf")
        else:
            line(b'\x1e footbridge exit 0\r')
        note(number)
    answer(ident, {"content": [], "noise": arguments["n"]})
    return False


def invalid_utf8(ident, arguments):
    for number in range(arguments["n"]):
        line(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\xff\xfe\xc0"}}')
        note(number)
    answer(ident, {"content": [], "noise": arguments["n"]})
    return False


def endless_line(ident, arguments):
    chunk = b"x" * 1048576
    for _ in range(1024):
        out.write(chunk)
    out.flush()


def flood(ident, arguments):
    pad = "p" * arguments.get("pad", 0)
    for number in range(arguments["n"]):
        note(number, pad)


def deep(ident, arguments):
    depth = arguments["depth"]
    line(b'{"jsonrpc":"2.0","method":"notifications/message","params":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")
    line(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":' + b"[" * depth + b"]" * depth + b"}}")


def ids(ident, arguments):
    """Answers to calls that nobody made, and its own answer with company."""
    for stranger in (0, -1, 999999, "x", None, 1.5, True, [], {}, "9" * 100000, 2**63):
        message({"jsonrpc": "2.0", "id": stranger, "result": {"stranger": True}})
    message({"jsonrpc": "2.0", "id": str(ident), "result": {"wrong_type": True}})
    answer(ident, {"content": [], "first": True})
    answer(ident, {"content": [], "second": True})
    message({"jsonrpc": "2.0", "id": ident, "error": {"code": 1, "message": "third"}})
    return False


def silent(ident, arguments):
    return False


def ask_deaf(ident, arguments):
    """Asks and asks, and reads no answer meanwhile."""
    for number in range(arguments["n"]):
        message({"jsonrpc": "2.0", "id": f"ask-{number}", "method": "roots/list"})


def ask(ident, arguments):
    """Asks `n` times while a thread reads; the answer tells how often that was refused. Nothing can be called after."""
    heard = queue.Queue()

    def listen():
        for text in sys.stdin.buffer:
            heard.put(json.loads(text))

    threading.Thread(target=listen, daemon=True).start()
    ask_deaf(ident, arguments)
    out.flush()
    refused = 0
    while refused < arguments["n"] - 64:
        refused += "error" in heard.get(timeout=60)
    answer(ident, {"content": [], "refused": refused})
    time.sleep(1000)


def ask_and_cancel(ident, arguments):
    for number in range(arguments["n"]):
        message({"jsonrpc": "2.0", "id": f"ask-{number}", "method": "elicitation/create",
                 "params": {"message": "m", "requestedSchema": {"type": "object"}}})
        message({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": f"ask-{number}"}})


def complain(ident, arguments):
    text = b"y" * 99 + b"\n"
    for _ in range(arguments["mb"] * 10):
        sys.stderr.buffer.write(text * 1000)
    sys.stderr.buffer.flush()
    answer(ident, {"content": [], "written": arguments["mb"] * 1000000})
    return False


def close_output(ident, arguments):
    out.flush()
    os.close(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)


def daemons(ident, arguments):
    """Children that call `setsid`, grandchildren whose parent is gone, all deaf to SIGTERM."""
    script = "trap '' TERM HUP; (trap '' TERM HUP; sleep 1000) & echo $!; echo $$; exec >&- 2>&-; sleep 1000"
    child = subprocess.Popen(["setsid", "sh", "-c", script], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    pids = [int(child.stdout.readline()), int(child.stdout.readline())]
    answer(ident, {"content": [], "pids": pids + [os.getpid()]})
    return False


def large(ident, arguments):
    answer(ident, {"content": [], "text": "z" * arguments["bytes"]})
    return False


TOOLS = {tool.__name__: tool for tool in (
    garbage, invalid_utf8, endless_line, flood, deep, ids, silent, ask, ask_deaf, ask_and_cancel, complain, close_output,
    daemons, large)}


def main():
    for text in sys.stdin.buffer:
        try:
            heard = json.loads(text)
        except ValueError:
            continue
        ident, method = heard.get("id"), heard.get("method")
        if method == "initialize":
            answer(ident, {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}, "logging": {}},
                           "serverInfo": {"name": "hostile", "version": "1"}})
        elif method == "tools/call":
            params = heard["params"]
            tool = TOOLS.get(params["name"])
            if tool is None:
                answer(ident, {"content": [], "echo": params.get("arguments")})
            elif tool(ident, params.get("arguments") or {}) is not False:
                answer(ident, {"content": []})
        elif method is not None and ident is not None:
            message({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "no such method"}})
            out.flush()


main()
