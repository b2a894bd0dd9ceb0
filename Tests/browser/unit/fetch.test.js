// auth.fetch: which origins get the token, and what follows a 401.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthError, SignedOut } from "../../../nginx/www/tallystick.js";
import { Browser, json, later, outcome, refusal, settle } from "./world.js";

const many = (count, work) => Array.from({ length: count }, (_, index) => work(index));

test("T078: twenty requests that get 401 share one refresh, and each is sent once more", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const all = Promise.all(many(20, (index) => auth.fetch(`/api/${index}`)));
  await browser.clock.advance(100);
  assert.deepEqual((await all).map((each) => each.status), many(20, () => 200));
  assert.equal(browser.server.count("/auth/refresh"), 1);
  for (let index = 0; index < 20; index += 1) assert.equal(browser.server.count(`/api/${index}`), 2);
  assert.equal(browser.server.requests.length, 41);
});

test("T078: a refused refresh rejects all twenty once, with one logout and one event", async () => {
  const browser = new Browser();
  const tab = await browser.signedIn();
  browser.server.endSessions();
  const all = many(20, (index) => outcome(tab.auth.fetch(`/api/${index}`)));
  await browser.clock.advance(100);
  for (const each of all) {
    assert.equal(each.state, "rejected");
    assert.ok(each.error instanceof SignedOut);
  }
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal(browser.server.count("/auth/logout"), 1);
  assert.deepEqual(tab.events, ["refused"]);
  assert.deepEqual(tab.auth.getSnapshot(), { status: "signedout", user: null, error: null });
  await browser.clock.advance(3600_000);
  assert.equal(browser.server.requests.length, 22, "and then there is silence");
});

test("a second 401 is the caller's", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.instead["/api/never"] = () => refusal(401, "invalid_token");
  const answer = auth.fetch("/api/never");
  await browser.clock.advance(100);
  assert.equal((await answer).status, 401);
  assert.equal(browser.server.count("/api/never"), 2);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal(auth.getSnapshot().status, "signedin");
});

test("a server that refuses whatever it is sent is asked a bounded number of times", async (t) => {
  for (const status of [200, 204, 400, 401, 403, 404, 405, 429, 500, 502, 503]) {
    await t.test(`refresh answers ${status}`, async () => {
      const browser = new Browser();
      const { auth } = await browser.signedIn();
      browser.server.instead["/auth/refresh"] = () => json(status, { not: "a token" });
      browser.server.instead["/api/x"] = () => refusal(401, "invalid_token");
      const asked = outcome(auth.fetch("/api/x"));
      await browser.clock.advance(10_000);
      assert.equal(asked.state, "rejected");
      assert.ok(asked.error instanceof AuthError);
      assert.equal(asked.error instanceof SignedOut, status === 401);
      assert.equal(auth.getSnapshot().status, status === 401 ? "signedout" : "signedin");
      assert.equal(browser.server.count("/api/x"), 1);
      await browser.clock.advance(600_000);
      const tries = browser.server.count("/auth/refresh");
      assert.ok(status === 401 ? tries === 1 : tries >= 5 && tries <= 20, `${tries} tries`);
    });
  }
});

test("a token that lives no longer than it travels is renewed once a request, not for ever", async () => {
  const browser = new Browser();
  browser.server.expiresIn = 0.001;
  const { auth } = await browser.signedIn();
  browser.server.instead["/api/x"] = () => refusal(401, "invalid_token");
  const asked = outcome(auth.fetch("/api/x"));
  await browser.clock.advance(500);
  assert.equal(asked.value.status, 401);
  assert.deepEqual(browser.server.requests.map((each) => each.path),
    ["/auth/refresh", "/api/x", "/auth/refresh", "/api/x"]);
  browser.server.requests = [];
  await browser.clock.advance(60_000);
  assert.ok(browser.server.requests.length <= 60, "at most one renewal a second");
});

test("the token goes to the page's origin and to those named, and to no other", async (t) => {
  const browser = new Browser();
  const { auth } = await browser.signedIn({ options: { origins: ["https://api.test/ignored"] } });
  const cases = [
    ["/api/x", true],
    ["x?y#z", true],
    [new URL("https://app.test/x"), true],
    [new Request("https://app.test/x"), true],
    ["https://api.test/x", true],
    ["https://API.test:443/x", true],
    ["http://app.test/x", false],
    ["https://app.test:8443/x", false],
    ["https://app.test.evil.test/x", false],
    ["https://app.test@evil.test/x", false],
    ["//evil.test/x", false],
    ["/\\evil.test/x", false],
    ["\t//evil.test/x", false],
    [new URL("https://evil.test/x"), false],
    [new Request("https://evil.test/x"), false],
  ];
  for (const [input, expected] of cases) {
    await t.test(String(input.url ?? input), async () => {
      browser.server.requests = [];
      await auth.fetch(input);
      assert.equal(browser.server.requests[0].bearer.startsWith("token-"), expected);
      assert.equal(browser.server.requests.length, 1);
    });
  }
});

