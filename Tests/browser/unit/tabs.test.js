// Several tabs of one browser: what they tell one another, and that the login works without it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SignedOut } from "../../../nginx/www/tallystick.js";
import { Browser, later, outcome, refusal, settle } from "./world.js";

const statuses = (tabs) => [...new Set(tabs.map(({ auth }) => auth.getSnapshot().status))];

test("fifty restored tabs make few refreshes", async () => {
  const browser = new Browser();
  browser.server.signIn();
  const tabs = [];
  for (let index = 0; index < 50; index += 1) {
    tabs.push(browser.open({ hidden: index > 0 }));
    if (index % 10 === 0) await browser.clock.advance(30);
  }
  await browser.clock.advance(200);
  assert.deepEqual(statuses(tabs), ["signedin"]);
  const restoring = browser.server.count("/auth/refresh");
  assert.ok(restoring <= 22, `${restoring} refreshes`); // no locks here; with them it is one or two
  await browser.clock.advance(1000);
  tabs.push(browser.open(), browser.open());
  await browser.clock.advance(100);
  assert.deepEqual(statuses(tabs), ["signedin"]);
  assert.equal(browser.server.count("/auth/refresh"), restoring, "late tabs ask the others");
});

test("ten shown tabs renew about once between them", async () => {
  const browser = new Browser();
  await browser.signedIn();
  const tabs = Array.from({ length: 10 }, () => browser.open());
  await browser.clock.advance(100);
  browser.server.requests = [];
  await browser.clock.advance(3600_000);
  const count = browser.server.count("/auth/refresh");
  assert.ok(count <= 6, `${count} refreshes in an hour`);
  for (const { auth } of tabs) assert.equal((await auth.fetch("/api/x")).status, 200);
});

test("a sign-in in one tab signs in the others", async () => {
  const browser = new Browser();
  const tabs = [browser.open(), browser.open(), browser.open()];
  await browser.clock.advance(100);
  assert.deepEqual(statuses(tabs), ["signedout"]);
  await tabs[0].auth.login("ann", "right");
  await settle();
  assert.deepEqual(statuses(tabs), ["signedin"]);
  assert.equal((await tabs[2].auth.fetch("/api/x")).status, 200);
});

test("T080: a sign-out in one tab signs out all, with one logout request and one event each", async () => {
  const browser = new Browser();
  const tabs = [await browser.signedIn(), browser.open(), browser.open()];
  await browser.clock.advance(100);
  await tabs[1].auth.logout();
  await settle();
  assert.deepEqual(statuses(tabs), ["signedout"]);
  assert.deepEqual(tabs.map((tab) => tab.events), [["elsewhere"], ["logout"], ["elsewhere"]]);
  assert.deepEqual(tabs.map(({ auth }) => auth.remaining()), [0, 0, 0]);
  assert.equal(browser.server.count("/auth/logout"), 1);
});

test("a refresh answered after the sign-out is thrown away, and its session ended", async () => {
  for (const where of ["here", "elsewhere"]) {
    const browser = new Browser();
    const [tab, other] = [await browser.signedIn(), browser.open()];
    await browser.clock.advance(100);
    browser.server.loseTokens();
    const held = later();
    browser.server.instead["/auth/refresh"] = () => held.promise;
    const asked = outcome(tab.auth.fetch("/api/x"));
    await browser.clock.advance(100);
    await (where === "here" ? tab : other).auth.logout();
    await settle(); // the other tabs have heard
    browser.server.signIn(); // the server was slower still: it rotated before it heard of the sign-out
    const late = browser.server.cookie;
    browser.server.instead = {};
    held.resolve();
    await settle();
    assert.ok(asked.error instanceof SignedOut);
    assert.deepEqual(statuses([tab, other]), ["signedout"]);
    assert.equal(tab.auth.remaining(), 0);
    assert.equal(browser.server.count("/auth/logout"), 2, "the late session does not live on");
    assert.equal(browser.server.live(late), false);
  }
});

test("a signed-out tab follows a sign-in, never a mere refresh", async () => {
  const browser = new Browser();
  const tabs = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  const stale = [...browser.channels.values()][0];
  await tabs[0].auth.logout();
  await settle();
  const user = { id: "a".repeat(26), username: "ann", groups: [] };
  for (const each of stale) each.onmessage({ data: { token: "old", user, life: 900, left: 800 } });
  assert.deepEqual(statuses(tabs), ["signedout"]);
});

test("T079: without a channel and without locks, every tab still works", async () => {
  const browser = new Browser();
  browser.server.signIn();
  const tabs = Array.from({ length: 3 }, () => browser.open({ channel: false }));
  await browser.clock.advance(100);
  assert.deepEqual(statuses(tabs), ["signedin"]);
  browser.server.loseTokens();
  const answers = Promise.all(tabs.map(({ auth }) => auth.fetch("/api/x")));
  await browser.clock.advance(100);
  assert.deepEqual((await answers).map((each) => each.status), [200, 200, 200]);
  await tabs[0].auth.logout();
  const refused = tabs.slice(1).map(({ auth }) => outcome(auth.fetch("/api/x")));
  await browser.clock.advance(100);
  for (const each of refused) assert.ok(each.error instanceof SignedOut);
  assert.deepEqual(statuses(tabs), ["signedout"]);
});

