// Network faults between eight tabs and a server that keeps the contract's rotation table to the second.
//
// Requests and answers are lost, or delayed by at most an eighth of the reuse window each, and the
// server is unreachable for longer than the window. Nobody may be signed out. A storm is ten simulated
// minutes, with about 1 500 refreshes; TALLYSTICK_CHAOS_ROUNDS multiplies the number of storms.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, json, outcome, refusal } from "./world.js";

const WINDOW = 6;
const USER = { id: "a".repeat(26), username: "ann", groups: [] };

/** Mulberry32: a number in [0, 1) at each call, the same ones for a seed. */
const drawing = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

/** One session, as the contract's section 2 has it. */
class Rotation {
  generation = 1;
  confirmed = 1;
  rotatedAt = 0;
  issuedAt = 0;
  ended = false;

  constructor(clock) { this.clock = clock; }
  get now() { return Math.floor(this.clock.time / 1000); }

  /** What a presented generation gets: the live one, and whether in a cookie; or nothing. */
  refresh(presented) {
    if (this.ended) return null;
    if (presented === this.generation) {
      this.confirmed = presented;
      if (presented > 1 && this.now - this.issuedAt <= WINDOW) return { cookie: false };
      this.generation += 1;
      this.rotatedAt = this.issuedAt = this.now;
      return { cookie: true };
    }
    if (presented === this.generation - 1
      && (this.confirmed < this.generation || this.now - this.rotatedAt <= WINDOW)) {
      this.issuedAt = this.now;
      return { cookie: true };
    }
    this.ended = true;
    return null;
  }
}

/** Tabs that ask all the time, in weather drawn from a seed. */
async function storm(seed, { tabs: count, minutes }) {
  const draw = drawing(seed);
  const browser = new Browser();
  const { clock, server } = browser;
  const session = new Rotation(clock);
  const sleep = (ms) => new Promise((done) => { clock.setTimeout(done, ms); });
  const held = () => draw() < 0.4 ? sleep(draw() * WINDOW * 1000 / 8) : sleep(5);
  let jar = 1, issued = 0, under = 0, most = 0;
  // The server is away for a while now and then: a lost answer is not healed within the window.
  let away = 0;
  const refreshed = async () => {
    const brought = jar, fate = draw();
    await held();
    if (clock.time > away && draw() < 0.05) away = clock.time + draw() * 20_000;
    if (fate < 0.15) throw new TypeError("Failed to fetch");
    if (clock.time < away) return refusal(503, "temporarily_unavailable");
    const answer = session.refresh(brought), { generation } = session;
    await held();
    if (fate < 0.35) throw new TypeError("Failed to fetch");
    if (!answer) return refusal(401, "invalid_token");
    if (answer.cookie) jar = generation;
    if (fate < 0.4) return new Response('{"access_tok');
    issued += 1;
    return json(200, {
      access_token: `${generation}.${issued}`, token_type: "Bearer", expires_in: 60, user: USER,
    });
  };
  server.instead["/auth/refresh"] = async () => {
    most = Math.max(most, under += 1);
    try {
      return await refreshed();
    } finally {
      under -= 1;
    }
  };
  server.instead["/api/x"] = async ({ bearer }) => {
    await sleep(5);
    if (session.ended || draw() < 0.3) return refusal(401, "invalid_token");
    session.confirmed = Math.max(session.confirmed, Number.parseInt(bearer, 10));
    return json(200, {});
  };
  const tabs = Array.from({ length: count }, () => browser.open({ locks: true }));
  let over = false;
  for (const { auth } of tabs) {
    (async () => {
      while (!over) {
        await auth.fetch("/api/x").catch(() => {});
        await sleep(50 + draw() * 250);
      }
    })();
  }
  for (let second = 0; second < minutes * 60 && !session.ended; second += 1) await clock.advance(1000);
  over = true;
  for (const { auth } of tabs) auth.dispose();
  return { seed, ended: session.ended && clock.time, most, refreshes: server.count("/auth/refresh") };
}

test("bad weather signs nobody out, and one refresh is under way at a time", async (t) => {
  const storms = Math.ceil(2 * Number(process.env.TALLYSTICK_CHAOS_ROUNDS || 1));
  for (let seed = 1; seed <= storms; seed += 1) {
    t.mock.method(Math, "random", drawing(-seed)); // the module's jitter too
    const { refreshes, ...found } = await storm(seed, { tabs: 8, minutes: 10 });
    assert.ok(refreshes > 1000, `${refreshes} refreshes`);
    assert.deepEqual(found, { seed, ended: false, most: 1 });
  }
});

test("bad weather while others sign in leaves no site to an account before", async (t) => {
  const rounds = Math.ceil(20 * Number(process.env.TALLYSTICK_CHAOS_ROUNDS || 1));
  for (let seed = 1; seed <= rounds; seed += 1) {
    const draw = drawing(seed);
    const any = (list) => list[Math.floor(draw() * list.length)];
    t.mock.method(Math, "random", drawing(-seed));
    const browser = new Browser();
    const { server, clock } = browser;
    const tabs = Array.from({ length: 3 }, () => browser.open({ locks: true }));
    for (const path of ["/auth/refresh", "/auth/login", "/auth/logout"]) {
      server.instead[path] = async (request) => {
        if (draw() < 0.2) throw new TypeError("Failed to fetch");
        const before = server.cookie;
        const answer = server.answer(request), after = server.cookie;
        await new Promise((done) => { clock.setTimeout(done, 5 + draw() * 50); });
        if (draw() >= 0.2) return answer;
        // Cut after its header, or before it: then the jar keeps what it had.
        if (draw() < 0.5 && server.cookie === after) server.cookie = before;
        throw new TypeError("Failed to fetch");
      };
    }
    // The sessions by which sites were opened, each with its account.
    const opened = new Map();
    server.instead["/auth/handover"] = ({ bearer }) => {
      const session = server.sessionOf(bearer);
      opened.set(session, server.nameOf(session));
    };
    for (let turn = 0; turn < 12; turn += 1) {
      const name = any(["ann", "bob", "carol"]), { auth } = any(tabs);
      let done = false;
      for (let tries = 0; !done && tries < 60; tries += 1) {
        const asked = outcome(auth.login(name, "right"));
        await clock.advance(draw() * 3000);
        any(tabs).auth.handOver({ site: "https://app.test", state: "", return: "/" }).catch(() => {});
        await clock.advance(3000);
        done = asked.state === "resolved";
      }
      assert.ok(done, `seed ${seed}, turn ${turn}`);
      const left = [...opened].filter(([session, owner]) => owner !== name && server.live(session));
      assert.deepEqual(left, [], `seed ${seed}, turn ${turn}: ${name}`);
      for (const { auth: { getSnapshot } } of tabs) assert.equal(getSnapshot().user?.username, name);
    }
    for (const { auth } of tabs) auth.dispose();
  }
});
