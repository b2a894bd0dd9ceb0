// register.html: a new account, where registration is open.

import { auth, byId, form } from "./page.js";

form(byId("register"), {
  busy: "register.busy",
  work: ({ username, password, shared }) =>
    auth.register(username.trim(), password, { shared: !!shared }),
});

// A user who came from the gate goes back to it, with the same query. Only the gate interprets it.
const gate = new URLSearchParams(location.search).has("site");
const asked = location.search + location.hash;
if (gate) byId("other").href = `./gate.html${asked}`;

const look = () => {
  if (auth.getSnapshot().status !== "signedin") return;
  location.replace(gate ? `./gate.html${asked}` : "./account.html");
};
auth.subscribe(look);
look();
