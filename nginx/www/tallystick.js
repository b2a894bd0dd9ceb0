// tallystick, the browser half: no storage, the access token lives in a closure.
// What each call gives and throws: tallystick.d.ts. How the parts work together: README.md.

const PATIENCE = 3000; // ms to wait for a silent tab's lock, or for the next try
const LIMIT = 30000; // ms until an answer counts as lost
const ignore = () => {};
const clock = (window) => () => window.performance.now(); // monotonic

export class AuthError extends Error {
  constructor(code, message, status = 0, retryAfter = 0) {
    super(message || code);
    Object.assign(this, { name: new.target.name, code, status, retryAfter });
  }
}

export class SignedOut extends AuthError {
  constructor() { super("signed_out", "You are signed out."); }
}

// ---- Requests to the routes

// keepalive, no abort signal: the new cookie must be stored, even if the tab closes. No redirects:
// a password stays here.
const createCall = (window, fetch, base) => async (
  path, bearer, body, method = "POST", credentials = "include",
) => {
  const headers = {};
  if (bearer) headers.Authorization = "Bearer " + bearer;
  if (body) headers["Content-Type"] = "application/json";
  let response, limit;
  try {
    response = await Promise.race([
      fetch(base + path, {
        method, headers, body: body && JSON.stringify(body),
        keepalive: true, credentials, redirect: "error",
      }),
      new Promise((_, lost) => { limit = window.setTimeout(lost, LIMIT); }),
    ]);
  } catch {
    throw new AuthError("network", "No answer.");
  } finally {
    window.clearTimeout(limit);
  }
  const { status } = response;
  const answer = status === 204 ? {} : await response.json().catch(ignore);
  if (response.ok && answer) return answer;
  throw new AuthError(
    answer?.error ?? (status > 499 ? "temporarily_unavailable" : "unexpected_answer"),
    answer?.error_description, status, +response.headers.get("Retry-After") || 0);
};

// ---- Between tabs

// Messages: { ask }, who has a token? (also: I am at work); { token, user, life, left, signin },
// here is one; { out }, signed out.
function createTabs(window, name, receive) {
  let channel = window.BroadcastChannel && new window.BroadcastChannel(name);
  channel?.unref?.(); // Node
  if (channel) channel.onmessage = ({ data }) => receive(data);
  return {
    exist: !!channel,
    post(message) { channel?.postMessage(message); },
    close() { channel?.close(); channel = null; },
  };
}

// ---- Turns

// Of two refreshes at once, the slower can put an old cookie back. So whatever changes the cookie
// waits for its turn: in this tab in `line`, among the tabs for a lock.
function createTurns(window, name, tabs) {
  const now = clock(window);
  let line = Promise.resolve(); // the end of this tab's own queue
  let heard; // when a tab at work was last heard

  // `lacking` says whether the work is still needed.
  function take(work, lacking = () => true) {
    const run = async () => {
      const waiting = new AbortController();
      let pulse, working;
      heard = now();
      // Who waits gives up when another tab has brought what it lacks, or when nobody is heard: a
      // frozen tab keeps its lock.
      const beat = () => {
        if (working) tabs.post({ ask: true });
        else if (!lacking() || now() - heard >= PATIENCE) waiting.abort();
        pulse = window.setTimeout(beat, 1000);
      };
      const go = () => (working = true, work());
      beat();
      try {
        return await window.navigator.locks.request(name, { signal: waiting.signal }, go);
      } catch (error) {
        if (working) throw error; // the work's own
        return await go(); // no Web Locks, or given up
      } finally {
        window.clearTimeout(pulse);
      }
    };
    const done = line.then(run);
    line = done.then(ignore, ignore);
    return done;
  }

  return {
    take,
    hear() { heard = now(); },
    after(done) { line = Promise.allSettled([line, done]); },
  };
}

// ---- The session: its token, renewal, sign-out and epochs

