"""What other sites can make a signed-in browser do: nothing.

The pages of the other sites are empty and come from the proxy. Chromium sends their requests to the
site, and the tests look at what the proxy receives.
"""

import pytest
from conftest import NEIGHBOUR, state, statuses
from site_under_test import GUARDED

EVIL = "https://evil.test"


@pytest.fixture
def victim(stack, person):
    """A signed-in tab, and a page of another site in the same browser."""
    page = person.signed_in_tab()
    person.home, person.neighbour = page, f"https://{NEIGHBOUR}"
    stack.proxy.clear()
    return person


def open_at(person, url):
    page = person.page()
    page.goto(url)
    return page


def untouched(person):
    """The session is there, for this tab and for a new one."""
    assert statuses(person.home, "/auth/me") == [200]
    tab = person.tab()
    assert state(tab) == "signedin"
    tab.close()


SEND = """([url, init]) => fetch(url, init).then(
  (response) => response.type, (error) => error.name)"""


@pytest.mark.parametrize("where", ["cross-site", "same-site"])
@pytest.mark.parametrize("route", ["refresh", "login", "logout", "revoke", "register", "password"])
def test_t149_a_post_from_another_site_is_refused(stack, victim, where, route):
    """T149, as Chromium sends it."""
    page = open_at(victim, f"{EVIL if where == 'cross-site' else victim.neighbour}/")
    simple = {"method": "POST", "mode": "no-cors", "credentials": "include", "body": "{}"}
    page.evaluate(SEND, [f"{stack.url}/auth/{route}", simple])
    (sent,) = stack.proxy.of(f"/auth/{route}")
    assert sent.headers["Sec-Fetch-Site"] == where
    assert sent.status == 403
    assert b'"cross_site"' in sent.content
    assert sent.answer["Set-Cookie"] is None
    # With what the contract asks for, a preflight comes first, and is not granted.
    with_json = {"method": "POST", "credentials": "include", "body": "{}",
                 "headers": {"Content-Type": "application/json"}}
    assert page.evaluate(SEND, [f"{stack.url}/auth/{route}", with_json]) == "TypeError"
    assert len(stack.proxy.of(f"/auth/{route}", "POST")) == 1
    untouched(victim)


