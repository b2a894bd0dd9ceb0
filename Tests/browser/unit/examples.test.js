// The examples of the front-end chapter, run with the real libraries as Debian ships them.
//
// React drawing in a real page: Tests/browser/test_examples.py.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { json, refusal } from "./world.js";

const www = new URL("../../../nginx/www/", import.meta.url);
const modules = "/usr/share/nodejs";
process.env.NODE_PATH = modules; // Debian's node looks there by itself, others do not
Module._initPaths();
const require = createRequire(import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), "tallystick-examples-"));
after(() => rmSync(scratch, { recursive: true }));

const user = { id: "a".repeat(26), username: "ann", groups: [] };
let signedIn = false;
let dead = new Set();
let count = 0;
let made = 0;

const went = [];
globalThis.location = { href: "http://localhost/", assign: (to) => { went.push(to); } };
globalThis.window ??= { location }; // what axios looks for
globalThis.fetch = async (input, init = {}) => {
  const path = new URL(input, "http://localhost/").pathname;
  const token = new Headers(init.headers).get("Authorization");
  const grant = () => {
    count += 1;
    return json(200, { access_token: `t${count}`, token_type: "Bearer", expires_in: 900, user });
  };
  if (path === "/auth/refresh") return signedIn ? grant() : refusal(401, "invalid_token");
  if (path === "/auth/login") { signedIn = true; return grant(); }
  if (path === "/auth/logout") { signedIn = false; return json(204); }
  if (!token || dead.has(token)) return refusal(401, "invalid_token");
  return json(200, { path, body: init.body });
};

/** Imports an example, its bare imports led to the installed libraries. */
async function example(name, libraries = {}) {
  let source = readFileSync(new URL(`examples/${name}.js`, www), "utf8")
    .replace('"../tallystick.js"', JSON.stringify(String(new URL("tallystick.js", www))));
  for (const [bare, file] of Object.entries(libraries)) {
    source = source.replace(`from "${bare}"`, `from "${pathToFileURL(file)}"`);
  }
  const file = join(scratch, `${name}-${made += 1}.mjs`);
  writeFileSync(file, source);
  return import(pathToFileURL(file));
}
const skipWithout = (...names) => names.every((name) => existsSync(`${modules}/${name}`)) ? false
  : `needs ${names.join(", ")}`;

test("the chapter shows the examples as they are", () => {
  const readme = readFileSync(new URL("README.md", www), "utf8");
  const shown = [...readme.matchAll(/<!-- examples\/(\S+) -->\n```js\n(.*?)```/gs)];
  assert.deepEqual(shown.map(([, name]) => name).sort(), readdirSync(new URL("examples", www)).sort());
  for (const [, name, code] of shown) {
    assert.equal(code, readFileSync(new URL(`examples/${name}`, www), "utf8"), name);
  }
});

test("plain", async () => {
  signedIn = true;
  const { auth, answer } = await example("plain");
  assert.equal((await answer.json()).path, "/api/echo");
  await auth.logout();
  assert.deepEqual(went, ["/"]);
  auth.dispose();
});

test("React draws each state", { skip: skipWithout("react", "react-dom") }, async () => {
  signedIn = false;
  const { createElement } = require("react");
  const { renderToStaticMarkup } = require("react-dom/server");
  const { auth, Account } = await example("react", { react: `${modules}/react/index.js` });
  const draw = () => renderToStaticMarkup(createElement(Account));
  assert.equal(draw(), "<p>One moment…</p>");
  await auth.ready;
  assert.equal(draw(), '<a href="/">Sign in</a>');
  await auth.login("ann", "right");
  assert.equal(draw(), "<p>Signed in as ann <button>Sign out</button></p>");
  await auth.logout();
  assert.equal(draw(), '<a href="/">Sign in</a>');
  auth.dispose();
});

test("what React's useSyncExternalStore asks of a store holds", async () => {
  // https://react.dev/reference/react/useSyncExternalStore: getSnapshot gives the same value until
  // the store changes, subscribe calls back on each change and returns what ends it; no `this`.
  const { auth } = await example("plain");
  await auth.logout();
  const { subscribe, getSnapshot } = auth;
  const seen = [];
  const stop = subscribe(() => seen.push(getSnapshot()));
  assert.equal(getSnapshot(), getSnapshot());
  await auth.login("ann", "right");
  await auth.logout();
  assert.deepEqual(seen.map(({ status }) => status), ["signedin", "signedout"]);
  stop();
  await auth.login("ann", "right");
  assert.equal(seen.length, 2);
  auth.dispose();
});

test("Redux holds the login, and no token", { skip: skipWithout("redux") }, async () => {
  signedIn = false;
  const { auth, store } = await example("redux", { redux: `${modules}/redux/lib/redux.js` });
  assert.equal(store.getState().login.status, "unknown");
  await auth.ready;
  assert.equal(store.getState().login.status, "signedout");
  await auth.login("ann", "right");
  assert.equal(store.getState().login.user.username, "ann");
  assert.doesNotMatch(JSON.stringify(store.getState()), /"t\d+"/);
  await auth.logout();
  assert.equal(store.getState().login.user, null);
  auth.dispose();
});

test("axios renews and repeats", { skip: skipWithout("axios") }, async () => {
  signedIn = true;
  const { auth, api, echo } = await example("axios", { axios: `${modules}/axios/dist/esm/axios.js` });
  api.defaults.adapter = async (config) => {
    const response = await fetch(config.baseURL + config.url, {
      method: config.method, headers: config.headers.toJSON(), body: config.data,
    });
    const outcome = { data: await response.json(), status: response.status, headers: {}, config };
    if (!response.ok) throw Object.assign(new Error("refused"), { config, response: outcome });
    return outcome;
  };
  await auth.ready;
  dead = new Set([`Bearer t${count}`]);
  assert.deepEqual(await echo("hello"), { path: "/api/echo", body: '{"message":"hello"}' });
  dead.add(`Bearer t${count}`);
  signedIn = false;
  assert.equal(await echo("hello"), null, "SignedOut");
  auth.dispose();
});
