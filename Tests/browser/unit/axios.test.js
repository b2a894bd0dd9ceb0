// auth.attach with the real axios, as Debian's node-axios ships it.
//
// Its browser build has no adapter that runs in Node. So ours sends the request, as axios prepared it,
// to the same server as the other tests. axios in a real browser: Tests/browser/test_client.py.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { AuthError, SignedOut } from "../../../nginx/www/tallystick.js";
import { Browser, later, outcome, refusal, settle } from "./world.js";

const file = "/usr/share/nodejs/axios/dist/esm/axios.js";
const skip = existsSync(file) ? false : "node-axios is not installed";
globalThis.window ??= { location: { href: "https://app.test/page" } }; // the build looks for it
const axios = skip ? null : (await import(file)).default;

/** A tab that is signed in, and an axios instance attached to it. */
async function attached(config = {}, options = {}) {
  const browser = new Browser();
  const tab = await browser.signedIn(options);
  const api = axios.create({
    baseURL: "https://app.test/api",
    adapter: async (given) => {
      const at = given.url.startsWith("http") ? given.url : given.baseURL + given.url;
      const sent = tab.fetch(at, {
        method: given.method.toUpperCase(), headers: { ...given.headers.toJSON() },
        body: given.data, signal: given.signal,
      });
      const response = await sent.catch((error) => {
        throw error.name === "AbortError" ? new axios.CanceledError(undefined, given) : error;
      });
      const outcome = {
        data: await response.text(), status: response.status, config: given, request: {},
        headers: Object.fromEntries(response.headers),
      };
      if (given.validateStatus && !given.validateStatus(response.status)) {
        throw new axios.AxiosError("failed", "ERR", given, {}, outcome);
      }
      return outcome;
    },
    ...config,
  });
  return { browser, tab, api, detach: tab.auth.attach(api) };
}

test("T078: twenty axios requests share one refresh, and each is sent once more", { skip }, async () => {
  const { browser, api } = await attached();
  browser.server.loseTokens();
  const all = Promise.all(Array.from({ length: 20 }, (_, index) => api.get(`/${index}`)));
  await browser.clock.advance(100);
  for (const each of await all) assert.equal(each.status, 200);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal(browser.server.requests.length, 41);
});

test("axios and fetch share the refresh", { skip }, async () => {
  const { browser, tab, api } = await attached();
  browser.server.loseTokens();
  const all = Promise.all([api.get("/a"), tab.auth.fetch("/api/b")]);
  await browser.clock.advance(100);
  assert.deepEqual((await all).map((each) => each.status), [200, 200]);
  assert.equal(browser.server.count("/auth/refresh"), 1);
});

test("a refused refresh rejects with SignedOut, a lost one with what happened", { skip }, async () => {
  const { browser, tab, api } = await attached();
  browser.server.loseTokens();
  browser.server.instead["/auth/refresh"] = () => refusal(503, "temporarily_unavailable");
  const lost = outcome(api.get("/x"));
  await browser.clock.advance(10_000);
  assert.ok(lost.error instanceof AuthError);
  assert.equal(lost.error.code, "temporarily_unavailable");
  browser.server.instead = {};
  browser.server.endSessions();
  tab.window.dispatchEvent(new Event("online"));
  await browser.clock.advance(100);
  assert.deepEqual(tab.events, ["refused"]);
  await assert.rejects(api.get("/x"), { message: "failed" }, "signed out: a plain 401");
});

test("twenty axios requests are each rejected once with SignedOut", { skip }, async () => {
  const { browser, tab, api } = await attached();
  browser.server.endSessions();
  const all = Array.from({ length: 20 }, (_, index) => outcome(api.get(`/${index}`)));
  await browser.clock.advance(100);
  for (const each of all) assert.ok(each.error instanceof SignedOut);
  assert.equal(browser.server.count("/auth/refresh"), 1);
  assert.equal(browser.server.count("/auth/logout"), 1);
  assert.deepEqual(tab.events, ["refused"]);
});

test("a second 401 is the caller's, also where the caller takes 401 for a success", { skip }, async () => {
  for (const validateStatus of [undefined, () => true]) {
    const { browser, api } = await attached(validateStatus ? { validateStatus } : {});
    browser.server.instead["/api/x"] = () => refusal(401, "invalid_token");
    const asked = outcome(api.get("/x"));
    await browser.clock.advance(100);
    assert.equal((asked.value ?? asked.error.response).status, 401);
    assert.equal(browser.server.count("/api/x"), 2);
    assert.equal(browser.server.count("/auth/refresh"), 1);
  }
});

