import { ActionIcon, Button, Group, Loader, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { ErrorBanner } from "../content/ErrorBanner";
import { Icon } from "../content/Icon";
import type { Listing } from "../session/view";
import { useView } from "../session/useSession";

interface ListFrameProps {
  noun: string;
  listing: Listing<unknown>;
  search: string;
  onSearch: (search: string) => void;
  onRefresh: () => void;
  /** How many items the search leaves. */
  found: number;
  children: ReactNode;
}

/** A searchable list a server offers, with what went wrong and the quiet word that it has changed. */
export function ListFrame({ noun, listing, search, onSearch, onRefresh, found, children }: ListFrameProps) {
  const isReady = useView((view) => view.phase === "ready");
  const plural = `${noun}s`;
  return (
    <div className="fb-listing">
      <Group gap={4} wrap="nowrap">
        <TextInput
          className="fb-grow"
          size="sm"
          type="search"
          aria-label={`Search ${plural}`}
          placeholder={`Search ${listing.items.length} ${listing.items.length === 1 ? noun : plural}`}
          leftSection={<Icon name="search" size={14} />}
          value={search}
          onChange={(event) => onSearch(event.currentTarget.value)}
        />
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Refresh ${plural}`} title={`Refresh ${plural}`} disabled={!isReady || listing.status === "loading"} onClick={onRefresh}>
          {listing.status === "loading" ? <Loader size={14} /> : <Icon name="refresh" />}
        </ActionIcon>
      </Group>
      {listing.stale && (
        <Group gap="xs" className="fb-stale" role="status">
          <span className="fb-dot" />
          <Text size="xs">The server's {plural} changed.</Text>
          <Button size="compact-xs" variant="subtle" disabled={!isReady} onClick={onRefresh}>
            Refresh
          </Button>
        </Group>
      )}
      {listing.status === "failed" && <ErrorBanner error={listing.error} title={`The ${plural} could not be listed`} />}
      {listing.malformed > 0 && (
        <Text size="xs" c="orange">
          {listing.malformed} {listing.malformed === 1 ? "item is" : "items are"} malformed and not shown.
        </Text>
      )}
      {found > 0 && children}
      {listing.status === "loaded" && found === 0 && <Text className="fb-empty">{listing.items.length === 0 ? `The server has no ${plural}.` : "Nothing matches."}</Text>}
    </div>
  );
}

/** Whether any of the texts contains every word of the search. */
export function matches(search: string, ...texts: (string | null)[]): boolean {
  const text = texts.join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
