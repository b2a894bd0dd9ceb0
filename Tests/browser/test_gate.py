"""The gate: from a site's guarded page to the sign-in and back, as a person goes it.

The hand-over is answered by the test; the site is a foreign name that the proxy answers for, so what
arrives there is what Chromium really sends.
"""

import json
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from conftest import PASSWORD, assert_no_token
from fault_proxy import Fault
from playwright.sync_api import expect
from waiting import wait_until

SITE = "https://app.test"
STATE = "0123456789-_abcdefghijklmnopqrstuvwxyzABCDE"
PATH = "/reports/7?x=1&y=%26%20z"


def gate(site=SITE, path=PATH, state=STATE, fragment=""):
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in
                     [("site", site), ("return", path), ("state", state)] if value is not None)
    return f"/gate.html?{query}{fragment}"


class HandOver:
    """Answers POST /auth/handover: with a location, or with the refusals in `refuse`, in turn."""

    def __init__(self, stack):
        self.stack, self.refuse, self.location = stack, [], None
        stack.proxy.plan = self.plan

    def plan(self, request):
        if request.path != "/auth/handover":
            return None
        if self.refuse:
            refusal = self.refuse.pop(0)
            if isinstance(refusal, Fault):
                return refusal
            status, code, headers = (*refusal, {})[:3]
            return Fault(instead=(status, headers, {"error": code, "error_description": "The rule."}))
        asked = json.loads(request.body)
        there = self.location or f"{asked['site']}/tallystick/land?code=c0de&return={quote(asked['return'], safe='')}"
        return Fault(instead=(200, {"Cache-Control": "no-store"}, {"location": there}))

    @property
    def asked(self):
        return [json.loads(each.body) for each in self.stack.proxy.of("/auth/handover")]

    @property
    def landed(self):
        """What arrived at sites: host, path, and everything the browser sent."""
        return [each for each in self.stack.proxy.foreign if each.path.startswith("/tallystick/")]


@pytest.fixture
def handover(stack):
    return HandOver(stack)


@pytest.fixture
def signed_in(person):
    person.signed_in_tab().close()
    person.stack.proxy.clear()
    return person


def shown(page):
    """Which of its parts the page shows."""
    return [each for each in ("going", "stop", "signin") if page.locator(f"#{each}").is_visible()]


# --- the way through ---


def test_whoever_is_signed_in_goes_on_unseen(signed_in, handover):
    page = signed_in.page()
    # Whatever the page showed on the way, even for one frame.
    page.add_init_script("""addEventListener("DOMContentLoaded", () => {
      globalThis.seen = new Set();
      const look = () => {
        for (const id of ["signin", "stop"]) if (!document.getElementById(id).hidden) console.log("shown: " + id);
        requestAnimationFrame(look);
      };
      look();
    })""")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(signed_in.url + gate(fragment="#chapter-2"), wait_until="commit")
    page.wait_for_url(f"{SITE}/**")
    land = urlsplit(page.url)
    assert (land.netloc, land.path, land.fragment) == ("app.test", "/tallystick/land", "chapter-2")
    assert parse_qs(land.query) == {"code": ["c0de"], "return": [PATH]}
    assert handover.asked == [{"site": SITE, "state": STATE, "return": PATH}]
    (sent,) = handover.stack.proxy.of("/auth/handover")
    assert sent.headers["Authorization"].startswith("Bearer ey")
    assert sent.headers["Content-Type"] == "application/json"
    assert not any(text.startswith("shown") for text in said)
    (arrived,) = handover.landed
    assert arrived.method == "GET"
    assert arrived.headers["Sec-Fetch-Dest"] == "document"
    # The site learns from where one comes, and nothing of the address or of the login there.
    assert arrived.headers["Referer"] == f"{signed_in.url}/"
    assert arrived.headers["Cookie"] is None
    assert arrived.headers["Authorization"] is None


def test_the_way_back_skips_the_gate(signed_in, handover):
    page = signed_in.page()
    page.goto("https://start.test/")
    page.goto(signed_in.url + gate())
    page.wait_for_url(f"{SITE}/**")
    page.go_back(wait_until="commit")
    assert page.url == "https://start.test/"


