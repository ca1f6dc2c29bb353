import { Button } from "@mantine/core";
import { useState } from "react";
import { Revealed } from "./Revealed";

const FIRST_CHARACTERS = 20_000;

/** Text as it came, what cannot be seen in it named; the first part of it when it is very long. */
export function LongText({ text, mono = true }: { text: string; mono?: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const isCut = !isWhole && text.length > FIRST_CHARACTERS;
  return (
    <>
      <pre className={mono ? "fb-pre fb-mono" : "fb-pre"} tabIndex={0}>
        <Revealed text={isCut ? text.slice(0, FIRST_CHARACTERS) : text} />
      </pre>
      {isCut && (
        <Button variant="subtle" size="compact-xs" onClick={() => setWhole(true)}>
          Show all {text.length.toLocaleString()} characters
        </Button>
      )}
    </>
  );
}
