import { Alert, Button, Code, Group, Stack, Text } from "@mantine/core";
import type { ServerParams } from "footbridge";
import { useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { Revealed } from "../content/Revealed";
import { WholeAddress } from "../content/SafeLink";
import { hasUnseen, mixedWords } from "../content/unseen";
import { cautions } from "../content/url";
import { decisiveNames } from "../session/consent";
import { useSession, useView } from "../session/useSession";

/** ms in which a click cannot have been meant for this question: it was on its way before the question stood there. */
const SETTLE = 700;

/** Asks before a command that was written out runs, or an address is reached, for the first time. */
export function Consent() {
  const target = useView((view) => view.consent);
  return target === null ? null : <Question key={JSON.stringify(target.params)} params={target.params} />;
}

function Question({ params }: { params: ServerParams }) {
  const session = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const hasSettled = useSettled();
  const isCommand = params.type === "StdioServerParams";
  useEffect(() => {
    const box = dialog.current;
    box?.showModal();
    // Neither answer has the focus, so that a key still held down gives none.
    title.current?.focus();
    return () => box?.close();
  }, []);
  const decisive = decisiveNames(params);
  return (
    <dialog
      ref={dialog}
      className="fb-consent"
      aria-labelledby="consent-title"
      aria-describedby="consent-text"
      data-testid="consent"
      onCancel={(event) => {
        event.preventDefault();
        session.refuseConsent();
      }}
      onClose={(event) => {
        if (!event.currentTarget.open) session.refuseConsent();
      }}
    >
      <Stack gap="md">
        <div>
          <h2 ref={title} id="consent-title" tabIndex={-1} className="fb-consent-title">
            {isCommand ? "Start this command?" : "Reach this address?"}
          </h2>
          <Text size="sm" c="dimmed" id="consent-text">
            {isCommand
              ? "It will run on the bridge's machine and may do there whatever the bridge may. Start it only if you know where it comes from."
              : "The bridge will connect to it from its own machine and give it the headers below. Do so only if you know whose it is."}
          </Text>
        </div>
        {isCommand ? <Command params={params} /> : <Remote params={params} />}
        <Notes params={params} />
        <Text size="xs" c="dimmed">
          {decisive.length > 0
            ? `You are asked each time, since the value of ${decisive.join(", ")} can change what runs.`
            : `You are asked once: a yes counts for exactly this ${isCommand ? "command, folder and set of variables" : "address and set of headers"}, in this browser.`}
        </Text>
        <Group gap="xs" justify="flex-end">
          <Button variant="default" onClick={() => session.refuseConsent()} data-testid="consent-refuse">
            {isCommand ? "Do not start" : "Do not connect"}
          </Button>
          <Button disabled={!hasSettled} onClick={() => void session.giveConsent()} data-testid="consent-accept">
            {isCommand ? "Start it" : "Connect to it"}
          </Button>
        </Group>
      </Stack>
    </dialog>
  );
}

/** False while what is clicked may have been meant for something else: just after showing, and after the window came back. */
function useSettled(): boolean {
  const [hasSettled, setSettled] = useState(false);
  useEffect(() => {
    let timer = window.setTimeout(() => setSettled(true), SETTLE);
    const unsettle = (): void => {
      window.clearTimeout(timer);
      setSettled(false);
      timer = window.setTimeout(() => setSettled(true), SETTLE);
    };
    window.addEventListener("focus", unsettle);
    return () => {
      window.clearTimeout(timer);
      window.removeEventListener("focus", unsettle);
    };
  }, []);
  return hasSettled;
}

function Command({ params }: { params: Extract<ServerParams, { type: "StdioServerParams" }> }) {
  const names = Object.keys(params.env ?? {});
  return (
    <dl className="fb-facts fb-consent-facts">
      <Fact name="Command">
        <ol className="fb-argv" data-testid="consent-argv">
          {[params.command, ...(params.args ?? [])].map((word, index) => (
            <li key={index}>
              <Word text={word} />
            </li>
          ))}
        </ol>
      </Fact>
      <Fact name="Folder">{params.cwd === undefined ? "the bridge's own" : <Word text={params.cwd} />}</Fact>
      <Fact name="Variables">
        <Names names={names} />
      </Fact>
    </dl>
  );
}

function Remote({ params }: { params: Exclude<ServerParams, { type: "StdioServerParams" }> }) {
  return (
    <dl className="fb-facts fb-consent-facts">
      <Fact name="Address">
        <WholeAddress address={params.url} />
      </Fact>
      <Fact name="Headers">
        <Names names={Object.keys(params.headers ?? {})} />
      </Fact>
    </dl>
  );
}

/** What is easily overlooked. */
function Notes({ params }: { params: ServerParams }) {
  const notes: string[] = [];
  if (params.type === "StdioServerParams") {
    const texts = [params.command, ...(params.args ?? []), params.cwd ?? "", ...Object.keys(params.env ?? {})];
    if (texts.some(hasUnseen)) notes.push("Characters that cannot be seen, or break lines, are named in it.");
    const mixed = texts.flatMap(mixedWords);
    if (mixed.length > 0) notes.push(`Letters of another script that look like Latin ones stand in ${mixed.slice(0, 3).join(", ")}.`);
  } else {
    notes.push(...cautions(params.url));
  }
  if (notes.length === 0) return null;
  return (
    <Alert color="yellow" variant="light" p="xs" data-testid="consent-notes">
      {notes.map((note) => (
        <Text key={note} size="sm" className="fb-break">
          {note}
        </Text>
      ))}
    </Alert>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="fb-break">{children}</dd>
    </div>
  );
}

function Names({ names }: { names: string[] }) {
  if (names.length === 0) return "none";
  return (
    <Group gap={4}>
      {names.map((name) => (
        <Word key={name} text={name} />
      ))}
      <Text size="xs" c="dimmed">
        values not shown
      </Text>
    </Group>
  );
}

function Word({ text }: { text: string }) {
  return <Code className="fb-word">{text === "" ? "''" : <Revealed text={text} reading="exact" />}</Code>;
}