def test_whoever_is_not_signed_in_signs_in_in_place(person, handover):
    person.register()
    page = person.page(gate(fragment="#part"))
    expect(page.locator("#signin")).to_be_visible()
    assert shown(page) == ["signin"]
    expect(page.locator("#to")).to_have_text("Then you go on to app.test.")
    expect(page.locator("#username")).to_be_focused()
    assert handover.asked == []
    page.keyboard.type(person.name)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_have_text("The username or the password is wrong.")
    assert handover.asked == []
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{SITE}/**")
    assert urlsplit(page.url).fragment == "part"
    assert len(handover.asked) == 1


def test_a_sign_in_in_another_tab_opens_every_gate(person, handover):
    person.register()
    gates = [person.page(gate(path=f"/{number}")) for number in range(5)]
    for page in gates:
        expect(page.locator("#signin")).to_be_visible()
    other = person.page("/")
    person.fill_sign_in(other)
    for number, page in enumerate(gates):
        page.wait_for_url(f"{SITE}/**")
        assert f"return=%2F{number}" in page.url
    assert len(handover.asked) == 5


def test_a_new_account_goes_on_too(person, handover):
    page = person.page(gate(fragment="#part"))
    page.click("#register")
    page.wait_for_url("**/register.html?*")
    page.click("#other")  # somebody has an account after all
    page.wait_for_url("**/gate.html?*")
    expect(page.locator("#signin")).to_be_visible()
    page.click("#register")
    page.fill("#username", f"new{id(page)}")
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url(f"{SITE}/**")
    assert urlsplit(page.url).fragment == "part"
    assert handover.asked == [{"site": SITE, "state": STATE, "return": PATH}]


def test_any_path_and_query_arrives_as_it_was_and_anything_else_becomes_the_front_page(signed_in, handover):
    """The rules are tested by themselves (unit/destination.test.js)."""
    page = signed_in.page()
    longest = "/a?" + "x" * 2045
    for path, arrives in [(longest, longest), ("/a%2Fb%00?q=%26&r=%25#", "/a%2Fb%00?q=%26&r=%25#"), ("/ä b", "/ä b"),
                          (longest + "x", "/"), ("//evil.test", "/"), ("/\\evil.test", "/"), (None, "/")]:
        handover.stack.proxy.clear()
        page.goto(signed_in.url + gate(path=path), wait_until="commit")
        page.wait_for_url(f"{SITE}/**")
        assert [each["return"] for each in handover.asked] == [arrives]


def test_a_query_that_names_no_site_leads_nowhere(signed_in, handover):
    page = signed_in.page()
    for query in ["/gate.html", gate(site=None), gate(state=None), gate(site="http://app.test"), gate(site="https://APP.test"),
                  gate(site="https://app.test/"), gate(site="https://user@app.test"), gate(state=STATE[1:]),
                  gate() + f"&site={SITE}"]:
        page.goto(signed_in.url + query)
        expect(page.locator("#stop-title")).to_have_text("This link does not work")
        assert shown(page) == ["stop"]
    assert handover.asked == [] and handover.landed == []


def test_the_site_one_goes_to_is_named(person):
    page = person.page()
    for site in ("https://app.test:8443", "https://xn--bcher-kva.test", "https://[2001:db8::1]"):
        page.goto(person.url + gate(site=site))
        expect(page.locator("#to")).to_have_text(f"Then you go on to {urlsplit(site).netloc}.")


def test_the_page_goes_nowhere_but_to_the_site(signed_in, handover):
    """T159, should the server be made to name another place."""
    page = signed_in.page()
    for handover.location in [
            "https://app.test.evil.test/tallystick/land?code=c", "https://app.test@evil.test/tallystick/land?code=c",
            "https://evil.test/tallystick/land?code=c", "http://app.test/tallystick/land?code=c", "https://app.test/",
            "javascript:document.title='evil'", "//evil.test/", "/account.html"]:
        page.goto(signed_in.url + gate())
        expect(page.locator("#stop-text")).to_contain_text("does not understand")
        assert page.url.startswith(f"{signed_in.url}/gate.html")
    assert handover.landed == []


