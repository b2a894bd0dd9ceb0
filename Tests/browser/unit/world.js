// A world for the module under test: one clock, one cookie jar and server, several tabs.
//
// Nothing here sleeps: `clock.advance` runs the timers that fall due, in order. The server keeps
// the contract's rules as far as the module can see them: a token is valid or it is not, a
// refresh renews it while the cookie's session lives, sign-out ends the session.

import { createAuth } from "../../../nginx/www/tallystick.js";

const turn = () => new Promise((done) => setImmediate(done));

/** Lets everything that waits for nothing but promises finish. */
export async function settle() {
  for (let turns = 0; turns < 12; turns += 1) await turn();
}

export class Clock {
  time = 0;
  #timers = new Map();
  #last = 0;

  setTimeout = (work, delay = 0, ...given) => {
    this.#last += 1;
    this.#timers.set(this.#last, { at: this.time + Math.max(0, delay), work: () => work(...given) });
    return this.#last;
  };

  clearTimeout = (id) => { this.#timers.delete(id); };

  /** Lets `ms` milliseconds pass. */
  async advance(ms) {
    const end = this.time + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end)
        .sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].work();
      await settle();
    }
    this.time = end;
  }
}

export const json = (status, body, headers = {}) =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status, headers: { "Content-Type": "application/json", ...headers },
  });
export const refusal = (status, error, headers) =>
  json(status, { error, error_description: `About ${error}.` }, headers);

/** The auth routes and one API, behind a fetch. */
export class Server {
  /** Every request: {tab, method, path, origin, init, bearer, body}. */
  requests = [];
  /** Path -> a function that answers instead of the server, or undefined to leave it to it. */
  instead = {};
  expiresIn = 900;
  user = { id: "a".repeat(26), username: "ann", groups: ["staff"] };
  /** The jar's cookie: the session it belongs to, or null. */
  cookie = null;
  #sessions = new Map(); // to the name of its account
  #tokens = new Map();
  #count = 0;

  constructor(clock) { this.clock = clock; }

  signIn(name = this.user.username) {
    this.#count += 1;
    this.cookie = `session-${this.#count}`;
    this.#sessions.set(this.cookie, name.toLowerCase());
  }

