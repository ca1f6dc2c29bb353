// Which addresses from a server may become a link, and which data may become a picture or a sound.

/** The URL when it is safe to offer as a link: http or https, nothing else. */
export function linkable(text: string): URL | null {
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
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
