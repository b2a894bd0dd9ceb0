"""The rules of two-token authentication in a browser, and where each is proved in Chromium.

1. The access token is in memory only.             test_tabs.py::test_t080_…
2. The cookie is sent to the refresh route only.   here
3. A refresh renews both tokens.                   here
4. The cookie lives exactly as long as its token.  here
5. A request interceptor adds the token.           here, and test_client.py for axios
6. A response interceptor tries once more.         here, and test_client.py for axios
7. There is no endless loop.                       test_client.py::test_whatever_…
8. An outdated version forces a sign-out.          here
"""

import json
import re
import time

import pytest
from conftest import PASSWORD, events, sent_cookies, state, statuses
from fault_proxy import Fault
from playwright.sync_api import expect
from site_under_test import COOKIE, claims
from waiting import wait_until

# Opens nothing, and is sent to every path: no other cookie can be kept from being planted.
COMPANION = "__Host-refresh-binding"


def tour(person):
    """Everything that the pages and the module can ask for, once."""
    page = person.page("/register.html")
    name = f"tour{time.monotonic_ns()}"
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url("**/account.html")
    page.wait_for_selector(".session")
    page.fill("#current", PASSWORD)
    page.fill("#next", PASSWORD + " anew")
    page.click("#change [type=submit]")
    expect(page.locator("#changed")).not_to_be_empty()
    page.goto(person.url + "/demo.html")
    page.wait_for_selector("body.ready")
    for button in ("echo", "private", "public", "reject"):
        page.click(f"#{button}")
    expect(page.locator("#retries")).to_have_text("10")
    page.click("#signout")
    page.wait_for_url(re.compile(r"/$"))
    page.fill("#username", name)
    page.fill("#password", "wrong")
    page.click("[type=submit]")
    expect(page.locator("form [role=alert]")).not_to_be_empty()
    page.fill("#password", PASSWORD + " anew")
    page.click("[type=submit]")
    page.wait_for_selector(".session")
    tab = person.tab()
    assert tab.evaluate("auth.endSession('x').catch(({ code }) => code)") == "not_found"
    assert statuses(tab, "/auth/me", "/auth/nothing", "/auth/login") == [200, 404, 405]
    page.click("#everywhere")
    page.click("#ask-confirm")
    page.wait_for_url(re.compile(r"/$"))


@pytest.fixture(scope="module")
def toured(shared_stack):
    """All requests of a tour, with what was answered."""
    shared_stack.reset()
    person = shared_stack.person()
    tour(person)
    person.close()
    return list(shared_stack.proxy.seen)


def test_the_cookie_is_sent_to_the_refresh_route_only(toured):
    with_cookie = {each.path for each in toured if COOKIE in dict(sent_cookies(each))}
    assert with_cookie == {"/auth/refresh"}
    assert {name for each in toured for name, _ in sent_cookies(each)} <= {COOKIE, COMPANION}
    assert len({each.path for each in toured}) > 20


def test_t158_no_answer_holds_a_refresh_token_and_no_header_or_address_an_access_token(toured):
    """T158."""
    cookies = {value for each in toured if each.answer for header in each.answer.get_all("Set-Cookie", [])
               for value in re.findall(r"=(eyJ[^;]+)", header)}
    tokens = {json.loads(each.content)["access_token"] for each in toured
              if each.path.startswith("/auth/") and each.status in (200, 201)
              and b"access_token" in each.content}
    assert len(cookies) >= 3 and len(tokens) >= 3
    for each in toured:
        assert "eyJ" not in each.path
        assert not any(cookie.encode() in each.content for cookie in cookies)
        assert not each.answer or not any(token in str(each.answer) for token in tokens)


def test_t142_the_cookie_is_what_the_contract_says(toured):
    """T142."""
    given = [header for each in toured if each.answer for header in each.answer.get_all("Set-Cookie", [])]
    assert given
    for header in given:
        pair, *attributes = [part.strip() for part in header.split(";")]
        named = dict(part.partition("=")[::2] for part in attributes)
        name = pair.partition("=")[0]
        assert name in (COOKIE, COMPANION)
        assert set(named) == {"Path", "Secure", "HttpOnly", "SameSite", "Max-Age"}
        assert (named["Path"], named["SameSite"]) == ("/auth/refresh" if name == COOKIE else "/", "Strict")
        assert len(header) < 4096


def assert_json_headers(seen):
    """What the contract wants on every JSON answer."""
    answer = seen.answer
    assert answer["Content-Type"] == "application/json; charset=utf-8", seen.path
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert int(re.search(r"max-age=(\d+)", answer["Strict-Transport-Security"])[1]) >= 31536000


def test_t156_every_json_answer_carries_the_headers(toured):
    """T156."""
    checked = [each for each in toured if each.answer
               and each.path.startswith(("/auth/", "/.well-known")) and each.status != 204]
    assert {each.status for each in checked} >= {200, 201, 401, 404, 405}
    for each in checked:
        assert_json_headers(each)
    for each in toured:
        if each.answer and each.status == 204:
            assert "no-store" in each.answer["Cache-Control"]


