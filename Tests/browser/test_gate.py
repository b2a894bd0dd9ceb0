"""The gate: from a page of a site to the sign-in and back, as a person goes it.

The sites are those of the example: site.localhost, a real application, and other.localhost. The proxy
stands before the sign-in alone, so what the browser asks of it can be counted, and refused.
"""

import json
import time
from urllib.parse import quote, urlsplit

import pytest
from conftest import PASSWORD, assert_no_token, state
from fault_proxy import Fault
from playwright.sync_api import expect
from waiting import wait_until

STATE = "0123456789-_abcdefghijklmnopqrstuvwxyzABCDE"
GATE = "__Host-tallystick"


def origin(stack, name="site"):
    return f"https://{name}.localhost:{stack.site.port}"


def gate(site, path="/", state=STATE, fragment=""):
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in
                     [("site", site), ("return", path), ("state", state)] if value is not None)
    return f"/gate.html?{query}{fragment}"


def visit(person, path="/", name="site"):
    """Opens a page of a site, without waiting for where that leads to."""
    page = person.page()
    page.goto(origin(person.stack, name) + path, wait_until="commit")
    return page


def forget_site(person):
    """As if the sites had not been visited for long."""
    for name in (GATE, f"{GATE}-bounces"):
        person.context.clear_cookies(name=name)


def is_in(page, person):
    """The application shows who is there."""
    expect(page.locator("#who")).to_have_text(person.name)


def refuse(stack, *refusals):
    """Answers POST /auth/handover in the server's place: each time by the next one, then no more."""
    left = list(refusals)

    def plan(request):
        if request.path != "/auth/handover" or not left:
            return None
        refusal = left.pop(0)
        if isinstance(refusal, Fault):
            return refusal
        status, code, headers = (*refusal, {})[:3]
        return Fault(instead=(status, headers, {"error": code, "error_description": "The rule."}))
    stack.proxy.plan = plan


def asked(stack):
    return [json.loads(each.body) for each in stack.proxy.of("/auth/handover")]


def shown(page):
    """Which of its parts the page shows."""
    return [each for each in ("going", "stop", "signin") if page.locator(f"#{each}").is_visible()]


@pytest.fixture
def signed_in(person):
    person.signed_in_tab().close()
    person.stack.proxy.clear()
    return person


# --- the way through ---


def test_whoever_is_signed_in_goes_on_unseen(stack, signed_in, capsys):
    page = signed_in.page()
    # Whatever the gate shows on the way, even for one frame.
    page.add_init_script("""addEventListener("DOMContentLoaded", () => {
      const look = () => {
        for (const id of ["signin", "stop"]) if (document.getElementById(id)?.hidden === false) console.log("shown: " + id);
        requestAnimationFrame(look);
      };
      if (location.pathname === "/gate.html") look();
    })""")
    said, sent = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: sent.append(request))
    there = origin(stack) + "/?x=1&y=%26%20z#notes"
    began = time.monotonic()
    page.goto(there, wait_until="commit")
    is_in(page, signed_in)
    with capsys.disabled():
        print(f"\nthe way in: {time.monotonic() - began:.2f} s in Chromium on loopback")
    assert page.url == there
    assert not any(text.startswith("shown") for text in said)
    # Six requests, beside the files of the gate page.
    navigations = [each for each in sent if each.is_navigation_request()]
    assert [urlsplit(each.url).path for each in navigations] == ["/", "/gate.html", "/tallystick/land", "/"]
    assert [each.path for each in stack.proxy.seen if each.method == "POST"] == ["/auth/refresh", "/auth/handover"]
    # The site learns from where one comes, and nothing of the address or the login there.
    for arrived in navigations[2:]:
        headers = arrived.all_headers()
        assert headers.get("referer") in (f"{stack.url}/", None)
        assert "authorization" not in headers
        assert "refresh" not in headers.get("cookie", "")
    (handed,) = asked(stack)
    assert (handed["site"], handed["return"]) == (origin(stack), "/?x=1&y=%26%20z")


