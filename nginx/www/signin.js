// index.html: the sign-in.

import { auth, byId, signInForm, tell, text } from "./page.js";

const home = () => location.replace("./account.html");

const why = { "#ended": "signin.ended", "#left": "signin.left", "#everywhere": "signin.everywhere" };
if (location.hash in why) {
  tell(byId("notice"), text(why[location.hash]));
  history.replaceState(null, "", "./"); // told once; a reload is a new visit
}

// The example of tools/up has a guarded site beside it.
if (location.hostname === "localhost") {
  const link = byId("example").firstElementChild;
  link.href = `https://site.${location.host}/`;
  link.textContent = text("signin.example", { host: `site.${location.hostname}` });
  byId("example").hidden = false;
}

signInForm();

// Also when another tab signs in, or the login of this browser is restored.
const look = () => { if (auth.getSnapshot().status === "signedin") home(); };
auth.subscribe(look);
look();
