// demo.html: the flow, for a developer to watch.
//
// The page passes its own fetch to createAuth, which writes down what goes through. It never
// shows, nor keeps, a token: only whether one was sent, and whether it was another than before.

import { auth, byId, element, needsLogin, text, watch } from "./page.js";

needsLogin();

const counts = { requests: 0, refreshes: 0, retries: 0 };
const seen = new WeakMap(); // the caller's init -> how often it was sent
let faked = 0, lost = 0;

watch.fetch = async (input, init = {}) => {
  const path = new URL(input.url ?? input, location.href).pathname;
  const refresh = path.endsWith("/refresh");
  const bearer = new Headers(init.headers).has("Authorization");
  const tries = (seen.get(init.mark ?? init) ?? 0) + 1;
  seen.set(init.mark ?? init, tries);
  const note = { method: init.method ?? "GET", path, began: performance.now() };

  let response;
  counts[refresh ? "refreshes" : "requests"] += 1;
  if (tries > 1) counts.retries += 1;
  try {
    if (refresh && lost > 0) {
      lost -= 1;
      note.text = text("demo.note.lost");
      throw new TypeError("lost by the demo");
    }
    if (!refresh && bearer && tries === 1 && faked > 0) {
      faked -= 1;
      note.text = text("demo.note.fake");
      response = Response.json({ error: "invalid_token" }, { status: 401 });
    } else {
      response = await fetch(input, init);
    }
  } finally {
    log(note.method + " " + path, response, performance.now() - note.began, note.text ?? text(
      refresh ? (response?.status === 200 ? "demo.note.refresh" : "demo.note.refused")
        : tries > 1 ? "demo.note.retry" : bearer ? "demo.note.token" : "demo.note.bare"));
  }
  return response;
};

// --- the log ----------------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1, hour12: false,
});

function log(what, response, took, note) {
  const kind = !response ? (took === undefined ? "event" : "bad") : response.ok ? "good" : "bad";
  const row = element("tr", { class: kind },
    element("td", {}, clock.format(Date.now())),
    element("td", {}, element("code", {}, what)),
    element("td", {}, response ? String(response.status) : took === undefined ? "" : text("demo.failed")),
    element("td", {}, took === undefined ? "" : text("demo.ms", { ms: Math.round(took) })),
    element("td", {}, note ?? ""));
  byId("log").prepend(row);
  byId("log").querySelector("tr:nth-child(201)")?.remove();
  byId("nothing").hidden = true;
  count();
}

auth.addEventListener("signedout", ({ reason }) => log(text("demo.event.signedout", { reason })));
auth.subscribe(() => {
  const { status, error } = auth.getSnapshot();
  log(text("demo.event.change", { status: text(`status.${status}`) }), undefined, undefined, error);
});

byId("clear").addEventListener("click", () => {
  byId("log").replaceChildren();
  byId("nothing").hidden = false;
  Object.assign(counts, { requests: 0, refreshes: 0, retries: 0 });
  count();
});

// --- the token --------------------------------------------------------------------------------

let whole = 1;

function count() {
  for (const [name, value] of Object.entries(counts)) byId(name).textContent = value;
}

function tick() {
  const left = auth.remaining();
  whole = left > whole || !left ? Math.max(left, 1) : whole;
  byId("life").value = left / whole;
  byId("life").textContent = byId("remaining").textContent = left
    ? text("demo.seconds", { seconds: Math.floor(left) }) : text("demo.none");
  byId("status").textContent = text(`status.${auth.getSnapshot().status}`);
}
setInterval(tick, 250);

// --- the buttons ------------------------------------------------------------------------------

async function ask(path, init = {}) {
  try {
    const response = await auth.fetch(path, { ...init, mark: {} });
    const body = await response.text();
    let shown = body;
    try {
      const parsed = JSON.parse(body);
      for (const name of Object.keys(parsed.headers ?? {})) {
        if (/^authorization$/i.test(name)) parsed.headers[name] = "Bearer …";
      }
      shown = JSON.stringify(parsed, null, 2);
    } catch { /* a page, not JSON */ }
    byId("answer").textContent = shown;
  } catch (error) {
    byId("answer").textContent = `${error.name}: ${error.message} (${error.code})`;
  }
}

const echo = { method: "POST", headers: { "Content-Type": "text/plain" }, body: "hello" };
const buttons = {
  echo: () => ask("/api/echo", echo),
  private: () => ask("/private/"),
  public: () => ask("/public/echo"),
  ten: () => { for (let index = 0; index < 10; index += 1) ask(`/api/echo?${index}`); },
  reject: () => { faked = 10; buttons.ten(); },
  lose: () => { lost = 3; faked = 1; ask("/api/echo", echo); },
};
for (const [name, work] of Object.entries(buttons)) byId(name).addEventListener("click", work);

tick();
count();