def test_one_sign_in_opens_every_site(stack, person):
    person.register()
    page = visit(person)
    person.fill_sign_in(page)
    is_in(page, person)
    other = visit(person, "/", "other")
    expect(other.get_by_role("heading", name="Guarded")).to_be_visible()
    own = person.page()
    own.goto(f"{stack.url}/private/", wait_until="commit")
    expect(own.get_by_role("heading", name="Guarded")).to_be_visible()


def test_whoever_is_not_signed_in_signs_in_in_place(stack, person):
    person.register()
    page = visit(person, "/?x=1#notes")
    expect(page.locator("#signin")).to_be_visible()
    assert shown(page) == ["signin"]
    expect(page.locator("#to")).to_have_text(f"Then you go on to site.localhost:{stack.site.port}.")
    expect(page.locator("#username")).to_be_focused()
    page.keyboard.type(person.name)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_have_text("The username or the password is wrong.")
    assert asked(stack) == []
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    is_in(page, person)
    assert page.url == origin(stack) + "/?x=1#notes"
    assert len(asked(stack)) == 1


def test_the_way_back_skips_the_gate(stack, signed_in):
    page = signed_in.page()
    page.goto("https://start.test/")
    page.evaluate("(url) => { location.href = url; }", origin(stack) + "/")
    is_in(page, signed_in)
    page.go_back(wait_until="commit")
    assert page.url == "https://start.test/"


def test_a_sign_in_in_another_tab_opens_every_gate(person):
    person.register()
    gates = [visit(person, f"/?{number}") for number in range(3)]
    for page in gates[:2]:
        expect(page.locator("#signin")).to_be_visible()
    # The third within a minute waits, and goes on by itself as well.
    expect(gates[2].get_by_role("heading", name="Sign in to go on")).to_be_visible()
    other = person.page("/")
    person.fill_sign_in(other)
    for number, page in enumerate(gates):
        is_in(page, person)
        assert page.url.endswith(f"/?{number}")


def test_twenty_tabs_restored_at_once_all_arrive(stack, signed_in):
    pages = [signed_in.page() for _ in range(20)]
    for number, page in enumerate(pages):
        page.evaluate("(url) => { location.href = url; }", f"{origin(stack)}/?{number}")
    for number, page in enumerate(pages):
        page.wait_for_url(f"{origin(stack)}/?{number}", timeout=60_000)
        is_in(page, signed_in)


def test_a_new_account_goes_on_too(stack, person):
    page = visit(person, "/?x=1#notes")
    page.click("#register")
    page.wait_for_url("**/register.html?*")
    page.click("#other")  # somebody has an account after all
    page.wait_for_url("**/gate.html?*")
    expect(page.locator("#signin")).to_be_visible()
    page.click("#register")
    person.name = f"{person.register()}.new"
    page.fill("#username", person.name)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    is_in(page, person)
    assert page.url == origin(stack) + "/?x=1#notes"


def test_any_path_and_query_arrives_as_it_was(stack, signed_in):
    """The rules are tested by themselves (unit/destination.test.js)."""
    page = signed_in.page()
    for path in ("/?" + "x" * 2000, "/?q=%26&r=%25", "/?a=b&return=https://evil.test/#return=", "/a%2Fb//c"):
        forget_site(signed_in)
        page.goto(origin(stack) + path, wait_until="commit")
        page.wait_for_url(origin(stack) + path)
    # From a link that somebody else made.
    for path in ("//evil.test", "/\\evil.test", "https://evil.test/", None):
        before = len(asked(stack))
        signed_in.page().goto(stack.url + gate(origin(stack), path), wait_until="commit")
        wait_until(lambda: len(asked(stack)) > before, "the hand-over")
        handed = asked(stack)[before]
        assert (handed["site"], handed["return"]) == (origin(stack), "/")


