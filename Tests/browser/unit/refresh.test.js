// When the token is renewed, how, and what happens when it cannot be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError } from "../../../nginx/www/tallystick.js";
import { Browser, later, outcome, refusal, settle } from "./world.js";

const minutes = (count) => count * 60_000;
const lost = () => Promise.reject(new TypeError("Failed to fetch"));

test("the refresh is a keepalive POST that nothing aborts and no redirect diverts", async () => {
  const browser = new Browser();
  browser.server.signIn();
  browser.open();
  await browser.clock.advance(100);
  const [{ method, init, bearer, body }] = browser.server.requests;
  assert.equal(method, "POST");
  assert.equal(init.keepalive, true);
  assert.equal(init.signal, undefined);
  assert.equal(init.redirect, "error");
  assert.equal(init.credentials, "include");
  assert.equal(bearer, "", "the cookie is its credential");
  assert.equal(body, undefined);
});

test("a token is renewed one to two margins before its end, without a request asking", async () => {
  for (let round = 0; round < 20; round += 1) {
    const browser = new Browser();
    const { auth } = await browser.signedIn();
    await browser.clock.advance(minutes(13) - 200);
    assert.equal(browser.server.count("/auth/refresh"), 0);
    await browser.clock.advance(minutes(1) + 300);
    assert.equal(browser.server.count("/auth/refresh"), 1);
    assert.ok(auth.remaining() > 780);
    await browser.clock.advance(minutes(120));
    const count = browser.server.count("/auth/refresh");
    assert.ok(count >= 9 && count <= 10, `${count} refreshes in 134 minutes`);
  }
});

test("a computer clock that is wrong, or jumps, changes nothing", async (t) => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  for (const wrong of [0, 2 ** 40, Date.parse("2099-01-01"), -1]) {
    t.mock.method(Date, "now", () => wrong);
    assert.equal((await auth.fetch("/api/x")).status, 200);
    assert.ok(auth.remaining() > 890);
  }
  assert.equal(browser.server.count("/auth/refresh"), 0);
});

test("a hidden tab does not renew; shown again, it catches up before the next request", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  tab.show(false);
  await browser.clock.advance(minutes(600));
  assert.equal(browser.server.requests.length, 0);
  tab.show(true);
  await browser.clock.advance(100);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal((await tab.auth.fetch("/api/x")).status, 200);
  assert.equal(browser.server.count("/api/x"), 1, "no 401 on the way");
  tab.show(true);
  await browser.clock.advance(100);
  assert.equal(browser.server.count("/auth/refresh"), 1, "a fresh token is not renewed");
});

test("a hidden tab that asks for something still gets it", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  tab.show(false);
  await browser.clock.advance(minutes(600));
  const answer = tab.auth.fetch("/api/x");
  await browser.clock.advance(100);
  assert.equal((await answer).status, 200);
});

test("a page that comes back from the back-forward cache catches up", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  tab.show(false);
  await browser.clock.advance(minutes(60));
  tab.document.hidden = false;
  tab.window.dispatchEvent(new Event("pageshow"));
  await browser.clock.advance(100);
  assert.equal(browser.server.count("/auth/refresh"), 1);
});

test("a lost answer is asked for again, and the caller never hears of it", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  let tries = 0;
  browser.server.instead["/auth/refresh"] = () => { tries += 1; return tries < 3 ? lost() : undefined; };
  const answer = outcome(auth.fetch("/api/x"));
  await browser.clock.advance(3000);
  assert.equal(answer.value.status, 200);
  assert.equal(tries, 3);
});

test("without a network nobody is signed out, and the caller is told", async (t) => {
  for (const [what, fails, code] of [
    ["no network", lost, "network"],
    ["500", () => refusal(500, undefined), "temporarily_unavailable"],
    ["502 in HTML", () => new Response("<h1>Bad Gateway</h1>", { status: 502 }),
      "temporarily_unavailable"],
    ["503", () => refusal(503, "temporarily_unavailable"), "temporarily_unavailable"],
    ["403", () => refusal(403, "cross_site"), "cross_site"],
    ["a captive portal", () => new Response("<h1>Pay here</h1>"), "unexpected_answer"],
    ["half an answer", () => new Response('{"access_tok'), "unexpected_answer"],
  ]) {
    await t.test(what, async () => {
      const browser = new Browser();
      const tab = await browser.signedIn();
      browser.server.loseTokens();
      browser.server.instead["/auth/refresh"] = fails;
      const asked = outcome(tab.auth.fetch("/api/x"));
      await browser.clock.advance(10_000);
      assert.ok(asked.error instanceof AuthError);
      assert.equal(asked.error.code, code);
      assert.equal(asked.error.name, "AuthError");
      const { status, error, user } = tab.auth.getSnapshot();
      assert.deepEqual([status, error, user.username], ["signedin", code, "ann"]);
      assert.deepEqual(tab.events, []);
      assert.equal(browser.server.count("/auth/logout"), 0);
      browser.server.instead = {};
      await browser.clock.advance(100_000);
      assert.equal(tab.auth.getSnapshot().error, null, "it came back by itself");
      assert.equal((await tab.auth.fetch("/api/x")).status, 200);
    });
  }
});

