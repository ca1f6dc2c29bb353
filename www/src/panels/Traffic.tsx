import { Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { CopyButton } from "../content/CopyButton";
import { Icon } from "../content/Icon";
import { LongText } from "../content/LongText";
import type { FrameKind, FrameRow } from "../session/frames";
import { useSession, useView } from "../session/useSession";
import { ClearButton } from "./ClearButton";
import { clock, duration } from "./time";

type Filter = "all" | "in" | "out" | FrameKind;

const FILTERS: { value: Filter; label: string }[] = [
  { value: "all", label: "All frames" },
  { value: "in", label: "Incoming" },
  { value: "out", label: "Outgoing" },
  { value: "request", label: "Requests" },
  { value: "result", label: "Results" },
  { value: "error", label: "Errors" },
  { value: "notification", label: "Notifications" },
  { value: "control", label: "Bridge control" },
];

/** Every frame of the socket, in order. */
export function Traffic() {
  const session = useSession();
  const frames = useView((view) => view.frames);
  const dropped = useView((view) => view.framesDropped);
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const shown = useMemo(() => frames.filter((row) => passes(row, filter, search.trim().toLowerCase())), [frames, filter, search]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 34,
    getItemKey: (index) => shown[index]?.seq ?? index,
    overscan: 12,
  });
  // Follows the newest frame, until the reader scrolls up or opens one.
  const isFollowing = useRef(true);
  const lastTop = useRef(0);
  useLayoutEffect(() => {
    if (isFollowing.current && shown.length > 0) virtualizer.scrollToIndex(shown.length - 1, { align: "end" });
  }, [shown, virtualizer]);
  const toggle = (seq: number): void => {
    const next = new Set(opened);
    if (!next.delete(seq)) next.add(seq);
    setOpened(next);
    isFollowing.current = false;
  };
  return (
    <div className="fb-panel">
      <div className="fb-toolbar">
        <Group gap={4} wrap="nowrap">
          <TextInput className="fb-grow" size="xs" type="search" aria-label="Search frames" placeholder="Search method, id, text" value={search} onChange={(event) => setSearch(event.currentTarget.value)} />
          <NativeSelect size="xs" aria-label="Show frames" data={FILTERS} value={filter} onChange={(event) => setFilter(event.currentTarget.value as Filter)} />
          <CopyButton label="Copy the frames shown, one per line" text={() => shown.map(({ direction, time, text }) => JSON.stringify({ direction, time, text })).join("\n")} />
          <ClearButton label="Clear frames" onClick={() => session.clearFrames()} />
        </Group>
      </div>
      {shown.length === 0 ? (
        <Text className="fb-empty">{frames.length === 0 ? "No frame yet." : "Nothing matches."}</Text>
      ) : (
        <div
          ref={scroller}
          className="fb-scroll fb-frames"
          tabIndex={0}
          role="region"
          aria-label="Frames"
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            // Frames may arrive between a scroll and its event, so distance from the end alone says nothing.
            if (scrollTop < lastTop.current) isFollowing.current = false;
            if (scrollTop + clientHeight >= scrollHeight - 8) isFollowing.current = true;
            lastTop.current = scrollTop;
          }}
        >
          <div className="fb-frames-inner" style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map((item) => {
              const row = shown[item.index];
              return (
                row !== undefined && (
                  <div key={item.key} data-index={item.index} ref={virtualizer.measureElement} className="fb-frame-slot" style={{ transform: `translateY(${item.start}px)` }}>
                    <Frame row={row} isOpen={opened.has(row.seq)} onToggle={() => toggle(row.seq)} />
                  </div>
                )
              );
            })}
          </div>
        </div>
      )}
      <Text size="xs" c="dimmed" className="fb-footnote">
        {shown.length.toLocaleString()} of {frames.length.toLocaleString()} frames
        {dropped > 0 && `; the oldest ${dropped.toLocaleString()} are gone`}
      </Text>
    </div>
  );
}

function Frame({ row, isOpen, onToggle }: { row: FrameRow; isOpen: boolean; onToggle: () => void }) {
  return (
    <div className="fb-frame" data-kind={row.kind} data-direction={row.direction} data-testid="traffic-row">
      <button type="button" className="fb-frame-line" aria-expanded={isOpen} onClick={onToggle}>
        <span className="fb-arrow" title={row.direction === "out" ? "to the bridge" : "from the bridge"}>
          {row.direction === "out" ? "→" : "←"}
        </span>
        <span className="fb-frame-method">{row.method ?? row.kind}</span>
        {row.id !== null && <span className="fb-dim fb-mono">#{String(row.id)}</span>}
        {row.kind !== "request" && row.kind !== "notification" && <span className="fb-kind">{row.kind}</span>}
        <span className="fb-grow" />
        {row.duration !== null && row.kind !== "request" && <span className="fb-dim">{duration(row.duration)}</span>}
        <span className="fb-dim fb-mono fb-frame-time">{clock(row.time)}</span>
        <Icon name={isOpen ? "down" : "right"} size={12} />
      </button>
      {isOpen && (
        <div className="fb-frame-body">
          <Group justify="space-between">
            <Text size="xs" c="dimmed">
              {row.text.length.toLocaleString()} characters
            </Text>
            <CopyButton label="Copy the frame as it was sent" text={() => row.text} />
          </Group>
          <LongText text={pretty(row.text)} />
        </div>
      )}
    </div>
  );
}

function passes(row: FrameRow, filter: Filter, search: string): boolean {
  if (filter !== "all" && row.kind !== filter && row.direction !== filter) return false;
  return search === "" || (row.method ?? "").toLowerCase().includes(search) || `#${String(row.id)}` === search || row.text.toLowerCase().includes(search);
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
