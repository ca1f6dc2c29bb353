import { describe, expect, it } from "vitest";
import type { ServerParams } from "footbridge";
import { bridgeUrl, tokenOfFragment } from "./bridge";
import { Consents, decisiveNames, wording } from "./consent";
import { describeFrame, FrameLog } from "./frames";
import { expandTemplate, readTool, templateVariables } from "./mcp";
import { describeTarget, ownTarget } from "./target";
import { ToolMemory } from "./tools";

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
    expect(tokenOfFragment("#token=a%0d%0aX-Evil:1")).toBeNull();
    expect(tokenOfFragment("#token=a%20b")).toBeNull();
  });
});

describe("a target", () => {
  it("never shows what a server of the catalogue was given", () => {
    expect(describeTarget({ kind: "catalogue", server: "fs", label: "Files", inputs: { key: "secret" } })).toBe("fs (from the bridge's catalogue)");
  });

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

describe("a consent", () => {
  const command: ServerParams = { type: "StdioServerParams", command: "npx", args: ["-y", "server"], env: { KEY: "secret" }, cwd: "/srv" };
  const address: ServerParams = { type: "StreamableHttpServerParams", url: "https://example.com/mcp", headers: { "X-Key": "secret" } };

  it("is for one wording, which no secret is part of", () => {
    expect(wording(command)).not.toContain("secret");
    expect(wording({ ...command, env: { KEY: "another" } })).toBe(wording(command));
    expect(wording({ ...command, env: { A: "1", KEY: "1" } })).toBe(wording({ ...command, env: { KEY: "1", A: "1" } }));
    expect(wording(address)).not.toContain("secret");
  });

  it("is not for anything that differs by a character", () => {
    const others: ServerParams[] = [
      { ...command, command: "npy" },
      { ...command, args: ["-y", "server "] },
      { ...command, args: ["-y server"] },
      { ...command, args: ["-y", "server", ""] },
      { ...command, cwd: "/srv2" },
      { type: "StdioServerParams", command: "npx", args: ["-y", "server"], env: { KEY: "secret" } },
      { ...command, env: { KEY: "secret", MORE: "1" } },
      { ...command, env: {} },
      address,
      { ...address, url: "https://example.com/mcp2" },
      { ...address, type: "SseServerParams" },
      { ...address, headers: {} },
    ];
    const wordings = [command, ...others].map(wording);
    expect(new Set(wordings).size).toBe(wordings.length);
  });

  it("lasts for the page, and is not asked of storage that is not there", async () => {
    const consents = new Consents();
    expect(await consents.has(command)).toBe(false);
    await consents.give(command);
    expect(await consents.has(command)).toBe(true);
    expect(await consents.has({ ...command, args: ["-y", "other"] })).toBe(false);
  });

  it("is never kept where a variable's value decides what runs", async () => {
    const consents = new Consents();
    for (const name of ["NODE_OPTIONS", "LD_PRELOAD", "PATH", "BASH_ENV", "PYTHONPATH", "npm_config_registry"]) {
      const params: ServerParams = { ...command, env: { [name]: "x", KEY: "y" } };
      expect(decisiveNames(params)).toEqual([name]);
      await consents.give(params);
      expect(await consents.has(params), name).toBe(false);
    }
    expect(decisiveNames(command)).toEqual([]);
  });
});

describe("the memory of tools", () => {
  const tools = (description: string, ...more: string[]) => [{ name: "a", description }, ...more.map((name) => ({ name }))].map((raw) => readTool(raw as never)!);

  it("marks what the server changed or added since the first list, until the person has read it", () => {
    const memory = new ToolMemory();
    expect(memory.compare(tools("adds")).map(({ was }) => was)).toEqual([null]);
    const [changed, added] = memory.compare(tools("steals", "b"));
    expect(changed?.was).toEqual({ name: "a", description: "adds" });
    expect(added?.was).toBe("new");
    memory.accept(changed!);
    expect(memory.compare(tools("steals", "b")).map(({ was }) => was)).toEqual([null, "new"]);
    expect(memory.compare(tools("adds")).map(({ was }) => was)).toEqual([{ name: "a", description: "steals" }]);
  });

  it("does not mind another order of members", () => {
    const memory = new ToolMemory();
    memory.compare([readTool({ name: "a", inputSchema: { type: "object", required: ["x"] } })!]);
    expect(memory.compare([readTool({ inputSchema: { required: ["x"], type: "object" }, name: "a" })!])[0]?.was).toBeNull();
  });
});
