"""Tabs that are hidden, frozen, closed, crashed or restored, in a Chromium without test switches (devtools.py)."""

import contextlib
import time

import pytest
from conftest import CHROMIUM, PASSWORD, switches
from devtools import Chromium
from fault_proxy import Fault
from tokens import claims
from waiting import wait_until

START = """import("/tallystick.js").then(({ createAuth }) => {
  globalThis.auth = createAuth();
  globalThis.events = [];
  auth.addEventListener("signedout", ({ reason }) => { events.push(reason); });
  return auth.ready.then(({ status }) => status);
})"""


# Seconds that an access token of the quick site lives.
LIFE = 4


class Window:
    """A stock Chromium before the quick site: tokens live 4 s, the reuse window is 1 s."""

    def __init__(self, stack):
        self.stack, self.url = stack, stack.url
        self.chromium = Chromium(CHROMIUM, switches(stack.site, stack.proxy.port))
        self.name = f"window{time.monotonic_ns()}"
        stack.site.register(self.name)

    def tab(self):
        tab = self.chromium.open()
        tab.go(f"{self.url}/t/blank")
        tab.status = tab.evaluate(START)
        return tab

    def signed_in_tab(self):
        tab = self.tab()
        tab.evaluate(f"auth.login({self.name!r}, {PASSWORD!r}).then(() => 0)")
        return tab

    def cookie(self):
        (value,) = self.chromium.cookies("__Secure-refresh")
        return value

    def close(self):
        self.chromium.close()


@pytest.fixture
def window(quick_stack):
    with contextlib.closing(Window(quick_stack)) as made:
        yield made


def answered(stack):
    """The refreshes that nginx has answered, whatever became of the answers."""
    return [each for each in stack.proxy.of("/auth/refresh") if each.status]


def echo(tab):
    return tab.evaluate("auth.fetch('/api/echo').then(({ status }) => status, ({ code }) => code)")


def test_a_hidden_tab_rests_and_catches_up_when_shown(window, quick_stack):
    tab = window.signed_in_tab()
    window.chromium.open()
    tab.until("document.visibilityState === 'hidden'")
    quick_stack.proxy.clear()
    tab.until("auth.remaining() === 0")  # which a tab that does not rest never lets come
    assert quick_stack.proxy.seen == []
    tab.show()
    tab.until("auth.remaining() > 2")
    assert len(quick_stack.proxy.of("/auth/refresh")) == 1
    assert echo(tab) == 200
    assert len(quick_stack.proxy.of("/api/echo")) == 1


def test_t079_a_tab_frozen_for_many_token_lives_is_still_signed_in(window, quick_stack):
    """T079: an hour, at the pace of tokens that live 4 s."""
    frozen = window.signed_in_tab()
    shown = window.tab()
    frozen.until("document.visibilityState === 'hidden'")
    frozen.freeze()
    quick_stack.proxy.clear()
    # Lives of a token, each with its rotation, in the tab that is shown.
    wait_until(lambda: len(answered(quick_stack)) >= 3, "three refreshes", 40)
    assert {each.status for each in quick_stack.proxy.of("/auth/refresh")} == {200}
    frozen.thaw()
    frozen.show()
    frozen.until("auth.remaining() > 0")
    assert (echo(frozen), echo(shown)) == (200, 200)
    for tab in (frozen, shown):
        assert tab.evaluate("events.length") == 0
    assert quick_stack.reuses() == []


def test_t079_a_tab_frozen_in_the_middle_of_a_refresh_holds_up_nobody_for_long(window, quick_stack):
    """T079."""
    frozen = window.signed_in_tab()
    other = window.tab()
    other.evaluate("auth.ready.then(() => 0)")
    frozen.show()
    quick_stack.proxy.plan = lambda request: Fault(after=1.5) if request.path == "/auth/refresh" else None
    quick_stack.proxy.clear()
    wait_until(lambda: quick_stack.proxy.of("/auth/refresh"), "a refresh")
    frozen.freeze()
    ends = time.time() + other.evaluate("auth.remaining()")
    other.show()
    quick_stack.reset()
    wait_until(lambda: time.time() > ends, "the end of the other's token")
    began = time.monotonic()
    assert echo(other) == 200
    assert time.monotonic() - began < 5
    frozen.thaw()
    frozen.show()
    assert echo(frozen) == 200
    assert frozen.evaluate("events.length") == other.evaluate("events.length") == 0


