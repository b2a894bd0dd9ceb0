"""Several tabs of one browser, and what remains in them after the session has ended."""

import contextlib
import json
import time

import pytest
from conftest import Stack, assert_no_token, events, state, statuses
from fault_proxy import Fault
from playwright.sync_api import expect
from waiting import wait_until

EXPIRED = Fault("401", instead=(401, {"WWW-Authenticate": "Bearer"}, {"error": "invalid_token"}))

WORKER = b"""
import { createAuth } from "/tallystick.js";
const auth = createAuth();
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  event.waitUntil(auth.fetch(event.data).then(
    (response) => event.source.postMessage(response.status),
    (error) => event.source.postMessage(error.code)));
});
"""


def rotations(proxy):
    """How many different cookies the refresh route gave."""
    return len({each.answer["Set-Cookie"] for each in proxy.of("/auth/refresh")
                if each.answer and each.answer["Set-Cookie"]})


def without_tab_help(person):
    """Neither channel nor locks: what is left is the server's reuse window."""
    person.context.add_init_script(
        "delete globalThis.BroadcastChannel; delete Navigator.prototype.locks;")


@pytest.mark.parametrize("helped", [True, False], ids=["with channel and locks", "without"])
def test_t079_two_tabs_and_a_service_worker_refresh_at_the_same_moment(stack, person, helped):
    """T079."""
    if not helped:
        without_tab_help(person)
    stack.proxy.pages["/t/worker.js"] = ({"Content-Type": "text/javascript"}, WORKER)
    one = person.signed_in_tab()
    two = person.tab()
    one.evaluate("""async () => {
        await navigator.serviceWorker.register("/t/worker.js", { type: "module", scope: "/t/" });
        const registration = await navigator.serviceWorker.ready;
        globalThis.worker = registration.active;
    }""")
    ask_worker = """(path) => new Promise((done) => {
        navigator.serviceWorker.addEventListener("message", ({ data }) => done(data), { once: true });
        worker.postMessage(path);
    })"""
    assert one.evaluate(ask_worker, "/api/echo") == 200
    tried = set()

    def plan(request):
        if request.path.startswith("/api/") and request.path not in tried:
            tried.add(request.path)
            return EXPIRED
        return Fault(after=0.2) if request.path == "/auth/refresh" else None
    stack.proxy.plan = plan
    stack.proxy.clear()
    for page, path in ((one, "/api/echo?one"), (two, "/api/echo?two")):
        page.evaluate("(path) => { globalThis.asked = auth.fetch(path); }", path)
    assert one.evaluate(ask_worker, "/api/echo?worker") == 200
    for page in (one, two):
        assert page.evaluate("asked.then((response) => response.status, (error) => error.code)") == 200
        assert (state(page), events(page)) == ("signedin", [])
    assert 1 <= len(stack.proxy.of("/auth/refresh")) <= 3
    assert rotations(stack.proxy) <= 1
    assert stack.reuses() == []


def test_fifty_restored_tabs_make_few_refreshes_and_sign_out_together(stack, person):
    person.signed_in_tab().close()
    pages = [person.page("/t/blank") for _ in range(50)]
    stack.proxy.clear()
    for page in pages:
        page.evaluate("""() => {
            globalThis.started = import("/tallystick.js").then(({ createAuth }) => {
              globalThis.auth = createAuth();
              globalThis.events = [];
              auth.addEventListener("signedout", ({ reason }) => { events.push(reason); });
              return auth.ready;
            });
        }""")
    found = [page.evaluate("started.then(({ status }) => status)") for page in pages]
    assert found == ["signedin"] * 50
    refreshes = len(stack.proxy.of("/auth/refresh"))
    print(f"50 restored tabs: {refreshes} refreshes")
    assert refreshes <= 5
    assert statuses(pages[25], "/api/echo") == [200]

    stack.proxy.clear()
    pages[7].evaluate("auth.logout()")
    for page in pages:
        page.wait_for_function("auth.getSnapshot().status === 'signedout'")
    assert [events(page) for page in pages] == [["elsewhere"]] * 7 + [["logout"]] + [["elsewhere"]] * 42
    assert len(stack.proxy.of("/auth/logout")) == 1
    assert [page.evaluate("auth.remaining()") for page in pages] == [0] * 50
    assert statuses(pages[30], "/api/echo") == [401]


def test_a_sign_in_reaches_the_other_tabs(stack, person):
    waiting = [person.page("/"), person.page("/register.html")]
    person.register()
    person.fill_sign_in(waiting[0])
    for page in waiting:
        page.wait_for_url("**/account.html")