  #user(session) {
    const username = this.#sessions.get(session);
    return username === this.user.username ? { ...this.user }
      : { id: username.padEnd(26, "2"), username, groups: [] };
  }

  endSessions() { this.#sessions.clear(); }
  loseTokens() { this.#tokens.clear(); }
  nameOf(session) { return this.#sessions.get(session); }
  sessionOf(token) { return this.#tokens.get(token)?.session; }
  live(session) { return this.#sessions.has(session); }
  count(path) { return this.requests.filter((each) => each.path === path).length; }

  #grant() {
    this.#count += 1;
    const token = `token-${this.#count}`;
    this.#tokens.set(token, { session: this.cookie, ends: this.clock.time + this.expiresIn * 1000 });
    return json(200, {
      access_token: token, token_type: "Bearer", expires_in: this.expiresIn,
      user: this.#user(this.cookie),
    });
  }

  #bearer(bearer) {
    const found = this.#tokens.get(bearer);
    return found && found.ends > this.clock.time && this.live(found.session) ? found : null;
  }

  fetchFor(tab) {
    return async (input, init = {}) => {
      const url = new URL(input.url ?? input, "https://app.test/page");
      const headers = new Headers(init.headers ?? input.headers);
      const request = {
        tab, input, init, path: url.pathname, origin: url.origin, headers,
        method: init.method ?? input.method ?? "GET",
        bearer: headers.get("Authorization")?.replace("Bearer ", "") ?? "",
        body: init.body ?? (input.body ? await input.text() : undefined),
      };
      this.requests.push(request);
      (init.signal ?? input.signal)?.throwIfAborted();
      const replaced = this.instead[url.pathname]?.(request);
      return (await replaced) ?? this.answer(request);
    };
  }

  /** What the server says if nothing is instead. */
  answer({ path, bearer, body, method, init: { credentials } }) {
    const known = this.#bearer(bearer);
    switch (path) {
    case "/auth/refresh":
      return this.live(this.cookie) ? this.#grant() : refusal(401, "invalid_token");
    case "/auth/login":
      if (JSON.parse(body).password !== "right") return refusal(401, "invalid_credentials");
      this.signIn(JSON.parse(body).username);
      return this.#grant();
    case "/auth/register":
      this.signIn(JSON.parse(body).username);
      return this.#grant();
    case "/auth/logout":
      this.#sessions.delete(this.#tokens.get(bearer)?.session);
      if (credentials !== "omit") this.cookie = null;
      return json(204);
    case "/auth/password":
      if (!known) return refusal(401, "invalid_token");
      if (JSON.parse(body).current_password !== "right") {
        return refusal(401, "invalid_credentials");
      }
      this.endSessions();
      this.signIn();
      return this.#grant();
    case "/auth/handover":
      if (!known) return refusal(401, "invalid_token");
      return json(200, { location: `${JSON.parse(body).site}/tallystick/land?code=c&return=%2F` });
    case "/auth/revoke":
      if (!known) return refusal(401, "invalid_token");
      this.endSessions();
      this.cookie = null;
      return json(204);
    case "/auth/me":
      return known ? json(200, { ...this.#user(known.session), session: known.session })
        : refusal(401, "invalid_token");
    case "/auth/sessions":
      return known ? json(200, { sessions: [{ id: known.session, current: true }] })
        : refusal(401, "invalid_token");
    default:
      if (path.startsWith("/auth/sessions/")) {
        return known ? json(method === "DELETE" ? 204 : 405) : refusal(401, "invalid_token");
      }
      if (path.startsWith("/public/")) return json(200, { path });
      return known ? json(200, { path, body: String(body) }) : refusal(401, "invalid_token");
    }
  }
}

/** The browser's locks: each name has one holder at a time, in the order of the requests. */
class Locks {
  #queues = new Map();

  request = async (name, { signal }, work) => {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const held = later();
    this.#queues.set(name, before.then(() => held.promise));
    try {
      await new Promise((resolve, reject) => {
        before.then(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      return await work();
    } finally {
      held.resolve();
    }
  };
}

/** One browser: a clock, a server, and tabs that share a channel and locks. */
export class Browser {
  clock = new Clock();
  server = new Server(this.clock);
  channels = new Map();
  locks = new Locks();
  tabs = [];

  /** Opens a tab; its document can be hidden, its channel or its locks be missing. */
  open({
    channel = true, locks = false, hidden = false, baseURI = "https://app.test/page", options = {},
  } = {}) {
    const { clock, channels } = this;
    const document = Object.assign(new EventTarget(), { hidden, baseURI });
    const window = Object.assign(new EventTarget(), {
      document,
      location: { href: "https://app.test/page" },
      performance: { now: () => clock.time },
      setTimeout: clock.setTimeout,
      clearTimeout: clock.clearTimeout,
      navigator: locks ? { locks: this.locks } : {},
    });
    if (channel) {
      window.BroadcastChannel = class {
        constructor(name) {
          this.name = name;
          if (!channels.has(name)) channels.set(name, new Set());
          channels.get(name).add(this);
        }
        postMessage(data) {
          for (const other of channels.get(this.name)) {
            if (other !== this) {
              setImmediate(() => { other.onmessage?.({ data: structuredClone(data) }); });
            }
          }
        }
        close() { channels.get(this.name).delete(this); }
      };
    }
    const tab = { window, document, events: [], changes: 0, number: this.tabs.length };
    tab.fetch = this.server.fetchFor(tab);
    tab.auth = createAuth({ fetch: tab.fetch, window, ...options });
    tab.auth.addEventListener("signedout", (event) => { tab.events.push(event.reason); });
    tab.auth.subscribe(() => { tab.changes += 1; });
    tab.show = (shown) => {
      document.hidden = !shown;
      document.dispatchEvent(new Event("visibilitychange"));
    };
    this.tabs.push(tab);
    return tab;
  }

  /** A tab whose login has been restored; the requests of that are forgotten. */
  async signedIn(how) {
    if (!this.server.cookie) this.server.signIn();
    const tab = this.open(how);
    await this.clock.advance(100);
    await tab.auth.ready;
    this.server.requests = [];
    return tab;
  }
}

/** A promise to be settled by hand. */
export function later() {
  const it = {};
  it.promise = new Promise((resolve, reject) => { Object.assign(it, { resolve, reject }); });
  return it;
}

/** What became of a promise so far. */
export function outcome(promise) {
  const seen = { state: "pending" };
  promise.then(
    (value) => { Object.assign(seen, { state: "resolved", value }); },
    (error) => { Object.assign(seen, { state: "rejected", error }); });
  return seen;
}
