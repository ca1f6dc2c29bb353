import { describe, expect, it } from "vitest";
import { parseArgv, quoteArgv } from "./argv";
import { draftOf, withText } from "./draft";
import { complaintAbout, givenInputs, initialInputs, refusalIn } from "./inputs";
import { parseMcpServers } from "./mcpServers";
import { forForm, hasFields, initialValue } from "./schema";
import { secretFields } from "./secrets";
import { complaints } from "./validator";

describe("a command line", () => {
  it("splits by quotes and backslashes, and expands nothing", () => {
    expect(parseArgv(`npx -y 'a b' "c \\"d\\"" e\\ f '' $HOME *`)).toEqual({ ok: true, argv: ["npx", "-y", "a b", 'c "d"', "e f", "", "$HOME", "*"] });
  });

  it("takes one argument per line too", () => {
    expect(parseArgv("uvx\nmcp-server-time\n")).toEqual({ ok: true, argv: ["uvx", "mcp-server-time"] });
  });

  it("says which quote is open", () => {
    expect(parseArgv(`a "b`)).toEqual({ ok: false, error: "A double quote is not closed." });
    expect(parseArgv("a\\")).toEqual({ ok: false, error: "The line ends in a backslash." });
  });

  it("comes back the same when quoted and split", () => {
    const argv = ["a", "", "it's", 'say "x"', "$(rm)", "back\\slash", "new\nline"];
    expect(parseArgv(quoteArgv(argv))).toEqual({ ok: true, argv });
  });
});

describe("mcpServers JSON", () => {
  it("reads commands and addresses", () => {
    const text = JSON.stringify({ mcpServers: { fs: { command: "npx", args: ["-y", "fs"], env: { A: "1" } }, web: { type: "http", url: "https://x.example/mcp" }, old: { url: "https://x.example/sse" } } });
    expect(parseMcpServers(text)).toEqual({
      ok: true,
      servers: [
        { name: "fs", params: { type: "StdioServerParams", command: "npx", args: ["-y", "fs"], env: { A: "1" } } },
        { name: "web", params: { type: "StreamableHttpServerParams", url: "https://x.example/mcp" } },
        { name: "old", params: { type: "SseServerParams", url: "https://x.example/sse" } },
      ],
    });
  });

  it("takes one bare server", () => {
    expect(parseMcpServers('{"command":"x"}')).toEqual({ ok: true, servers: [{ name: "server", params: { type: "StdioServerParams", command: "x", args: [] } }] });
  });

  it("names the server and the member that is wrong", () => {
    expect(parseMcpServers('{"mcpServers":{"a":{"command":"x","args":"-y"}}}')).toEqual({ ok: false, error: 'Server "a": `args` must be a list of strings.' });
    expect(parseMcpServers('{"mcpServers":{"a":{}}}')).toEqual({ ok: false, error: 'Server "a": needs `command` or `url`.' });
    expect(parseMcpServers("{")).toMatchObject({ ok: false });
  });
});

describe("a form's first value", () => {
  it("holds the schema's defaults and nothing else", () => {
    const schema = {
      type: "object",
      properties: { message: { type: "string", default: "hi" }, n: { type: "integer" }, where: { type: "object", properties: { lat: { type: "number" } } }, tags: { type: "array", items: { type: "string" } } },
      required: ["message", "n"],
    };
    expect(initialValue(schema)).toEqual({ message: "hi" });
  });

  it("follows references", () => {
    expect(initialValue({ type: "object", properties: { kind: { $ref: "#/$defs/Kind" } }, $defs: { Kind: { type: "string", default: "a" } } })).toEqual({ kind: "a" });
  });
});

describe("a schema made ready for a form", () => {
  it("shows a value that may be null as the value", () => {
    expect(forForm({ type: "object", properties: { n: { anyOf: [{ type: "integer" }, { type: "null" }], title: "N" } } })).toEqual({ type: "object", properties: { n: { type: "integer", title: "N" } } });
  });

  it("keeps real alternatives", () => {
    const schema = { anyOf: [{ type: "integer" }, { type: "string" }] };
    expect(forForm(schema)).toEqual(schema);
  });

  it("gives named choices their titles", () => {
    expect(forForm({ type: "string", enum: ["a", "b"], enumNames: ["A", "B"] })).toEqual({ type: "string", oneOf: [{ const: "a", title: "A" }, { const: "b", title: "B" }] });
  });

  it("knows when there is nothing to fill in", () => {
    expect(hasFields({ type: "object", properties: {} })).toBe(false);
    expect(hasFields({ type: "object", properties: { a: {} } })).toBe(true);
  });
});

