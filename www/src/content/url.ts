// Which addresses from a server may become a link, what to say of them, and which data may become a picture or a sound.

import { hasUnseen } from "./unseen";

/** The URL when it is safe to offer as a link: http or https, spelled as it is read, without a user name. */
export function linkable(text: string): URL | null {
  const url = webAddress(text);
  if (url === null || url.username !== "" || url.password !== "") return null;
  return hasUnseen(text) || /[\s\\]/.test(text) ? null : url;
}

/** Where a browser would go, also for spellings that only exist to mislead; null when it is no web address. */
export function webAddress(text: string): URL | null {
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

/** The parts of an address around its host, which decides where it leads. */
export function aroundHost(url: URL): [before: string, host: string, after: string] {
  const start = url.href.indexOf("//") + 2;
  const user = url.username === "" && url.password === "" ? 0 : url.href.slice(start).indexOf("@") + 1;
  const end = start + user + url.host.length;
  return [url.href.slice(0, start + user), url.host, url.href.slice(end)];
}

/** What a person should know before going there, the worst first. */
export function cautions(text: string): string[] {
  const url = webAddress(text);
  if (url === null) return ["This is not a web address, so it is no link."];
  const found: string[] = [];
  if (url.username !== "" || url.password !== "") found.push(`What stands before the @ is a user name; the host is ${url.host}.`);
  if (hasUnseen(text)) found.push("It holds characters that cannot be seen.");
  else if (/[\s\\]/.test(text)) found.push("It is not spelled the way a browser reads it.");
  if (/(^|\.)xn--/.test(url.hostname)) found.push(`Its host is written with letters that may look like others; its plain name is ${url.hostname}.`);
  const isHere = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:7f.*\])$/.test(url.hostname);
  if (isHere) found.push("Its host is your own machine.");
  else if (/^\[|^\d+\.\d+\.\d+\.\d+$/.test(url.hostname)) found.push("Its host is a bare IP address.");
  if (url.protocol === "http:" && !isHere) found.push("The connection would not be encrypted.");
  return found;
}

const IMAGES = /^image\/(png|jpe?g|gif|webp|avif|bmp|svg\+xml|x-icon)$/i;
const SOUNDS = /^audio\/[\w.+-]+$/i;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/** A `data:` URL for an `<img>` or `<audio>` element, where nothing in it can run; null for any other type. */
export function mediaUrl(kind: "image" | "audio", mimeType: string, base64: string): string | null {
  const type = mimeType.split(";")[0]?.trim() ?? "";
  if (!(kind === "image" ? IMAGES : SOUNDS).test(type) || !BASE64.test(base64)) return null;
  return `data:${type};base64,${base64.replace(/\s/g, "")}`;
}

/** How many bytes a base64 text holds. */
export function base64Size(base64: string): number {
  const text = base64.replace(/[\s=]/g, "");
  return Math.floor((text.length * 3) / 4);
}
