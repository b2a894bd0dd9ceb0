"""The way in to a site: `enter` sends to sign in, `handover` issues a code, `land` spends it, `check` opens.

Contract, section 10. Each step is asked with what a browser would send and with what it would not;
peers-2026 has what went wrong at others in the same steps.
"""

import base64
import hashlib
import re
import threading
import time
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import pytest
from harness import GOOD, ISSUER
from programs import ROOT
import stores
from tokens import claims, header

SITE = "https://app.example.test"
OTHER = "https://other.example.test"
STATE, GATE, BOUNCES = "__Host-tallystick-state", "__Host-tallystick", "__Host-tallystick-bounces"
DOCUMENT = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "none"))
VECTORS = ROOT.parent / "shared/vectors/openredirects.txt"

pytestmark = pytest.mark.settings(SITES=f"{SITE},{OTHER}")


def set_cookies(answer):
    """The cookies that an answer sets: name to (value, attributes)."""
    cookies = {}
    for line in answer.all("Set-Cookie"):
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        assert name not in cookies, f"{name} is set twice"
        cookies[name] = (value, attributes)
    return cookies


def digest(state):
    return base64.urlsafe_b64encode(hashlib.sha256(state.encode()).digest()).rstrip(b"=").decode()


class Browser:
    """One browser at one site: a jar, and a login at the issuer."""

    def __init__(self, host, site=SITE, name="alice", answer=None):
        self.host, self.site, self.jar = host, site, {}
        self.token = (answer or host.register(name)).token if name else None

    @property
    def cookie(self):
        return "; ".join(f"{name}={value}" for name, value in self.jar.items()) or None

    def keep(self, answer):
        for name, (value, attributes) in set_cookies(answer).items():
            assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes), attributes
            assert not any(attribute.startswith("Domain") for attribute in attributes)
            if "Max-Age=0" in attributes:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    def at(self, program, params=(), headers=DOCUMENT, method="GET", **more):
        params = [("TALLYSTICK_SITE", self.site), *params]
        return self.keep(self.host.call(program, method, cookie=self.cookie, headers=headers, params=params, **more))

    def enter(self, path="/page", **more):
        return self.at("enter", [("REQUEST_URI", path)], **more)

    def handover(self, gate, **members):
        query = {name: values[0] for name, values in parse_qs(urlsplit(gate).query).items()}
        body = {name: query[name] for name in ("site", "state", "return")} | members
        return self.host.call("handover", token=self.token, body=body, headers=(("Origin", ISSUER), ("Sec-Fetch-Site", "same-origin")))

    def land(self, location, **more):
        return self.at("land", [("QUERY_STRING", urlsplit(location).query), ("REQUEST_URI", "/tallystick/land")], **more)

    def come_in(self, path="/page"):
        self.location = self.handover(self.enter(path).header("Location")).json["location"]
        return self.land(self.location)

    def check(self, headers=DOCUMENT, method="GET", **more):
        return self.at("check", headers=headers, method=method, **more)


@pytest.fixture
def alice(host):
    return Browser(host)


def test_a_browser_comes_in_and_is_let_through(alice):
    first = alice.check()
    assert first.status == 401 and first.header("WWW-Authenticate") == f'Bearer realm="{ISSUER}"'
    sent = alice.enter("/page?a=b&c=%20d")
    assert sent.status == 302 and sent.header("Cache-Control") == "no-store"
    gate = urlsplit(sent.header("Location"))
    assert f"{gate.scheme}://{gate.netloc}{gate.path}" == f"{ISSUER}/gate.html"
    query = parse_qs(gate.query)
    assert query == {"site": [SITE], "return": ["/page?a=b&c=%20d"], "state": [digest(alice.jar[STATE])]}
    assert set_cookies(sent)[STATE][1][-1] == "Max-Age=600"

    location = alice.handover(sent.header("Location")).json["location"]
    assert location.startswith(f"{SITE}/tallystick/land?code=")
    landed = alice.land(location)
    assert landed.status == 303 and landed.header("Location") == "/page?a=b&c=%20d"
    assert STATE not in alice.jar, "the state cookie is cleared"
    answer = alice.check()
    assert answer.status == 204 and answer.header("X-Auth-User") == "alice"
    assert answer.header("X-Auth-Session") == claims(alice.token)["sid"]


