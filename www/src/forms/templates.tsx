// The form library's frames around inputs, drawn with Mantine.

import { ActionIcon, Button, Fieldset, Group, Stack, Text, TextInput } from "@mantine/core";
import { ADDITIONAL_PROPERTY_FLAG, buttonId, canExpand } from "@rjsf/utils";
import type {
  ArrayFieldItemTemplateProps,
  ArrayFieldTemplateProps,
  FieldTemplateProps,
  IconButtonProps,
  MultiSchemaFieldTemplateProps,
  ObjectFieldTemplateProps,
  RJSFSchema,
  TemplatesType,
  UnsupportedFieldProps,
  WrapIfAdditionalTemplateProps,
} from "@rjsf/utils";
import { Icon } from "../content/Icon";
import type { IconName } from "../content/Icon";
import type { FormValue } from "./validator";
import { BaseInput } from "./widgets";

type S = RJSFSchema;

function FieldTemplate(props: FieldTemplateProps<FormValue, S>) {
  const { hidden, children, registry } = props;
  if (hidden === true) return <div hidden>{children}</div>;
  const { WrapIfAdditionalTemplate } = registry.templates;
  return <WrapIfAdditionalTemplate {...props}>{children}</WrapIfAdditionalTemplate>;
}

function WrapIfAdditional(props: WrapIfAdditionalTemplateProps<FormValue, S>) {
  const { id, label, schema, disabled, readonly, onKeyRenameBlur, onRemoveProperty, children, registry, uiSchema } = props;
  if (!(ADDITIONAL_PROPERTY_FLAG in schema)) return <div>{children}</div>;
  const { RemoveButton } = registry.templates.ButtonTemplates;
  return (
    <div className="fb-additional">
      <TextInput key={label} id={`${id}-key`} label="Name" defaultValue={label} disabled={disabled || readonly} onBlur={onKeyRenameBlur} />
      <div>{children}</div>
      <RemoveButton id={buttonId(id, "remove")} onClick={onRemoveProperty} registry={registry} uiSchema={uiSchema} disabled={disabled || readonly} />
    </div>
  );
}

function ObjectField(props: ObjectFieldTemplateProps<FormValue, S>) {
  const { title, description, properties, fieldPathId, schema, uiSchema, formData, onAddProperty, disabled, readonly, registry, optionalDataControl } = props;
  const { AddButton } = registry.templates.ButtonTemplates;
  const body = (
    <Stack gap="sm">
      {optionalDataControl}
      {properties.map((property) => (
        <div key={property.name} hidden={property.hidden}>
          {property.content}
        </div>
      ))}
      {canExpand(schema, uiSchema, formData) && <AddButton id={buttonId(fieldPathId, "add")} onClick={onAddProperty} registry={registry} uiSchema={uiSchema} disabled={disabled || readonly} />}
    </Stack>
  );
  const isRoot = fieldPathId.path.length === 0;
  return isRoot ? body : <Framed title={title} description={description} body={body} />;
}

function ArrayField(props: ArrayFieldTemplateProps<FormValue, S>) {
  const { title, items, canAdd, onAddClick, fieldPathId, schema, uiSchema, rawErrors, required, disabled, readonly, registry, optionalDataControl } = props;
  const { AddButton } = registry.templates.ButtonTemplates;
  const body = (
    <Stack gap="xs">
      {optionalDataControl}
      {items}
      {rawErrors?.map((error) => (
        <Text key={error} size="xs" c="red">
          {error}
        </Text>
      ))}
      {canAdd === true && <AddButton id={buttonId(fieldPathId, "add")} onClick={onAddClick} registry={registry} uiSchema={uiSchema} disabled={disabled || readonly} />}
    </Stack>
  );
  return <Framed title={required === true ? `${title} *` : title} description={uiSchema?.["ui:description"] ?? schema.description} body={body} />;
}

function Framed({ title, description, body }: { title: string; description: ObjectFieldTemplateProps["description"]; body: React.ReactNode }) {
  return (
    <Fieldset legend={title} p="sm">
      {description !== undefined && description !== "" && (
        <Text size="xs" c="dimmed" mb="xs" component="div">
          {description}
        </Text>
      )}
      {body}
    </Fieldset>
  );
}

function ArrayItem(props: ArrayFieldItemTemplateProps<FormValue, S>) {
  const { children, buttonsProps, hasToolbar, registry } = props;
  const { ArrayFieldItemButtonsTemplate } = registry.templates;
  return (
    <Group gap="xs" align="flex-start" wrap="nowrap">
      <div className="fb-grow">{children}</div>
      {hasToolbar && (
        <Group gap={2} wrap="nowrap" pt={4}>
          <ArrayFieldItemButtonsTemplate {...buttonsProps} />
        </Group>
      )}
    </Group>
  );
}

function MultiSchema({ selector, optionSchemaField }: MultiSchemaFieldTemplateProps<FormValue, S>) {
  return (
    <Stack gap="xs">
      {selector}
      {optionSchemaField}
    </Stack>
  );
}

function Unsupported({ fieldPathId }: UnsupportedFieldProps<FormValue, S>) {
  return (
    <Text size="sm" c="dimmed">
      {fieldPathId.path.join(".") || "This value"}: no form for this schema. Fill it in as JSON.
    </Text>
  );
}

function AddButton({ id, disabled, onClick }: IconButtonProps<FormValue, S>) {
  return (
    <div>
      <Button id={id} variant="default" size="compact-sm" leftSection={<Icon name="plus" size={12} />} disabled={disabled} onClick={onClick}>
        Add
      </Button>
    </div>
  );
}

function iconButton(icon: IconName, label: string) {
  return function IconButton({ id, disabled, onClick }: IconButtonProps<FormValue, S>) {
    return (
      <ActionIcon id={id} variant="subtle" color="gray" aria-label={label} title={label} disabled={disabled} onClick={onClick}>
        <Icon name={icon} size={14} />
      </ActionIcon>
    );
  };
}

function Nothing() {
  return null;
}

export const templates: Partial<Omit<TemplatesType<FormValue, S>, "ButtonTemplates">> & { ButtonTemplates: Partial<TemplatesType<FormValue, S>["ButtonTemplates"]> } = {
  FieldTemplate,
  WrapIfAdditionalTemplate: WrapIfAdditional,
  ObjectFieldTemplate: ObjectField,
  ArrayFieldTemplate: ArrayField,
  ArrayFieldItemTemplate: ArrayItem,
  MultiSchemaFieldTemplate: MultiSchema,
  UnsupportedFieldTemplate: Unsupported,
  BaseInputTemplate: BaseInput,
  // Inputs show their own description and errors; the library's default would insert them as a second copy.
  DescriptionFieldTemplate: Nothing,
  FieldErrorTemplate: Nothing,
  ErrorListTemplate: Nothing,
  ButtonTemplates: {
    AddButton,
    RemoveButton: iconButton("trash", "Remove"),
    MoveUpButton: iconButton("up", "Move up"),
    MoveDownButton: iconButton("down", "Move down"),
    CopyButton: iconButton("copy", "Copy item"),
    ClearButton: iconButton("close", "Clear"),
  },
};
