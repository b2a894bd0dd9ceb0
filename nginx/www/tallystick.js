// tallystick, the browser half: no storage, the access token lives in this closure.
// What each function gives and throws: tallystick.d.ts.

export class AuthError extends Error {
  constructor(code, message, status = 0, retryAfter = 0) {
    super(message || code);
    Object.assign(this, { name: new.target.name, code, status, retryAfter });
  }
}

export class SignedOut extends AuthError {
  constructor() { super("signed_out", "You are signed out."); }
}

export function createAuth({
  base = "/auth", origins = [], window = globalThis, fetch = (...all) => window.fetch(...all),
} = {}) {
  const { document, performance } = window;
  const page = window.location?.href ?? "http://localhost/";
  const resolve = (url, from = document?.baseURI ?? page) => new URL(url, from);
  const trusted = new Set([page, base, ...origins].map((url) => resolve(url, page).origin));
  const name = "tallystick " + base;
  const PATIENCE = 3000; // ms that one waits for a silent tab's lock, or for the next try
  const LIMIT = 30000; // ms until an answer counts as lost
  const ignore = () => {};
  const sleep = (ms) => new Promise((done) => window.setTimeout(done, ms));
  const now = () => performance.now(); // monotonic: a wrong computer clock does not matter
  const left = () => (ends - now()) / 1000;
  const margin = () => Math.min(60, life / 5); // seconds before the end at which to renew
  const usable = (bad) => token && token !== bad && left() > margin() / 6;

  let token = "", life = 0, ends = 0; // the access token, its whole life in s, its end in ms
  let parting = ""; // the token of a sign-out that the server has not confirmed
  let epoch = 0; // one sign-in; whatever was asked for in an earlier one is thrown away
  let owner = false; // this tab fetched the token, so it answers tabs that ask for one
  let fails = 0, notBefore = 0, failure; // the back-off
  let flight, timer, alive, heard = ignore, tail = Promise.resolve();
  let snapshot = Object.freeze({ status: "unknown", user: null, error: null });

  const auth = new EventTarget();
  const emit = (type, detail) => auth.dispatchEvent(Object.assign(new Event(type), detail));

  function show(status, user, error = null) {
    // The same user stays the same object: a refresh draws nothing again.
    if (JSON.stringify(user) === JSON.stringify(snapshot.user)) user = snapshot.user;
    const old = snapshot;
    if (old.status === status && old.user === user && old.error === error) return;
    snapshot = Object.freeze({ status, user, error });
    emit("change");
  }

  // Requests to the routes:

  // keepalive, no abort signal: a tab that closes still stores the cookie of a rotation. No
  // redirects: a password is not carried elsewhere.
  async function call(path, bearer, body, method = "POST") {
    const headers = {};
    if (bearer) headers.Authorization = "Bearer " + bearer;
    if (body) headers["Content-Type"] = "application/json";
    let response, limit;
    try {
      response = await Promise.race([
        fetch(base + path, {
          method, headers, body: body && JSON.stringify(body),
          keepalive: true, credentials: "include", redirect: "error",
        }),
        new Promise((_, lost) => { limit = window.setTimeout(lost, LIMIT); }),
      ]);
    } catch {
      throw new AuthError("network", "The server could not be reached.");
    } finally {
      window.clearTimeout(limit);
    }
    const { status } = response;
    const answer = status === 204 ? {} : await response.json().catch(ignore);
    if (response.ok && answer) return answer;
    throw new AuthError(
      answer?.error ?? (status > 499 ? "temporarily_unavailable" : "unexpected_answer"),
      answer?.error_description, status, +response.headers.get("Retry-After") || 0);
  }

  // What changes the cookie is done by one tab at a time: a cookie that comes after the next one
  // was used looks stolen. The holder asks every second; the others wait while they hear it.
  const alone = (work, lacking = () => true) => {
    const run = async () => {
      const turn = new AbortController();
      let pulse, ours;
      alive = now();
      const beat = () => {
        if (ours) post({ ask: true });
        else if (!lacking() || now() - alive >= PATIENCE) turn.abort();
        pulse = window.setTimeout(beat, 1000);
      };
      const go = () => (ours = true, work());
      beat();
      try {
        return await window.navigator.locks.request(name, { signal: turn.signal }, go);
      } catch (error) {
        if (ours) throw error;
        return await go();
      } finally {
        window.clearTimeout(pulse);
      }
    };
    const done = tail.then(run);
    tail = done.then(ignore, ignore);
    return done;
  };

  async function grant(path, body, bearer) {
    const mine = epoch, had = token, start = now();
    const answer = await call(path, bearer, body);
    const { access_token, expires_in, user } = answer;
    if (!access_token || !(expires_in > 0) || !user) throw new AuthError("unexpected_answer");
    if (mine !== epoch) { // signed out meanwhile: the late answer must not leave a session behind
      if (snapshot.status === "signedout") call("/logout", access_token).catch(ignore);
      throw new SignedOut();
    }
    const signin = path !== "/refresh";
    if (!signin && token !== had) return; // another tab was faster
    take({ token: access_token, user, life: expires_in, signin }, start);
    owner = true;
    post({ token, user, life, left: left(), signin });
  }

  function take(news, start) {
    if (news.user.id !== snapshot.user?.id && snapshot.user) epoch++;
    ({ token, life } = news);
    ends = start + (news.left ?? life) * 1000;
    fails = notBefore = 0;
    owner = false;
    // Spread, so that tabs do not all renew at once.
    wakeAt(ends - margin() * 1000 * (1.9 - 0.9 * Math.random()));
    show("signedin", news.user);
    heard();
  }

  // Renewal:

  // Gives a token other than `bad`; all who wait share one refresh.
  async function renew(bad, mine = epoch) {
    if (mine === epoch && !usable(bad)) {
      await (flight ??= refresh(bad).finally(() => { flight = null; }));
    }
    if (mine !== epoch) throw new SignedOut();
    return token;
  }

  // After a 401: the token is spent, whatever its clock says.
  function replace(used, mine) {
    if (token === used) ends = 0;
    return renew(used, mine);
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
        return await alone(async () => {
          if (channel && lacking()) { // a tab that has one answers at once
            post({ ask: true });
            await Promise.race([sleep(50), new Promise((done) => { heard = done; })]);
          }
          had = token;
          if (lacking()) await grant("/refresh");
        }, lacking);
      } catch (error) {
        if (mine !== epoch || token !== had) return;
        if (error.status === 401) {
          if (token) depart("refused").catch(ignore);
          else leave(); // a visitor without a cookie: nothing to end
          throw new SignedOut();
        }
        // Not a word about the session: keep it.
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

  // Also when shown, thawed or back online: a hidden tab's timers come late or never.
  function wake(event) {
    if (event?.type === "online") notBefore = 0;
    if (snapshot.status === "signedout" || document?.hidden || left() > 2 * margin()) return;
    renew(token).catch(ignore);
  }

  // Signing out:

  function leave(reason, heard) {
    const { status } = snapshot;
    epoch++;
    token = "";
    owner = false;
    fails = notBefore = 0;
    window.clearTimeout(timer);
    if (reason && !heard) post({ out: true });
    show("signedout", null);
    if (status === "signedin") emit("signedout", { reason });
  }

  function depart(reason) {
    parting = token || parting;
    const done = call("/logout", parting); // on its way before a listener leaves the page
    tail = Promise.allSettled([tail, done]); // a later sign-in waits for its cookie to go
    leave(reason);
    return done.then(() => { parting = ""; });
  }

  // Tabs:

  const channel = window.BroadcastChannel && new window.BroadcastChannel(name);
  channel?.unref?.();
  let post = (message) => channel?.postMessage(message);
  if (channel) channel.onmessage = ({ data }) => {
    const { status, user } = snapshot;
    if (data.ask) {
      alive = now();
      if (owner && usable()) post({ token, user, life, left: left() });
    } else if (data.out) {
      leave("elsewhere", true);
    } else if (data.signin || status === "unknown"
      || (status === "signedin" && user.id === data.user.id
      && data.token !== token && data.left > left())) {
      take(data, now()); // a signed-out tab follows a sign-in, never a mere refresh
    }
  };

  // The caller's requests:

  async function fresh() {
    await restored;
    return snapshot.status === "signedout" ? "" : usable() ? token : renew();
  }

  const unless = (signal, promise) => !signal ? promise : Promise.race([promise,
    new Promise((_, abort) => {
      const stop = () => abort(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
    })]);

  async function authFetch(input, init) {
    const headers = new Headers(init?.headers ?? input.headers);
    if (!trusted.has(resolve(input.url ?? input).origin) || headers.has("Authorization")) {
      return fetch(input, init);
    }
    const signal = init?.signal ?? input.signal;
    const go = (target, bearer) => {
      if (bearer) headers.set("Authorization", "Bearer " + bearer);
      return fetch(target, { ...init, headers });
    };
    const used = await unless(signal, fresh()), mine = epoch;
    const second = input.clone?.() ?? input;
    const response = await go(input, used);
    // A stream is spent: its 401 is the caller's.
    if (response.status !== 401 || !used || init?.body?.getReader) return response;
    return go(second, await unless(signal, replace(used, mine)));
  }

  function attach(axios) {
    const { request, response } = axios.interceptors;
    const first = request.use(async (config) => {
      const ours = config.tallystick;
      const url = resolve(config.url ?? "", resolve(config.baseURL ?? ""));
      if (!trusted.has(url.origin) || (config.headers.Authorization && !ours)) return config;
      const { data } = config; // axios serialises it on the way; the second try starts anew
      const used = await fresh();
      if (used) config.headers.Authorization = "Bearer " + used;
      config.tallystick = { used, data, mine: epoch, again: !!ours };
      return config;
    });
    const retry = (settle) => async (outcome) => {
      const { status, config } = outcome.response ?? outcome;
      const ours = config?.tallystick;
      if (status !== 401 || !ours?.used || ours.again) return settle(outcome);
      await replace(ours.used, ours.mine);
      return axios.request({ ...config, data: ours.data });
    };
    const second = response.use(retry((it) => it), retry((error) => { throw error; }));
    return () => { request.eject(first); response.eject(second); };
  }

  // A route that needs the token. A wrong current password is a 401 too, but no reason to renew.
  async function guarded(path, body, method, run = (work) => work()) {
    const used = await fresh(), mine = epoch;
    if (!used) throw new SignedOut();
    const go = (bearer) => run(() =>
      method ? call(path, bearer, body, method) : grant(path, body, bearer));
    try {
      return await go(used);
    } catch (error) {
      if (error.code !== "invalid_token") throw error;
      return go(await replace(used, mine));
    }
  }

  const signIn = (path) => async (username, password) => {
    await alone(() => grant(path, { username, password }));
    return snapshot.user;
  };

  const places = [[document, "visibilitychange"], [window, "online"], [window, "pageshow"]];
  for (const [at, type] of places) at?.addEventListener?.(type, wake);
  const restored = renew().then(ignore, ignore); // without the token as its value: it stays

  return Object.assign(auth, {
    ready: restored.then(() => snapshot),
    fetch: authFetch,
    attach,
    login: signIn("/login"),
    register: signIn("/register"),
    logout: async () => {
      if (!token) await flight?.catch(ignore); // until a token names the session
      return depart("logout");
    },
    revoke: async () => { await guarded("/revoke", undefined, "POST"); leave("logout"); },
    password: async (current_password, new_password) => {
      await guarded("/password", { current_password, new_password }, undefined, alone);
      return snapshot.user;
    },
    user: () => guarded("/me", undefined, "GET"),
    sessions: async () => (await guarded("/sessions", undefined, "GET")).sessions,
    endSession: async (id) => {
      await guarded("/sessions/" + encodeURIComponent(id), undefined, "DELETE");
    },
    remaining: () => token ? Math.max(0, left()) : 0,
    getSnapshot: () => snapshot,
    subscribe(listener) {
      const told = () => listener();
      auth.addEventListener("change", told);
      return () => auth.removeEventListener("change", told);
    },
    dispose() {
      epoch++;
      token = parting = "";
      window.clearTimeout(timer);
      channel?.close();
      post = ignore;
      for (const [at, type] of places) at?.removeEventListener?.(type, wake);
    },
  });
}
