"""Section E: what a page of another site may do, and what headers every answer has."""

import pytest
from programs import COOKIE, ROOT
from site_under_test import PASSWORD, Site

LISTED = "https://app.example.test"
REDIRECTS = ROOT.parent / "shared/vectors/openredirects.txt"
STATE_CHANGING = ["register", "login", "refresh", "logout", "revoke", "password"]


@pytest.fixture(scope="module")
def listing():
    """A site that lists another origin."""
    running = Site(env={"TALLYSTICK_ALLOWED_ORIGINS": LISTED})
    yield running
    running.close()


def attempt(site, route, headers):
    """A request that would succeed if it were not for these headers."""
    if route in ("register", "login"):
        return site.post(f"/auth/{route}", headers=headers, json={"username": "nobody-yet", "password": "wrong horse wrong"})
    return site.post(f"/auth/{route}", headers=headers)


def is_cross_site(answer):
    assert answer.status_code == 403 and answer.json()["error"] == "cross_site"
    assert "set-cookie" not in answer.headers and "access-control-allow-origin" not in answer.headers
    return True


@pytest.mark.parametrize("site_header,allowed", [
    ("cross-site", False), ("same-site", False), ("none", False), ("", False), ("Same-Origin", False),
    ("same-origin, cross-site", False), ("same-origin", True), (None, True)])
@pytest.mark.parametrize("route", ["login", "refresh", "logout", "revoke", "password"])
def test_the_site_that_the_browser_names_decides(site, route, site_header, allowed):
    """T149."""
    answer = attempt(site, route, {} if site_header is None else {"Sec-Fetch-Site": site_header})
    # nginx passes no empty header on: then there is none.
    if allowed or site_header == "":
        assert answer.status_code != 403
    else:
        assert is_cross_site(answer)


@pytest.mark.parametrize("route", STATE_CHANGING)
def test_another_origin_may_change_nothing(site, route):
    """T150."""
    port = site.port
    for origin in ("null", "https://evil.example", "https://localhost.evil.example", f"http://localhost:{port}",
                   "https://localhost", f"https://localhost:{port + 1}", f"https://localhost:{port}/", f"HTTPS://localhost:{port}",
                   f"https://second.localhost:{port}", "*", LISTED):
        assert is_cross_site(attempt(site, route, {"Origin": origin}))
        assert is_cross_site(attempt(site, route, {"Origin": origin, "Sec-Fetch-Site": "same-origin"}))
    own = attempt(site, route, {"Origin": site.url, "Sec-Fetch-Site": "same-origin"})
    assert own.status_code != 403


def test_a_cross_site_post_neither_signs_in_nor_out(site, user):
    """T153, T154."""
    cross = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    body = {"username": user.name, "password": PASSWORD}
    assert is_cross_site(site.post("/auth/login", json=body, headers=cross))
    assert site.post("/auth/login", data=body).status_code == 415
    for route in ("logout", "revoke"):
        assert is_cross_site(site.post(f"/auth/{route}", headers=user.bearer | cross))
        assert site.get(f"/auth/{route}", headers=user.bearer).status_code == 405
    assert site.get("/auth/me", headers=user.bearer).status_code == 200


def test_an_origin_that_is_listed_may_and_is_told_so(listing):
    """T155: exactly that origin, with credentials, never `*`."""
    user = listing.register()
    headers = {"Origin": LISTED, "Sec-Fetch-Site": "same-site", "Cookie": user.sent}
    answer = listing.post("/auth/refresh", headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get_list("access-control-allow-origin") == [LISTED]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]
    refused = listing.get("/auth/me", headers={"Origin": LISTED})
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == LISTED
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]
    assert is_cross_site(listing.post("/auth/refresh", headers=headers | {"Sec-Fetch-Site": "cross-site"}))


def test_a_preflight_is_answered_for_listed_origins_only(listing, site):
    """T155."""
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = listing.client.options("/auth/login", headers=ask | {"Origin": LISTED})
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == LISTED
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    for where, origin in ((listing, "https://evil.example"), (listing, "null"), (site, LISTED)):
        refused = where.client.options("/auth/login", headers=ask | {"Origin": origin})
        assert not [name for name in refused.headers if name.startswith("access-control-")]