def test_a_link_that_somebody_else_made_signs_nobody_in(stack, signed_in):
    """Login CSRF: the state is not this browser's."""
    page = signed_in.page(gate(origin(stack)))
    page.wait_for_url(f"{origin(stack)}/tallystick/land?**")
    expect(page.locator("h1")).to_contain_text("This browser sent no cookie")
    assert [each for each in signed_in.context.cookies(origin(stack)) if each["name"] == GATE] == []
    page.get_by_role("link", name="Try again").click()
    is_in(page, signed_in)


def test_a_query_that_names_no_site_leads_nowhere(stack, signed_in):
    page = signed_in.page()
    site = origin(stack)
    for query in ["/gate.html", gate(None), gate(site, state=None), gate(site.replace("https", "http")), gate(site.upper()),
                  gate(site + "/"), gate(site.replace("//", "//user@")), gate(site, state=STATE[1:]),
                  gate(site) + f"&site={site}"]:
        page.goto(stack.url + query)
        expect(page.locator("#stop-title")).to_have_text("This link does not work")
        assert shown(page) == ["stop"]
    assert asked(stack) == []


def test_the_page_goes_nowhere_but_to_the_site(stack, signed_in):
    """T159, should the server be made to name another place."""
    page, port = signed_in.page(), stack.site.port
    for location in [
            f"https://site.localhost:{port}.evil.test/tallystick/land?code=c", f"https://site.localhost:{port}@evil.test/tallystick/land?",
            "https://evil.test/tallystick/land?code=c", f"http://site.localhost:{port}/tallystick/land?code=c",
            origin(stack) + "/", "javascript:document.title='evil'", "//evil.test/", "/account.html"]:
        refuse(stack, Fault(instead=(200, {}, {"location": location})))
        page.goto(stack.url + gate(origin(stack)))
        expect(page.locator("#stop-text")).to_contain_text("does not understand")
        assert page.url.startswith(f"{stack.url}/gate.html")
    assert stack.proxy.foreign == []


# --- refusals, in words ---


def test_an_unknown_site_says_what_the_administrator_does(stack, signed_in):
    page = signed_in.page(gate("https://app.test"))
    expect(page.locator("#stop-title")).to_have_text("You cannot go on to app.test")
    expect(page.locator("#stop-title")).to_be_focused()
    expect(page.locator("#stop-how")).to_contain_text("add https://app.test to TALLYSTICK_SITES")
    expect(page.locator("#retry")).not_to_be_visible()
    assert shown(page) == ["stop"]
    assert len(asked(stack)) == 1 and stack.proxy.foreign == []


def test_another_origin_is_refused_in_words(stack, signed_in):
    refuse(stack, (403, "cross_site"))
    page = signed_in.page(gate(origin(stack)))
    expect(page.locator("#stop-text")).to_contain_text("opened from an address that the server does not accept")
    expect(page.locator("#retry")).not_to_be_visible()


@pytest.mark.parametrize(("refusal", "words"), [
    ((429, "too_many_attempts", {"Retry-After": "90"}), "Too many attempts. Please try again in 2 minutes."),
    ((503, "temporarily_unavailable", {"Retry-After": "2"}), "The server is busy."),
    (Fault(lose="request"), "The server cannot be reached."),
    (Fault(instead=(502, {"Content-Type": "text/html"}, b"<h1>502</h1>")), "The server is busy."),
])
def test_what_passes_is_tried_again_by_a_button(stack, signed_in, refusal, words):
    lost = isinstance(refusal, Fault) and refusal.lose
    refuse(stack, *[refusal] * (9 if lost else 1))  # Chromium sends a lost one again
    page = visit(signed_in)
    expect(page.locator("#stop-text")).to_contain_text(words)
    refuse(stack)
    page.click("#retry")
    is_in(page, signed_in)


def test_offline_it_goes_on_when_the_network_is_back(stack, signed_in):
    refuse(stack, *[Fault(lose="request")] * 9)
    page = visit(signed_in)
    expect(page.locator("#stop-text")).to_contain_text("cannot be reached")
    signed_in.context.set_offline(True)
    refuse(stack)
    signed_in.context.set_offline(False)
    is_in(page, signed_in)


