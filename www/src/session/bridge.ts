// Where the bridge is and how this page proves itself to it.
// Owns the token of this tab. Never puts it in a URL, and never lets a link replace one that works.

const STORAGE_KEY = "footbridge.token";

/** What a header can carry. */
const TOKEN = /^[!-~]{1,4096}$/;

/** The bridge's API prefix, beside the page: `/api/mcp`, or `/x/api/mcp` when the page lives at `/x/`. */
export function bridgeUrl(baseUri: string): string {
  return new URL("api/mcp", baseUri).href;
}

/** The token in a URL fragment such as `#token=abc`, or null. */
export function tokenOfFragment(fragment: string): string | null {
  const token = new URLSearchParams(fragment.replace(/^#/, "")).get("token");
  return token !== null && TOKEN.test(token) ? token : null;
}

/** Takes a token out of the address bar, so that it is neither copied nor bookmarked. Anybody can make a link: it is only an offer. */
export function takeTokenFromAddress(): string | null {
  const token = tokenOfFragment(window.location.hash);
  if (token !== null) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return token;
}

export function storedToken(): string | undefined {
  return window.sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

export function forgetToken(): void {
  window.sessionStorage.removeItem(STORAGE_KEY);
}

export function storeToken(token: string): void {
  window.sessionStorage.setItem(STORAGE_KEY, token);
}