test("an upload is sent again as it was: JSON, a form, bytes", { skip }, async (t) => {
  const form = new FormData();
  form.set("name", "value");
  form.set("file", new Blob(["contents"]), "file.txt");
  const cases = {
    "JSON": [{ a: 1, nested: { b: [2] } }, (body) => assert.equal(body, '{"a":1,"nested":{"b":[2]}}')],
    "text": ["plain", (body) => assert.equal(body, "plain")],
    "a form": [form, (body) => assert.equal(body.get("name"), "value")],
    "parameters": [new URLSearchParams({ q: "1" }), (body) => assert.equal(String(body), "q=1")],
    "a file": [new Blob(["bytes"]), (body) => assert.equal(body.size, 5)],
    "bytes": [new Uint8Array([1, 2]), (body) => assert.equal(body.byteLength, 2)],
  };
  for (const [what, [data, check]] of Object.entries(cases)) {
    await t.test(what, async () => {
      const { browser, api } = await attached();
      browser.server.loseTokens();
      const asked = api.post("/upload", data);
      await browser.clock.advance(100);
      assert.equal((await asked).status, 200);
      const sent = browser.server.requests.filter((each) => each.path === "/api/upload");
      assert.equal(sent.length, 2);
      for (const { body } of sent) check(body);
      assert.equal(sent[0].headers.get("Content-Type"), sent[1].headers.get("Content-Type"));
      assert.notEqual(sent[0].bearer, sent[1].bearer);
    });
  }
});

test("what an instance does to its data is done once a try, not twice", { skip }, async () => {
  const { browser, api } = await attached({ transformRequest: [(data) => `wrapped(${data})`] });
  browser.server.loseTokens();
  const asked = api.post("/x", "data");
  await browser.clock.advance(100);
  await asked;
  const sent = browser.server.requests.filter((each) => each.path === "/api/x");
  assert.deepEqual(sent.map(({ body }) => body), ["wrapped(data)", "wrapped(data)"]);
});

test("an abort while the refresh is under way cancels that request alone", { skip }, async () => {
  const { browser, api } = await attached();
  browser.server.loseTokens();
  const held = later();
  browser.server.instead["/auth/refresh"] = () => held.promise;
  const controller = new AbortController();
  const aborted = outcome(api.get("/x", { signal: controller.signal }));
  const other = outcome(api.get("/y"));
  await browser.clock.advance(100);
  controller.abort();
  held.resolve();
  await settle();
  assert.ok(axios.isCancel(aborted.error));
  assert.equal(browser.server.count("/api/x"), 1);
  assert.equal(other.value.status, 200);
});

test("the token goes nowhere else, however axios is told where to go", { skip }, async () => {
  const cases = [
    [{ url: "/x" }, true],
    [{ url: "https://app.test/x" }, true],
    [{ url: "https://evil.test/x" }, false],
    [{ url: "//evil.test/x", baseURL: "" }, false],
    [{ url: "/x", baseURL: "https://evil.test/api" }, false],
    [{ url: "x", baseURL: "//evil.test" }, false],
    [{ url: "https://api.test/x" }, true],
  ];
  for (const [config, expected] of cases) {
    const { browser, api } = await attached({}, { options: { origins: ["https://api.test"] } });
    await api.request({ ...config, adapter: (given) => {
      assert.equal("Authorization" in given.headers.toJSON(), expected, JSON.stringify(config));
      return Promise.resolve({ data: "", status: 200, headers: {}, config: given });
    } });
    assert.equal(browser.server.requests.length, 0);
  }
});

test("a caller's own Authorization is left alone, and its 401 is the caller's", { skip }, async () => {
  const { browser, api } = await attached();
  await assert.rejects(api.get("/x", { headers: { Authorization: "Basic abc" } }));
  assert.equal(browser.server.requests.length, 1);
  assert.equal(browser.server.requests[0].headers.get("Authorization"), "Basic abc");
});

test("detached, the instance is as it was", { skip }, async () => {
  const { browser, api, detach } = await attached();
  detach();
  await assert.rejects(api.get("/x"), { message: "failed" });
  assert.equal(browser.server.requests[0].bearer, "");
});

test("other errors pass through untouched", { skip }, async () => {
  const { browser, api } = await attached();
  browser.server.instead["/api/x"] = () => Promise.reject(new TypeError("Failed to fetch"));
  await assert.rejects(api.get("/x"), TypeError);
  browser.server.instead["/api/x"] = () => refusal(403, "insufficient_scope");
  await assert.rejects(api.get("/x"), (error) => error.response.status === 403);
  assert.equal(browser.server.count("/auth/refresh"), 0);
});
