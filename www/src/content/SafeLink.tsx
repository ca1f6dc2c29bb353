import { Anchor } from "@mantine/core";
import { linkable } from "./url";

/** An address a server named: a link when it is http or https, plain text otherwise. */
export function SafeLink({ address }: { address: string }) {
  const url = linkable(address);
  if (url === null) return <span className="fb-mono fb-break">{address}</span>;
  return (
    <Anchor className="fb-break" href={url.href} target="_blank" rel="noopener noreferrer" size="sm">
      {address}
    </Anchor>
  );
}