def test_a_server_that_is_away_is_waited_for(stack, signed_in):
    stack.proxy.plan = lambda request: Fault(lose="request") if request.path.startswith("/auth/") else None
    page = visit(signed_in)
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    assert shown(page) == []
    stack.proxy.plan = lambda request: None
    page.evaluate("dispatchEvent(new Event('online'))")
    is_in(page, signed_in)


def test_a_login_that_is_not_accepted_is_asked_for_once_and_no_third_time(stack, signed_in):
    refuse(stack, *[(401, "invalid_token")] * 20)
    page = visit(signed_in)
    expect(page.locator("#notice")).to_have_text("Your session has ended. Please sign in again.")
    assert shown(page) == ["signin"]
    assert len(asked(stack)) == 2  # with the token, and with a new one
    signed_in.fill_sign_in(page)
    expect(page.locator("#stop-text")).to_contain_text("the server does not accept it")
    page.wait_for_load_state("networkidle")
    assert len(asked(stack)) == 4


def test_a_login_that_is_accepted_the_second_time_goes_on(stack, signed_in):
    refuse(stack, *[(401, "invalid_token")] * 2)
    page = visit(signed_in)
    expect(page.locator("#signin")).to_be_visible()
    signed_in.fill_sign_in(page)
    is_in(page, signed_in)


def test_a_session_that_has_ended_meets_the_sign_in(stack, signed_in):
    page = visit(signed_in)
    is_in(page, signed_in)
    stack.site.admin("account", "revoke", signed_in.name)
    stack.proxy.clear()
    page.reload(wait_until="commit")
    expect(page.locator("#signin")).to_be_visible()
    assert asked(stack) == []
    signed_in.fill_sign_in(page)
    is_in(page, signed_in)


def test_a_download_leaves_a_page_that_says_so(stack, signed_in):
    page = signed_in.page()
    page.clock.install()
    with page.expect_download() as download:
        page.evaluate("(url) => { location.href = url; }", origin(stack) + "/download/100")
    assert download.value.suggested_filename
    page.clock.run_for(10_500)
    expect(page.locator("#stop-text")).to_contain_text("you can close this page")
    assert page.locator("#open").get_attribute("href") == origin(stack) + "/download/100"


# --- forms and frames ---


def test_a_form_that_came_too_late_is_sent_after_all(stack, signed_in):
    """What was typed comes back with the back button, though the page was not to be stored."""
    for way in ("back", "reload"):
        page = visit(signed_in)
        is_in(page, signed_in)
        text = f"a note that took a while, by {signed_in.name}, {way}"
        page.locator("[name=text]").fill(text)
        forget_site(signed_in)
        page.locator("form [type=submit], form button").first.click()
        expect(page.locator("h1")).to_have_text("You are no longer signed in")
        with signed_in.context.expect_page() as opened:
            page.get_by_role("link", name="Sign in in a new tab").click()
        is_in(opened.value, signed_in)
        opened.value.close()
        if way == "back":
            page.go_back(wait_until="commit")
            expect(page.locator("[name=text]")).to_have_value(text)
            page.locator("form [type=submit], form button").first.click()
        else:
            page.reload(wait_until="commit")
        is_in(page, signed_in)
        expect(page.get_by_text(text)).to_be_visible()
        page.close()


def test_in_a_frame_a_site_offers_the_sign_in_outside_of_it(stack, signed_in):
    page = signed_in.page()
    page.goto("https://start.test/")
    page.evaluate("""(url) => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
      document.body.append(frame);
    })""", origin(stack) + "/?framed")
    page.frames[1].get_by_role("link", name="Open it and sign in").click()
    is_in(page, signed_in)
    assert page.url == origin(stack) + "/?framed"


