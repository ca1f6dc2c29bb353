import { Button } from "@mantine/core";
import { Icon } from "../content/Icon";

/** Back to the list, where the screen has room for one of the two. */
export function BackButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <div className="fb-back">
      <Button variant="subtle" color="gray" size="compact-sm" leftSection={<Icon name="back" size={14} />} onClick={onClick}>
        {label}
      </Button>
    </div>
  );
}
