import { ActionIcon, Button, Group, Input, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useId } from "react";
import { Icon } from "../content/Icon";

export type Pair = [name: string, value: string];

/** Names with values that may be secrets: environment variables, headers. */
export function Pairs({ legend, noun, pairs, onChange }: { legend: string; noun: string; pairs: Pair[]; onChange: (pairs: Pair[]) => void }) {
  const id = useId();
  const replace = (index: number, pair: Pair): void => onChange(pairs.map((other, i) => (i === index ? pair : other)));
  return (
    <Stack gap={6} role="group" aria-labelledby={id}>
      <Input.Label id={id} component="div">
        {legend}
      </Input.Label>
      {pairs.map(([name, value], index) => (
        <Group key={index} gap="xs" wrap="nowrap">
          <TextInput className="fb-grow" aria-label={`${noun} ${index + 1} name`} placeholder="NAME" value={name} onChange={(event) => replace(index, [event.currentTarget.value, value])} />
          <PasswordInput className="fb-grow" aria-label={`${noun} ${index + 1} value`} placeholder="value" autoComplete="off" value={value} onChange={(event) => replace(index, [name, event.currentTarget.value])} />
          <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${noun} ${index + 1}`} onClick={() => onChange(pairs.filter((_, i) => i !== index))}>
            <Icon name="trash" />
          </ActionIcon>
        </Group>
      ))}
      <div>
        <Button variant="default" size="compact-sm" leftSection={<Icon name="plus" size={12} />} onClick={() => onChange([...pairs, ["", ""]])}>
          Add {noun}
        </Button>
      </div>
    </Stack>
  );
}

/** The pairs that have a name; undefined when there is none. */
export function pairsToRecord(pairs: Pair[]): Record<string, string> | undefined {
  const named = pairs.filter(([name]) => name.trim() !== "").map(([name, value]) => [name.trim(), value] as const);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
