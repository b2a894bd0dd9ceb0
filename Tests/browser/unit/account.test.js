// Signing in and out, and the account's own requests.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError, SignedOut } from "../../../nginx/www/tallystick.js";
import { Browser, json, later, outcome, refusal, settle } from "./world.js";

const visitor = async () => {
  const browser = new Browser();
  const tab = browser.open();
  await browser.clock.advance(100);
  browser.server.requests = [];
  return { browser, tab, auth: tab.auth };
};

test("login sends JSON, and resolves to the user", async () => {
  const { browser, auth } = await visitor();
  const user = await auth.login("ann", "right");
  assert.equal(user.username, "ann");
  const request = browser.server.requests.at(-1);
  assert.equal(request.headers.get("Content-Type"), "application/json");
  assert.deepEqual(JSON.parse(request.body), { username: "ann", password: "right" });
  assert.equal(request.bearer, "");
  assert.equal(request.init.redirect, "error");
  assert.deepEqual(auth.getSnapshot(), { status: "signedin", user, error: null });
});

test("register signs in", async () => {
  const { auth } = await visitor();
  assert.equal((await auth.register("new", "right")).username, "new");
  assert.equal(auth.getSnapshot().status, "signedin");
});

test("a shared computer is named in the body, and nothing is where it is not one", async () => {
  for (const [use, path] of [
    [(auth, how) => auth.login("ann", "right", how), "/auth/login"],
    [(auth, how) => auth.register("ann", "right", how), "/auth/register"],
  ]) {
    for (const [how, shared] of [[{ shared: true }, true], [{ shared: false }], [{}], [undefined]]) {
      const { browser, auth } = await visitor();
      await use(auth, how);
      const request = browser.server.requests.at(-1);
      assert.equal(request.path, path);
      assert.deepEqual(JSON.parse(request.body),
        { username: "ann", password: "right", ...(shared && { shared }) });
    }
  }
});

test("errors carry the contract's code, status, words and Retry-After", async (t) => {
  const refusals = [
    [400, "invalid_request"], [401, "invalid_credentials"], [403, "cross_site"],
    [403, "registration_closed"], [404, "not_found"], [405, "method_not_allowed"],
    [409, "username_taken"], [413, "too_large"], [415, "unsupported_media_type"],
    [422, "weak_password"], [422, "invalid_username"], [429, "too_many_attempts"],
    [503, "temporarily_unavailable"],
  ];
  for (const [status, code] of refusals) {
    await t.test(code, async () => {
      const { browser, auth } = await visitor();
      browser.server.instead["/auth/register"] = () => refusal(status, code, { "Retry-After": "7" });
      const error = await auth.register("ann", "right").catch((it) => it);
      assert.ok(error instanceof AuthError);
      assert.deepEqual([error.code, error.status, error.retryAfter, error.message],
        [code, status, 7, `About ${code}.`]);
      assert.equal(auth.getSnapshot().status, "signedout");
      assert.equal(browser.server.count("/auth/register"), 1, "not tried again");
    });
  }
  await t.test("no answer", async () => {
    const { browser, auth } = await visitor();
    browser.server.instead["/auth/login"] = () => Promise.reject(new TypeError("Failed to fetch"));
    await assert.rejects(auth.login("ann", "right"), { code: "network", status: 0 });
  });
  await t.test("an answer that is not the contract's", async () => {
    for (const answer of [json(200, {}), json(204), json(200, null), new Response("hello")]) {
      const { browser, auth } = await visitor();
      browser.server.instead["/auth/login"] = () => answer;
      await assert.rejects(auth.login("ann", "right"), { code: "unexpected_answer" });
      assert.equal(auth.getSnapshot().status, "signedout");
    }
  });
});

test("a login answered after a sign-out is thrown away, and its session ended", async () => {
  const { browser, auth } = await visitor();
  const held = later();
  browser.server.instead["/auth/login"] = () => held.promise;
  const asked = outcome(auth.login("ann", "right"));
  await settle();
  await auth.logout();
  held.resolve();
  await settle();
  assert.ok(asked.error instanceof SignedOut);
  assert.equal(auth.getSnapshot().status, "signedout");
  assert.equal(browser.server.live("session-1"), false);
});