# --- refusals, in words ---


def test_an_unknown_site_says_what_the_administrator_does(signed_in, handover):
    handover.refuse = [(403, "unknown_site")]
    page = signed_in.page(gate())
    expect(page.locator("#stop-title")).to_have_text("You cannot go on to app.test")
    expect(page.locator("#stop-title")).to_be_focused()
    expect(page.locator("#stop-how")).to_contain_text("add https://app.test to TALLYSTICK_SITES")
    expect(page.locator("#retry")).not_to_be_visible()
    assert shown(page) == ["stop"]
    assert len(handover.asked) == 1


def test_another_origin_is_refused_in_words(signed_in, handover):
    handover.refuse = [(403, "cross_site")]
    page = signed_in.page(gate())
    expect(page.locator("#stop-text")).to_contain_text("opened from an address that the server does not accept")
    expect(page.locator("#retry")).not_to_be_visible()


@pytest.mark.parametrize(("refusal", "words"), [
    ((429, "too_many_attempts", {"Retry-After": "90"}), "Too many attempts. Please try again in 2 minutes."),
    ((503, "temporarily_unavailable", {"Retry-After": "2"}), "The server is busy."),
    (Fault(lose="request"), "The server cannot be reached."),
    (Fault(instead=(502, {"Content-Type": "text/html"}, b"<h1>502</h1>")), "The server is busy."),
])
def test_what_passes_is_tried_again_by_a_button(signed_in, handover, refusal, words):
    handover.refuse = [refusal] * (8 if isinstance(refusal, Fault) and refusal.lose else 1)  # Chromium sends again
    page = signed_in.page(gate())
    expect(page.locator("#stop-text")).to_contain_text(words)
    handover.refuse = []
    page.click("#retry")
    page.wait_for_url(f"{SITE}/**")


def test_offline_it_goes_on_when_the_network_is_back(signed_in, handover):
    page = signed_in.page()
    # The page and the renewal still come through, the hand-over does not.
    handover.refuse = [Fault(lose="request")] * 8
    page.goto(signed_in.url + gate())
    expect(page.locator("#stop-text")).to_contain_text("cannot be reached")
    signed_in.context.set_offline(True)
    handover.refuse = []
    signed_in.context.set_offline(False)
    page.wait_for_url(f"{SITE}/**")


def test_a_server_that_is_away_is_waited_for(signed_in, handover):
    away = True
    plan = handover.plan
    handover.stack.proxy.plan = lambda request: (
        Fault(lose="request") if away and request.path.startswith("/auth/") else plan(request))
    page = signed_in.page(gate())
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    assert shown(page) == []
    away = False
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_url(f"{SITE}/**")


def test_a_login_that_is_not_accepted_is_asked_for_once_and_no_third_time(signed_in, handover):
    handover.refuse = [(401, "invalid_token")] * 20
    page = signed_in.page(gate())
    expect(page.locator("#notice")).to_have_text("Your session has ended. Please sign in again.")
    assert shown(page) == ["signin"]
    assert len(handover.asked) == 2  # with the token, and with a new one
    signed_in.fill_sign_in(page)
    expect(page.locator("#stop-text")).to_contain_text("the server does not accept it")
    page.wait_for_load_state("networkidle")
    assert len(handover.asked) == 4


def test_a_login_accepted_the_second_time_goes_on(signed_in, handover):
    handover.refuse = [(401, "invalid_token")] * 2
    page = signed_in.page(gate())
    expect(page.locator("#signin")).to_be_visible()
    signed_in.fill_sign_in(page)
    page.wait_for_url(f"{SITE}/**")


def test_a_session_that_has_ended_meets_the_sign_in(stack, signed_in, handover):
    """As a gate cookie's site would find out: the renewal is refused."""
    stack.site.admin("account", "revoke", signed_in.name)
    page = signed_in.page(gate())
    expect(page.locator("#signin")).to_be_visible()
    assert handover.asked == []
    signed_in.fill_sign_in(page)
    page.wait_for_url(f"{SITE}/**")


