import { ActionIcon } from "@mantine/core";
import { Icon } from "../content/Icon";

export function ClearButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} title={label} onClick={onClick}>
      <Icon name="trash" size={14} />
    </ActionIcon>
  );
}