test("logout clears at once, sends the token, and says when the server was not told", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  const held = later();
  browser.server.instead["/auth/logout"] = () => held.promise;
  const first = outcome(tab.auth.logout());
  assert.equal(tab.auth.getSnapshot().status, "signedout", "before the answer");
  assert.deepEqual(tab.events, ["logout"]);
  await settle();
  assert.equal(browser.server.requests[0].init.keepalive, true);
  held.reject(new TypeError("Failed to fetch"));
  await settle();
  assert.equal(first.error.code, "network");
  browser.server.instead = {};
  await tab.auth.logout();
  const [one, two] = browser.server.requests;
  assert.equal(two.bearer, one.bearer, "the second try still names the session");
  assert.equal(browser.server.live("session-1"), false);
  assert.deepEqual(tab.events, ["logout"]);
});

test("logout sends an expired token too", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  tab.show(false);
  await browser.clock.advance(3600_000);
  await tab.auth.logout();
  assert.equal(browser.server.count("/auth/refresh"), 0);
  assert.equal(browser.server.live("session-1"), false);
});

test("logout while the login is being restored ends the session that is restored", async () => {
  for (const lost of [false, true]) {
    const browser = new Browser();
    browser.server.signIn();
    const held = later();
    browser.server.instead["/auth/refresh"] = () => held.promise;
    const tab = browser.open();
    await browser.clock.advance(100);
    assert.equal(browser.server.count("/auth/refresh"), 1);
    // The page may be left when it is done, so nothing must be left to do then.
    const done = outcome(tab.auth.logout());
    await settle();
    assert.equal(browser.server.count("/auth/logout"), 0, "no token names the session yet");
    browser.server.instead = {};
    if (lost) held.reject(new TypeError("Failed to fetch"));
    else held.resolve();
    await browser.clock.advance(10_000);
    assert.equal(done.error, undefined);
    assert.equal(browser.server.count("/auth/logout"), 1);
    assert.equal(browser.server.live("session-1"), false);
    assert.equal(tab.auth.getSnapshot().status, "signedout");
    assert.equal(browser.server.cookie, null);
  }
});

test("a sign-in right after a sign-out waits until the old cookie is cleared", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  const held = later();
  browser.server.instead["/auth/logout"] = () => held.promise;
  auth.logout();
  const asked = outcome(auth.login("ann", "right"));
  await settle();
  assert.equal(browser.server.count("/auth/login"), 0);
  held.resolve();
  await settle();
  assert.equal(asked.value.username, "ann");
  assert.notEqual(browser.server.cookie, null);
});

test("a wrong current password is an answer, not a dead token", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  await assert.rejects(auth.password("wrong", "new"), { code: "invalid_credentials", status: 401 });
  assert.equal(browser.server.requests.length, 1, "no refresh, and no second attempt counted");
  assert.equal(auth.getSnapshot().status, "signedin");
});

test("a changed password leaves this tab and its siblings signed in", async () => {
  const browser = new Browser();
  const [one, two] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  browser.server.requests = [];
  assert.equal((await one.auth.password("right", "new")).username, "ann");
  await settle();
  assert.equal((await one.auth.fetch("/api/x")).status, 200);
  assert.equal((await two.auth.fetch("/api/x")).status, 200);
  assert.deepEqual([one.events, two.events], [[], []]);
  assert.equal(browser.server.count("/auth/refresh"), 0);
});

test("no refresh is sent while a password changes: it would spend a cookie about to die", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  const held = later();
  browser.server.instead["/auth/password"] = () => held.promise;
  const changing = outcome(tab.auth.password("right", "new"));
  await settle();
  browser.server.loseTokens();
  const asked = outcome(tab.auth.fetch("/api/x"));
  await browser.clock.advance(1000);
  assert.equal(browser.server.count("/auth/refresh"), 0);
  browser.server.instead = {};
  held.resolve(refusal(401, "invalid_token"));
  await browser.clock.advance(1000);
  assert.equal(changing.value.username, "ann");
  assert.equal(asked.value.status, 200);
});

