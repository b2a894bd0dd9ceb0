// signout.html: ends the session of this browser with one click, and offers a way back.
//
// A site's /tallystick/signout redirects here. The way back is a link that names the host. The page
// cannot tell which addresses are sites, so it never follows the link by itself.

import { wayBack } from "./destination.js";
import { auth, byId, depart, element, pieces, tell, text } from "./page.js";

const url = wayBack(location.search);
if (url) {
  const back = byId("back");
  back.href = url.href;
  back.textContent = text("signout.back", { host: url.host });
  back.hidden = false;
}

function look() {
  const { status, user, error } = auth.getSnapshot();
  byId("in").hidden = status !== "signedin";
  byId("out").hidden = status !== "signedout" || leaving;
  if (user) byId("who").replaceChildren(...pieces("signout.who", { name: element("b", {}, user.username) }));
  if (!leaving) tell(byId("notice"), status === "unknown" && error ? text("account.reconnecting") : "");
}

let leaving = false; // the sign-out is under way, or the server could not be told
byId("signout").addEventListener("click", () => {
  leaving = true;
  depart(() => auth.logout(), "left", () => {
    leaving = false;
    look();
    byId("out-title").focus();
  });
});

auth.subscribe(look);
await auth.ready;
look();
