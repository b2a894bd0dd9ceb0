"""Section C: no spelling of a path and no form of a request gets past the guard."""

import pytest
from site_under_test import GUARDED, status_of

PATHS = [
    "//private/", "/private//", "/./private/", "/public/../private/", "/public/..%2fprivate/",
    "/public/%2e%2e/private/", "/%70rivate/", "/private%2f", "/private/x%23", "/private/#f", "/public/..;/private/",
    "/private%00/", "/private/.", "/private/./index.html", "/private/%69ndex.html", "/private/index.html/",
    "/private/index.html%20", "/private/index.html.", "/private/index.html;x", "/x/../private/index.html",
    "//localhost/private/", "/PRIVATE/", "/private/..%2fprivate/index.html", "/private\\index.html",
    "/..\\private\\", "/public/%252e%252e/private/", "/private/?", "/private/?x=/../public/", "/.//private/",
    "/private/index.html?access_token=x", "/auth/../private/", "/auth/refresh/../../private/index.html",
    "/tallystick/check/../../private/", "/private/%2e/", "/private/%zz", "/private/%", "/private/%\x01",
    "/" + "a/../" * 200 + "private/", "/private/" + "x" * 8000, "/api/../private/", "/private/staff/",
    "/private/staff/..%2findex.html", "/private/staff//index.html", "/private/./staff/",
]


def first_status(answer):
    return (status_of(answer) or [0])[0]


def is_closed_or_the_open_application(status, text, path):
    """What nginx does not take for `..` stays below /public/, and brings no identity with it."""
    if status == 200:
        assert path.startswith("/public/") and '"method"' in text and "X-Auth" not in text
    else:
        assert status in (0, 301, 400, 401, 404, 414), text[:200]
    return True


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_spelling_of_a_guarded_path_is_open(site, alice, path):
    """T087, T093: without a token, never the file; and no 200 at all, but from the open pages."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    answer = site.raw(request)
    assert GUARDED.encode() not in answer
    assert is_closed_or_the_open_application(first_status(answer), answer.decode("latin-1"), path)


# A control byte is not sent over HTTP/2 by any client.
@pytest.mark.parametrize("path", [path for path in PATHS if path.isprintable()], ids=lambda path: path[:40])
def test_no_spelling_of_a_guarded_path_is_open_over_http_2(site, path):
    """T222."""
    target = path.encode("latin-1")
    with site.connect(http2=True) as client:
        answer = client.get("/", extensions={"target": target})
    assert answer.http_version == "HTTP/2"
    assert GUARDED not in answer.text
    assert is_closed_or_the_open_application(answer.status_code, answer.text, path)


@pytest.mark.parametrize("path", [path for path in PATHS if "staff" in path])
def test_no_spelling_leads_into_the_group_of_others(site, alice, path):
    """T087: the guard of `/private/` is none for `/private/staff/`."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {alice.token}\r\nConnection: close\r\n\r\n"
    answer = site.raw(request.encode())
    assert b"your account is in the group" not in answer


FORMS = {
    "If-None-Match": "GET /private/ HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n",
    "If-Modified-Since":
        "GET /private/ HTTP/1.1\r\nHost: localhost\r\nIf-Modified-Since: Fri, 31 Dec 2099 00:00:00 GMT\r\nConnection: close\r\n\r\n",
    "Range": "GET /private/ HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n",
    "Expect": "POST /api/echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
    "HTTP/1.0 with Host": "GET /private/ HTTP/1.0\r\nHost: localhost\r\n\r\n",
    "absolute form": "GET https://localhost/private/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "absolute form, other Host": "GET https://localhost/private/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("request_text", FORMS.values(), ids=FORMS.keys())
def test_no_form_of_a_request_is_let_in(site, request_text):
    """T106: never 200, 206 or 304."""
    answer = site.raw(request_text.encode())
    # 100 (Continue) is no answer yet.
    assert status_of(answer) in ([401], [100, 401]) and GUARDED.encode() not in answer


@pytest.mark.parametrize("request_text", ["GET /private/ HTTP/1.0\r\n\r\n", "GET /private/\r\n"])
def test_a_request_without_a_host_is_for_nobody(site, request_text):
    """T106, T221: HTTP/1.0 without Host, and HTTP/0.9."""
    answer = site.raw(request_text.encode())
    assert GUARDED.encode() not in answer
    assert first_status(answer) in (0, 400, 421)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "[::1]", "localhost.evil.example", "xlocalhost", "auth", "0"])
def test_an_unknown_host_has_no_routes_and_no_files(site, alice, host):
    """T221."""
    for path in ("/", "/auth/health", "/auth/login", "/private/", "/.well-known/jwks.json"):
        answer = site.get(path, headers=alice.bearer | {"Host": host})
        assert answer.status_code == 421 and GUARDED not in answer.text
    assert site.raw(b"GET /private/ HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("path", ["/tallystick/check", "/tallystick/check/", "/tallystick/check/staff", "/tallystick/check/a/b"])
def test_the_place_where_nginx_asks_cannot_be_asked_from_outside(site, alice, path):
    """T207."""
    for host in ("localhost", "second.localhost"):
        assert site.at(host, path, headers=alice.bearer).status_code == 404


@pytest.mark.parametrize(
    "path", ["/authx", "/auth", "/auth/", "/auth/refreshx", "/auth/refresh/", "/auth/refresh/x", "/AUTH/refresh",
             "/auth/Refresh", "/auth//refreshx", "/auth/check", "/auth/tallystick", "/auth/refresh;x=1", "/auth/jwks",
             "/auth/sessions/", "/auth/sessions/a/b", "/auth/sessions/../login/", "/.well-known/", "/.well-known/jwks.json/x"])
def test_everything_that_is_not_mounted_is_not_found(site, user, path):
    """T162: and the refresh cookie is spent by none of them."""
    answer = site.client.post("/", extensions={"target": path.encode()}, headers={"Cookie": f"__Secure-refresh={user.cookie}"})
    assert answer.status_code in (404, 405), answer.text
    if path.startswith("/auth/"):
        assert answer.status_code == 404 and answer.json()["error"] == "not_found"
    assert "set-cookie" not in answer.headers


def test_the_refresh_cookie_is_honoured_by_one_route(site, user):
    """T162: no other route gets it from nginx."""
    cookie = {"Cookie": f"__Secure-refresh={user.cookie}"}
    for method, path in (("GET", "/auth/me"), ("GET", "/auth/sessions"), ("POST", "/auth/revoke")):
        assert site.client.request(method, path, headers=cookie).status_code == 401
    assert site.post("/auth/logout", headers=cookie).status_code == 204
    assert user.refresh().status_code == 200