test("an expired token is renewed on the way to every route that needs one", async () => {
  for (const [use, path] of [
    [(auth) => auth.user(), "/auth/me"],
    [(auth) => auth.sessions(), "/auth/sessions"],
    [(auth) => auth.endSession("a/b"), "/auth/sessions/a%2Fb"],
    [(auth) => auth.password("right", "new"), "/auth/password"],
    [(auth) => auth.revoke(), "/auth/revoke"],
  ]) {
    const browser = new Browser();
    const { auth } = await browser.signedIn();
    browser.server.loseTokens();
    const asked = outcome(use(auth));
    await browser.clock.advance(200);
    assert.equal(asked.state, "resolved", path);
    assert.equal(browser.server.count(path), 2, path);
    assert.equal(browser.server.count("/auth/refresh"), 1, path);
  }
});

test("user, sessions and endSession give what the server said", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  assert.equal((await auth.user()).session, "session-1");
  assert.deepEqual(await auth.sessions(), [{ id: "session-1", current: true }]);
  assert.equal(await auth.endSession("session-1"), undefined);
  assert.equal(browser.server.requests.at(-1).method, "DELETE");
  browser.server.instead["/auth/sessions/x"] = () => refusal(404, "not_found");
  await assert.rejects(auth.endSession("x"), { code: "not_found" });
});

test("revoke signs out everywhere; refused, it changes nothing", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  browser.server.instead["/auth/revoke"] = () => refusal(503, "temporarily_unavailable");
  await assert.rejects(tab.auth.revoke(), { code: "temporarily_unavailable" });
  assert.equal(tab.auth.getSnapshot().status, "signedin");
  browser.server.instead = {};
  await tab.auth.revoke();
  assert.deepEqual(tab.events, ["logout"]);
  assert.equal(browser.server.live("session-1"), false);
});

test("the snapshot is frozen, and the same until something changes", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  const before = tab.auth.getSnapshot();
  const { changes } = tab;
  assert.ok(Object.isFrozen(before));
  browser.server.loseTokens();
  const answer = tab.auth.fetch("/api/x");
  await browser.clock.advance(100);
  await answer;
  assert.equal(tab.auth.getSnapshot(), before, "a mere refresh draws nothing again");
  assert.equal(tab.changes, changes);
  browser.server.user = { ...browser.server.user, groups: ["staff", "admins"] };
  browser.server.loseTokens();
  tab.auth.fetch("/api/x");
  await browser.clock.advance(100);
  assert.deepEqual(tab.auth.getSnapshot().user.groups, ["staff", "admins"]);
  assert.equal(tab.changes, changes + 1);
});

test("a listener stops when told, also one that was added twice", async () => {
  const { auth } = await visitor();
  let calls = 0;
  const listener = (...given) => { calls += 1; assert.equal(given.length, 0); };
  const [one, two] = [auth.subscribe(listener), auth.subscribe(listener)];
  await auth.login("ann", "right");
  assert.equal(calls, 2);
  one();
  await auth.logout();
  assert.equal(calls, 3);
  two();
  await auth.login("ann", "right");
  assert.equal(calls, 3);
});

// --- signing in where somebody is signed in ---

const paths = (browser) => browser.server.requests.map(({ path }) => path.replace("/auth", ""));

test("whoever signs in as somebody else ends the session that the browser had, before", async () => {
  for (const sign of ["login", "register"]) {
    const browser = new Browser();
    const [one, two] = [await browser.signedIn(), browser.open()];
    await browser.clock.advance(100);
    browser.server.requests = [];
    assert.equal((await one.auth[sign]("bob", "right")).username, "bob");
    assert.deepEqual(paths(browser), ["/refresh", "/logout", "/logout", `/${sign}`]);
    assert.equal(browser.server.live("session-1"), false);
    await settle();
    for (const { auth, events } of [one, two]) {
      assert.equal(auth.getSnapshot().user.username, "bob");
      assert.deepEqual(events, [], "nobody is sent to the sign-in");
      assert.equal((await auth.fetch("/api/x")).status, 200);
    }
  }
});

