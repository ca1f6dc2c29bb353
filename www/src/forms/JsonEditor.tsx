import { Textarea } from "@mantine/core";

interface JsonEditorProps {
  label: string;
  text: string;
  problem: string | null;
  onChange: (text: string) => void;
}

/** JSON as text, with a word on whether it can be sent. */
export function JsonEditor({ label, text, problem, onChange }: JsonEditorProps) {
  return (
    <Textarea
      label={label}
      classNames={{ input: "fb-mono" }}
      autosize
      minRows={4}
      maxRows={24}
      spellCheck={false}
      autoCapitalize="off"
      autoCorrect="off"
      value={text}
      error={problem === null ? undefined : `Not sendable: ${problem}`}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
