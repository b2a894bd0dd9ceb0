// reload.js: what makes a page of a guarded site reload, and what does not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isOurs, watch } from "../../../nginx/www/reload.js";

const ORIGIN = "https://site.example";
const OURS = 'Bearer realm="https://issuer.example"';

/** A window whose `fetch` answers with this status and challenge. */
function page(status, challenge, url = `${ORIGIN}/api`) {
  const window = new EventTarget();
  const stored = new Map();
  Object.assign(window, {
    Event, reloads: 0, time: 0,
    location: { origin: ORIGIN, href: `${ORIGIN}/`, reload: () => { window.reloads += 1; } },
    sessionStorage: { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) },
    XMLHttpRequest: class extends EventTarget {
      send() {
        Object.assign(this, { status, responseURL: url });
        this.dispatchEvent(new Event("load"));
      }

      getResponseHeader() { return challenge; }
    },
    fetch: async () => ({ status, url, headers: new Headers(challenge ? { "WWW-Authenticate": challenge } : {}) }),
  });
  watch(window, () => window.time);
  return window;
}

const asXHR = (window) => new window.XMLHttpRequest().send();

test("the gate's 401 reloads the page once, however many requests get it", async () => {
  for (const ask of [(window) => window.fetch("/api"), asXHR]) {
    const window = page(401, OURS);
    await Promise.all([ask(window), ask(window), ask(window)]);
    assert.equal(window.reloads, 1);
  }
});

test("no other answer does", async () => {
  for (const [status, challenge, url] of [
    [200, null], [403, OURS], [401, null], [401, "Basic realm=\"x\""], [401, OURS, "https://other.example/api"], [500, OURS],
  ]) {
    const window = page(status, challenge, url);
    assert.equal((await window.fetch("/api")).status, status);
    asXHR(window);
    assert.equal(window.reloads, 0, `${status} ${challenge} ${url}`);
  }
});

test("a page that has something to lose keeps itself", async () => {
  const window = page(401, OURS);
  window.addEventListener("tallystick-signedout", (event) => event.preventDefault());
  await window.fetch("/api");
  assert.equal(window.reloads, 0);
});

test("it reloads twice within a minute at the most", async () => {
  const first = page(401, OURS);
  const loads = [];
  for (const time of [1_000, 2_000, 3_000, 59_000, 70_000]) {
    // The same tab, loaded anew.
    const window = page(401, OURS);
    Object.assign(window, { sessionStorage: first.sessionStorage, time });
    await window.fetch("/api");
    loads.push(window.reloads);
  }
  assert.deepEqual(loads, [1, 1, 0, 0, 1]);
});

test("a page without storage does not go round in circles", async () => {
  const window = page(401, OURS);
  window.sessionStorage = { getItem() { throw new Error("SecurityError"); } };
  await window.fetch("/api");
  assert.equal(window.reloads, 0);
});

test("only a challenge of the gate counts", () => {
  assert.equal(isOurs(401, OURS, "/x", ORIGIN), true);
  assert.equal(isOurs(401, `Basic realm="x", ${OURS}`, "/x", ORIGIN), false);
  assert.equal(isOurs(401, undefined, "/x", ORIGIN), false);
});