def test_t156_also_what_nginx_refuses_itself(stack, person):
    """T156, from 400 to 415."""
    page = person.tab()
    stack.proxy.clear()
    page.evaluate("""async () => {
        await fetch("/auth/login", { method: "POST", body: "x".repeat(20000) });
        await fetch("/auth/login", { method: "POST", body: "{}" });
        await fetch("/auth/login", { method: "PUT" });
        await fetch("/auth/login", { method: "POST", body: "[]", headers: { "Content-Type": "application/json" } });
        await fetch("/api/echo");
    }""")
    assert [each.status for each in stack.proxy.seen] == [413, 415, 405, 400, 401]
    for each in stack.proxy.seen:
        if each.path != "/api/echo":  # whose application decides for itself
            assert_json_headers(each)
        assert set(json.loads(each.content)) == {"error", "error_description"}


def test_a_refresh_renews_both_tokens_and_the_cookie_lives_as_long_as_its_token(quick_stack, quick_person):
    page = quick_person.signed_in_tab()
    quick_stack.proxy.clear()
    (before,) = quick_person.cookies()
    wait_until(lambda: quick_stack.proxy.of("/auth/refresh"), "a refresh")
    page.wait_for_function("(end) => auth.remaining() > end", arg=page.evaluate("auth.remaining()"))
    renewed = quick_stack.proxy.of("/auth/refresh")[0]
    (after,) = quick_person.cookies()
    assert renewed.status == 200
    assert after["value"] != before["value"]
    assert [value for name, value in sent_cookies(renewed) if name == COOKIE] == [before["value"]]
    old, new = claims(before["value"]), claims(after["value"])
    assert new["gen"] > old["gen"]
    assert claims(json.loads(renewed.content)["access_token"])["gen"] == old["gen"] + 1
    # What the browser keeps, to the second it was set in.
    for cookie in (before, after):
        assert abs(cookie["expires"] - claims(cookie["value"])["exp"]) <= 1.5
        assert (cookie["path"], cookie["domain"]) == ("/auth/refresh", "localhost")
        assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Strict"


def test_interceptors_add_the_token_and_try_once_more(stack, person):
    page = person.signed_in_tab()
    tried = []

    def plan(request):
        if request.path == "/api/echo":
            tried.append(request.headers["Authorization"])
            if len(tried) == 1:
                return Fault(instead=(401, {}, {"error": "invalid_token"}))
        return None
    stack.proxy.plan = plan
    assert statuses(page, "/api/echo") == [200]
    assert len(tried) == 2 and tried[0] != tried[1]
    assert all(each.startswith("Bearer eyJ") for each in tried)


def test_an_outdated_version_forces_a_sign_out_in_words(stack, person):
    page = person.page("/")
    person.fill_sign_in(page)
    page.wait_for_selector(".session")
    tab = person.tab()
    stack.site.admin("account", "revoke", person.name)
    stack.proxy.clear()
    page.fill("#current", PASSWORD)
    page.fill("#next", PASSWORD + " anew")
    page.click("#change [type=submit]")
    page.wait_for_url(re.compile(r"/$"))
    expect(page.locator("#notice")).to_have_text("Your session has ended. Please sign in again.")
    assert (state(tab), events(tab)) == ("signedout", ["elsewhere"])
    assert len(stack.proxy.of("/auth/logout")) == 1
    assert person.cookies() == []


def test_a_stolen_cookie_ends_the_session_within_one_more_refresh_of_either_side(quick_stack):
    """RFC 9700 §4.14.2, with a thief who has the whole jar."""
    for first in ("thief", "victim"):
        person = quick_stack.person()
        page = person.signed_in_tab()
        stolen = {each["name"]: each["value"] for each in person.context.storage_state()["cookies"]}

        def steal(value, site=quick_stack.site, jar=stolen):
            cookies = "; ".join(f"{name}={value if name == COOKIE else other}" for name, other in jar.items())
            return site.post("/auth/refresh", headers={"Cookie": cookies})

        if first == "thief":
            answer = steal(stolen[COOKIE])
            assert answer.status_code == 200
            # Seconds are counted whole: now the window of 1 s is over, however busy the machine is.
            over = time.monotonic() + 2
            quick_stack.proxy.plan = lambda request: (
                Fault(before=2, until=lambda: time.monotonic() > over) if request.path == "/auth/refresh" else None)
            token = answer.json()["access_token"]
            me = quick_stack.site.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
            assert me.status_code == 200
            held = answer.cookies[COOKIE]
            page.wait_for_function("events.length > 0")  # the victim's next refresh
            page.wait_for_timeout(200)
            assert events(page) == ["refused"]
            assert steal(held).status_code == 401
            me = quick_stack.site.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
            assert me.status_code == 401
        else:
            # The victim renews, uses what it got, and the window of 1 s goes by, in whole seconds.
            def used():
                assert statuses(page, "/api/echo") == [200]
                return quick_stack.proxy.of("/api/echo")[-1].headers["Authorization"]

            before = used()
            wait_until(lambda: used() != before, "a request with the next access token", every=0.2)
            over = time.monotonic() + 2.1
            wait_until(lambda: time.monotonic() > over, "the end of the window")
            assert steal(stolen[COOKIE]).status_code == 401
            assert statuses(page, "/api/echo") == ["signed_out"]
            assert events(page) == ["refused"]
        assert len(quick_stack.reuses()) == 1
        quick_stack.reset()
        person.close()
