// Where the gate and the way out lead to: the site that is named, and nowhere else.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { destination, isOrigin, wayBack } from "../../../nginx/www/destination.js";

const SITE = "https://app.test";
const STATE = "0123456789-_abcdefghijklmnopqrstuvwxyzABCDE";

const query = (values) => `?${new URLSearchParams(values)}`;
const asked = (values = {}) => destination(query({ site: SITE, return: "/", state: STATE, ...values }));

test("a site, a state and a path are taken as they are", () => {
  for (const site of [SITE, "https://app.test:8443", "https://xn--bcher-kva.test", "https://[2001:db8::1]",
    "https://127.0.0.1", "https://localhost:8443"]) {
    assert.deepEqual(asked({ site }), { site, state: STATE, return: "/" });
  }
  for (const path of ["/", "/a?" + "x".repeat(2045), "/a%2Fb%00?q=%26&r=%25", "/?next=https://evil.test/", "/a//b",
    "/ä?ö=ü", "/a b", "/@evil.test", "/:80", "/?x=1+2&y=%20"]) {
    assert.equal(asked({ return: path }).return, path);
  }
});

test("any other path is the front page", () => {
  for (const path of ["", "a", "//evil.test", "/\\evil.test", "\\/evil.test", "/a\\b", "/a\nb", "/a\tb", "/\0", "/\x7f",
    "https://evil.test/", "/" + "x".repeat(2048), "/" + "ä".repeat(1024), "javascript:alert(1)", " /a", "\t//evil.test"]) {
    assert.equal(asked({ return: path }).return, "/", JSON.stringify(path));
  }
  assert.equal(destination(`?site=${SITE}&state=${STATE}`).return, "/");
  assert.equal(destination(`?site=${SITE}&state=${STATE}&return=/a&return=/b`).return, "/");
});

test("any other spelling of an origin leads nowhere", () => {
  for (const site of ["", "http://app.test", "https://app.test/", "https://app.test/path", "HTTPS://app.test",
    "https://APP.test", "https://app.test:443", "https://user@app.test", "https://user:pw@app.test", "https://app.test?x",
    "https://app.test#", "https://bücher.test", "https://0x7f.1", "https://app.test\\", "https:app.test", "//app.test",
    "app.test", "null", "https://[::0001]", "javascript:alert(1)//", "data:text/html,x", "blob:https://app.test",
    " https://app.test", "https://app.test ", "https://app.test\n", "https://%61pp.test", "https://app。test"]) {
    assert.equal(isOrigin(site), false, site);
    assert.equal(asked({ site }), null, site);
  }
});

test("a state of any other form leads nowhere", () => {
  for (const state of ["", "x", STATE.slice(1), STATE + "A", STATE.slice(0, -1) + "=", STATE.slice(0, -1) + "+",
    STATE + "\n", STATE.slice(0, -1) + "ä"]) {
    assert.equal(asked({ state }), null, state);
  }
});

test("what is missing or said twice leads nowhere", () => {
  for (const text of ["", "?", `?return=/&state=${STATE}`, `?site=${SITE}&return=/`,
    `?site=${SITE}&site=${SITE}&return=/&state=${STATE}`, `?site=${SITE}&return=/&state=${STATE}&state=${STATE}`,
    `?site=${SITE}&site=https://evil.test&return=/&state=${STATE}`, `?SITE=${SITE}&return=/&state=${STATE}`]) {
    assert.equal(destination(text), null, text);
  }
});

test("the way back is an address of https, and names its host", () => {
  for (const [text, host] of [["https://app.test/a?b#c", "app.test"], ["https://app.test:8443", "app.test:8443"],
    ["https://APP.test", "app.test"]]) {
    assert.equal(wayBack(query({ return: text })).host, host);
  }
  for (const text of ["", "/", "//app.test", "app.test", "http://app.test", "javascript:alert(1)", "data:text/html,x",
    "https://app.test@evil.test/", "https://app.test:pw@evil.test/", "blob:https://app.test/x", "https://"]) {
    assert.equal(wayBack(query({ return: text })), null, text);
  }
  assert.equal(wayBack("?return=https://a.test&return=https://b.test"), null);
  assert.equal(wayBack(""), null);
});

// T159. One list of what open redirects are made of, from outside of the project.
const LIST = new URL("../../../../shared/vectors/openredirects.txt", import.meta.url);
test("nothing of a list of open redirects leads to another host", { skip: !existsSync(LIST) }, () => {
  const lines = readFileSync(LIST, "utf8").split("\n").filter(Boolean);
  assert.ok(lines.length > 500);
  for (const line of lines) {
    for (const text of [line, decoded(line)]) {
      const { return: path } = asked({ return: text });
      assert.equal(new URL(SITE + path).origin, SITE, text);
      assert.equal(new URL(path, SITE).origin, SITE, text);
      const site = asked({ site: text, return: text });
      if (site) assert.equal(new URL(`${site.site}/tallystick/land?code=c`).origin, text);
      const back = wayBack(query({ return: text }));
      if (back) assert.equal(new URL(back.href).host, back.host);
    }
  }
});

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
