import { Button, Group, NativeSelect, PasswordInput, Stack, TextInput } from "@mantine/core";
import type { CatalogueInput } from "footbridge";
import { useState } from "react";
import { complaintAbout, givenInputs, initialInputs } from "../forms/inputs";
import type { InputValues } from "../forms/inputs";

interface ServerInputsProps {
  /** The server's name for people. */
  label: string;
  inputs: CatalogueInput[];
  /** What was given at the last attempt. */
  given: InputValues | undefined;
  onSubmit: (values: InputValues) => void;
  onCancel: () => void;
}

/** What a server of the catalogue asks for. The values go to the bridge with the next connect and are kept nowhere. */
export function ServerInputs({ label, inputs, given, onSubmit, onCancel }: ServerInputsProps) {
  const [values, setValues] = useState<InputValues>(() => ({ ...initialInputs(inputs), ...given }));
  const [wasTried, setTried] = useState(false);
  const complaints = inputs.map((input) => complaintAbout(input, values[input.name] ?? ""));
  return (
    <form
      noValidate
      aria-label={`What ${label} asks for`}
      data-testid="server-inputs"
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (complaints.every((complaint) => complaint === null)) onSubmit(givenInputs(inputs, values));
      }}
    >
      <Stack gap="xs">
        {inputs.map((input, index) => {
          const value = values[input.name] ?? "";
          // A field that is still empty is not wrong before the first attempt.
          const complaint = wasTried || value !== "" ? complaints[index] : null;
          return <Field key={input.name} input={input} value={value} complaint={complaint ?? null} onChange={(text) => setValues({ ...values, [input.name]: text })} />;
        })}
        <Group gap="xs" justify="flex-end">
          <Button size="sm" variant="subtle" color="gray" onClick={onCancel}>
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
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
    "data-testid": `server-input-${input.name}`,
  };
  if (input.options !== undefined) return <NativeSelect {...common} data={[{ value: "", label: input.required ? "Choose…" : "None" }, ...input.options]} />;
  if (input.secret) return <PasswordInput {...common} autoComplete="off" />;
  return <TextInput {...common} autoComplete="off" autoCapitalize="off" spellCheck={false} />;
}
