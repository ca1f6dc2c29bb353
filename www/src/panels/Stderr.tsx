import { Group, Text } from "@mantine/core";
import { useLayoutEffect, useRef } from "react";
import { CopyButton } from "../content/CopyButton";
import { useSession, useView } from "../session/useSession";
import { ClearButton } from "./ClearButton";

/** What the server's process wrote to standard error. */
export function Stderr() {
  const session = useSession();
  const lines = useView((view) => view.stderr);
  return (
    <div className="fb-panel">
      <Group justify="space-between" className="fb-toolbar">
        <Text size="sm" c="dimmed">
          {lines.length.toLocaleString()} {lines.length === 1 ? "line" : "lines"}
        </Text>
        <Group gap={4}>
          <CopyButton label="Copy all lines" text={() => lines.join("\n")} />
          <ClearButton label="Clear stderr" onClick={() => session.clearStderr()} />
        </Group>
      </Group>
      {lines.length === 0 ? <Text className="fb-empty">The server has written nothing to stderr.</Text> : <StderrLines />}
    </div>
  );
}

/** The lines themselves; stays at the end while the reader is there. */
export function StderrLines() {
  const lines = useView((view) => view.stderr);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current !== null && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) return null;
  return (
    <pre
      ref={box}
      className="fb-pre fb-mono fb-stderr"
      tabIndex={0}
      aria-label="stderr"
      data-testid="stderr"
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
      }}
    >
      {lines.join("\n")}
    </pre>
  );
}