test("tries grow rarer, by chance at different moments, and never rarer than 90 s", async () => {
  const gaps = [];
  for (let round = 0; round < 10; round += 1) {
    const browser = new Browser();
    await browser.signedIn();
    const times = [];
    browser.server.instead["/auth/refresh"] = () => { times.push(browser.clock.time); return lost(); };
    await browser.clock.advance(minutes(40));
    const between = times.slice(1).map((time, index) => time - times[index]);
    assert.ok(between.every((gap) => gap <= 90_100));
    assert.ok(times.length < 40, `${times.length} tries in half an hour`);
    gaps.push(between[0]);
  }
  assert.ok(new Set(gaps).size > 5, "jitter");
});

test("while it backs off, callers get the failure at once and the server is left alone", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  browser.server.instead["/auth/refresh"] = lost;
  const first = outcome(auth.fetch("/api/x"));
  await browser.clock.advance(30_000);
  assert.equal(first.state, "rejected");
  const tries = browser.server.count("/auth/refresh");
  for (let waited = 0; browser.server.count("/auth/refresh") === tries; waited += 1) {
    assert.ok(waited < 1000, "it asks again by itself");
    await browser.clock.advance(100);
  }
  browser.server.requests = [];
  for (let index = 0; index < 1000; index += 1) {
    await assert.rejects(auth.fetch("/api/x"), { code: "network" });
    if (browser.server.requests.length) break;
  }
  assert.equal(browser.server.requests.length, 0);
});

test("Retry-After is kept to, up to a minute", async () => {
  for (const [seconds, least, most] of [[20, 20_000, 30_000], [86_400, 60_000, 90_000]]) {
    const browser = new Browser();
    const { auth } = await browser.signedIn();
    browser.server.loseTokens();
    const times = [];
    browser.server.instead["/auth/refresh"] = () => {
      times.push(browser.clock.time);
      return refusal(503, "temporarily_unavailable", { "Retry-After": String(seconds) });
    };
    const asked = outcome(auth.fetch("/api/x"));
    await browser.clock.advance(500);
    assert.equal(asked.error.retryAfter, seconds);
    await browser.clock.advance(100_000);
    assert.ok(times[1] - times[0] >= least && times[1] - times[0] <= most + 100);
  }
});

test("back online, it does not wait for the back-off to end", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  browser.server.loseTokens();
  browser.server.instead["/auth/refresh"] = lost;
  const asked = outcome(tab.auth.fetch("/api/x"));
  await browser.clock.advance(30_000);
  assert.equal(asked.state, "rejected");
  browser.server.instead = {};
  tab.window.dispatchEvent(new Event("online"));
  await browser.clock.advance(100);
  assert.equal(tab.auth.getSnapshot().error, null);
});

test("a failed early renewal leaves the token in use until its end", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.instead["/auth/refresh"] = lost;
  await browser.clock.advance(minutes(14) + 30_000);
  assert.equal(auth.getSnapshot().error, "network");
  assert.equal((await auth.fetch("/api/x")).status, 200);
});

test("an unreachable server leaves the state unknown, until it can be asked", async () => {
  const browser = new Browser();
  browser.server.signIn();
  browser.server.instead["/auth/refresh"] = lost;
  const tab = browser.open();
  await browser.clock.advance(10_000);
  assert.deepEqual(await tab.auth.ready, { status: "unknown", user: null, error: "network" });
  await assert.rejects(tab.auth.user(), { code: "network" });
  browser.server.instead = {};
  await browser.clock.advance(100_000);
  assert.equal(tab.auth.getSnapshot().status, "signedin");
});

test("a request that is never answered counts as lost after half a minute", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  let tries = 0;
  browser.server.instead["/auth/refresh"] = () => {
    tries += 1;
    return tries === 1 ? new Promise(() => {}) : undefined;
  };
  const asked = outcome(auth.fetch("/api/x"));
  await browser.clock.advance(29_000);
  assert.equal(asked.state, "pending");
  await browser.clock.advance(3000);
  assert.equal(asked.value.status, 200);
});

test("an answer that arrives after the token's whole life is not mistaken for a fresh one", async () => {
  const browser = new Browser();
  browser.server.expiresIn = 10;
  const tab = await browser.signedIn();
  browser.server.loseTokens();
  const held = later();
  let tries = 0;
  browser.server.instead["/auth/refresh"] = () => { tries += 1; return tries === 1 ? held.promise : undefined; };
  const asked = outcome(tab.auth.fetch("/api/x"));
  await browser.clock.advance(100);
  tab.show(false); // frozen mid-flight
  await browser.clock.advance(20_000);
  held.resolve();
  await settle();
  tab.show(true);
  await browser.clock.advance(2000);
  assert.equal(asked.state, "resolved");
  assert.equal((await tab.auth.fetch("/api/x")).status, 200);
  assert.ok(tries <= 3);
});

test("a frozen tab that holds the lock costs a wait, not the login", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  let asked = 0;
  tab.window.navigator.locks = {
    request: async (name, { signal }) => {
      asked += 1;
      assert.ok(signal instanceof AbortSignal);
      throw new DOMException("signal timed out", "TimeoutError");
    },
  };
  browser.server.loseTokens();
  const answer = outcome(tab.auth.fetch("/api/x"));
  await browser.clock.advance(100);
  assert.equal(answer.value.status, 200);
  assert.equal(asked, 1);
});

test("dispose stops everything: no timer, no request, and a late result is thrown away", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const held = later();
  browser.server.instead["/auth/refresh"] = () => held.promise;
  const asked = outcome(auth.fetch("/api/x"));
  await browser.clock.advance(100);
  auth.dispose();
  held.resolve();
  await browser.clock.advance(minutes(60));
  assert.equal(asked.state, "rejected");
  assert.equal(auth.remaining(), 0);
  assert.equal(browser.server.requests.length, 2);
});
