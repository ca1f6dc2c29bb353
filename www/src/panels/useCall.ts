// One request to the MCP server and how it goes: running with progress, answered, failed or cancelled.

import type { JsonObject } from "footbridge";
import { useCallback, useRef, useState } from "react";
import { useSession } from "../session/useSession";

export interface Progress {
  progress: number;
  total?: number;
  message?: string;
}

export type Call =
  | { status: "running"; startedAt: number; progress: Progress | null }
  | { status: "answered"; result: JsonObject; duration: number }
  | { status: "failed"; error: unknown; duration: number }
  | { status: "cancelled"; duration: number };

export interface Calls {
  of: (key: string) => Call | null;
  start: (key: string, method: string, params: JsonObject) => Promise<void>;
  cancel: (key: string) => void;
}

/** Calls by key: the newest of each, so that a call goes on while the reader looks at something else. */
export function useCalls(): Calls {
  const session = useSession();
  const [calls, setCalls] = useState<ReadonlyMap<string, Call>>(new Map());
  const aborts = useRef(new Map<string, AbortController>());

  const start = useCallback(
    async (key: string, method: string, params: JsonObject): Promise<void> => {
      const abort = new AbortController();
      const startedAt = Date.now();
      const began = performance.now();
      aborts.current.get(key)?.abort();
      aborts.current.set(key, abort);
      const set = (call: Call): void => {
        if (aborts.current.get(key) === abort) setCalls((before) => new Map(before).set(key, call));
      };
      set({ status: "running", startedAt, progress: null });
      try {
        const result = await session.request(method, params, {
          signal: abort.signal,
          onProgress: (progress) => set({ status: "running", startedAt, progress: readProgress(progress) }),
        });
        set({ status: "answered", result, duration: performance.now() - began });
      } catch (error) {
        const duration = performance.now() - began;
        set(abort.signal.aborted ? { status: "cancelled", duration } : { status: "failed", error, duration });
      }
    },
    [session],
  );

  return {
    of: (key) => calls.get(key) ?? null,
    start,
    cancel: (key) => aborts.current.get(key)?.abort(),
  };
}

/** What a server reports has the types it should have only if the server is a good one. */
function readProgress({ progress, total, message }: { progress: unknown; total?: unknown; message?: unknown }): Progress {
  return {
    progress: typeof progress === "number" ? progress : 0,
    ...(typeof total === "number" && { total }),
    ...(typeof message === "string" && { message }),
  };
}