def test_a_download_leaves_a_page_that_says_so(stack, signed_in, handover):
    stack.proxy.foreign_headers["app.test"] = {"Content-Disposition": "attachment; filename=report.pdf"}
    page = signed_in.page()
    page.clock.install()
    with page.expect_download():
        page.goto(signed_in.url + gate(fragment="#part"))
    page.clock.run_for(10_500)
    expect(page.locator("#stop-text")).to_contain_text("you can close this page")
    expect(page.locator("#open")).to_have_text("Open app.test")
    assert page.locator("#open").get_attribute("href") == f"{SITE}{PATH}#part"
    del stack.proxy.foreign_headers["app.test"]


# --- what else it must not do ---


def test_in_a_frame_it_shows_and_does_nothing(stack, signed_in, handover):
    """T156: neither from another site nor from its own, and also if a frame could show it."""
    for host in ("evil.test", f"localhost:{stack.site.port}"):
        page = signed_in.page()
        page.goto(f"https://{host}/t/blank")
        page.evaluate("""(url) => new Promise((done) => {
          const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
          document.body.append(frame);
        })""", signed_in.url + gate())
        page.wait_for_load_state("networkidle")
        page.close()
    assert handover.asked == []
    # Without the header.
    source = stack.site.get("/gate.html").content
    stack.proxy.pages[gate()] = ({"Content-Type": "text/html"}, source)
    page = signed_in.page("/t/blank")
    page.evaluate("""(url) => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
      document.body.append(frame);
    })""", signed_in.url + gate())
    frame = page.frames[1]
    wait_until(lambda: frame.evaluate("document.title"), "the frame's page")
    page.wait_for_load_state("networkidle")
    assert frame.locator("#signin").is_hidden() and frame.locator("#going").is_hidden()
    assert handover.asked == []
    del stack.proxy.pages[gate()]


def test_the_token_and_the_code_stay_out_of_reach(signed_in, handover):
    handover.refuse = [(503, "temporarily_unavailable")]
    page = signed_in.page(gate())
    expect(page.locator("#stop")).to_be_visible()
    assert_no_token(page)


def test_signing_in_as_somebody_else_at_the_gate_ends_the_first_session(stack, signed_in, handover):
    """Another origin of the same site may have begun a session of which the gate does not know."""
    handover.refuse = [(401, "invalid_token")] * 2
    page = signed_in.page(gate())
    expect(page.locator("#signin")).to_be_visible()
    first = signed_in.name
    second = signed_in.register()
    signed_in.fill_sign_in(page, name=second)
    page.wait_for_url(f"{SITE}/**")
    sessions = json.loads(stack.site.admin("session", "list", first, "--json"))
    agents = [each["user_agent"] for each in sessions]
    assert not any("Chrome" in agent for agent in agents), agents


@pytest.mark.parametrize("shared", [False, True])
def test_a_shared_computer_is_said_to_the_server(stack, person, handover, shared):
    person.register()
    for path, name in ((gate(), person.name), ("/", person.name), ("/register.html", f"{person.name}.{shared}".lower())):
        stack.proxy.clear()
        page = person.page(path)
        expect(page.get_by_label("This is a shared computer")).not_to_be_checked()
        if shared:
            page.get_by_label("This is a shared computer").check()
        # The programs of today do not know the member yet.
        plan = stack.proxy.plan
        stack.proxy.plan = lambda request, plan=plan: (
            Fault(instead=(429, {}, {"error": "too_many_attempts"})) if request.path in ("/auth/login", "/auth/register")
            else plan(request))
        person.fill_sign_in(page, name=name)
        expect(page.locator("#problem")).to_contain_text("Too many")
        stack.proxy.plan = plan
        (sent,) = stack.proxy.of("/auth/register" if "register" in path else "/auth/login")
        assert json.loads(sent.body) == {"username": name, "password": PASSWORD} | ({"shared": True} if shared else {})
        page.close()
