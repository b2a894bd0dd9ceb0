// React 18 or later: the state of the login in any component.
import { createElement as h, useSyncExternalStore } from "react";
import { createAuth } from "../tallystick.js";

export const auth = createAuth();
export const useAuth = () =>
  useSyncExternalStore(auth.subscribe, auth.getSnapshot, auth.getSnapshot);

export function Account() {
  const { status, user, error } = useAuth();
  if (status === "unknown") return h("p", null, error ? "Trying to reach the server…" : "One moment…");
  if (status === "signedout") return h("a", { href: "/" }, "Sign in");
  return h("p", null, `Signed in as ${user.username} `,
    h("button", { onClick: () => auth.logout() }, "Sign out"));
}
