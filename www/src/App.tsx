import { useState } from "react";
import { Connect } from "./panels/Connect";
import { Consent } from "./panels/Consent";
import { Header } from "./panels/Header";
import { EMPTY_DRAFT } from "./panels/OwnServer";
import { Starting } from "./panels/Starting";
import { Workspace } from "./panels/Workspace";
import { SessionProvider, useOwnedSession, useView } from "./session/useSession";

export function App() {
  const session = useOwnedSession();
  return (
    <SessionProvider value={session}>
      <Header />
      <Body />
      <Consent />
    </SessionProvider>
  );
}

function Body() {
  const phase = useView((view) => view.phase);
  const hasServer = useView((view) => view.server !== null);
  const target = useView((view) => view.target);
  // Kept here, so that a failed attempt does not cost what was typed.
  const [own, setOwn] = useState(EMPTY_DRAFT);
  const choice = <Connect own={own} onOwn={setOwn} />;
  switch (phase) {
    case "idle":
      return choice;
    case "connecting":
    case "starting":
      return <Starting />;
    case "ready":
    case "detached":
    case "closed":
      return hasServer ? <Workspace key={target?.label} /> : choice;
  }
}
