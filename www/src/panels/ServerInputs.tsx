import { Button, Group, NativeSelect, PasswordInput, Stack, TextInput } from "@mantine/core";
import type { CatalogueInput } from "footbridge";
import { useEffect, useRef, useState } from "react";
import { complaintAbout, givenInputs, initialInputs } from "../forms/inputs";
import type { InputValues } from "../forms/inputs";

interface ServerInputsProps {
  /** The server's name for people. */
  label: string;
  inputs: CatalogueInput[];
  /** What was given at the last attempt. */
  given: InputValues | undefined;
  /** What the bridge said of one of them. */
  refusal: { name: string; complaint: string } | null;
  /** Takes the keyboard to the first field. */
  focus: boolean;
  onSubmit: (values: InputValues) => void;
  onCancel: () => void;
}

/** What a server of the catalogue asks for. The values go to the bridge with the next connect and are kept nowhere. */
export function ServerInputs({ label, inputs, given, refusal, focus, onSubmit, onCancel }: ServerInputsProps) {
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState<InputValues>(() => ({ ...initialInputs(inputs), ...given }));
  const [wasTried, setTried] = useState(false);
  const complaints = inputs.map((input) => complaintAbout(input, values[input.name] ?? ""));
  const fields = (): NodeListOf<HTMLElement> | undefined => form.current?.querySelectorAll("input, select");
  useEffect(() => {
    if (focus) fields()?.[0]?.focus();
  }, [focus]);
  return (
    <form
      ref={form}
      noValidate
      aria-label={`What ${label} asks for`}
      data-testid="server-inputs"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        const wrong = complaints.findIndex((complaint) => complaint !== null);
        if (wrong === -1) onSubmit(givenInputs(inputs, values));
        else fields()?.[wrong]?.focus();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onCancel();
      }}
    >
      <Stack gap="xs">
        {inputs.map((input, index) => {
          const value = values[input.name] ?? "";
          // A field that is still empty is not wrong before the first attempt.
          const own = wasTried || value !== "" ? complaints[index] : null;
          const isRefused = refusal?.name === input.name && value === (given?.[input.name] ?? "");
          return <Field key={input.name} input={input} value={value} complaint={own ?? (isRefused ? refusal.complaint : null)} onChange={(text) => setValues({ ...values, [input.name]: text })} />;
        })}
        <Group gap="xs" justify="flex-end">
          <Button size="sm" variant="subtle" color="gray" onClick={onCancel} data-testid="server-inputs-cancel">
            Cancel
          </Button>
          <Button size="sm" type="submit" data-testid="server-inputs-submit">
            Connect
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Field({ input, value, complaint, onChange }: { input: CatalogueInput; value: string; complaint: string | null; onChange: (text: string) => void }) {
  const common = {
    label: input.title ?? input.name,
    description: input.description,
    required: input.required,
    error: complaint,
    value,
    // No name: a form that the page's script does not handle would write it into the address.
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
    "data-testid": `server-input-${input.name}`,
  };
  if (input.options !== undefined) return <NativeSelect {...common} data={[...emptyChoice(input), ...input.options]} />;
  if (input.secret) return <PasswordInput {...common} autoComplete="off" />;
  return <TextInput {...common} placeholder={input.default} autoComplete="off" autoCapitalize="off" spellCheck={false} />;
}

/** An empty field has the default, so there is no such choice where a default is known. */
function emptyChoice({ required, default: shown }: CatalogueInput): { value: string; label: string }[] {
  return shown === undefined ? [{ value: "", label: required ? "Choose…" : "Leave empty" }] : [];
}