def test_in_a_frame_the_gate_shows_and_does_nothing(stack, signed_in):
    """T156: neither in one of another site nor in one of its own, and not if it could be shown there."""
    frame = """(url) => new Promise((done) => {
      document.body.append(Object.assign(document.createElement("iframe"), { src: url, onload: done }));
    })"""
    path = gate(origin(stack))
    for host in ("evil.test", f"localhost:{stack.site.port}"):
        page = signed_in.page()
        page.goto(f"https://{host}/t/blank")
        page.evaluate(frame, stack.url + path)
        page.wait_for_load_state("networkidle")
        page.close()
    # Without the header that forbids it.
    stack.proxy.pages[path] = ({"Content-Type": "text/html"}, stack.site.get("/gate.html").content)
    page = signed_in.page("/t/blank")
    page.evaluate(frame, stack.url + path)
    wait_until(lambda: page.frames[1].evaluate("document.title"), "the frame's page")
    page.wait_for_load_state("networkidle")
    assert page.frames[1].locator("#signin").is_hidden() and page.frames[1].locator("#going").is_hidden()
    assert asked(stack) == []
    del stack.proxy.pages[path]


# --- who one is ---


def test_the_token_stays_out_of_reach(stack, signed_in):
    refuse(stack, (503, "temporarily_unavailable"))
    page = visit(signed_in)
    expect(page.locator("#stop")).to_be_visible()
    assert_no_token(page)


def test_no_site_goes_on_as_the_account_before(stack, signed_in):
    """Whoever signs in as somebody else ends the first session, also one that the page did not know of."""
    first, board = signed_in.name, visit(signed_in)
    is_in(board, signed_in)
    refuse(stack, *[(401, "invalid_token")] * 2)
    page = visit(signed_in, "/", "other")
    expect(page.locator("#signin")).to_be_visible()
    signed_in.name = signed_in.register()
    signed_in.fill_sign_in(page)
    expect(page.get_by_role("heading", name="Guarded")).to_be_visible()
    agents = [each["user_agent"] for each in json.loads(stack.site.admin("session", "list", first, "--json"))]
    assert not any("Chrome" in agent for agent in agents), agents
    board.reload(wait_until="commit")
    is_in(board, signed_in)


def test_a_sign_out_closes_every_site(stack, signed_in):
    board, other = visit(signed_in), visit(signed_in, "/", "other")
    is_in(board, signed_in)
    expect(other.get_by_role("heading", name="Guarded")).to_be_visible()
    out = visit(signed_in, "/tallystick/signout")
    expect(out.locator("#who")).to_have_text(f"You are signed in as {signed_in.name}.")
    out.click("#signout")
    expect(out.locator("#out-title")).to_be_visible()
    for page in (board, other):
        page.reload(wait_until="commit")
        expect(page.locator("#signin")).to_be_visible()
    out.get_by_role("link", name="Back to site.localhost").click()
    # The third time within a minute: by hand.
    out.get_by_role("link", name="Sign in here").click()
    out.wait_for_url(f"{stack.url}/gate.html?**")
    expect(out.locator("#signin")).to_be_visible()


@pytest.mark.parametrize("shared", [False, True])
def test_on_a_shared_computer_the_browser_forgets_with_its_end(stack, person, shared):
    """Contract, section 1: cookies without Max-Age."""
    name = person.register()
    for start, username, end in ((lambda: visit(person), name, "#who"), (lambda: person.page("/"), name, "#name"),
                                 (lambda: person.page("/register.html"), f"{name}.second", "#name")):
        stack.proxy.clear()
        page = start()
        box = page.get_by_label("This is a shared computer")
        expect(box).not_to_be_checked()
        if shared:
            page.locator("label", has=box).click()
        person.fill_sign_in(page, name=username)
        wait_until(person.cookies, "the cookie")
        (cookie,) = person.cookies()
        assert (cookie["expires"] == -1) == shared
        (sent,) = stack.proxy.of("/auth/login") or stack.proxy.of("/auth/register")
        assert json.loads(sent.body) == {"username": username, "password": PASSWORD} | ({"shared": True} if shared else {})
        # A page that is closed while it goes on may keep the driver waiting for ever.
        expect(page.locator(end)).to_have_text(username)
        page.close()
        tab = person.tab()
        assert state(tab) == "signedin"
        tab.evaluate("auth.logout()")
        tab.close()
