// The form library's inputs, drawn with Mantine. Label, description and error belong to the input itself.

import { Checkbox, Group, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { enumOptionSelectedValue, enumOptionsValueForIndex, getInputProps } from "@rjsf/utils";
import type { BaseInputTemplateProps, RegistryWidgetsType, RJSFSchema, WidgetProps } from "@rjsf/utils";
import { Revealed } from "../content/Revealed";
import type { FormValue } from "./validator";

type Props = WidgetProps<FormValue, RJSFSchema>;

function common(props: Props) {
  const { id, htmlName, label, hideLabel, required, disabled, readonly, autofocus, rawErrors, options, schema } = props;
  const description = hideLabel ? undefined : (options.description ?? schema.description);
  return {
    id,
    name: htmlName ?? id,
    label: hideLabel ? undefined : <Revealed text={label} reading="exact" />,
    "aria-label": hideLabel ? label || "Item" : undefined,
    description: typeof description === "string" && description !== "" ? <Revealed text={description} /> : undefined,
    required,
    disabled: disabled || readonly,
    autoFocus: autofocus,
    error: rawErrors !== undefined && rawErrors.length > 0 ? rawErrors.join("; ") : undefined,
  };
}

function shown(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

export function BaseInput(props: BaseInputTemplateProps<FormValue, RJSFSchema>) {
  const { schema, type, options, value, placeholder, onChange, onChangeOverride } = props;
  const input = getInputProps(schema, type, options);
  return (
    <TextInput
      {...common(props)}
      type={input.type}
      step={input.step}
      min={input.min}
      max={input.max}
      placeholder={placeholder}
      value={shown(value)}
      onChange={onChangeOverride ?? ((event) => onChange(event.currentTarget.value === "" ? options.emptyValue : event.currentTarget.value))}
    />
  );
}

/** Plain strings: one line that grows, since code, queries and letters are strings too. */
function TextWidget(props: Props) {
  const { schema, options, value, placeholder, onChange, registry } = props;
  if (schema.type !== "string" || schema.format !== undefined || options.inputType !== undefined) {
    const { BaseInputTemplate } = registry.templates;
    return <BaseInputTemplate {...props} />;
  }
  return (
    <Textarea
      {...common(props)}
      autosize
      minRows={1}
      maxRows={14}
      placeholder={placeholder}
      value={shown(value)}
      onChange={(event) => onChange(event.currentTarget.value === "" ? options.emptyValue : event.currentTarget.value)}
    />
  );
}

function CheckboxWidget(props: Props) {
  return <Checkbox {...common(props)} checked={props.value === true} onChange={(event) => props.onChange(event.currentTarget.checked)} />;
}

function SelectWidget(props: Props) {
  const { multiple, value, options, schema, required, onChange } = props;
  const choices = (options.enumOptions ?? []).map((option, index) => ({ value: String(index), label: option.label }));
  const pick = (index: string | string[]): void => onChange(enumOptionsValueForIndex(index, options.enumOptions, options.emptyValue));
  if (multiple === true) {
    const { label, description, error, required: isRequired } = common(props);
    const selected = enumOptionSelectedValue(value, options.enumOptions, true, "indexed", []);
    return (
      <Checkbox.Group label={label} description={description} error={error} required={isRequired} value={(selected as string[]).map(String)} onChange={pick}>
        <Group gap="md" mt={4}>
          {choices.map((choice) => (
            <Checkbox key={choice.value} value={choice.value} label={choice.label} />
          ))}
        </Group>
      </Checkbox.Group>
    );
  }
  const selected = enumOptionSelectedValue(value, options.enumOptions, false, "indexed", "");
  const mayBeEmpty = !required || value === undefined || schema.default === undefined;
  return (
    <NativeSelect
      {...common(props)}
      data={mayBeEmpty ? [{ value: "", label: "–" }, ...choices] : choices}
      value={shown(selected)}
      onChange={(event) => pick(event.currentTarget.value)}
    />
  );
}

export const widgets: RegistryWidgetsType<FormValue, RJSFSchema> = {
  TextWidget,
  TextareaWidget: TextWidget,
  CheckboxWidget,
  SelectWidget,
  RadioWidget: SelectWidget,
  CheckboxesWidget: SelectWidget,
  FileWidget: TextWidget,
};
