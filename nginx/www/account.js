// account.html: who am I, the password, where I am signed in, and the ways out.

import { ago, auth, byId, depart, element, form, moment, needsLogin, tell, text, words } from "./page.js";

needsLogin();

// --- who am I ---------------------------------------------------------------------------------

function showUser() {
  const { user } = auth.getSnapshot();
  if (!user) return;
  byId("initial").textContent = [...user.username][0].toUpperCase();
  byId("name").textContent = user.username;
  byId("account-id").textContent = user.id;
  byId("username").value = user.username; // for password managers
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
  sessions.sort((a, b) => b.current - a.current || b.last_used_at - a.last_used_at);
  list.replaceChildren(...sessions.map(line));
}

function line(session) {
  const name = device(session.user_agent ?? "");
  const used = ago(Math.min(0, session.last_used_at - Date.now() / 1000));
  const made = element("li", { class: "session", "data-id": session.id });
  const title = element("p", { class: "device", title: session.user_agent ?? "" }, name);
  if (session.current) title.append(" ", element("span", { class: "chip here" }, text("sessions.current")));
  const [before, after] = text("sessions.used", { when: "\n" }).split("\n");
  const [since, rest] = text("sessions.since", { when: "\n" }).split("\n");
  made.append(element("div", {}, title,
    element("p", { class: "detail" },
      before, moment(session.last_used_at), after, " · ",
      since, moment(session.created_at), rest, " · ",
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
  // The focus goes to the next button, or to the heading: never to nowhere.
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(made.querySelector("button"));
  (buttons[at + 1] ?? buttons[at - 1] ?? byId("sessions-title")).focus();
  made.remove();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && auth.getSnapshot().status === "signedin") showSessions();
});

// --- the ways out -----------------------------------------------------------------------------

const ask = byId("ask");
byId("everywhere").addEventListener("click", () => ask.showModal());
byId("ask-cancel").addEventListener("click", () => ask.close());
byId("ask-confirm").addEventListener("click", () => {
  ask.close();
  depart(() => auth.revoke(), "everywhere");
});

await auth.ready;
showUser();
if (auth.getSnapshot().status === "signedin") await showSessions();
