import { describe, expect, it } from "vitest";
import { base64Size, linkable, mediaUrl } from "./url";

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