describe("validation", () => {
  const schema = { type: "object", properties: { email: { type: "string", format: "email" }, n: { type: "integer", minimum: 1 } }, required: ["email"] };

  it("has nothing against a valid value", () => {
    expect(complaints(schema, { email: "a@b.co", n: 1 })).toEqual([]);
  });

  it("points at the field, missing ones included", () => {
    expect(complaints(schema, { n: 0 }).map(({ path }) => path)).toEqual([["email"], ["n"]]);
    expect(complaints(schema, { email: "nobody" })).toMatchObject([{ path: ["email"] }]);
  });
});

describe("JSON being typed", () => {
  it("keeps the text as it is, and the last good value while it is broken", () => {
    const draft = withText(draftOf({ a: 1 }), '{"a": ');
    expect(draft.text).toBe('{"a": ');
    expect(draft.value).toEqual({ a: 1 });
    expect(draft.problem).not.toBeNull();
    expect(withText(draft, '{"a":2}')).toEqual({ value: { a: 2 }, text: '{"a":2}', problem: null });
  });

  it("must be an object", () => {
    expect(withText(draftOf({}), "[1]").problem).toBe("Expected a JSON object.");
  });
});

describe("a form that asks for a secret", () => {
  const form = (properties: Record<string, object>) => secretFields({ type: "object", properties } as never);

  it.each([
    [{ password: { type: "string" } }, "password"],
    [{ a: { type: "string", title: "API key" } }, "API key"],
    [{ apiKey: { type: "string" } }, "apiKey"],
    [{ gh_token: { type: "string" } }, "gh_token"],
    [{ b: { type: "string", description: "The number on your credit card" } }, "b"],
    [{ cardNumber: { type: "string" } }, "cardNumber"],
    [{ cvv: { type: "string" } }, "cvv"],
    [{ c: { type: "string", format: "password" } }, "c"],
    [{ d: { type: "object", properties: { pin: { type: "string" } } } }, "pin"],
    [{ e: { type: "string", title: "\uff30assword" } }, "\uff30assword"],
    [{ seed_phrase: { type: "string" } }, "seed_phrase"],
  ])("is known by its words: %j", (properties, name) => {
    expect(form(properties)).toEqual([name]);
  });

  it("is not every form", () => {
    expect(form({ name: {}, email: {}, colour: {}, shopping: {}, keyboard: {}, postcard: {}, pinned: {} })).toEqual([]);
  });
});

describe("what a server of the catalogue asks for", () => {
  const input = { name: "root", required: true, secret: false };

  it("is checked as the bridge does, as a whole", () => {
    expect(complaintAbout(input, "")).toBe("This is needed.");
    expect(complaintAbout({ ...input, required: false }, "")).toBeNull();
    expect(complaintAbout(input, "; rm -rf /")).toBeNull();
    const patterned = { ...input, pattern: "a|ab" };
    expect(complaintAbout(patterned, "ab")).toBeNull();
    expect(complaintAbout(patterned, "abc")).toBe("This must match a|ab");
    expect(complaintAbout({ ...input, options: ["a", "b"] }, "b")).toBeNull();
    expect(complaintAbout({ ...input, options: ["a", "b"] }, "c")).toBe("Choose one of the options.");
  });

  it("is left to the bridge where JavaScript has no such pattern", () => {
    expect(complaintAbout({ ...input, pattern: "(?x) a+ \\z" }, "b")).toBeNull();
    expect(complaintAbout({ ...input, pattern: "[a-z&&[^b]]+" }, "c")).toBeNull();
    expect(complaintAbout({ ...input, pattern: "[a-z--b]+" }, "c")).toBeNull();
    expect(complaintAbout({ ...input, pattern: "\\w+" }, "é")).toBeNull();
    expect(complaintAbout({ ...input, pattern: "\\w+" }, "e;")).not.toBeNull();
  });

  it("has what the bridge says of a value beside it", () => {
    const message = "server_params.inputs.root must not begin with a hyphen.";
    expect(refusalIn({ message, data: { field: "server_params.inputs.root" } })).toEqual({ name: "root", complaint: "This must not begin with a hyphen." });
    expect(refusalIn({ message, data: { field: "server_params.server" } })).toBeNull();
    expect(refusalIn({ message, data: ["field"] })).toBeNull();
    expect(refusalIn({ message })).toBeNull();
    expect(refusalIn(null)).toBeNull();
  });

  it("begins with the defaults that may be seen and leaves empty fields out", () => {
    const inputs = [{ ...input, default: "/srv" }, { name: "key", required: false, secret: true }];
    expect(initialInputs(inputs)).toEqual({ root: "/srv", key: "" });
    expect(givenInputs(inputs, { root: "/srv", key: "", other: "x" })).toEqual({ root: "/srv" });
  });
});
