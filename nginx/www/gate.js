// gate.html: takes the login of this browser to the site that sent it here.
//
// A site's `enter` redirects here with `site`, `return` and `state` in the query. A user with a login
// is sent on without seeing the form; everybody else signs in first. The fragment belongs to the guarded
// page: browsers keep it over redirects. The page appends it to the address and does not interpret it.

import { destination } from "./destination.js";
import { auth, byId, element, pieces, signInForm, tell, text, words } from "./page.js";

const to = destination(location.search);
const host = to ? new URL(to.site).host : "";
const parts = ["going", "stop", "signin", "new"].map(byId);

/** Shows these parts of the page and no other. */
function show(...shown) {
  for (const each of parts) each.hidden = !shown.includes(each.id);
}

/** Says why it does not go on; `how` is for the administrator, `retry` tries once more. */
function stop(title, message, { how = "", retry = false, open = "" } = {}) {
  tell(byId("notice"), "");
  byId("stop-title").textContent = title;
  byId("stop-text").textContent = message;
  byId("stop-how").textContent = how;
  byId("retry").hidden = !retry;
  byId("open").hidden = !open;
  if (open) {
    byId("open").href = open;
    byId("open").textContent = text("gate.open", { host });
  }
  show("stop");
  byId("stop-title").focus();
}

/** The sign-in, in place. */
function ask(why = "") {
  if (!byId("signin").hidden) return;
  tell(byId("notice"), why);
  show("signin", "new");
  byId("username").focus();
}

let under = false; // a hand-over is under way
let refused = false; // the server has refused this login once

async function go() {
  if (under) return;
  under = true;
  tell(byId("notice"), "");
  show("going");
  try {
    const there = await auth.handOver(to);
    location.replace(there + location.hash);
    // A download leaves this page where it is.
    setTimeout(() => {
      const open = to.site + to.return + location.hash;
      stop(text("gate.going", { host }), text("gate.stuck"), { open });
    }, 10000);
  } catch (error) {
    under = false;
    fail(error);
  }
}

function fail(error) {
  const title = text("gate.stopped", { host });
  switch (error.code) {
  case "signed_out":
    look();
    return;
  case "invalid_token": // also with a renewed token: ask for one sign-in, then give up
    if (refused) stop(title, text("gate.refused", { host }));
    else ask(text("signin.ended"));
    refused = true;
    return;
  case "unknown_site":
    stop(title, text("gate.unknown_site"), { how: text("gate.unknown_site.how", { site: to.site }) });
    return;
  case "cross_site":
    stop(title, words(error));
    return;
  default:
    stop(title, words(error), { retry: true });
  }
}

function look() {
  const { status, error } = auth.getSnapshot();
  if (status === "signedin") go();
  else if (status === "signedout") ask();
  else if (error) {
    show();
    tell(byId("notice"), text("gate.waiting"));
  }
}

async function begin() {
  // Chromium may load the page before the user opens it. Nothing happens until then.
  if (document.prerendering) {
    await new Promise((shown) => document.addEventListener("prerenderingchange", shown, { once: true }));
  }
  byId("going").textContent = text("gate.going", { host });
  byId("to").replaceChildren(...pieces("gate.to", { host: element("b", {}, host) }));
  byId("register").href = `./register.html${location.search}${location.hash}`;
  byId("retry").addEventListener("click", go);
  addEventListener("online", () => { if (!byId("stop").hidden && !byId("retry").hidden) go(); });
  // From the back-forward cache: the code that it got is spent.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  signInForm(go); // nothing changes for a subscriber if the same account signs in again
  show("going");
  auth.subscribe(look); // also when another tab signs in
  await auth.ready;
  look();
}

// The headers forbid frames. If a browser ignores them, the page stays empty there.
if (window.top === window) {
  if (to) begin();
  else stop(text("gate.broken.title"), text("gate.broken"));
}
