// The record of every frame of a session: what each one is, and which answer belongs to which request.
// Owns its rows and their bounds. Knows nothing of sockets or of the screen.

import type { FrameEvent } from "footbridge";

export type FrameKind = "request" | "result" | "error" | "notification" | "control" | "other";

export interface FrameRow {
  seq: number;
  direction: FrameEvent["direction"];
  /** Unix time in ms. */
  time: number;
  text: string;
  kind: FrameKind;
  /** For an answer: the method it answers. For a control frame: its type. */
  method: string | null;
  id: string | number | null;
  /** ms between a request and its answer; on both rows. */
  duration: number | null;
}

type Described = Pick<FrameRow, "kind" | "method" | "id">;

/** Says what a frame is, without its payload. */
export function describeFrame(text: string): Described {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "other", method: null, id: null };
  }
  if (typeof value !== "object" || value === null) return { kind: "other", method: null, id: null };
  const message = value as Record<string, unknown>;
  const id = typeof message["id"] === "string" || typeof message["id"] === "number" ? message["id"] : null;
  if (!("jsonrpc" in message)) {
    const type = message["type"];
    return typeof type === "string" ? { kind: "control", method: type, id: null } : { kind: "other", method: null, id: null };
  }
  if (typeof message["method"] === "string") {
    return { kind: id === null ? "notification" : "request", method: message["method"], id };
  }
  return { kind: "error" in message ? "error" : "result", method: null, id };
}

export interface FrameBounds {
  rows: number;
  characters: number;
}

/** Frames in order. Beyond its bounds it forgets the oldest and counts them. */
export class FrameLog {
  #rows: FrameRow[] = [];
  #open = new Map<string, FrameRow>();
  #characters = 0;
  #next = 1;
  #dropped = 0;

  constructor(private readonly bounds: FrameBounds = { rows: 5000, characters: 32_000_000 }) {}

  get dropped(): number {
    return this.#dropped;
  }

  /** A copy that later frames do not change. */
  rows(): FrameRow[] {
    return this.#rows.slice();
  }

  append(frame: FrameEvent): void {
    const row: FrameRow = { seq: this.#next++, ...frame, ...describeFrame(frame.text), duration: null };
    if (row.kind === "request") {
      this.#open.set(key(row.direction, row.id), row);
    } else if (row.kind === "result" || row.kind === "error") {
      this.#pair(row);
    }
    this.#rows.push(row);
    this.#characters += row.text.length;
    this.#trim();
  }

  clear(): void {
    this.#rows = [];
    this.#characters = 0;
    this.#dropped = 0;
  }

  #pair(answer: FrameRow): void {
    const asked = key(answer.direction === "in" ? "out" : "in", answer.id);
    const request = this.#open.get(asked);
    if (request === undefined) return;
    this.#open.delete(asked);
    answer.method = request.method;
    answer.duration = Math.max(0, answer.time - request.time);
    // Rows already shown are replaced rather than changed, so that a view can compare by identity.
    const index = request.seq - (this.#rows[0]?.seq ?? 0);
    if (this.#rows[index] === request) this.#rows[index] = { ...request, duration: answer.duration };
  }

  #trim(): void {
    let excess = 0;
    while (
      this.#rows.length - excess > this.bounds.rows ||
      (this.#characters > this.bounds.characters && excess < this.#rows.length - 1)
    ) {
      this.#characters -= this.#rows[excess]?.text.length ?? 0;
      excess += 1;
    }
    if (excess > 0) {
      this.#rows.splice(0, excess);
      this.#dropped += excess;
    }
  }
}

function key(direction: FrameEvent["direction"], id: FrameRow["id"]): string {
  return `${direction} ${JSON.stringify(id)}`;
}
