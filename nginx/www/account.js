// account.html: who am I, where I am signed in, device tokens, the password, and the ways out.

import { address, isOrigin } from "./destination.js";
import {
  ago, auth, byId, depart, element, form, moment, needsLogin, pieces, tell, text, words,
} from "./page.js";

needsLogin();

// --- who am I ---------------------------------------------------------------------------------

function showUser() {
  const { user } = auth.getSnapshot();
  if (!user) return;
  byId("initial").textContent = [...user.username][0].toUpperCase();
  byId("name").textContent = user.username;
  byId("account-id").textContent = user.id;
  for (const id of ["username", "again-username"]) byId(id).value = user.username; // for password managers
  byId("groups").replaceChildren(...(user.groups.length
    ? user.groups.map((group) => element("li", { class: "chip" }, group))
    : [element("li", {}, text("account.nogroups"))]));
}
auth.subscribe(showUser);

// --- the password -----------------------------------------------------------------------------

const change = byId("change");
form(change, {
  busy: "change.busy",
  where: "current",
  work: async ({ current, next }) => {
    tell(byId("changed"), "");
    await auth.password(current, next);
    change.reset();
    tell(byId("changed"), text("change.done"));
    await showSessions();
  },
});

// --- where I am signed in ---------------------------------------------------------------------

const browsers = [["Edge", /\bEdg/], ["Opera", /\bOPR\//], ["Firefox", /\b(Firefox|FxiOS)\//],
  ["Chrome", /\b(Headless)?Chrom(e|ium)\/|\bCriOS\//], ["Safari", /\bSafari\//], ["curl", /^curl\//]];
const systems = [["iPhone", /iPhone/], ["iPad", /iPad/], ["Android", /Android/], ["ChromeOS", /CrOS/],
  ["Windows", /Windows/], ["macOS", /Mac OS X/], ["Linux", /Linux/]];

/** "Firefox on Linux", as well as the User-Agent tells. */
function device(agent) {
  const named = (list) => list.find(([, pattern]) => pattern.test(agent))?.[0];
  const [browser, system] = [named(browsers), named(systems)];
  if (browser && system) return text("sessions.device", { browser, system });
  return browser ?? system ?? (agent.slice(0, 40) || text("sessions.unknown"));
}

const list = byId("sessions");

async function showSessions() {
  let sessions;
  try {
    sessions = await auth.sessions();
  } catch (error) {
    if (error.code !== "signed_out") tell(byId("sessions-problem"), words(error));
    return;
  }
  tell(byId("sessions-problem"), "");
  shared = endsSoon(sessions.find(({ current }) => current));
  sessions.sort((a, b) => b.current - a.current || b.last_used_at - a.last_used_at);
  list.replaceChildren(...sessions.map(line));
}

function line(session) {
  const name = device(session.user_agent ?? "");
  const used = ago(Math.min(0, session.last_used_at - Date.now() / 1000));
  const made = element("li", { class: "session", "data-id": session.id });
  const title = element("p", { class: "device", title: session.user_agent ?? "" }, name);
  if (session.current) title.append(" ", element("span", { class: "chip here" }, text("sessions.current")));
  made.append(element("div", {}, title,
    element("p", { class: "detail" },
      ...pieces("sessions.used", { when: moment(session.last_used_at) }), " · ",
      ...pieces("sessions.since", { when: moment(session.created_at) }), " · ",
      session.address || text("sessions.noaddress"))));
  if (!session.current) {
    const end = element("button", {
      type: "button", class: "quiet",
      "aria-label": text("sessions.end.label", { device: name, when: used }),
    }, text("sessions.end"));
    end.addEventListener("click", () => endSession(session.id, name, made));
    made.append(end);
  }
  return made;
}

async function endSession(id, name, made) {
  const said = byId("sessions-said");
  try {
    await auth.endSession(id);
    tell(said, text("sessions.ended", { device: name }));
  } catch (error) {
    if (error.code !== "not_found") {
      tell(byId("sessions-problem"), words(error));
      return;
    }
    tell(said, text("sessions.gone"));
  }
  tell(byId("sessions-problem"), "");
  remove(made, byId("sessions-title"));
}

/** Takes a line away. The focus goes to the next button, or to the heading: never to nowhere. */
function remove(made, heading) {
  const buttons = [...made.parentElement.querySelectorAll("button")];
  const at = buttons.indexOf(made.querySelector("button"));
  (buttons[at + 1] ?? buttons[at - 1] ?? heading).focus();
  made.remove();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && auth.getSnapshot().status === "signedin") showAll();
});

// --- device tokens ----------------------------------------------------------------------------

const devices = byId("devices");

async function showDevices() {
  let found;
  try {
    found = (await auth.request("/devices", undefined, "GET")).devices;
  } catch (error) {
    // The route is not mounted: the section stays hidden.
    if (["signed_out", "not_found", "method_not_allowed"].includes(error.code)) return;
    byId("devices-card").hidden = false;
    tell(byId("devices-problem"), words(error));
    return;
  }
  tell(byId("devices-problem"), "");
  found.sort((a, b) => b.created_at - a.created_at);
  devices.replaceChildren(...found.map(deviceLine));
  if (!found.length) devices.append(element("li", { class: "detail" }, text("devices.none")));
  byId("devices-card").hidden = false;
}

/** When a token was last used; the server stores it to the hour. */
function lastUse(seconds) {
  if (!seconds) return [text("devices.unused")];
  const lately = Date.now() / 1000 - seconds < 3600;
  return pieces("devices.used", { when: lately ? text("devices.lately") : moment(seconds) });
}

function lifeOf(seconds) {
  if (!seconds) return text("devices.endless");
  return text("devices.ends", { when: ago(seconds - Date.now() / 1000) });
}

function deviceLine(device) {
  const { id, name, sites } = device;
  const end = element("button", {
    type: "button", class: "quiet", "aria-label": text("devices.end.label", { name }),
  }, text("devices.end"));
  const detail = element("p", { class: "detail" }, ...lastUse(device.last_used_at), " · ",
    sites ? sites.map((site) => address(site)?.host ?? site).join(", ") : text("devices.every"), " · ",
    ...(device.read_only ? [text("devices.readonly"), " · "] : []), lifeOf(device.expires_at));
  const made = element("li", { class: "session", "data-id": id },
    element("div", {}, element("p", { class: "device" }, name), detail), end);
  end.addEventListener("click", () => endDevice(id, name, made));
  return made;
}

async function endDevice(id, name, made) {
  const said = byId("devices-said");
  try {
    await auth.request(`/devices/${encodeURIComponent(id)}`, undefined, "DELETE");
    tell(said, text("devices.ended", { name }));
  } catch (error) {
    if (error.code !== "not_found") {
      tell(byId("devices-problem"), words(error));
      return;
    }
    tell(said, text("devices.gone"));
  }
  tell(byId("devices-problem"), "");
  remove(made, byId("devices-title"));
  if (!devices.children.length) await showDevices();
}

/** The origins in a text, null if there are none; throws an error with the code `sites`. */
function sitesIn(typed) {
  const sites = typed.split(/[\s,]+/).filter(Boolean).map((site) => site.replace(/\/$/, ""));
  for (const site of sites) {
    if (!isOrigin(site)) throw Object.assign(new Error(), { code: "sites", site });
  }
  return sites.length ? [...new Set(sites)] : null;
}

form(byId("device"), {
  busy: "devices.busy",
  work: async ({ name, sites, life, readonly }) => {
    forget();
    tell(byId("devices-said"), "");
    if (!name.trim()) throw Object.assign(new Error(), { code: "missing.name" });
    const wanted = {
      name: name.trim(), sites: sitesIn(sites), read_only: !!readonly,
      expires_in: life ? Number(life) * 86400 : null,
    };
    const make = () => auth.request("/devices", wanted);
    let made;
    try {
      made = await make();
    } catch (error) {
      // The login is older than the server allows: ask for the password once.
      if (error.code !== "login_required") throw error;
      if (!await signInAgain()) return;
      made = await make();
    }
    byId("device").reset();
    byId("new-device").open = false;
    showToken(made.token);
    await Promise.all([showDevices(), showSessions()]);
  },
});

/** Shows a new token until the user has taken it or leaves the page. */
function showToken(token) {
  byId("made-text").textContent = text("devices.made.text", { name: auth.getSnapshot().user.username });
  byId("made-token").textContent = token;
  byId("made").hidden = false;
  byId("made-copy").focus();
}

function forget() {
  byId("made-token").textContent = "";
  byId("made").hidden = true;
}

byId("made-done").addEventListener("click", () => {
  forget();
  tell(byId("devices-said"), "");
  byId("devices-title").focus();
});
byId("made-copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(byId("made-token").textContent);
    tell(byId("devices-said"), text("devices.copied"));
  } catch {
    getSelection().selectAllChildren(byId("made-token"));
    tell(byId("devices-said"), text("devices.uncopied"));
  }
});
addEventListener("pagehide", forget); // the back-forward cache must not keep it