@pytest.mark.parametrize("site", ["none", "cross-site", "same-site", "anything"])
def test_t149_the_header_alone_decides_where_it_is_present(stack, victim, site):
    """T149."""
    for route in ("refresh", "login", "logout"):
        answer = stack.site.post(f"/auth/{route}", headers={"Sec-Fetch-Site": site}, json={})
        assert answer.status_code == 403
    assert stack.site.post("/auth/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204


@pytest.mark.parametrize("route, allowed", [("refresh", 401), ("login", 400), ("logout", 204)])
def test_t149_without_it_the_origin_decides(stack, victim, route, allowed):
    """T149. What is let in fails by what it lacks: a cookie, a name."""
    for origin in ("null", EVIL, victim.neighbour, "https://localhost", None, stack.url):
        headers = {"Origin": origin} if origin else {}
        answer = stack.site.post(f"/auth/{route}", headers=headers, json={})
        assert answer.status_code == (allowed if origin in (None, stack.url) else 403), origin


def test_t154_images_links_and_forms_elsewhere_sign_nobody_out(stack, victim):
    """T154."""
    page = open_at(victim, f"{EVIL}/")
    for route in ("logout", "revoke", "sessions/x"):
        page.evaluate("""(url) => new Promise((done) => {
            const image = new Image();
            image.onload = image.onerror = done;
            image.src = url;
        })""", f"{stack.url}/auth/{route}")
    for method in ("get", "post"):
        for route in ("logout", "revoke"):
            page = open_at(victim, f"{EVIL}/")
            with page.expect_navigation():
                page.evaluate("""([method, url]) => {
                    const form = document.createElement("form");
                    Object.assign(form, { method, action: url });
                    document.body.append(form);
                    form.submit();
                }""", [method, f"{stack.url}/auth/{route}"])
            page = open_at(victim, f"{EVIL}/")
            with page.expect_navigation():
                page.evaluate("(url) => { location.href = url; }", f"{stack.url}/auth/{route}")
    arrived = [each for each in stack.proxy.seen if each.path.startswith("/auth/")]
    assert len(arrived) >= 10
    assert {each.status for each in arrived} <= {403, 405}
    assert all(each.answer["Set-Cookie"] is None for each in arrived)
    untouched(victim)


def test_t160_the_cookie_is_invisible_to_scripts_and_not_sent_across_sites(stack, victim):
    """T160: document.cookie, fetch with credentials, a form that is posted."""
    assert len(victim.cookies()) == 1
    assert victim.home.evaluate("document.cookie") == ""
    # Even a document at the cookie's own path sees nothing.
    page = open_at(victim, f"{stack.url}/auth/refresh")
    assert page.evaluate("document.cookie") == ""

    stack.proxy.clear()
    page = open_at(victim, f"{EVIL}/")
    for init in ({"method": "POST", "mode": "no-cors", "credentials": "include"},
                 {"credentials": "include", "mode": "no-cors"}):
        page.evaluate(SEND, [f"{stack.url}/auth/refresh", init])
    with page.expect_navigation():
        page.evaluate("""(url) => {
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action: url });
            document.body.append(form);
            form.submit();
        }""", f"{stack.url}/auth/refresh")
    with_cookies = stack.proxy.of("/auth/refresh")
    assert len(with_cookies) == 3
    assert [each.headers["Cookie"] for each in with_cookies] == [None] * 3
    untouched(victim)


def test_t153_another_site_cannot_sign_the_victim_in_as_somebody_else(stack, victim):
    """T153."""
    page = open_at(victim, f"{EVIL}/")
    with page.expect_navigation():
        page.evaluate("""(url) => {
            const form = document.createElement("form");
            Object.assign(form, { method: "post", action: url, enctype: "text/plain" });
            const field = document.createElement("input");
            field.name = '{"username":"mallory","password":"a horse in the harness","x":"';
            field.value = '"}';
            form.append(field);
            document.body.append(form);
            form.submit();
        }""", f"{stack.url}/auth/login")
    (sent,) = stack.proxy.of("/auth/login")
    assert sent.status in (403, 415)
    assert sent.answer["Set-Cookie"] is None
    untouched(victim)


def test_t214_an_api_stays_401_for_fetch(stack, person):
    """T214, however the request asks for HTML. A navigation to an API gets the 401 too; one to a page is led
    to the sign-in, which is no page of the guarded ones."""
    page = person.tab()
    for path in ("/api/echo", "/private/", "/auth/me"):
        for init in ({}, {"headers": {"Accept": "text/html"}}, {"mode": "same-origin", "redirect": "error"}):
            found = page.evaluate("""async ([path, init]) => {
                const response = await fetch(path, init);
                return [response.status, response.redirected, response.headers.get("Content-Type"),
                    response.headers.get("WWW-Authenticate").split(" ")[0], (await response.json()).error];
            }""", [path, init])
            assert found == [401, False, "application/json; charset=utf-8", "Bearer", "invalid_token"]
        answer = page.context.new_page().goto(person.url + path)
        if path == "/private/":
            assert answer.status == 200 and answer.url.startswith(person.url + "/gate.html?")
        else:
            assert (answer.status, answer.url) == (401, person.url + path)
            assert answer.request.redirected_from is None
        assert GUARDED not in answer.text()


def test_t162_only_the_refresh_route_honours_the_cookie(stack, person):
    """T162."""
    page = person.signed_in_tab()
    stack.proxy.clear()
    for path in ("/authx", "/auth/refreshx", "/auth/refresh/", "/auth/refresh/x", "/AUTH/refresh"):
        found = page.evaluate(
            "(path) => fetch(path, { method: 'POST' }).then((response) => response.status)", path)
        assert found in (404, 405), path
    assert all(each.answer["Set-Cookie"] is None for each in stack.proxy.seen)
    assert statuses(page, "/auth/me") == [200]