def test_a_refresh_that_arrives_after_the_sign_out_changes_nothing(stack, person):
    one = person.signed_in_tab()
    two = person.tab()
    stack.proxy.plan = lambda request: (
        Fault(after=1.5) if request.path == "/auth/refresh"
        else EXPIRED if request.path.startswith("/api/") else None)
    one.evaluate("""() => {
        globalThis.asked = auth.fetch("/api/echo").then((answer) => answer.status, (error) => error.code);
    }""")
    wait_until(lambda: stack.proxy.of("/auth/refresh"), "a refresh")
    two.evaluate("auth.logout()")
    assert one.evaluate("asked") == "signed_out"
    for page in (one, two):
        assert state(page) == "signedout"
        assert page.evaluate("auth.remaining()") == 0
    one.wait_for_timeout(1200)
    stack.reset()
    assert state(person.tab()) == "signedout"


def test_correctness_does_not_rest_on_channel_or_locks(quick_stack):
    with contextlib.closing(quick_stack.person()) as person:
        without_tab_help(person)
        pages = [person.signed_in_tab(), person.tab(), person.tab()]
        for _ in range(6):
            pages[0].wait_for_timeout(1500)
            for page in pages:
                assert statuses(page, "/api/echo") == [200]
        assert [events(page) for page in pages] == [[], [], []]
        pages[0].evaluate("auth.logout()")
        for page in pages[1:]:
            assert statuses(page, "/api/echo") == ["signed_out"]


@pytest.fixture
def short_window_stack(playwright):
    """A reuse window of 2 s, and tokens that live longer than a test."""
    with contextlib.closing(Stack(playwright, env={"TALLYSTICK_REUSE_WINDOW": "2s"})) as stack:
        stack.reset()
        yield stack


def test_a_lost_answer_heals_after_the_window_though_two_tabs_want_to_refresh(short_window_stack):
    """A second refresh beside the one that heals would come with a cookie whose successor was
    used: reuse, to the server. The tabs take turns, also while they wait for a server that is down.
    """
    stack = short_window_stack
    with contextlib.closing(stack.person()) as person:
        one = person.signed_in_tab()
        two = person.tab()
        tried, came, used = set(), [], []

        def plan(request):
            now = time.monotonic()
            if request.path.startswith("/api/"):
                if request.path not in tried:
                    tried.add(request.path)
                    return EXPIRED
                used.append(now)
            if request.path != "/auth/refresh":
                return None
            came.append(now)
            if len(came) == 1:
                return Fault("answer lost", lose="answer")
            if now - came[0] < 2.4:
                return Fault("down", instead=(503, {}, {"error": "temporarily_unavailable"}))
            # The first one after the window is slow enough for another one to overtake it.
            if len([each for each in came if each - came[0] >= 2.4]) == 1:
                return Fault("slow", before=1.5, until=lambda: used and time.monotonic() - used[0] > 0.2)
            return None

        stack.proxy.plan = plan
        for page, name in ((one, "one"), (two, "two")):
            page.evaluate("""(name) => { globalThis.asked = auth.fetch(`/api/echo?${name}`).then(
                ({ status }) => status, ({ code }) => code); }""", name)
            wait_until(lambda name=name: f"/api/echo?{name}" in tried, f"the request of {name}")
        found = [page.evaluate("asked") for page in (one, two)]
        assert stack.reuses() == []
        assert set(found) <= {200, "temporarily_unavailable"}
        assert 200 in found
        for page in (one, two):
            page.evaluate("dispatchEvent(new Event('online'))")
            assert statuses(page, "/api/echo") == [200]
            assert (state(page), events(page)) == ("signedin", [])


def heap(page):
    """The strings in a page's memory, after its garbage is collected."""
    devtools = page.context.new_cdp_session(page)
    chunks = []
    devtools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: chunks.append(event["chunk"]))
    devtools.send("HeapProfiler.enable")
    for _ in range(3):
        devtools.send("HeapProfiler.collectGarbage")
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    devtools.detach()
    return "".join(chunks)


def test_t080_tokens_are_in_memory_only_and_gone_after_the_sign_out(stack, person):
    """T080: nowhere that a script can look, and after the sign-out not in the memory of any tab."""
    page = person.page("/")
    person.fill_sign_in(page)
    page.wait_for_url("**/account.html")
    page.wait_for_selector(".session")
    other = person.page("/demo.html")
    other.wait_for_selector("body.ready")
    other.click("#echo")
    expect(other.locator("#answer")).to_contain_text("/api/echo")
    for each in (page, other):
        assert_no_token(each)
        assert each.evaluate("document.cookie") == ""
    tokens = [json.loads(each.content)["access_token"] for each in stack.proxy.seen
              if each.path in ("/auth/login", "/auth/refresh") and each.status == 200]
    assert tokens
    assert any(token in heap(page) for token in tokens), "it is somewhere, or this test sees nothing"
    (cookie,) = person.cookies()

    # A 204 keeps the browser on the page, so that its memory can be looked at.
    stack.proxy.plan = lambda request: Fault(instead=(204, {}, b"")) if request.path == "/" else None
    other.click("#signout")
    wait_until(lambda: not person.cookies(), "the cookie's end")
    page.wait_for_timeout(1000)
    for each in (page, other):
        memory = heap(each)
        assert cookie["value"] not in memory
        assert not any(token in memory for token in tokens)
        assert_no_token(each)
    assert person.cookies() == []
