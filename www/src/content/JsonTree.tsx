import type { Json } from "footbridge";
import { useState } from "react";
import { Icon } from "./Icon";
import { Revealed } from "./Revealed";

const FIRST_ITEMS = 100;

/** A JSON value as a tree that opens level by level. */
export function JsonTree({ value, open = 2 }: { value: Json | undefined; open?: number }) {
  return (
    <div className="fb-tree fb-mono">
      <Node value={value} open={open} />
    </div>
  );
}

function Node({ name, value, open }: { name?: string; value: Json | undefined; open: number }) {
  const [isOpen, setOpen] = useState(open > 0);
  const [shown, setShown] = useState(FIRST_ITEMS);
  const label = name === undefined ? null : (
    <span className="fb-tree-name">
      <Revealed text={name} reading="exact" />:{" "}
    </span>
  );
  if (typeof value !== "object" || value === null) {
    return (
      <div className="fb-tree-leaf">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const entries = Array.isArray(value) ? value.map((item, index) => [String(index), item] as const) : Object.entries(value);
  const summary = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <div>
      <button type="button" className="fb-tree-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={12} />
        {label}
        <span className="fb-dim">{summary}</span>
      </button>
      {isOpen && (
        <div className="fb-tree-children">
          {entries.slice(0, shown).map(([key, item]) => (
            <Node key={key} name={key} value={item} open={open - 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className="fb-tree-toggle" onClick={() => setShown(shown + 500)}>
              {entries.length - shown} more…
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Leaf({ value }: { value: Json | undefined }) {
  if (typeof value === "string") return <span className="fb-json-string"><Revealed text={JSON.stringify(value)} /></span>;
  return <span className={typeof value === "number" ? "fb-json-number" : "fb-json-word"}>{String(value)}</span>;
}