def test_the_gate_token_names_the_site_and_the_session(alice):
    landed = alice.come_in()
    token = alice.jar[GATE]
    assert header(token)["typ"] == "gt+jwt"
    body, access = claims(token), claims(alice.token)
    assert set(body) == {"iss", "aud", "sub", "sid", "ver", "iat", "exp", "jti"}
    assert (body["iss"], body["aud"], body["sub"], body["sid"], body["ver"]) == (ISSUER, SITE, access["sub"], access["sid"], 1)
    assert body["exp"] - body["iat"] == 12 * 3600
    assert f"Max-Age={12 * 3600}" in set_cookies(landed)[GATE][1]


@pytest.mark.settings(SITES=SITE, GATE_LIFETIME="7d", SESSION_LIFETIME="1h")
def test_the_gate_cookie_never_lives_longer_than_its_session(alice):
    landed = alice.come_in()
    body = claims(alice.jar[GATE])
    assert 3590 <= body["exp"] - body["iat"] <= 3600
    assert f"Max-Age={body['exp'] - body['iat']}" in set_cookies(landed)[GATE][1]


def test_a_shared_computer_keeps_no_cookie_beyond_the_browser(host):
    answer = host.call("login", body={"username": "bob", "password": GOOD, "shared": True})
    assert answer.status == 401
    host.register("bob")
    answer = host.call("login", body={"username": "bob", "password": GOOD, "shared": True})
    assert answer.status == 200
    for line in answer.all("Set-Cookie"):
        assert "Max-Age" not in line
    bob = Browser(host, name="bob", answer=answer)
    landed = bob.come_in()
    assert not any("Max-Age" in attribute for attribute in set_cookies(landed)[GATE][1])
    body = claims(bob.jar[GATE])
    assert body["exp"] - body["iat"] <= 900
    refreshed = host.refresh(answer.cookie)
    assert refreshed.status == 200 and all("Max-Age" not in line for line in refreshed.all("Set-Cookie"))
    host.back_in_time(901)
    assert host.refresh(refreshed.cookie).status == 401 and bob.check().status == 401
    for shared in ("true", 1, None, []):
        wrong = host.call("login", body={"username": "bob", "password": GOOD, "shared": shared})
        assert (wrong.status, wrong.error) == (400, "invalid_request")


# What ends a login closes every site at the next request.


def test_whatever_ends_the_session_closes_the_site(host):
    def closes(how):
        browser = Browser(host, name=None)
        account = f"user{how.__name__}"
        browser.token = host.register(account).token
        browser.come_in()
        assert browser.check().status == 204
        how(browser, account)
        answer = browser.check()
        assert answer.status == 401 and 'error="invalid_token"' in answer.header("WWW-Authenticate")
        assert not [name for name, _ in answer.headers if name.startswith("X-Auth")]

    def logout(browser, _):
        assert host.call("logout", token=browser.token).status == 204

    def revoke(browser, _):
        assert host.call("revoke", token=browser.token).status == 204

    def end(browser, _):
        session = claims(browser.token)["sid"]
        answer = host.call("sessions", "DELETE", token=browser.token, params=[("PATH_INFO", f"/{session}"), ("REQUEST_URI", f"/auth/sessions/{session}")])
        assert answer.status == 204

    def disable(_, account):
        host.admin("account", "disable", account)

    def password(_, account):
        host.admin("account", "passwd", account, stdin="another good passphrase\n")

    for how in (logout, revoke, end, disable, password):
        closes(how)


# Who may use the cookie, and where.


def test_a_gate_token_is_worth_nothing_elsewhere(alice, host):
    alice.come_in()
    token = alice.jar[GATE]
    assert host.check(token).status == 401, "as a bearer token"
    assert host.call("me", token=token).status == 401
    assert host.call("check", cookie=f"{GATE}={token}", headers=DOCUMENT).status == 401, "where nginx names no site"
    assert Browser.check(with_jar(alice, OTHER, {GATE: token})).status == 401, "at another site"
    for name in ("__Secure-tallystick", "tallystick", "__host-tallystick", "__Host-tallystick-state", " __Host-tallystick "):
        assert with_jar(alice, SITE, {name: token}).check().status == 401, name


