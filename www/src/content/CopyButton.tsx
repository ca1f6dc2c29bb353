import { ActionIcon } from "@mantine/core";
import { useEffect, useState } from "react";
import { Icon } from "./Icon";

/** Copies a text; built only when asked, since it may be large. */
export function CopyButton({ label, text }: { label: string; text: () => string }) {
  const [outcome, setOutcome] = useState<"copied" | "failed" | null>(null);
  useEffect(() => {
    if (outcome === null) return;
    const timer = window.setTimeout(() => setOutcome(null), 1500);
    return () => window.clearTimeout(timer);
  }, [outcome]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome("copied");
    } catch {
      setOutcome("failed");
    }
  };
  const title = outcome === "copied" ? "Copied" : outcome === "failed" ? "The browser refused to copy" : label;
  return (
    <ActionIcon variant="subtle" color={outcome === "failed" ? "red" : "gray"} size="sm" aria-label={title} title={title} onClick={() => void copy()}>
      <Icon name={outcome === "copied" ? "check" : outcome === "failed" ? "close" : "copy"} size={14} />
    </ActionIcon>
  );
}
