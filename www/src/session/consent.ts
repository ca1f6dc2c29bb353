// Which commands and addresses the person at this page has agreed to.
// Owns the memory of it, as hashes in this origin's storage. Never keeps a command, an address or a secret.

import type { ServerParams } from "footbridge";

const STORAGE_KEY = "footbridge.consents";
const MOST = 256;

/** Variables by whose value a program can be made to run something else: those of `server/src/variables.rs`. Their values are not part of the hash. */
const CHANGES_WHAT_RUNS = /^(LD_|DYLD_|GIT_|NPM_CONFIG_|UV_|PIP_|BASH_FUNC_|FOOTBRIDGE_)|^(PATH|IFS|ENV|BASH_ENV|SHELLOPTS|GCONV_PATH|NODE_OPTIONS|NODE_PATH|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|PERL5OPT|PERL5LIB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|_JAVA_OPTIONS|CLASSPATH|DOTNET_STARTUP_HOOKS|PROMPT_COMMAND|PS4|HOME)$/i;

/** What a consent is for, spelled one way only: everything but the values of variables and headers. */
export function wording(params: ServerParams): string {
  const spelled =
    params.type === "StdioServerParams"
      ? [params.type, params.command, params.args ?? [], params.cwd ?? null, Object.keys(params.env ?? {}).sort()]
      : [params.type, params.url, Object.keys(params.headers ?? {}).sort()];
  return JSON.stringify(["footbridge consent 1", ...spelled]);
}

/** The names of the variables that can change what runs; with one of them each start is asked for. */
export function decisiveNames(params: ServerParams): string[] {
  return params.type === "StdioServerParams" ? Object.keys(params.env ?? {}).filter((name) => CHANGES_WHAT_RUNS.test(name)) : [];
}

export class Consents {
  /** For the life of the page; all there is where the browser gives no hashes, as on plain http to another machine. */
  readonly #given = new Set<string>();

  async has(params: ServerParams): Promise<boolean> {
    if (decisiveNames(params).length > 0) return false;
    const words = wording(params);
    if (this.#given.has(words)) return true;
    const hash = await digest(words);
    return hash !== null && stored().includes(hash);
  }

  async give(params: ServerParams): Promise<void> {
    if (decisiveNames(params).length > 0) return;
    const words = wording(params);
    this.#given.add(words);
    const hash = await digest(words);
    if (hash === null) return;
    store([...stored().filter((other) => other !== hash), hash].slice(-MOST));
  }
}

async function digest(words: string): Promise<string | null> {
  // Absent outside secure contexts, whatever the type says.
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) return null;
  const bytes = new Uint8Array(await subtle.digest("SHA-256", new TextEncoder().encode(words)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function stored(): string[] {
  try {
    const value: unknown = JSON.parse(window.localStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
  } catch {
    return [];
  }
}

function store(hashes: string[]): void {
  try {
    window.localStorage.setItem(STORAGE_KEY, JSON.stringify(hashes));
  } catch {
    // Storage may be full or forbidden; then the person is asked again, which is safe.
  }
}