test("whoever signs in again as the same account ends the old session after, cookies untouched", async () => {
  const browser = new Browser();
  const [one, two] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  browser.server.requests = [];
  await assert.rejects(one.auth.login("ann", "wrong"), { code: "invalid_credentials" });
  assert.deepEqual(paths(browser), ["/refresh", "/login"]);
  assert.equal((await one.auth.fetch("/api/x")).status, 200, "a slip of the finger ends nothing");
  browser.server.requests = [];
  await one.auth.login("Ann", "right");
  assert.deepEqual([...new Set(paths(browser))], ["/refresh", "/login", "/logout"]);
  const told = browser.server.requests.filter(({ path }) => path === "/auth/logout");
  assert.deepEqual([...new Set(told.map(({ init }) => init.credentials))], ["omit"]);
  await settle();
  assert.equal(browser.server.live("session-1"), false, "or a sign-out would leave it");
  assert.equal(browser.server.live(browser.server.cookie), true);
  for (const { auth, events } of [one, two]) {
    assert.equal((await auth.fetch("/api/x")).status, 200);
    assert.deepEqual(events, []);
  }
});

test("the same account's old session is ended as soon as the server can be told", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.instead["/auth/logout"] = () => Promise.reject(new TypeError("Failed to fetch"));
  assert.equal((await auth.login("ann", "right")).username, "ann");
  await browser.clock.advance(10_000);
  assert.equal(browser.server.live("session-1"), true);
  browser.server.instead = {};
  await browser.clock.advance(15_000);
  assert.equal(browser.server.live("session-1"), false);
  const told = browser.server.count("/auth/logout");
  await browser.clock.advance(60_000);
  assert.equal(browser.server.count("/auth/logout"), told);
});

test("a session that only the server knows of ends too", async () => {
  // Begun by a page of another origin, which no channel reaches.
  const { browser, auth } = await visitor();
  browser.server.signIn("carol");
  await auth.login("bob", "right");
  assert.deepEqual(paths(browser), ["/refresh", "/logout", "/login"]);
  assert.equal(browser.server.live("session-1"), false);
  assert.equal(auth.getSnapshot().user.username, "bob");
});

test("a session whose cookie is lost ends by its token", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.cookie = null;
  await auth.login("bob", "right");
  assert.deepEqual(paths(browser), ["/refresh", "/logout", "/login"]);
  assert.equal(browser.server.live("session-1"), false);
});

test("a wrong password for somebody else leaves nobody signed in, in any tab", async () => {
  const browser = new Browser();
  const [one, two] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  await assert.rejects(one.auth.login("bob", "wrong"), { code: "invalid_credentials" });
  await settle();
  assert.equal(browser.server.live("session-1"), false);
  for (const { auth } of [one, two]) assert.equal(auth.getSnapshot().status, "signedout");
  assert.deepEqual([one.events, two.events], [["logout"], ["elsewhere"]]);
  assert.equal((await one.auth.login("bob", "right")).username, "bob");
  await settle();
  assert.equal(two.auth.getSnapshot().user.username, "bob");
});

test("nobody signs in as somebody else while the session cannot be ended", async () => {
  const away = () => Promise.reject(new TypeError("Failed to fetch"));
  const busy = () => refusal(503, "temporarily_unavailable");
  for (const [path, answer, code] of [
    ["/auth/logout", away, "network"], ["/auth/logout", busy, "temporarily_unavailable"],
    ["/auth/refresh", away, "network"], ["/auth/refresh", busy, "temporarily_unavailable"],
  ]) {
    const browser = new Browser();
    const tab = await browser.signedIn();
    browser.server.instead[path] = answer;
    await assert.rejects(tab.auth.login("bob", "right"), { code });
    assert.equal(browser.server.count("/auth/login"), 0);
    assert.equal(tab.auth.getSnapshot().user.username, "ann");
    assert.deepEqual(tab.events, []);
    browser.server.instead = {};
    assert.equal((await tab.auth.login("bob", "right")).username, "bob");
    assert.equal(browser.server.live("session-1"), false);
  }
});

test("whoever signs out while a sign-in asks for the session stays signed out", async () => {
  for (const path of ["/auth/refresh", "/auth/logout"]) {
    const browser = new Browser();
    const tab = await browser.signedIn();
    const held = later();
    let first = true;
    browser.server.instead[path] = () => { if (first) { first = false; return held.promise; } };
    const asked = outcome(tab.auth.login("bob", "right"));
    await settle();
    await tab.auth.logout();
    held.resolve();
    await browser.clock.advance(100);
    assert.ok(asked.error instanceof SignedOut);
    assert.equal(tab.auth.getSnapshot().status, "signedout");
    assert.equal(browser.server.count("/auth/login"), 0);
    assert.equal(browser.server.cookie, null);
  }
});

