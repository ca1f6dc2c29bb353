// Where the bridge is and how this page proves itself to it.
// Owns the token of this tab. Never puts it in a URL.

const STORAGE_KEY = "footbridge.token";

/** The bridge's API prefix, beside the page: `/api/mcp`, or `/x/api/mcp` when the page lives at `/x/`. */
export function bridgeUrl(baseUri: string): string {
  return new URL("api/mcp", baseUri).href;
}

/** The token in a URL fragment such as `#token=abc`, or null. */
export function tokenOfFragment(fragment: string): string | null {
  const token = new URLSearchParams(fragment.replace(/^#/, "")).get("token");
  return token === null || token === "" ? null : token;
}

/** Moves a token from the address bar into this tab's storage, so that it is neither copied nor bookmarked. */
export function takeTokenFromAddress(): boolean {
  const token = tokenOfFragment(window.location.hash);
  if (token === null) return false;
  storeToken(token);
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return true;
}

export function storedToken(): string | undefined {
  return window.sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

export function storeToken(token: string): void {
  window.sessionStorage.setItem(STORAGE_KEY, token);
}