def with_jar(browser, site, jar):
    other = Browser(browser.host, site, name=None)
    other.jar = jar
    return other


def test_an_access_token_and_other_types_are_no_gate_cookie(alice, host):
    alice.come_in()
    token = alice.jar[GATE]
    assert with_jar(alice, SITE, {GATE: alice.token}).check().status == 401
    good = host.forge.sign(header(token), claims(token))
    assert with_jar(alice, SITE, {GATE: good}).check().status == 204
    for typ in ("at+jwt", "rt+jwt", "JWT", None):
        head = {name: value for name, value in (header(token) | {"typ": typ}).items() if value is not None}
        assert with_jar(alice, SITE, {GATE: host.forge.sign(head, claims(token))}).check().status == 401, typ
    now = int(time.time())
    for change in ({"aud": [SITE]}, {"aud": OTHER}, {"aud": SITE + "/"}, {"iss": SITE}, {"ver": 2}, {"exp": now - 60},
                   {"iat": now + 60}, {"exp": now + 13 * 3600 + 60}, {"sid": "a" * 26}, {"sub": "a" * 26}):
        wrong = host.forge.sign(header(token), claims(token) | change)
        assert with_jar(alice, SITE, {GATE: wrong}).check().status == 401, change


def test_two_cookies_of_the_name_count_as_none(alice):
    alice.come_in()
    pair = f"{GATE}={alice.jar[GATE]}"
    for cookies in (f"{pair}; {pair}", f"{pair}; {GATE}=", f"{GATE}=x; {pair}", f"{pair};{pair}"):
        assert alice.host.call("check", cookie=cookies, headers=DOCUMENT, params=[("TALLYSTICK_SITE", SITE)]).status == 401, cookies
    for cookies in (pair, f"a=b; {pair}", f"{pair}; {GATE}-state=x", f"x{GATE}=y; {pair}", f"; ;{pair}; "):
        assert alice.host.call("check", cookie=cookies, headers=DOCUMENT, params=[("TALLYSTICK_SITE", SITE)]).status == 204, cookies


def test_beside_a_bearer_token_the_cookie_is_not_looked_at_T040(alice, host):
    alice.come_in()
    bob = host.register("bob").token
    assert alice.check(token=bob).header("X-Auth-User") == "bob"
    assert alice.check(token="a.b.c").status == 401
    assert alice.check(headers=(*DOCUMENT, ("Authorization", "Bearer"))).status == 401
    # Another scheme is the application's own.
    assert alice.check(headers=(*DOCUMENT, ("Authorization", "Basic YTpi"))).header("X-Auth-User") == "alice"


CROSS = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"))


