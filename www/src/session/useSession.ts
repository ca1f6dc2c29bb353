// How components reach the one session of the page.

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { takeTokenFromAddress } from "./bridge";
import { SessionStore } from "./store";
import type { View } from "./view";

const SessionContext = createContext<SessionStore | null>(null);

export const SessionProvider = SessionContext.Provider;

/** Creates the page's session store and keeps it for the page's life. Called once, by the app. */
export function useOwnedSession(): SessionStore {
  const [store] = useState(() => {
    return new SessionStore(takeTokenFromAddress());
  });
  useEffect(() => {
    void store.loadCatalogue();
    // A link with a fresh token, opened in this same tab, changes only the fragment.
    const onHashChange = (): void => {
      const token = takeTokenFromAddress();
      if (token !== null) void store.offerToken(token);
    };
    window.addEventListener("hashchange", onHashChange);
    return () => window.removeEventListener("hashchange", onHashChange);
  }, [store]);
  return store;
}

/** What a component may do with the session. */
export function useSession(): SessionStore {
  const store = useContext(SessionContext);
  if (store === null) throw new Error("useSession is called outside the app.");
  return store;
}

/** One part of what is known about the session; the component redraws only when that part changes. */
export function useView<T>(select: (view: View) => T): T {
  const store = useSession();
  return useSyncExternalStore(store.subscribe, () => select(store.view()));
}