test("T079: a frozen tab that missed an hour takes the token that another one has", async () => {
  const browser = new Browser();
  const [shown, frozen] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  frozen.show(false);
  const [mine] = [...[...browser.channels.values()][0]].slice(-1);
  const { onmessage } = mine;
  mine.onmessage = null; // frozen: hears nothing
  await browser.clock.advance(3600_000);
  mine.onmessage = onmessage;
  browser.server.requests = [];
  frozen.show(true);
  await browser.clock.advance(100);
  assert.equal((await frozen.auth.fetch("/api/x")).status, 200);
  assert.equal(browser.server.count("/auth/refresh"), 0);
  assert.equal(shown.auth.getSnapshot().status, "signedin");
});

/** Tabs with locks, whose tokens the server has forgotten. */
async function strandedTabs(count) {
  const browser = new Browser();
  const tabs = [await browser.signedIn({ locks: true })];
  while (tabs.length < count) tabs.push(browser.open({ locks: true }));
  await browser.clock.advance(100);
  browser.server.loseTokens();
  browser.server.requests = [];
  return { browser, tabs };
}

test("a tab that waits for its next try does not hold up the others", async () => {
  const { browser, tabs: [one, two] } = await strandedTabs(2);
  browser.server.instead["/auth/refresh"] = ({ tab }) => tab === one
    ? refusal(503, "temporarily_unavailable", { "Retry-After": "2" }) : undefined;
  const waiting = outcome(one.auth.fetch("/api/x"));
  await browser.clock.advance(100);
  const asked = outcome(two.auth.fetch("/api/x"));
  await browser.clock.advance(100);
  assert.equal(asked.value?.status, 200);
  await browser.clock.advance(3000);
  assert.equal(waiting.value.status, 200);
  assert.equal(browser.server.count("/auth/refresh"), 2, "it took the other tab's token");
});

test("a refresh that takes long is waited for: another one beside it could look like a thief's", async () => {
  const { browser, tabs: [slow, ...others] } = await strandedTabs(3);
  const held = later();
  browser.server.instead["/auth/refresh"] = () => held.promise;
  const asked = [outcome(slow.auth.fetch("/api/x"))];
  await browser.clock.advance(100);
  asked.push(...others.map(({ auth }) => outcome(auth.fetch("/api/x"))));
  await browser.clock.advance(25_000);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  held.resolve();
  await browser.clock.advance(100);
  assert.deepEqual(asked.map((each) => each.value?.status), [200, 200, 200]);
  assert.equal(browser.server.count("/auth/refresh"), 1);
});

test("a frozen tab that holds the lock is passed by after 3 s, with one refresh", async () => {
  const { browser, tabs: [frozen, ...others] } = await strandedTabs(3);
  browser.locks.request("tallystick /auth", { signal: new AbortController().signal },
    () => new Promise(() => {}));
  const asked = others.map(({ auth }) => outcome(auth.fetch("/api/x")));
  await browser.clock.advance(2900);
  assert.equal(browser.server.count("/auth/refresh"), 0);
  await browser.clock.advance(1300);
  assert.deepEqual(asked.map((each) => each.value?.status), [200, 200]);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.deepEqual(frozen.events, []);
});

test("a refusal that another tab's new token has overtaken signs nobody out", async () => {
  for (const late of [refusal(401, "invalid_token"), undefined]) {
    const browser = new Browser();
    const [one, two] = [await browser.signedIn(), browser.open()];
    await browser.clock.advance(100);
    browser.server.loseTokens();
    const held = later();
    browser.server.instead["/auth/refresh"] = ({ tab }) => tab === one ? held.promise : undefined;
    const first = outcome(one.auth.fetch("/api/x"));
    await browser.clock.advance(100);
    const second = outcome(two.auth.fetch("/api/x"));
    await browser.clock.advance(100);
    assert.equal(second.value.status, 200);
    const newer = browser.server.requests.at(-1).bearer;
    held.resolve(late);
    await settle();
    assert.equal(first.value.status, 200);
    assert.equal(browser.server.requests.at(-1).bearer, newer, "the newer token stays");
    assert.deepEqual([one.events, two.events], [[], []]);
    assert.equal(browser.server.count("/auth/logout"), 0);
  }
});

test("a token that got a 401 here is not taken back from a tab that still trusts it", async () => {
  const browser = new Browser();
  const [asking, owner] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  await owner.auth.login("ann", "right");
  await settle();
  browser.server.loseTokens();
  browser.server.instead["/auth/refresh"] = () => refusal(503, "temporarily_unavailable");
  const first = outcome(asking.auth.fetch("/api/x"));
  await browser.clock.advance(10_000);
  assert.equal(first.error.code, "temporarily_unavailable");
  await assert.rejects(asking.auth.fetch("/api/x"), { code: "temporarily_unavailable" });
  assert.equal(browser.server.count("/api/x"), 1);
});

test("a sign-in as somebody else reaches the other tabs, and ends what waits there", async () => {
  const browser = new Browser();
  const [one, two] = [await browser.signedIn(), browser.open()];
  await browser.clock.advance(100);
  browser.server.user = { id: "b".repeat(26), username: "bob", groups: [] };
  await one.auth.login("bob", "right");
  await settle();
  assert.equal(two.auth.getSnapshot().user.username, "bob");
  assert.equal((await two.auth.user()).username, "bob");
});

test("two mounts on one origin do not hear one another", async () => {
  const browser = new Browser();
  const ours = await browser.signedIn();
  const theirs = browser.open({ options: { base: "/other" } });
  await browser.clock.advance(100);
  await ours.auth.logout();
  await settle();
  assert.deepEqual(theirs.events, []);
});
