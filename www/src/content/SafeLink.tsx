import { Anchor } from "@mantine/core";
import { Revealed } from "./Revealed";
import { aroundHost, linkable, webAddress } from "./url";

/** An address a server named: a link when it is a plain http or https one, text otherwise. */
export function SafeLink({ address }: { address: string }) {
  const url = linkable(address);
  if (url === null) {
    return (
      <span className="fb-mono fb-break">
        <Revealed text={address} reading="exact" />
      </span>
    );
  }
  return (
    <Anchor className="fb-break" href={url.href} target="_blank" rel="noopener noreferrer" size="sm">
      <HostMarked url={url} />
    </Anchor>
  );
}

/** An address as the browser reads it, the host in plain letters and standing out. */
export function HostMarked({ url }: { url: URL }) {
  const [before, host, after] = aroundHost(url);
  return (
    <bdi className="fb-address">
      {before}
      <strong>{host}</strong>
      {after}
    </bdi>
  );
}

/** An address in full: how a browser reads it, and how it was written where that differs. */
export function WholeAddress({ address }: { address: string }) {
  const url = webAddress(address);
  return (
    <div className="fb-break" data-testid="whole-address">
      {url !== null && linkable(address) === null ? <HostMarked url={url} /> : <SafeLink address={address} />}
      {url !== null && url.href !== address && url.href !== `${address}/` && (
        <div className="fb-dim">
          As it was written:{" "}
          <span className="fb-mono">
            <Revealed text={address} reading="exact" />
          </span>
        </div>
      )}
    </div>
  );
}
