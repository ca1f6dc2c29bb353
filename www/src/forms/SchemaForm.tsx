import { Alert } from "@mantine/core";
// The package's index also pulls in its test registry, and with that Ajv.
import Form from "@rjsf/core/lib/components/Form.js";
import type { RJSFSchema } from "@rjsf/utils";
import type { JsonObject } from "footbridge";
import { Component, useMemo } from "react";
import type { ReactNode } from "react";
import { forForm } from "./schema";
import { templates } from "./templates";
import { validator } from "./validator";
import type { FormValue } from "./validator";
import { widgets } from "./widgets";

/** Defaults are in the value already; filling them in again would undo what a person deleted from the JSON. */
const NO_DEFAULTS = {
  emptyObjectFields: "skipDefaults",
  arrayMinItems: { populate: "never" },
  constAsDefaults: "never",
} as const;

interface SchemaFormProps {
  schema: JsonObject;
  value: JsonObject;
  /** Distinguishes the fields of several forms on one page. */
  idPrefix: string;
  /** Marks the fields the schema complains about; off until the first attempt to send. */
  showErrors: boolean;
  onChange: (value: JsonObject) => void;
}

/** A form made from a JSON Schema. */
export function SchemaForm({ schema, value, idPrefix, showErrors, onChange }: SchemaFormProps) {
  const shown = useMemo(() => forForm(schema) as RJSFSchema, [schema]);
  return (
    <Unreadable key={idPrefix}>
      <Form<FormValue, RJSFSchema>
        tagName="div"
        idPrefix={idPrefix}
        schema={shown}
        formData={value}
        validator={validator}
        widgets={widgets}
        templates={templates}
        noHtml5Validate
        noValidate={!showErrors}
        liveValidate={showErrors ? "onChange" : undefined}
        showErrorList={false}
        experimental_defaultFormStateBehavior={NO_DEFAULTS}
        onChange={({ formData }) => onChange((formData ?? {}) as JsonObject)}
      >
        <></>
      </Form>
    </Unreadable>
  );
}

/** A schema the form library throws on must not take the page down. */
class Unreadable extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Alert color="yellow" variant="light">
        No form can be made from this schema. Fill in the JSON instead.
      </Alert>
    );
  }
}
