// What the pages share: the one auth object, texts, forms, and errors in words.

import { createAuth } from "./tallystick.js";
import { language, strings } from "./strings.js";

export const byId = (id) => document.getElementById(id);

/** A text of strings.js, its {names} filled in. */
export const text = (key, values = {}) =>
  strings[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

/** The same as a list for append(), in which elements can replace {names}. */
export const pieces = (key, values) =>
  strings[key].split(/\{(\w+)\}/).map((each, place) => place % 2 ? values[each] : each);

/** An element; children are elements or plain text, never markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

for (const each of document.querySelectorAll("[data-text]")) {
  each.textContent = text(each.dataset.text);
}
for (const each of document.querySelectorAll("[data-label]")) {
  each.setAttribute("aria-label", text(each.dataset.label));
}
document.documentElement.lang = language;
document.title = `${text(document.body.dataset.title)} · ${text("product")}`;

// The demo watches its requests; every other page has nothing to pass.
export const watch = { fetch: (...all) => fetch(...all) };
export const auth = createAuth({ fetch: (...all) => watch.fetch(...all) });

// --- moments ----------------------------------------------------------------------------------

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

/** "3 minutes ago", "in 20 seconds", from a difference in seconds. */
export function ago(seconds) {
  if (seconds <= 0 && seconds > -60) return text("now");
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** A <time> that reads "3 minutes ago" and tells the whole of it when pointed at. */
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  const made = element("time", { datetime: date.toISOString(), title: full.format(date) });
  made.textContent = ago(Math.min(0, seconds - Date.now() / 1000));
  return made;
}

// --- words ------------------------------------------------------------------------------------

/** What to tell the user about an error; `where` picks a closer wording if there is one. */
export function words(error, where = "") {
  const key = [`error.${error.code}.${where}`, `error.${error.code}`, "error.other"]
    .find((each) => each in strings);
  const when = ago(error.retryAfter || 60);
  return text(key, { detail: error.message, when, site: error.site });
}

/** Puts a text into a live region; an empty one hides it. */
export function tell(region, message) {
  region.textContent = message;
  region.classList.toggle("empty", !message);
}

// --- forms ------------------------------------------------------------------------------------

for (const button of document.querySelectorAll("button.reveal")) {
  const field = byId(button.getAttribute("aria-controls"));
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = text(shown ? "password.hide" : "password.show");
    button.setAttribute("aria-label", text(shown ? "password.hide.label" : "password.show.label"));
  };
  show(false);
  button.addEventListener("click", () => { show(field.type === "password"); });
  // A password manager, and a reader over the shoulder, should find a password field.
  field.form.addEventListener("submit", () => { show(false); });
}

/** Which field an error is about, so that the focus can go there. */
const fieldOf = {
  invalid_credentials: "password", username_taken: "username", invalid_username: "username",
  weak_password: "new", sites: "sites",
  "missing.name": "name",
};

/**
 * Makes a form send its values to `work`, once at a time, and tell what came of it.
 *
 * `busy` is the button's text meanwhile; `where` picks the wording of errors.
 */
export function form(it, { busy, where, work }) {
  const problem = it.querySelector("[role=alert]");
  const button = it.querySelector("[type=submit]");
  const label = button.textContent;
  const fields = [...it.querySelectorAll("input[data-about]")];

  const mark = (field, message) => {
    tell(problem, message);
    for (const each of fields) {
      each.toggleAttribute("aria-invalid", false);
      if (each === field) each.setAttribute("aria-invalid", "true");
    }
    field?.focus();
  };

  it.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    const missing = fields.find((each) => each.required && !each.value);
    if (missing) {
      mark(missing, text(missing.dataset.missing));
      return;
    }
    mark(null, "");
    // Not `disabled`: that would take the focus away.
    button.setAttribute("aria-disabled", "true");
    button.textContent = text(busy);
    try {
      await work(Object.fromEntries(new FormData(it)));
    } catch (error) {
      const about = fieldOf[error.code];
      const field = fields.find((each) => each.dataset.about?.split(" ").includes(about));
      mark(field ?? null, words(error, where));
      if (!field) button.focus();
    } finally {
      button.setAttribute("aria-disabled", "false");
      button.textContent = label;
    }
  });
}

/** The sign-in form of index.html and gate.html; calls `done` after a sign-in. */
export function signInForm(done = () => {}) {
  form(byId("signin"), {
    busy: "signin.busy",
    work: async ({ username, password, shared }) => {
      await auth.login(username.trim(), password, { shared: !!shared });
      done();
    },
  });
}

// --- pages for whoever is signed in ---------------------------------------------------------

/** Goes to the sign-in when the session ends, saying why. */
export function needsLogin() {
  const leave = (reason) => location.replace(`./${reason ? `#${reason}` : ""}`);
  const notice = byId("notice");
  auth.addEventListener("signedout", ({ reason }) => {
    if (leaving) return;
    leave(reason === "refused" ? "ended" : "left");
  });
  const look = () => {
    const { status, error } = auth.getSnapshot();
    if (status === "signedout" && !leaving) leave("");
    document.body.classList.toggle("ready", status === "signedin");
    tell(notice, error ? text("account.reconnecting") : "");
  };
  auth.subscribe(look);
  auth.ready.then(look);
  // From the back-forward cache: the session may have ended since.
  addEventListener("pageshow", (event) => {
    if (event.persisted) auth.user().catch(() => {});
  });
  byId("signout").addEventListener("click", () => depart(() => auth.logout(), "left"));
}

let leaving = false;

/** Ends the session by `work`, then goes to the sign-in; stays, and says so, if that failed. */
export async function depart(work, reason, done = () => location.replace(`./#${reason}`)) {
  const notice = byId("notice");
  leaving = true;
  try {
    await work();
  } catch (error) {
    if (error.code === "signed_out") {
      location.replace("./#ended");
      return;
    }
    const out = auth.getSnapshot().status === "signedout";
    tell(notice, out ? text("error.logout") : words(error));
    if (!out) leaving = false;
    else {
      const again = element("button", { type: "button", class: "quiet" }, text("error.retry"));
      again.addEventListener("click", () => depart(() => auth.logout(), reason, done));
      notice.append(" ", again);
      again.focus();
    }
    return;
  }
  tell(notice, "");
  done();
}
