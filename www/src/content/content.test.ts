import { describe, expect, it } from "vitest";
import { hasUnseen, mixedWords, pieces } from "./unseen";
import { aroundHost, base64Size, cautions, linkable, mediaUrl, webAddress } from "./url";

describe("an address from a server", () => {
  it("is a link when it is http or https", () => {
    expect(linkable("https://example.com/a")?.host).toBe("example.com");
    expect(linkable("HTTP://example.com")?.protocol).toBe("http:");
  });

  it("is text otherwise", () => {
    for (const address of ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "blob:https://x/1", "//example.com", "https://", "java\nscript:alert(1)", ""]) {
      expect(linkable(address), address).toBeNull();
    }
  });

  it("shows a host that only looks like another in its plain form", () => {
    expect(linkable("https://аpple.com/")?.host).toBe("xn--pple-43d.com");
  });
});

describe("an address that misleads", () => {
  const nasty = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\r\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "&#106;avascript:alert(1)",
    "javascript&colon;alert(1)",
    "javascript://example.com/%0aalert(1)",
    "vbscript:msgbox(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "blob:https://example.com/1",
    "filesystem:https://example.com/1",
    "view-source:https://example.com/",
    "file:///etc/passwd",
    "ftp://example.com/",
    "intent://example.com#Intent;scheme=http;end",
    "//evil.example/",
    "/relative",
    "\\\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "https://google.com\\@evil.example/",
    "https://google.com@evil.example/",
    "https://google.com%2f@evil.example/",
    "https://google.com:443@evil.example/",
    "https://:secret@evil.example/",
    "https://exa\tmple.com/",
    "https://exam\u200bple.com/",
    "https://example.com/\u202egpj.exe",
    "https://example.com/a b",
    "https://example.com/\u00a0",
    " https://example.com/",
    "https://exam ple.com/",
    "https://",
    "https://[::1",
    "https://example.com:99999/",
    "https://evil.example\u0000.google.com/",
  ];

  it.each(nasty)("is no link: %j", (address) => {
    expect(linkable(address)).toBeNull();
  });

  it.each(nasty)("gets a word of caution: %j", (address) => {
    expect(cautions(address)).not.toEqual([]);
  });

  it.each([
    ["https://google.com@evil.example/", "evil.example"],
    ["https://google.com%2f@evil.example/", "evil.example"],
    ["https://user:google.com@evil.example:8443/", "evil.example:8443"],
    ["https://google.com\\@evil.example/", "google.com"],
    ["https://\u0430pple.com/", "xn--pple-43d.com"],
    ["https://google.com\u2044path.evil.example/", "xn--google.com.path.evil.example"],
    ["https://ev\u00adil.example/", "evil.example"],
    ["http://2130706433/", "127.0.0.1"],
    ["http://0x7f.1/", "127.0.0.1"],
  ])("shows the host that a browser would go to: %j", (address, host) => {
    const url = webAddress(address);
    if (url === null) return expect(linkable(address)).toBeNull();
    expect(aroundHost(url).join("")).toBe(url.href);
    expect(aroundHost(url)[1]).toBe(url.host);
    if (!host.startsWith("xn--google")) expect(url.host).toBe(host);
    else expect(url.host).toMatch(/xn--/);
  });

  it.each([
    ["https://google.com@evil.example/", /user name; the host is evil\.example/],
    ["https://\u0430pple.com/", /xn--pple-43d\.com/],
    ["http://example.com/", /not be encrypted/],
    ["http://127.1/", /your own machine/],
    ["http://localhost:8000/#token=evil", /your own machine/],
    ["http://[::ffff:127.0.0.1]/", /your own machine/],
    ["https://93.184.216.34/", /bare IP address/],
    ["https://example.com/\u202e", /cannot be seen/],
    ["javascript:alert(1)", /not a web address/],
  ])("says what is wrong with %j", (address, words) => {
    expect(cautions(address).join(" ")).toMatch(words);
  });

  it("leaves a plain address alone", () => {
    expect(cautions("https://example.com/a?b=c%20d#e")).toEqual([]);
    expect(linkable("https://example.com/a?b=c%20d#e")?.href).toBe("https://example.com/a?b=c%20d#e");
  });
});

describe("what cannot be seen", () => {
  const named = (text: string, reading: "prose" | "exact"): string =>
    pieces(text, reading)
      .map((piece) => (piece.kind === "plain" ? piece.text : `[${piece.name}${piece.count > 1 ? `×${piece.count}` : ""}]`))
      .join("");

  it.each([
    ["rm\u202efdp.sh", "rm[U+202E]fdp.sh"],
    ["a\u200b\u200bb", "a[U+200B×2]b"],
    ["a\nb\tc", "a[\\n]b[\\t]c"],
    ["a\u00a0b", "a[U+00A0]b"],
    ["a\u3164b", "a[U+3164]b"],
    ["\u001b[2Kx", "[U+001B][2Kx"],
    ["\u{e0041}\u{e0042}", "[U+E0041][U+E0042]"],
    ["\ud800x", "[U+D800]x"],
    ["plain words", "plain words"],
    ["", ""],
  ])("is named in what runs: %j", (text, shown) => {
    expect(named(text, "exact")).toBe(shown);
  });

  it("is named in prose only where it misleads", () => {
    expect(named("line\n\tfamily \u{1f468}\u200d\u{1f469}", "prose")).toBe("line\n\tfamily \u{1f468}\u200d\u{1f469}");
    expect(named("pay \u202e001\u202c now\u{e0041}", "prose")).toBe("pay [U+202E]001[U+202C] now[U+E0041]");
    expect(named("\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "prose")).toBe("\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627");
  });

  it("never changes the words around it", () => {
    const text = "a\u202eb\u0000c\nd";
    expect(pieces(text, "exact").filter(({ kind }) => kind === "plain").map((piece) => (piece.kind === "plain" ? piece.text : "")).join("")).toBe("abcd");
    expect(hasUnseen(text)).toBe(true);
    expect(hasUnseen("npx -y server")).toBe(false);
  });

  it("finds words of mixed scripts", () => {
    expect(mixedWords("p\u0443thon \u043f\u0440\u0438\u0432\u0435\u0442 hello")).toEqual(["p[U+0443]thon"]);
  });
});

describe("media", () => {
  it("becomes a data URL only for pictures and sounds", () => {
    expect(mediaUrl("image", "image/png", "AAAA")).toBe("data:image/png;base64,AAAA");
    expect(mediaUrl("image", "text/html", "AAAA")).toBeNull();
    expect(mediaUrl("image", "image/png,<script>", "AAAA")).toBeNull();
    expect(mediaUrl("audio", "audio/wav", "not base64!")).toBeNull();
  });

  it("knows how many bytes base64 holds", () => {
    expect(base64Size("aGVsbG8=")).toBe(5);
  });
});