def answers(site, user):
    """One answer of every kind, by name."""
    long = b"x" * 20000
    return {
        "tokens": site.login(user.name), "me": site.get("/auth/me", headers=user.bearer),
        "sessions": site.get("/auth/sessions", headers=user.bearer), "no token": site.get("/auth/me"),
        "wrong body": site.post("/auth/login", json=[]), "wrong password": site.login(user.name, "wrong horse wrong"),
        "wrong type": site.post("/auth/login", content="x"), "wrong method": site.get("/auth/login"),
        "taken": site.post("/auth/register", json={"username": user.name, "password": PASSWORD}),
        "weak": site.post("/auth/register", json={"username": "weak", "password": "password1"}),
        "cross-site": site.post("/auth/login", headers={"Sec-Fetch-Site": "cross-site"}),
        "foreign session": site.client.delete(f"/auth/sessions/{'a' * 26}", headers=user.bearer),
        "too large": site.post("/auth/login", content=long), "not mounted": site.get("/auth/nothing"),
        "guarded": site.get("/private/"), "guarded group": site.get("/private/staff/", headers=user.bearer),
    }


EXACT = {
    "cache-control": "no-store", "x-content-type-options": "nosniff", "content-type": "application/json; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'", "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def test_every_json_answer_has_the_headers_once(site, user):
    """T156: from the programs and from nginx alike."""
    for kind, answer in answers(site, user).items():
        for name, value in EXACT.items():
            assert answer.headers.get_list(name) == [value], (kind, name)
        hsts, = answer.headers.get_list("strict-transport-security")
        assert int(hsts.removeprefix("max-age=").split(";")[0]) >= 31536000, kind
        assert answer.status_code < 400 or {"error", "error_description"} == set(answer.json()), kind


def test_answers_without_a_body_have_the_headers_too(site, user):
    """T156."""
    for answer in (site.get("/auth/health"), site.post("/auth/logout", headers=user.bearer)):
        assert answer.status_code == 204 and answer.headers["cache-control"] == "no-store"
        assert answer.headers.get_list("strict-transport-security")


def test_the_key_set_may_be_cached_and_nothing_else(site):
    """T042."""
    answer = site.get("/.well-known/jwks.json")
    assert answer.status_code == 200 and answer.headers["content-type"] in ("application/jwk-set+json", "application/json")
    assert "max-age=" in answer.headers["cache-control"] and "no-store" not in answer.headers["cache-control"]
    for key in answer.json()["keys"]:
        assert not set(key) & {"d", "p", "q", "k", "dp", "dq", "qi"}


def test_pages_run_only_scripts_of_their_own_origin(site):
    """T163's half that nginx holds."""
    for path in ("/", "/curl.html"):
        answer = site.get(path)
        assert answer.status_code == 200
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == policy["frame-ancestors"] == policy["default-src"] == "'none'"
        assert "unsafe" not in str(policy) and "<script>" not in answer.text and " style=" not in answer.text


def test_a_page_keeps_its_window_from_other_origins(site):
    """gate.html alone does not; nginx/tallystick/http/variables.conf says why."""
    for path, policy in [("/", ["same-origin"]), ("/account.html", ["same-origin"]), ("/gate.html", [])]:
        assert site.get(path).headers.get_list("cross-origin-opener-policy") == policy, path


@pytest.mark.parametrize("query", ["callback=f", "jsonp=f", "format=js"])
def test_there_is_no_jsonp(site, alice, query):
    """T157."""
    answer = site.get(f"/auth/me?{query}", headers=alice.bearer | {"Accept": "text/javascript"})
    assert answer.headers["content-type"].startswith("application/json") and answer.text.startswith("{")


@pytest.mark.skipif(not REDIRECTS.exists(), reason="the list of open redirects is not here")
def test_no_parameter_redirects(site, user):
    """T159: every line, under every name that such a parameter has."""
    lines = [line.strip() for line in REDIRECTS.read_text(errors="replace").splitlines() if line.strip()]
    assert len(lines) > 500
    for line in lines:
        params = dict.fromkeys(("return", "next", "rd", "url", "redirect", "returnTo", "continue"), line)
        for method, path in (("GET", "/"), ("POST", "/auth/logout"), ("GET", "/private/")):
            answer = site.client.request(method, path, params=params)
            assert "location" not in answer.headers and answer.status_code in (200, 204, 401), (line, path)
            assert line not in answer.text or path == "/"


@pytest.mark.skipif(not REDIRECTS.exists(), reason="the list of open redirects is not here")
def test_no_path_redirects_off_the_origin(site):
    """T159: the lines as paths; nginx itself redirects folders without a slash."""
    for line in REDIRECTS.read_text(errors="replace").splitlines():
        target = "/" + line.strip().encode("ascii", "ignore").decode().replace(" ", "")
        if target.isprintable():
            answer = site.client.get("/", extensions={"target": target.encode()})
            assert "location" not in answer.headers or answer.headers["location"].startswith(f"{site.url}/"), target