@pytest.mark.parametrize("how", ["closed", "crashed", "navigated away"])
def test_a_tab_that_goes_mid_refresh_does_not_lose_the_rotated_cookie(window, quick_stack, how):
    """The refresh has `keepalive`: the browser stores the cookie though nobody waits for it."""
    tab = window.signed_in_tab()
    keeper = window.chromium.open()  # so that the browser stays
    tab.show()
    before = window.cookie()
    quick_stack.site.back_in_time(60)
    quick_stack.proxy.plan = lambda request: Fault(after=1) if request.path == "/auth/refresh" else None
    quick_stack.proxy.clear()
    wait_until(lambda: answered(quick_stack), "a refresh whose answer is on its way")
    if how == "closed":
        tab.close()
    elif how == "crashed":
        tab.crash()
    else:
        tab.send("Page.navigate", {"url": "about:blank"})
    wait_until(lambda: window.cookie() != before, "the cookie")
    after = window.cookie()
    assert claims(after)["gen"] == claims(before)["gen"] + 1
    quick_stack.reset()
    again = window.tab()
    assert again.status == "signedin"
    assert echo(again) == 200
    assert keeper


def test_a_lost_answer_whose_cookie_never_came_heals_however_late(window, quick_stack):
    tab = window.signed_in_tab()
    before = window.cookie()
    quick_stack.site.back_in_time(60)
    lost = []

    def plan(request):
        if request.path == "/auth/refresh":
            lost.append(request)
            return Fault(lose="answer")
        return None
    quick_stack.proxy.plan = plan
    wait_until(lambda: lost and lost[0].status, "a refresh that nginx has answered")
    tab.close()
    # While answers are still lost: Chromium may send once more what met a dead connection.
    assert window.cookie() == before
    quick_stack.site.back_in_time(60)  # long after the reuse window
    quick_stack.reset()
    again = window.tab()
    assert again.status == "signedin"
    assert claims(window.cookie())["gen"] == claims(before)["gen"] + 1
    assert echo(again) == 200


def test_chromium_repeats_a_post_on_dead_connections_and_the_session_survives(window, quick_stack):
    tab = window.signed_in_tab()
    # Several idle connections, each of which Chromium may try.
    tab.evaluate("Promise.all([1, 2, 3, 4, 5, 6].map((each) => auth.fetch(`/api/echo?${each}`))).then(() => 0)")
    quick_stack.site.back_in_time(60)
    arrived = []

    def plan(request):
        if request.path == "/auth/refresh":
            arrived.append(request)
            return Fault(lose="answer")
        return None
    quick_stack.proxy.plan = plan
    wait_until(lambda: len(arrived) >= 2 and all(each.status for each in arrived), "two copies of one refresh", 12)
    print(f"copies of one refresh: {len(arrived)}")
    assert len({each.headers["Cookie"] for each in arrived}) == 1
    quick_stack.reset()
    assert echo(tab) == 200
    assert tab.evaluate("events.length") == 0
    assert quick_stack.reuses() == []


def test_the_account_is_not_shown_again_by_the_back_button_after_a_sign_out(window):
    tab = window.signed_in_tab()
    tab.go(f"{window.url}/account.html")
    tab.until("document.querySelector('.session') !== null")
    tab.go(f"{window.url}/icon.svg")  # the account page may be kept for the way back
    other = window.tab()
    other.evaluate("auth.logout().then(() => 0)")
    tab.show()
    tab.back()
    tab.until("!location.pathname.endsWith('account.html') && document.readyState === 'complete'")
    assert tab.evaluate("location.pathname") == "/"


def test_the_account_comes_back_by_the_back_button_while_signed_in(window, quick_stack):
    tab = window.signed_in_tab()
    tab.go(f"{window.url}/account.html")
    tab.until("document.querySelector('.session') !== null")
    tab.go(f"{window.url}/icon.svg")
    ends = time.time() + LIFE
    wait_until(lambda: time.time() > ends, "the end of the page's token")
    tab.back()
    tab.until("location.pathname === '/account.html' && document.querySelector('.session') !== null")
    tab.until("document.body.classList.contains('ready')")
    # Ended elsewhere meanwhile, with no other tab to say so.
    tab.go(f"{window.url}/icon.svg")
    quick_stack.site.admin("account", "revoke", window.name)
    tab.back()
    tab.until("location.pathname === '/'")
