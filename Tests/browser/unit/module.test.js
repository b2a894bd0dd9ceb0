// The module is small, imports nothing, and uses no storage for a token.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const source = readFileSync(new URL("../../../nginx/www/tallystick.js", import.meta.url));

test("it is under 6 KB gzipped, comments and all", () => {
  const size = gzipSync(source, { level: 9 }).length;
  console.log(`tallystick.js: ${source.length} bytes, ${size} gzipped`);
  assert.ok(size < 6000, `${size} bytes`);
});

test("it imports nothing, and names no storage", () => {
  const code = String(source).replace(/\/\/.*/g, "");
  const banned = /\bimport\b|\brequire\b|localStorage|sessionStorage|indexedDB|\bcookie\b|\bcaches\b/;
  assert.doesNotMatch(code, banned);
});

test("tallystick.d.ts declares what the object has, and nothing else", async () => {
  const { createAuth } = await import("../../../nginx/www/tallystick.js");
  const types = String(readFileSync(new URL("../../../nginx/www/tallystick.d.ts", import.meta.url)));
  const [, body] = /^export interface Auth extends EventTarget \{\n(.*?)^\}/ms.exec(types);
  const declared = new Set([...body.matchAll(/^  (?:readonly )?(\w+)[:(]/gm)].map(([, name]) => name));
  declared.delete("addEventListener"); // EventTarget's own, with our events
  const auth = createAuth({ fetch: async () => Response.json({}, { status: 401 }) });
  assert.deepEqual([...declared].sort(), Object.keys(auth).sort());
  auth.dispose();
});

test("it loads and signs in with nothing but a fetch, outside a browser", async () => {
  const { createAuth } = await import("../../../nginx/www/tallystick.js");
  const user = { id: "a", username: "ann", groups: [] };
  const fetch = async (url) => url.endsWith("/login")
    ? Response.json({ access_token: "t", token_type: "Bearer", expires_in: 900, user })
    : Response.json({ error: "invalid_token" }, { status: 401 });
  const auth = createAuth({ fetch });
  assert.equal((await auth.ready).status, "signedout");
  assert.deepEqual(await auth.login("ann", "right"), user);
  auth.dispose();
});