// A sign-out and a sign-in as another user begin a new epoch. What was asked in an older one
// (`mine`) is thrown away.
function createSession(window, name, call, emit) {
  const { document } = window;
  let token = "", life = 0, ends = 0; // the access token, its whole life in s, its end in ms
  let owner = false; // this tab fetched the token, so it answers who asks
  let epoch = 0;
  let parting = ""; // the token of a sign-out that the server has not confirmed
  let flight, timer; // the refresh under way; the next renewal
  let fails = 0, notBefore = 0, failure; // back-off
  let taken = ignore; // called when a token comes
  const held = new Map(); // tokens of sessions to end at a sign-in, and their users
  let snapshot = Object.freeze({ status: "unknown", user: null, error: null });

  const sleep = (ms) => new Promise((done) => window.setTimeout(done, ms));
  const now = clock(window);
  const left = () => (ends - now()) / 1000;
  const margin = () => Math.min(60, life / 5); // seconds before the end at which to renew
  const usable = (bad) => token && token !== bad && left() > margin() / 6;

  const tabs = createTabs(window, name, receive);
  const turns = createTurns(window, name, tabs);

  function show(status, user, error = null) {
    // The same user stays the same object.
    if (JSON.stringify(user) === JSON.stringify(snapshot.user)) user = snapshot.user;
    const old = snapshot;
    if (old.status === status && old.user === user && old.error === error) return;
    snapshot = Object.freeze({ status, user, error });
    emit("change");
  }

  // -- The token: from a route (grant), or from another tab (receive)

  async function grant(path, body, bearer) {
    const mine = epoch, had = token, start = now();
    const answer = await call(path, bearer, body);
    const { access_token, expires_in, user } = answer;
    if (!access_token || !(expires_in > 0) || !user) throw new AuthError("unexpected_answer");
    if (mine !== epoch) {
      // The late answer must not leave a session behind.
      if (snapshot.status === "signedout") call("/logout", access_token).catch(ignore);
      throw new SignedOut();
    }
    const signin = path !== "/refresh";
    if (!signin && token !== had) return; // another tab was faster
    take({ token: access_token, user, life: expires_in }, start);
    owner = true;
    tabs.post({ token, user, life, left: left(), signin });
  }

  // A sign-in. The browser's sessions end: before, if of another account, else after, when the cookies
  // are the new one's.
  async function begin(path, body) {
    const mine = epoch, own = path === "/login" && body.username.toLowerCase();
    if (token) held.set(token, snapshot.user.username);
    try {
      const { access_token, user } = await call("/refresh");
      held.set(access_token, user?.username);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    const close = (same, credentials) => Promise.all([...held].map(async ([bearer, name]) => {
      if (same !== (name === own)) return;
      await call("/logout", bearer, undefined, "POST", credentials);
      held.delete(bearer);
    }));
    const end = (delay) => close(true, "omit").catch(() => {
      window.setTimeout(end, delay, 2 * delay);
    });
    await close(false);
    if (mine !== epoch) throw new SignedOut();
    try {
      await grant(path, body);
    } catch (error) {
      if (token && !held.has(token) && mine === epoch) leave("logout");
      throw error;
    }
    await end(PATIENCE);
  }

  function receive(data) {
    const { status, user } = snapshot;
    if (data.ask) {
      turns.hear();
      if (owner && usable()) tabs.post({ token, user, life, left: left() });
    } else if (data.out) {
      leave("elsewhere", true);
    } else if (data.signin || status === "unknown"
      || (status === "signedin" && user.id === data.user.id
      && data.token !== token && data.left > left())) {
      // Signed out, it follows a sign-in, never a refresh, which may be older than the sign-out.
      take(data, now());
    }
  }

  function take(news, start) {
    if (news.user.id !== snapshot.user?.id && snapshot.user) epoch++;
    ({ token, life } = news);
    ends = start + (news.left ?? life) * 1000;
    fails = notBefore = 0;
    owner = false;
    // Spread over the tabs.
    wakeAt(ends - margin() * 1000 * (1.9 - 0.9 * Math.random()));
    show("signedin", news.user);
    taken();
  }

  // -- Renewal

  // Gives a token other than `bad`; all share one refresh.
  async function renew(bad, mine = epoch) {
    if (mine === epoch && !usable(bad)) {
      await (flight ??= refresh(bad).finally(() => { flight = null; }));
    }
    if (mine !== epoch) throw new SignedOut();
    return token;
  }

  // After a 401: the token is spent.
  function replace(used, mine) {
    if (token === used) ends = 0;
    return renew(used, mine);
  }

  // Empty if nobody is signed in.
  async function fresh() {
    await restored;
    return snapshot.status === "signedout" ? "" : usable() ? token : renew();
  }

  async function refresh(bad) {
    const mine = epoch, lacking = () => mine === epoch && !usable(bad);
    let had = token;
    while (lacking()) {
      const wait = notBefore - now();
      if (wait > PATIENCE) throw failure;
      if (wait > 0) {
        await sleep(wait);
        continue;
      }
      try {
        return await turns.take(async () => {
          if (tabs.exist && lacking()) { // a tab that has a token answers at once
            tabs.post({ ask: true });
            await Promise.race([sleep(50), new Promise((done) => { taken = done; })]);
          }
          had = token;
          if (lacking()) await grant("/refresh");
        }, lacking);
      } catch (error) {
        if (mine !== epoch || token !== had) return; // overtaken
        if (error.status === 401) {
          if (token) depart("refused").catch(ignore);
          else leave(); // a visitor
          throw new SignedOut();
        }
        const delay = Math.max(error.retryAfter * 1000, 400 * 2 ** fails++);
        notBefore = now() + Math.min(delay, 60000) * (1 + Math.random() / 2);
        failure = error;
        wakeAt(notBefore);
        show(snapshot.status, snapshot.user, error.code);
      }
    }
  }

  function wakeAt(time) {
    window.clearTimeout(timer);
    timer = window.setTimeout(wake, Math.min(Math.max(time - now(), 1000), 2e9));
    timer?.unref?.();
  }

  // Also when shown or back online: timers may be late.
  function wake(event) {
    if (event?.type === "online") notBefore = 0;
    if (snapshot.status === "signedout" || document?.hidden || left() > 2 * margin()) return;
    renew(token).catch(ignore);
  }

  // -- Signing out

  function leave(reason, told) {
    const { status } = snapshot;
    epoch++;
    token = "";
    owner = false;
    fails = notBefore = 0;
    window.clearTimeout(timer);
    if (reason && !told) tabs.post({ out: true });
    show("signedout", null);
    if (status === "signedin") emit("signedout", { reason });
  }

  function depart(reason) {
    parting = token || parting;
    const done = call("/logout", parting); // before a listener leaves the page
    turns.after(done); // a later sign-in waits for its cookie to go
    leave(reason);
    return done.then(() => { parting = ""; });
  }

  async function logout() {
    if (!token) await flight?.catch(ignore); // until a token names the session
    return depart("logout");
  }

  function dispose() {
    epoch++;
    held.clear();
    token = parting = "";
    window.clearTimeout(timer);
    tabs.close();
    for (const [at, type] of places) at?.removeEventListener?.(type, wake);
  }

  const places = [[document, "visibilitychange"], [window, "online"], [window, "pageshow"]];
  for (const [at, type] of places) at?.addEventListener?.(type, wake);
  const restored = renew().then(ignore, ignore); // not to the token: it stays

  return {
    get epoch() { return epoch; },
    getSnapshot: () => snapshot,
    ready: restored.then(() => snapshot),
    remaining: () => token ? Math.max(0, left()) : 0,
    alone: turns.take, grant, begin, fresh, replace, leave, logout, dispose,
  };
}

// ---- The caller's requests

// The caller's signal ends the wait, not the shared refresh.
const unless = (signal, promise) => !signal ? promise : Promise.race([promise,
  new Promise((_, abort) => {
    const stop = () => abort(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  })]);

const createFetch = (fetch, session, resolve, trusted) => async (input, init) => {
  const headers = new Headers(init?.headers ?? input.headers);
  if (!trusted.has(resolve(input.url ?? input).origin) || headers.has("Authorization")) {
    return fetch(input, init);
  }
  const signal = init?.signal ?? input.signal;
  const go = (target, bearer) => {
    if (bearer) headers.set("Authorization", "Bearer " + bearer);
    return fetch(target, { ...init, headers });
  };
  const used = await unless(signal, session.fresh()), mine = session.epoch;
  const second = input.clone?.() ?? input;
  const response = await go(input, used);
  // A stream is spent.
  if (response.status !== 401 || !used || init?.body?.getReader) return response;
  return go(second, await unless(signal, session.replace(used, mine)));
};

const createAttach = (session, resolve, trusted) => (axios) => {
  const { request, response } = axios.interceptors;
  const first = request.use(async (config) => {
    const ours = config.tallystick; // set by us: a second try
    const url = resolve(config.url ?? "", resolve(config.baseURL ?? ""));
    if (!trusted.has(url.origin) || (config.headers.Authorization && !ours)) return config;
    const { data } = config; // axios serialises it on the way
    const used = await session.fresh();
    if (used) config.headers.Authorization = "Bearer " + used;
    config.tallystick = { used, data, mine: session.epoch, again: !!ours };
    return config;
  });
  const retry = (settle) => async (outcome) => {
    const { status, config } = outcome.response ?? outcome;
    const ours = config?.tallystick;
    if (status !== 401 || !ours?.used || ours.again) return settle(outcome);
    await session.replace(ours.used, ours.mine);
    return axios.request({ ...config, data: ours.data });
  };
  // The first where validateStatus lets a 401 pass.
  const second = response.use(retry((it) => it), retry((error) => { throw error; }));
  return () => { request.eject(first); response.eject(second); };
};

// ---- What a page uses

export function createAuth({
  base = "/auth", origins = [], window = globalThis, fetch = (...all) => window.fetch(...all),
} = {}) {
  const page = window.location?.href ?? "http://localhost/";
  const resolve = (url, from = window.document?.baseURI ?? page) => new URL(url, from);
  // The origins to which the token may go.
  const trusted = new Set([page, base, ...origins].map((url) => resolve(url, page).origin));
  const auth = new EventTarget();
  const emit = (type, detail) => auth.dispatchEvent(Object.assign(new Event(type), detail));
  const call = createCall(window, fetch, base);
  const session = createSession(window, "tallystick " + base, call, emit);
  const { ready, getSnapshot, remaining, logout, dispose, alone, grant, begin } = session;

  const signIn = (path) => async (username, password, { shared } = {}) => {
    await alone(() => begin(path, { username, password, shared: shared || undefined }));
    return getSnapshot().user;
  };

  // A route that needs the token; without a method, one that gives tokens. A wrong current password
  // is a 401 too, but no reason to renew.
  async function request(path, body, method = "POST") {
    const used = await session.fresh(), mine = session.epoch;
    if (!used) throw new SignedOut();
    const go = (bearer) => method ? call(path, bearer, body, method)
      : alone(() => grant(path, body, bearer));
    try {
      return await go(used);
    } catch (error) {
      if (error.code !== "invalid_token") throw error;
      return go(await session.replace(used, mine));
    }
  }

  return Object.assign(auth, {
    ready, getSnapshot, remaining, logout, dispose,
    fetch: createFetch(fetch, session, resolve, trusted),
    attach: createAttach(session, resolve, trusted),
    login: signIn("/login"),
    register: signIn("/register"),
    revoke: async () => { await request("/revoke"); session.leave("logout"); },
    password: async (current_password, new_password) => {
      await request("/password", { current_password, new_password }, "");
      return getSnapshot().user;
    },
    request,
    user: () => request("/me", undefined, "GET"),
    sessions: async () => (await request("/sessions", undefined, "GET")).sessions,
    endSession: async (id) => {
      await request("/sessions/" + encodeURIComponent(id), undefined, "DELETE");
    },
    handOver: async (to) => {
      const { location } = await request("/handover", to);
      if (location?.startsWith?.(to.site + "/tallystick/land?")) return location;
      throw new AuthError("unexpected_answer");
    },
    subscribe(listener) {
      const told = () => listener();
      auth.addEventListener("change", told);
      return () => auth.removeEventListener("change", told);
    },
  });
}
