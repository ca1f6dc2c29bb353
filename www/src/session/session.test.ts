import { describe, expect, it } from "vitest";
import { bridgeUrl, tokenOfFragment } from "./bridge";
import { describeFrame, FrameLog } from "./frames";
import { expandTemplate, readTool, templateVariables } from "./mcp";
import { describeTarget, ownTarget } from "./target";

const request = (id: string | number, method: string): string => JSON.stringify({ jsonrpc: "2.0", id, method });
const answer = (id: string | number): string => JSON.stringify({ jsonrpc: "2.0", id, result: {} });

describe("the record of frames", () => {
  it("tells what a frame is", () => {
    expect(describeFrame(request(1, "tools/list"))).toEqual({ kind: "request", method: "tools/list", id: 1 });
    expect(describeFrame('{"jsonrpc":"2.0","method":"notifications/x"}')).toEqual({ kind: "notification", method: "notifications/x", id: null });
    expect(describeFrame('{"jsonrpc":"2.0","id":"a","error":{}}')).toEqual({ kind: "error", method: null, id: "a" });
    expect(describeFrame('{"type":"state"}')).toEqual({ kind: "control", method: "state", id: null });
    expect(describeFrame("{")).toEqual({ kind: "other", method: null, id: null });
  });

  it("pairs answers with requests by direction, id and the id's type", () => {
    const log = new FrameLog();
    log.append({ direction: "out", text: request(1, "tools/call"), time: 100 });
    log.append({ direction: "in", text: request(1, "roots/list"), time: 110 });
    log.append({ direction: "out", text: request("1", "ping"), time: 120 });
    log.append({ direction: "out", text: answer(1), time: 130 });
    log.append({ direction: "in", text: answer("1"), time: 140 });
    log.append({ direction: "in", text: answer(1), time: 150 });
    expect(log.rows().slice(3).map(({ method, duration }) => [method, duration])).toEqual([["roots/list", 20], ["ping", 20], ["tools/call", 50]]);
    expect(log.rows().slice(0, 3).map(({ duration }) => duration)).toEqual([50, 20, 20]);
  });

  it("forgets the oldest beyond its bounds, counts them, and still pairs", () => {
    const log = new FrameLog({ rows: 2, characters: 1_000_000 });
    log.append({ direction: "out", text: request(1, "a"), time: 0 });
    log.append({ direction: "out", text: request(2, "b"), time: 1 });
    log.append({ direction: "in", text: answer(1), time: 2 });
    expect(log.rows().map(({ seq, method, duration }) => [seq, method, duration])).toEqual([[2, "b", null], [3, "a", 2]]);
    expect(log.dropped).toBe(1);
  });

  it("keeps at least the newest frame, however large", () => {
    const log = new FrameLog({ rows: 10, characters: 5 });
    log.append({ direction: "in", text: "x".repeat(10), time: 0 });
    log.append({ direction: "in", text: "y".repeat(10), time: 0 });
    expect(log.rows().map(({ text }) => text)).toEqual(["yyyyyyyyyy"]);
  });
});

describe("the bridge", () => {
  it("is beside the page, whatever path it lives under", () => {
    expect(bridgeUrl("http://127.0.0.1:8000/")).toBe("http://127.0.0.1:8000/api/mcp");
    expect(bridgeUrl("https://x.example/tools/#a")).toBe("https://x.example/tools/api/mcp");
  });

  it("gives its token in the fragment", () => {
    expect(tokenOfFragment("#token=a%2Bb")).toBe("a+b");
    expect(tokenOfFragment("#other")).toBeNull();
    expect(tokenOfFragment("#token=")).toBeNull();
  });
});

describe("a target", () => {
  it("never shows the values of variables", () => {
    expect(describeTarget(ownTarget({ type: "StdioServerParams", command: "run it", args: ["-x"], env: { KEY: "secret" } }))).toBe("'run it' -x");
  });
});

describe("values of a server", () => {
  it("that are malformed are refused one by one", () => {
    expect(readTool({ title: "no name" })).toBeNull();
    expect(readTool({ name: "x", annotations: { readOnlyHint: "yes", destructiveHint: true } })?.hints).toEqual({ readOnly: undefined, destructive: true, idempotent: undefined, openWorld: undefined });
  });

  it("may be URI templates", () => {
    expect(templateVariables("a://{x}/{+path}{?q,r*}")).toEqual(["x", "path", "q", "r"]);
    expect(expandTemplate("a://{x}/{+path}{?q,r}", { x: "1 2", path: "a/b", r: "3" })).toBe("a://1%202/a/b?r=3");
  });
});