// --- the password once more -------------------------------------------------------------------

// A new login on a shared computer must not last longer than the old one, but no route tells whether the
// computer is shared. The end of the session does: unless the session is used, it is minutes away on a
// shared computer and days away on any other. Until the page knows it, it assumes a shared computer.
let shared = true;
const endsSoon = (session) => !session || session.expires_at - Date.now() / 1000 < 3600;

const again = byId("again");
let answered = () => {};

/** Asks for the password and signs in as the same account; resolves to whether that was done. */
function signInAgain() {
  again.showModal();
  return new Promise((done) => { answered = done; });
}

form(byId("again-form"), {
  busy: "again.busy",
  where: "again",
  work: async ({ password }) => {
    await auth.login(auth.getSnapshot().user.username, password, { shared });
    answered(true);
    again.close();
  },
});
byId("again-cancel").addEventListener("click", () => again.close());
again.addEventListener("close", () => {
  answered(false); // no effect after answered(true)
  byId("again-form").reset();
  tell(byId("again-problem"), "");
  byId("again-password").removeAttribute("aria-invalid");
});

// --- the ways out -----------------------------------------------------------------------------

const ask = byId("ask");
byId("everywhere").addEventListener("click", () => ask.showModal());
byId("ask-cancel").addEventListener("click", () => ask.close());
byId("ask-confirm").addEventListener("click", () => {
  ask.close();
  depart(() => auth.revoke(), "everywhere");
});

const showAll = () => Promise.all([showSessions(), showDevices()]);

await auth.ready;
showUser();
if (auth.getSnapshot().status === "signedin") await showAll();