test("a request of the first account is not repeated with the token of the second", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  const held = later();
  browser.server.instead["/auth/login"] = () => held.promise;
  const signing = outcome(tab.auth.login("bob", "right"));
  await settle();
  const asked = outcome(tab.auth.fetch("/api/x")); // with a token that has ended
  await browser.clock.advance(100);
  browser.server.instead = {};
  held.resolve();
  await browser.clock.advance(1000);
  assert.equal(signing.value.username, "bob");
  assert.ok(asked.error instanceof SignedOut);
  assert.equal(browser.server.count("/api/x"), 1);
});

test("of two tabs that sign in at once one session is left, and both show its account", async () => {
  const browser = new Browser();
  const [one, two] = [browser.open({ locks: true }), browser.open({ locks: true })];
  await browser.clock.advance(100);
  // A request takes longer than a message between tabs.
  const slowly = () => new Promise((done) => { browser.clock.setTimeout(() => done(), 20); });
  for (const path of ["refresh", "logout", "login"]) browser.server.instead[`/auth/${path}`] = slowly;
  const asked = [one.auth.login("ann", "right"), two.auth.login("bob", "right")].map(outcome);
  await browser.clock.advance(1000);
  assert.deepEqual(asked.map(({ state }) => state), ["resolved", "resolved"]);
  for (const { auth } of [one, two]) assert.equal(auth.getSnapshot().user.username, "bob");
  assert.equal(browser.server.live("session-1"), false);
  assert.equal(browser.server.live(browser.server.cookie), true);
});

// --- the hand-over ---

const TO = { site: "https://app.test", state: "s".repeat(43), return: "/a?b=c" };

test("handOver sends where to with the token, and gives where to go", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  assert.equal(await auth.handOver(TO), "https://app.test/tallystick/land?code=c&return=%2F");
  const [request] = browser.server.requests;
  assert.equal(request.method, "POST");
  assert.equal(request.path, "/auth/handover");
  assert.match(request.bearer, /^token-/);
  assert.deepEqual(JSON.parse(request.body), TO);
});

test("handOver goes nowhere but to the site's own landing", async () => {
  for (const location of [
    "https://app.test.evil.test/tallystick/land?code=c", "https://app.test@evil.test/tallystick/land?",
    "https://evil.test/tallystick/land?code=c", "http://app.test/tallystick/land?code=c",
    "https://app.test/tallystick/landing?code=c", "https://app.test/tallystick/land", "//app.test/",
    "javascript:alert(1)", "", null, 7, ["https://app.test/tallystick/land?"], undefined,
  ]) {
    const browser = new Browser();
    const { auth } = await browser.signedIn();
    browser.server.instead["/auth/handover"] = () => json(200, { location });
    await assert.rejects(auth.handOver(TO), { code: "unexpected_answer" }, String(location));
  }
});

test("handOver renews a token that is over once, and passes on what the server refuses", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const asked = outcome(auth.handOver(TO));
  await browser.clock.advance(200);
  assert.match(asked.value, /^https:\/\/app\.test\//);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  for (const [status, code] of [[403, "unknown_site"], [403, "cross_site"], [429, "too_many_attempts"]]) {
    browser.server.instead["/auth/handover"] = () => refusal(status, code, { "Retry-After": "7" });
    await assert.rejects(auth.handOver(TO), { code, status, retryAfter: 7 });
  }
  browser.server.requests = [];
  browser.server.instead["/auth/handover"] = () => refusal(401, "invalid_token");
  const refused = outcome(auth.handOver(TO));
  await browser.clock.advance(200);
  assert.equal(refused.error.code, "invalid_token");
  assert.equal(browser.server.count("/auth/handover"), 2);
});

test("request asks any route that needs the token", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.instead["/auth/devices"] = ({ method, bearer, body }) =>
    json(200, { method, bearer, body: body && JSON.parse(body) });
  const made = await auth.request("/devices", { name: "git" });
  assert.deepEqual([made.method, made.body], ["POST", { name: "git" }]);
  assert.match(made.bearer, /^token-/);
  assert.equal((await auth.request("/devices", undefined, "GET")).method, "GET");
  browser.server.instead["/auth/devices"] = () => refusal(403, "login_required");
  await assert.rejects(auth.request("/devices", {}), { code: "login_required", status: 403 });
});