test("a page's <base> decides where a relative address leads, and so who gets a token", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn({ baseURI: "https://cdn.test/" });
  await auth.fetch("x");
  assert.equal(browser.server.requests[0].bearer, "");
});

test("a 401 from elsewhere is not ours: no refresh, no sign-out", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  assert.equal((await auth.fetch("https://evil.test/x")).status, 401);
  assert.equal(browser.server.requests.length, 1);
});

test("a caller's own Authorization is left alone", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  const headers = { authorization: "Basic abc" };
  assert.equal((await auth.fetch("/api/x", { headers })).status, 401);
  assert.equal(browser.server.requests.length, 1);
  assert.equal(browser.server.requests[0].headers.get("Authorization"), "Basic abc");
});

test("the caller's options and headers arrive, and are not changed", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const init = { method: "PUT", body: "data", headers: { "X-Mine": "1" }, cache: "no-store" };
  const answer = auth.fetch("/api/x", init);
  await browser.clock.advance(100);
  assert.equal((await (await answer).json()).body, "data");
  const [first, , second] = browser.server.requests;
  for (const each of [first, second]) {
    assert.equal(each.method, "PUT");
    assert.equal(each.headers.get("X-Mine"), "1");
    assert.equal(each.init.cache, "no-store");
  }
  assert.deepEqual(init.headers, { "X-Mine": "1" });
});

test("a Request with a body is sent again with its body", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const request = new Request("https://app.test/api/x", { method: "POST", body: "upload" });
  const answer = auth.fetch(request);
  await browser.clock.advance(100);
  assert.equal((await (await answer).json()).body, "upload");
});

test("a stream cannot be sent twice: its 401 is the caller's", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const body = new Blob(["x"]).stream();
  const answer = await auth.fetch("/api/x", { method: "POST", body, duplex: "half" });
  assert.equal(answer.status, 401);
  assert.equal(browser.server.count("/auth/refresh"), 0);
});

test("an abort ends the wait for a refresh at once; the refresh goes on for the others", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  browser.server.loseTokens();
  const held = later();
  browser.server.instead["/auth/refresh"] = () => held.promise;
  const controller = new AbortController();
  const aborted = outcome(auth.fetch("/api/x", { signal: controller.signal }));
  const request = new Request("https://app.test/api/y", { signal: controller.signal });
  const alsoAborted = outcome(auth.fetch(request));
  const other = outcome(auth.fetch("/api/z"));
  await browser.clock.advance(100);
  controller.abort();
  await settle();
  assert.equal(aborted.error.name, "AbortError");
  assert.equal(alsoAborted.error.name, "AbortError");
  assert.equal(other.state, "pending");
  held.resolve();
  await settle();
  assert.equal(other.value.status, 200);
  assert.equal(browser.server.count("/api/x"), 1);
  const before = browser.server.requests.length;
  await assert.rejects(auth.fetch("/api/x", { signal: controller.signal }), { name: "AbortError" });
  assert.equal(browser.server.requests.length, before, "aborted before it began: never sent");
});

test("a request made before the login is restored waits for it", async () => {
  const browser = new Browser();
  browser.server.signIn();
  const { auth } = browser.open();
  const answer = auth.fetch("/api/x");
  await browser.clock.advance(100);
  assert.equal((await answer).status, 200);
  assert.equal(browser.server.count("/api/x"), 1);
});

test("a visitor's requests go without a token, and a 401 is the caller's", async () => {
  const browser = new Browser();
  const tab = browser.open();
  await browser.clock.advance(100);
  assert.equal((await tab.auth.ready).status, "signedout");
  assert.equal((await tab.auth.fetch("/public/x")).status, 200);
  assert.equal((await tab.auth.fetch("/api/x")).status, 401);
  await assert.rejects(tab.auth.user(), SignedOut);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal(browser.server.count("/auth/logout"), 0);
  assert.deepEqual(tab.events, []);
});

test("a request of one user is never sent again as another", async () => {
  const browser = new Browser();
  const { auth } = await browser.signedIn();
  const held = later();
  browser.server.instead["/api/x"] = () => held.promise;
  const asked = outcome(auth.fetch("/api/x"));
  await settle();
  browser.server.user = { ...browser.server.user, id: "b".repeat(26), username: "bob" };
  await auth.login("bob", "right");
  held.resolve(refusal(401, "invalid_token"));
  await settle();
  assert.ok(asked.error instanceof SignedOut);
  assert.equal(browser.server.count("/api/x"), 1);
  assert.equal(auth.getSnapshot().user.username, "bob");
});