@pytest.mark.parametrize("status, method, headers", [
    (204, "GET", DOCUMENT),
    (204, "GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "cross-site"))),
    (204, "HEAD", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "cross-site"))),
    (204, "GET", ()),
    (204, "GET", (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"))),
    (204, "GET", (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"))),
    (403, "GET", CROSS),
    (403, "GET", (("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors"))),
    (204, "POST", (("Origin", SITE), ("Sec-Fetch-Site", "same-origin"))),
    (204, "POST", (("Sec-Fetch-Site", "same-origin"),)),
    (403, "POST", ()),
    (403, "POST", (("Origin", OTHER), ("Sec-Fetch-Site", "same-site"))),
    (403, "POST", (("Origin", "null"), ("Sec-Fetch-Mode", "navigate"))),
    (403, "DELETE", DOCUMENT),
    (204, "GET", (("Upgrade", "websocket"), ("Origin", SITE))),
    (403, "GET", (("Upgrade", "websocket"), ("Origin", "https://evil.test"))),
    (403, "GET", (("Upgrade", "websocket"),)),
])
def test_the_table_of_what_a_gate_cookie_may_do(alice, status, method, headers):
    alice.come_in()
    for _ in range(2):  # the second one is remembered
        answer = alice.check(headers, method)
        assert answer.status == status
    if status == 403:
        assert 'error="cross_site"' in answer.header("WWW-Authenticate") and answer.header("X-Auth-User") is None


def test_what_is_remembered_of_one_use_allows_no_other(server):
    """The same cookie, asked in turn for what it may and may not do."""
    alice = Browser(server)
    alice.come_in()
    uses = [(204, "GET", DOCUMENT), (403, "GET", CROSS), (403, "POST", ()), (204, "POST", (("Origin", SITE),)), (204, "GET", ())]
    for status, method, headers in uses * 3:
        assert alice.check(headers, method).status == status


def test_the_group_of_the_location_holds_for_a_cookie_too_T083(alice):
    alice.come_in()
    answer = alice.at("check", [("AUTH_REQUIRE", "staff")])
    assert answer.status == 403 and 'error="insufficient_scope"' in answer.header("WWW-Authenticate")
    alice.host.admin("account", "groups", "alice", "staff")
    alice.token = alice.host.login().token
    alice.come_in()
    assert alice.at("check", [("AUTH_REQUIRE", "staff")]).header("X-Auth-Groups") == "staff"


def test_a_document_is_renewed_in_the_second_half_of_the_cookies_life(alice, host):
    alice.come_in()
    token = alice.jar[GATE]

    def aged(seconds):
        body = claims(token)
        old = body | {"iat": body["iat"] - seconds, "exp": body["exp"] - seconds}
        return with_jar(alice, SITE, {GATE: host.forge.sign(header(token), old)})

    assert aged(6 * 3600 - 60).check().status == 204
    late = aged(6 * 3600 + 60)
    assert late.check().status == 401
    assert late.enter().status == 302
    for headers, method in (((), "GET"), (DOCUMENT, "HEAD"), ((("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), "GET"),
                            ((("Origin", SITE),), "POST")):
        assert late.check(headers, method).status == 204, headers


# `enter`


@pytest.mark.parametrize("status, method, headers", [
    (302, "GET", DOCUMENT),
    (302, "GET", (("Sec-Fetch-Mode", "navigate"),)),
    (302, "GET", (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Site", "cross-site"))),
    (302, "GET", (("Accept", "text/html,*/*"),)),
    (401, "GET", (("Accept", "text/html,*/*"), ("X-Requested-With", "XMLHttpRequest"))),
    (401, "GET", (("Accept", "*/*"),)),
    (401, "GET", ()),
    (401, "HEAD", DOCUMENT),
    (401, "GET", (("Sec-Fetch-Mode", "cors"), ("Accept", "text/html"))),
    (401, "GET", CROSS),
    (401, "GET", (*DOCUMENT, ("Sec-Purpose", "prefetch;prerender"))),
    (401, "GET", (("Upgrade", "websocket"), ("Origin", SITE))),
])
def test_only_a_document_of_a_browser_is_redirected(alice, status, method, headers):
    answer = alice.enter(headers=headers, method=method)
    assert answer.status == status
    if status == 401:
        assert answer.error == "invalid_token" and answer.header("WWW-Authenticate") == f'Bearer realm="{ISSUER}"'
        assert answer.header("Location") is None and not answer.all("Set-Cookie")


def test_a_page_of_the_gate_has_the_style_of_the_error_pages(alice):
    policies = (ROOT / "nginx/tallystick/headers/error-page.conf").read_text()
    (digest,) = re.findall(r"'sha256-[^']+'", policies)
    page = alice.enter("/form", method="POST", headers=DOCUMENT)
    assert f"style-src {digest};" in page.header("Content-Security-Policy")


def test_a_frame_and_a_late_form_get_a_page(alice):
    frame = alice.enter(headers=(("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")))
    assert frame.status == 401 and b'target="_top"' in frame.body and "frame-ancestors" not in frame.header("Content-Security-Policy")
    form = alice.enter("/form", method="POST", headers=(*DOCUMENT, ("Referer", f"{SITE}/form?<x>")))
    assert form.status == 401 and b"no longer signed in" in form.body and b'href="/form?&lt;x&gt;"' in form.body
    elsewhere = alice.enter("/form", method="POST", headers=(*DOCUMENT, ("Referer", "https://evil.test/")))
    assert b"evil.test" not in elsewhere.body
    for page in (frame, form):
        assert page.header("Content-Type") == "text/html; charset=utf-8" and page.header("Cache-Control") == "no-store"
        assert page.header("WWW-Authenticate") == f'Bearer realm="{ISSUER}"' and not page.all("Set-Cookie")
        assert b"<script" not in page.body


def test_the_state_is_random_and_stays_while_it_is_there(alice, host):
    first = alice.enter()
    state = alice.jar[STATE]
    assert len(base64.urlsafe_b64decode(state + "=")) == 32
    second = alice.enter("/other")
    assert alice.jar[STATE] == state and first.header("Location").split("state=")[1] == second.header("Location").split("state=")[1]
    assert Browser(host, name=None).enter().header("Location") != first.header("Location")
    for wrong in ("", "x", "a" * 44, state[:-1], state + "=", f"{state}; {STATE}={state}"):
        fresh = with_jar(alice, SITE, {STATE: wrong})
        fresh.enter()
        assert fresh.jar[STATE] not in (wrong, state)


def test_without_a_site_nothing_is_sent_anywhere(host):
    for site in (None, "", "app.example.test", "https://app.example.test/"):
        answer = host.call("enter", "GET", headers=DOCUMENT, params=[("TALLYSTICK_SITE", site), ("REQUEST_URI", "/page")])
        assert answer.status == 503 and answer.header("Location") is None


def test_the_sign_out_of_a_site_leads_to_the_issuer(alice):
    answer = alice.at("enter", [("SCRIPT_NAME", "/tallystick/signout"), ("REQUEST_URI", "/tallystick/signout")])
    assert answer.status == 302 and unquote(answer.header("Location")) == f"{ISSUER}/signout.html?return={SITE}/"


# The loop breaker names the cause.


def test_the_third_bounce_within_a_minute_stops(alice):
    assert alice.enter().status == 302 and alice.enter("/b").status == 302
    third = alice.enter()
    assert third.status == 403 and b"does not keep the cookie" in third.body and set(set_cookies(third)) == {STATE}
    assert third.header("Location") is None and third.body.count(b"gate.html") == 1, "one may go on by hand"
    alice.jar[BOUNCES] = ".".join(str(int(value) - 60) for value in alice.jar[BOUNCES].split("."))
    assert alice.enter().status == 302


def test_whoever_signs_out_and_comes_back_is_in_no_circle(alice, host):
    alice.enter("/another")
    alice.come_in()
    host.call("logout", token=alice.token)
    assert alice.check().status == 401
    alice.token = host.login().token
    assert alice.come_in().status == 303 and alice.check().status == 204


def test_plain_http_stops_at_once(alice):
    answer = alice.at("enter", [("REQUEST_URI", "/page?x"), ("REQUEST_SCHEME", "http")])
    assert answer.status == 403 and b"needs https" in answer.body and f'href="{SITE}/page?x"'.encode() in answer.body


def bounced(browser):
    browser.jar[BOUNCES] = f"{int(time.time()) - 2}:aaaaaaaa.{int(time.time()) - 1}:bbbbbbbb"
    return browser.enter()


def test_whoever_brings_the_same_refused_cookie_again_may_sign_in_by_hand(alice, host):
    """Several tabs after a sign-out: no circle, for nobody has landed since."""
    alice.come_in()
    host.call("logout", token=alice.token)
    assert alice.check().status == 401 and alice.enter().status == 302
    third = alice.enter("/b")
    assert third.status == 403 and b"Sign in to go on" in third.body


def test_a_clock_that_is_off_is_named(alice, host):
    alice.come_in()
    token = alice.jar[GATE]
    assert b"round in circles" in bounced(alice).body
    for hours in (3, -13):
        body = claims(token)
        alice.jar[GATE] = host.forge.sign(header(token), body | {"iat": body["iat"] + hours * 3600, "exp": body["exp"] + hours * 3600})
        assert alice.check().status == 401
        answer = bounced(alice)
        assert answer.status == 403 and b"clocks do not agree" in answer.body, hours
    alice.jar[GATE] = "no token"
    assert b"round in circles" in bounced(alice).body


def test_a_site_that_the_settings_do_not_name_is_named(host):
    stranger = Browser(host, site="https://stranger.test")
    assert stranger.handover(stranger.enter().header("Location")).error == "unknown_site"
    answer = bounced(stranger)
    assert answer.status == 403 and b"not on the list" in answer.body and b"https://stranger.test" in answer.body


def test_a_browser_without_cookies_is_told_so_where_it_lands(alice):
    location = alice.handover(alice.enter().header("Location")).json["location"]
    alice.jar.clear()
    answer = alice.land(location)
    assert answer.status == 403 and b"sent no cookie" in answer.body and not answer.all("Set-Cookie")


# `handover`


def test_a_handover_needs_a_login_and_the_issuers_own_page(alice, host):
    gate = alice.enter().header("Location")
    body = {"site": SITE, "state": digest("x"), "return": "/"}
    assert host.call("handover", body=body).error == "invalid_token"
    assert host.call("handover", token="a.b.c", body=body).error == "invalid_token"
    for headers in ((("Origin", SITE),), (("Sec-Fetch-Site", "same-site"),), (("Origin", "null"),)):
        assert host.call("handover", token=alice.token, body=body, headers=headers).error == "cross_site"
    assert host.call("handover", "GET", token=alice.token).status == 405
    assert alice.handover(gate).status == 200
    host.admin("account", "disable", "alice")
    assert alice.handover(gate).error == "invalid_token"


@pytest.mark.parametrize("members", [
    {"state": "x"}, {"state": ""}, {"state": digest("x") + "="}, {"state": digest("x")[:-1]}, {"state": 5}, {"site": None},
    {"site": [SITE]}, {"return": None}, {"more": "x"},
])
def test_a_handover_takes_exactly_its_members(alice, members):
    answer = alice.handover(alice.enter().header("Location"), **members)
    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("site", [
    "https://APP.example.test", "https://app.example.test:443", "https://app.example.test.", "https://app.example.test/",
    "https://user@app.example.test", "https://app.example.test@evil.test", "http://app.example.test", "https://example.test",
    "https://a.app.example.test", "https://xn--pp-eka.example.test", "https://äpp.example.test", "https://10.0.0.1", "https://evil.test",
    "https://app.example.test\n", "", "null",
])
def test_a_site_in_any_other_spelling_is_unknown(alice, site):
    answer = alice.handover(alice.enter().header("Location"), site=site)
    assert (answer.status, answer.error) == (403, "unknown_site")


def test_the_code_is_random_and_the_store_has_only_its_digest_T072(alice):
    gate = alice.enter().header("Location")
    codes = {parse_qs(urlsplit(alice.handover(gate).json["location"]).query)["code"][0] for _ in range(20)}
    assert len(codes) == 20
    stored = stores.dump(alice.host.state)
    assert SITE.encode() in stored
    for code in codes:
        raw = base64.urlsafe_b64decode(code + "=")
        assert len(raw) == 32 and not any(form in stored for form in (code.encode(), raw, raw.hex().encode()))


# `land`


def refused(answer):
    return answer.status == 403 and not answer.all("Set-Cookie") and answer.header("Location") is None


def test_a_code_counts_once(alice):
    alice.come_in()
    thief = with_jar(alice, SITE, {})
    assert refused(thief.land(alice.location))
    again = with_jar(alice, SITE, {STATE: alice.jar.get(STATE, "x")})
    assert refused(again.land(alice.location))


def test_a_code_of_another_browser_account_or_site_counts_for_nobody(host, alice):
    """Login CSRF: the attacker's own code, in the victim's browser."""
    mallory = Browser(host, name="mallory")
    code = mallory.handover(mallory.enter().header("Location")).json["location"]
    alice.enter()
    assert refused(alice.land(code))
    # It was spent by the first presentation.
    assert refused(mallory.land(code))

    other = Browser(host, OTHER, name=None)
    other.token, other.jar = mallory.token, dict(mallory.jar)
    code = mallory.handover(mallory.enter("/b").header("Location")).json["location"]
    assert refused(other.land(code)), "at another site"


def test_a_code_is_refused_without_the_state_or_with_another(alice):
    for jar in ({}, {STATE: base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()}, {STATE: "x"}):
        alice.jar.pop(BOUNCES, None)
        code = alice.handover(alice.enter().header("Location")).json["location"]
        assert refused(with_jar(alice, SITE, dict(jar)).land(code)), jar
        assert refused(alice.land(code)), "spent"


def test_a_code_lives_a_minute(alice):
    for age, status in ((58, 303), (62, 403)):
        alice.jar.pop(BOUNCES, None)
        code = alice.handover(alice.enter().header("Location")).json["location"]
        with alice.host.database() as opened:
            opened.execute("UPDATE handover SET expires_at = expires_at - ?", (age,))
        assert alice.land(code).status == status


def test_fifty_at_once_spend_a_code_once(server):
    alice = Browser(server)
    code = alice.handover(alice.enter().header("Location")).json["location"]
    answers = []
    copies = [with_jar(alice, SITE, dict(alice.jar)) for _ in range(50)]
    server.start("land")
    threads = [threading.Thread(target=lambda copy=copy: answers.append(copy.land(code).status)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [403] * 49


def test_a_code_of_a_login_that_has_ended_counts_no_more(alice, host):
    code = alice.handover(alice.enter().header("Location")).json["location"]
    host.admin("account", "disable", "alice")
    assert refused(alice.land(code))


def test_a_prefetching_scanner_spends_nothing(alice):
    code = alice.handover(alice.enter().header("Location")).json["location"]
    for purpose in ("prefetch", "prefetch;prerender", ""):
        if purpose:
            assert refused(alice.land(code, headers=(("Sec-Purpose", purpose),)))
    for method in ("HEAD", "POST", "OPTIONS"):
        assert alice.land(code, method=method).status == 405
    assert alice.land(code).status == 303


@pytest.mark.parametrize("query", ["", "code=", "code=x", "return=/", "code=%", "code={code}&code={code}", "code={code}%00", "code={code}="])
def test_a_query_that_is_not_clear_lands_nobody(alice, query):
    location = alice.handover(alice.enter().header("Location")).json["location"]
    code = parse_qs(urlsplit(location).query)["code"][0]
    assert refused(alice.land(f"{SITE}/tallystick/land?" + query.format(code=code)))


def test_tabs_that_come_in_together_all_arrive(host):
    """Twenty first requests before any answer: each sets a state cookie, and the last one stays."""
    alice = Browser(host)
    gates = []
    for number in range(20):
        tab = with_jar(alice, SITE, {})
        tab.token = alice.token
        gates.append(tab.enter(f"/{number}").header("Location"))
        jar = tab.jar
    alice.jar = jar
    for number, gate in enumerate(gates):
        answer = alice.land(alice.handover(gate).json["location"])
        while answer.status == 403:
            # The page goes on by itself: to the gate with this browser's state, or to its own page.
            target = answer.body.decode().split("0; url=")[1].split('"')[0].replace("&amp;", "&")
            if target.startswith("/"):
                break
            answer = alice.land(alice.handover(target).json["location"])
        assert alice.check().status == 204
        if answer.status == 303:
            assert answer.header("Location") == f"/{number}"


# Nobody is led to another origin.

LINES = [line for line in (VECTORS.read_text().splitlines() if VECTORS.exists() else []) if line.strip()]


def is_of_the_site(location):
    parts = urlsplit(urljoin(SITE + "/tallystick/land", location))
    return location.startswith("/") and location[1:2] not in ("/", "\\") and f"{parts.scheme}://{parts.netloc}" == SITE


def test_no_return_address_leads_to_another_origin(server):
    assert len(LINES) > 500
    alice = Browser(server)
    for line in LINES:
        alice.jar.pop(BOUNCES, None)
        gate = alice.enter().header("Location")
        answer = alice.handover(gate, **{"return": line})
        assert answer.status == 200
        landed = alice.land(answer.json["location"])
        assert landed.status == 303 and is_of_the_site(landed.header("Location")), line


def test_no_line_of_the_list_is_a_site(server):
    alice = Browser(server)
    gate = alice.enter().header("Location")
    for line in LINES:
        for members in ({"site": line}, {"site": line, "return": line}, {"site": SITE + line}):
            answer = alice.handover(gate, **members)
            assert (answer.status, answer.error) == (403, "unknown_site"), members


def test_a_parameter_adds_no_header(alice):
    for path in ("/a\r\nSet-Cookie: x=y", "/a\nX: y", "/%0d%0aSet-Cookie:x=y"):
        answer = alice.enter(path)
        assert set(set_cookies(answer)) <= {STATE, BOUNCES} and not answer.all("X")
        alice.jar.pop(BOUNCES, None)
        location = alice.handover(answer.header("Location"), **{"return": path}).json["location"]
        landed = alice.land(location)
        assert landed.status == 303 and set(set_cookies(landed)) == {GATE, STATE} and not landed.all("X")
