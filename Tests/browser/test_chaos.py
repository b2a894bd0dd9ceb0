"""Everything between the browser and the refresh route goes wrong, for hundreds of rounds.

A round is one refresh that arrives at the proxy. By chance it is let through, delayed, repeated,
overtaken by a later one, refused by a server that is down, or lost: before nginx hears of it,
after the tokens were rotated, or in the middle of the answer. Meanwhile tabs are closed and opened,
stand still, go offline, and the program behind the route is killed.

Nobody may be signed out, and nothing may be asked without end. The seed is printed; with it in
TALLYSTICK_CHAOS_SEED the same faults are drawn again. TALLYSTICK_CHAOS_ROUNDS multiplies the rounds.

One bound is kept: no answer is held longer than the reuse window. A refresh cookie that arrives so
late that two newer ones have been used is, to the server, a stolen one.
"""

import os
import random
import signal
import time

import pytest
from conftest import Stack, assert_no_token, events, state, statuses
from fault_proxy import Fault

SEED = int(os.environ.get("TALLYSTICK_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
MORE = float(os.environ.get("TALLYSTICK_CHAOS_ROUNDS") or 1)

WORK = """([shortest, longest]) => {
  globalThis.seen = {};
  globalThis.stopped = false;
  globalThis.working = (async () => {
    for (let number = 0; !stopped; number += 1) {
      let what;
      try {
        what = (await auth.fetch(`/api/echo?${number}`)).status;
      } catch (error) { what = error.code ?? error.name; }
      seen[what] = (seen[what] ?? 0) + 1;
      await new Promise((done) => setTimeout(done, shortest + Math.random() * (longest - shortest)));
    }
  })();
}"""


class Chaos:
    """Draws a fault for each request; `longest` is the most that one is held, in seconds."""

    def __init__(self, seed, longest, unauthorized):
        self.random, self.longest, self.unauthorized = random.Random(seed), longest, unauthorized
        self.drawn = {}

    def __call__(self, request):
        path = request.path.split("?")[0]
        if path == "/api/echo" and self.random.random() < self.unauthorized:
            return self.count(Fault("401", instead=(401, {"WWW-Authenticate": "Bearer"}, {
                "error": "invalid_token"})))
        if path != "/auth/refresh":
            return None
        draw, hold = self.random.random, lambda: self.random.uniform(0, self.longest / 2)
        down = (503, {"Retry-After": "1"}, {"error": "temporarily_unavailable"})
        return self.count(self.random.choices([
            Fault("passed"),
            Fault("late request", before=hold()),
            Fault("late answer", after=hold()),
            Fault("late both ways", before=hold() / 2, after=hold() / 2),
            Fault("repeated", copies=2 + (draw() < 0.3), use=int(draw() * 3)),
            Fault("overtaken", swap=self.longest / 2, after=hold() / 2),
            Fault("request lost", lose="request"),
            Fault("answer lost", lose="answer"),
            Fault("answer cut", lose="body"),
            Fault("repeated, answer lost", copies=2, lose="answer"),
            Fault("down", instead=down),
            Fault("bad gateway", instead=(502, {"Content-Type": "text/html"}, b"<h1>502</h1>")),
        ], [6, 2, 2, 2, 3, 2, 2, 4, 2, 2, 1, 1])[0])

    def count(self, fault):
        self.drawn[fault.name] = self.drawn.get(fault.name, 0) + 1
        return fault

    def failures(self):
        """How many answers the module did not get, each worth one more try."""
        return sum(count for name, count in self.drawn.items()
                   if "lost" in name or name in ("answer cut", "down", "bad gateway"))


@pytest.mark.skipif(MORE == 0, reason="TALLYSTICK_CHAOS_ROUNDS is 0")
@pytest.mark.parametrize(("tabs", "rounds", "window", "pause", "unauthorized"), [
    (1, 150, 0, (20, 80), 0.6),        # every refresh rotates
    (3, 150, 6, (50, 300), 0.4),
    (50, 60, 9, (2000, 6000), 0.05),   # renewals before the end of 4 s do the work
], ids=["1 tab", "3 tabs", "50 tabs"])
def test_nobody_is_signed_out(playwright, capsys, tabs, rounds, window, pause, unauthorized):
    rounds = int(rounds * MORE)
    # A quarter of the window: what a busy machine adds to it must not reach the bound.
    chaos = Chaos(SEED + tabs, longest=window / 4 or 0.75, unauthorized=unauthorized)
    stack = Stack(playwright, env={
        "TALLYSTICK_ACCESS_LIFETIME": "4s", "TALLYSTICK_LEEWAY": "0s",
        "TALLYSTICK_REUSE_WINDOW": f"{window}s"})
    try:
        person = stack.person()
        pages = [person.signed_in_tab()]
        pages += [person.tab() for _ in range(tabs - 1)]
        stack.reset()
        stack.proxy.plan = chaos
        for page in pages:
            page.evaluate(WORK, list(pause))
        began, other = time.monotonic(), random.Random(SEED)
        done = []
        while len(stack.proxy.of("/auth/refresh")) < rounds and time.monotonic() - began < 240:
            pages[0].wait_for_timeout(400)
            trouble(stack, person, pages, other, pause, done)
        lasted = time.monotonic() - began

        if len(stack.proxy.of("/auth/refresh")) < rounds:
            pytest.fail(f"seed {SEED}: it stands still after {stuck(stack, pages)}; {done}")

        # The weather clears: what is under way ends, and everybody is still there.
        stack.proxy.plan = lambda request: None
        counted, seen = len(stack.proxy.of("/auth/refresh")), {}
        for page in pages:
            page.evaluate("stopped = true")
        for page in pages:
            page.evaluate("Promise.race([working, new Promise((done) => setTimeout(done, 8000))])")
            for what, count in page.evaluate("seen").items():
                seen[what] = seen.get(what, 0) + count
        with capsys.disabled():
            print(f"\nseed {SEED}, {tabs} tabs: {counted} refreshes in {lasted:.0f} s, "
                  f"{dict(sorted(chaos.drawn.items()))}, {done}, requests {seen}")
        for page in pages:
            page.evaluate("dispatchEvent(new Event('online'))")
            assert statuses(page, "/api/echo") == [200]
            assert (state(page), events(page)) == ("signedin", [])
        assert stack.reuses() == []
        assert "signed_out" not in seen
        assert set(seen) <= {"200", "401", "network", "temporarily_unavailable",
                             "unexpected_answer", "TypeError"}  # the last: plain fetch, offline
        for page in pages[:5]:
            assert_no_token(page)

        # No loop: a 401 asks once, a failure is tried again (and copied by Chromium, up to seven
        # times), a tab renews before its token's end and restores itself when it opens.
        bound = chaos.drawn.get("401", 0) + 8 * chaos.failures() + tabs * (lasted / 1.5 + 2) + len(done)
        assert counted <= bound
        stack.proxy.clear()
        pages[0].wait_for_timeout(4000)
        assert len(stack.proxy.seen) <= 4 * tabs + 2
    finally:
        stack.close()


def stuck(stack, pages):
    """What there is to know where nothing moves any more."""
    last = [(each.path, each.fault, each.status) for each in stack.proxy.seen[-5:]]
    tabs = [page.evaluate("""async () => ({
        ...auth.getSnapshot(), user: 0, left: auth.remaining(), seen,
        locks: await navigator.locks.query().then(({ held, pending }) => [held.length, pending.length]),
    })""") for page in pages[:5]]
    refresh = stack.site.post("/auth/refresh").status_code
    return len(stack.proxy.of("/auth/refresh")), last, tabs, f"the route answers {refresh}"


def trouble(stack, person, pages, draw, pause, done):
    """Now and then, something happens to a tab or to the server."""
    what = draw.random()
    index = draw.randrange(len(pages))
    if what < 0.04:
        done.append("tab closed")
        pages[index].close()
        pages[index] = person.page("/t/blank")
        pages[index].evaluate("""() => {
            globalThis.events = [];
            import("/tallystick.js").then(({ createAuth }) => {
              globalThis.auth = createAuth();
              auth.addEventListener("signedout", ({ reason }) => { events.push(reason); });
            });
        }""")
        pages[index].wait_for_function("globalThis.auth")
        pages[index].evaluate(WORK, list(pause))
    elif what < 0.08:
        done.append("stood still")
        pages[index].evaluate("() => { const end = performance.now() + 1500; while (performance.now() < end); }")
    elif what < 0.10:
        done.append("offline")
        person.context.set_offline(True)
        pages[0].wait_for_timeout(600)
        person.context.set_offline(False)
    elif what < 0.13:
        kill = draw.choice([signal.SIGTERM, signal.SIGKILL])
        done.append(f"refresh {kill.name}")
        try:
            stack.site.signal("refresh", kill)
        except (ProcessLookupError, OSError, IndexError, ValueError):
            done[-1] += " (was gone)"
