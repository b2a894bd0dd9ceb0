// register.html: a new account, where registration is open.

import { auth, byId, form } from "./page.js";

form(byId("register"), {
  busy: "register.busy",
  work: ({ username, password }) => auth.register(username.trim(), password),
});

const look = () => {
  if (auth.getSnapshot().status === "signedin") location.replace("./account.html");
};
auth.subscribe(look);
look();
