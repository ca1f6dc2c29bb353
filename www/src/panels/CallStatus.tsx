import { Badge, Button, Group, Progress as ProgressBar, Stack, Text } from "@mantine/core";
import type { JsonObject } from "footbridge";
import type { ReactNode } from "react";
import { CopyButton } from "../content/CopyButton";
import { ErrorBanner } from "../content/ErrorBanner";
import { Revealed } from "../content/Revealed";
import { Unshowable } from "../content/Unshowable";
import { useElapsed } from "./Starting";
import { duration } from "./time";
import type { Call, Progress } from "./useCall";

/** How a call goes, and its result once it is there. */
export function CallStatus({ call, kind, onCancel, children }: { call: Call; kind: "tool" | "resource" | "prompt"; onCancel: () => void; children: (result: JsonObject) => ReactNode }) {
  switch (call.status) {
    case "running":
      return <Running startedAt={call.startedAt} progress={call.progress} onCancel={onCancel} />;
    case "cancelled":
      return (
        <Text size="sm" c="dimmed" role="status">
          Cancelled after {duration(call.duration)}.
        </Text>
      );
    case "failed":
      return <ErrorBanner error={call.error} title={`Failed after ${duration(call.duration)}`} />;
    case "answered": {
      const isError = call.result["isError"] === true;
      return (
        <Stack gap="xs" data-testid={`${kind}-result`} data-error={isError} className={isError ? "fb-result fb-result-error" : "fb-result"}>
          <Group justify="space-between">
            <Group gap="xs">
              <Text size="sm" fw={600}>
                Result
              </Text>
              {isError && (
                <Badge color="red" variant="filled" size="sm" tt="none">
                  The tool reports an error
                </Badge>
              )}
              <Text size="xs" c="dimmed">
                {duration(call.duration)}
              </Text>
            </Group>
            <CopyButton label="Copy the whole result as JSON" text={() => JSON.stringify(call.result, null, 2)} />
          </Group>
          <Unshowable key={call.duration} what="this result">
            {children(call.result)}
          </Unshowable>
        </Stack>
      );
    }
  }
}

function Running({ startedAt, progress, onCancel }: { startedAt: number; progress: Progress | null; onCancel: () => void }) {
  const seconds = useElapsed(startedAt);
  const total = progress?.total;
  const percent = progress !== null && total !== undefined && total > 0 ? Math.min(100, (progress.progress / total) * 100) : null;
  return (
    <Stack gap={6} role="status" aria-live="off">
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" className="fb-break">
          <Revealed text={progress?.message ?? "Running"} />
          {progress !== null && ` · ${progress.progress}${total === undefined ? "" : ` of ${total}`}`} · {seconds.toFixed(1)} s
        </Text>
        <Button size="compact-sm" variant="default" onClick={onCancel} data-testid="cancel-call">
          Cancel
        </Button>
      </Group>
      <ProgressBar value={percent ?? 100} animated={percent === null} striped={percent === null} aria-label="Progress of the call" data-testid="call-progress" />
    </Stack>
  );
}
