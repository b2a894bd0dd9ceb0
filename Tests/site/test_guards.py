"""Section C of the checks on every guard snippet, with each kind of credential, over HTTP/1.1 and HTTP/2.

What the tests of `check` ask of location/guard.conf (test_check.py, test_identity.py, test_paths.py) is
asked here of each way to guard something: files, proxies, FastCGI, a whole server, another machine.
"""

import base64
import concurrent.futures
import dataclasses
import hashlib
import json

import other_machine
import pytest
from fastcgi import Responder
from http2 import at_once
from site_under_test import GUARDED, status_of
from visitor import FETCH, GATE, NAVIGATION, Visitor

HOST = "guards.localhost"
GUARDS = """
set $tallystick_site https://guards.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
location /api/ {
  include tallystick/location/guard.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /pages/ {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /private/ {
  include tallystick/location/guard-pages.conf;
  root DIR/guards;
  index index.html;
}
location /live/ {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  include tallystick/location/websocket.conf;
  include tallystick/location/large-bodies.conf;
  proxy_pass http://example_application;
}
location /stream/ {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  include tallystick/location/event-stream.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /cors/ {
  set $tallystick_cors_origins https://app.test;
  include tallystick/location/guard.conf;
  include tallystick/location/cors.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /embedded/ {
  set $tallystick_embedders https://other.localhost:PORT;
  include tallystick/location/guard-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /fastcgi/ {
  include tallystick/location/guard-pages.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/identity-to-fastcgi.conf;
  include tallystick/location/large-bodies.conf;
  fastcgi_pass unix:DIR/run/guards.sock;
}
location /devices/ {
  include tallystick/location/guard-devices.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://example_application;
}
location /app-and-devices/ {
  auth_request /tallystick/check-devices;
  include tallystick/location/guarded-pages.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/identity-to-fastcgi.conf;
  include tallystick/location/large-bodies.conf;
  fastcgi_pass unix:DIR/run/guards.sock;
}
location /staff/devices/ {
  auth_request /tallystick/check-devices/staff;
  include tallystick/location/guarded.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
location /staff/api/ {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
location /staff/pages/ {
  auth_request /tallystick/check/staff;
  include tallystick/location/guarded-pages.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
location /open/ {
  include tallystick/location/open.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://example_application;
}
"""
# All of a server, and decisions over new connections.
WHOLE = """
set $tallystick_site https://whole.localhost:PORT;
include tallystick/server/hygiene.conf;
include tallystick/server/check-no-keepalive.conf;
include tallystick/server/errors.conf;
include tallystick/server/site.conf;
include tallystick/location/guard-pages.conf;
include tallystick/location/proxy.conf;
include tallystick/location/identity-to-proxy.conf;
client_max_body_size 2m;
location / { proxy_pass http://example_application; }
location /staff/pages/ { auth_request /tallystick/check/staff; proxy_pass http://example_application; }
location /devices/ { auth_request /tallystick/check-devices; proxy_pass http://example_application; }
location /staff/devices/ { auth_request /tallystick/check-devices/staff; proxy_pass http://example_application; }
location /open/ {
  include tallystick/location/open.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://example_application;
}
"""
# Another machine.
REMOTE = "\n".join(f"""
location {path}/ {{
  {guard}
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-to-proxy.conf;
  client_max_body_size 2m;
  proxy_pass http://unix:DIR/run/echo.sock;
}}""" for path, guard in {
    "/api": "include tallystick/location/guard.conf;", "/pages": "include tallystick/location/guard-pages.conf;",
    "/staff/api": "auth_request /tallystick/check/staff; include tallystick/location/guarded.conf;",
    "/staff/pages": "auth_request /tallystick/check/staff; include tallystick/location/guarded-pages.conf;",
    "/devices": "include tallystick/location/guard-devices.conf;",
    "/staff/devices": "auth_request /tallystick/check-devices/staff; include tallystick/location/guarded.conf;"}.items()) + """
location /open/ {
  include tallystick/location/open.conf;
  include tallystick/location/proxy.conf;
  include tallystick/location/identity-cleared-proxy.conf;
  proxy_pass http://unix:DIR/run/echo.sock;
}
"""


@dataclasses.dataclass(frozen=True)
class Guard:
    """A guarded place, and the one beside it that asks for the group `staff`."""

    host: str
    path: str
    staff: str
    admits_devices: bool = False

    def __str__(self):
        return f"{self.host.partition('.')[0]}{self.path}"

    @property
    def address(self):
        return other_machine.ADDRESS if self.host == other_machine.HOST else "127.0.0.1"


PLACES = [
    *(Guard(HOST, f"/{name}/", "/staff/api/" if name in ("api", "cors") else "/staff/pages/")
      for name in ("api", "pages", "private", "live", "stream", "cors", "embedded", "fastcgi")),
    Guard("whole.localhost", "/x/", "/staff/pages/"),
    *(Guard(other_machine.HOST, f"/{name}/", f"/staff/{name}/") for name in ("api", "pages")),
    *(Guard(host, path, "/staff/devices/", True)
      for host, path in ((HOST, "/devices/"), (HOST, "/app-and-devices/"), ("whole.localhost", "/devices/"), (other_machine.HOST, "/devices/"))),
]


@pytest.fixture(scope="module", autouse=True)
def guards(site, alice):
    (site.dir / "guards/private").mkdir(parents=True)
    (site.dir / "guards/private/index.html").write_text(f"<!doctype html>{GUARDED} of the guards.")

    def answer(params, body):
        headers = {name[5:].replace("_", "-").title(): value for name, value in params if name.startswith("HTTP_")}
        values = dict(params)
        told = json.dumps({"method": values["REQUEST_METHOD"], "path": values["REQUEST_URI"], "headers": headers})
        return (f"X-Body-Length: {len(body)}\r\nX-Body-SHA256: {hashlib.sha256(body).hexdigest()}\r\n"
                f"Content-Type: application/json\r\n\r\n{told}\n").encode()

    application = Responder(site.dir / "run/guards.sock", answer)
    site.add_site("guards", GUARDS)
    site.add_site("whole", WHOLE)
    machine = other_machine.OtherMachine(site, REMOTE)
    visitor = Visitor(site, alice)
    with machine.client() as client:
        visitor.clients[other_machine.HOST] = client
        for host in (HOST, "whole.localhost", other_machine.HOST):
            assert visitor.come_in(host, "/pages/x").status_code == 200
        yield visitor
    machine.close()
    (site.dir / "nginx/sites/remote-issuer.conf").unlink()
    application.close()


KINDS = ["token", "cookie", "device by name", "device as bearer", "device header"]


def pytest_generate_tests(metafunc):
    """Each place, and where a test wants a credential, each that counts there."""
    if "credential" in metafunc.fixturenames:
        pairs = [(place, kind) for place in PLACES for kind in KINDS if place.admits_devices or not kind.startswith("device")]
        metafunc.parametrize(("guard", "credential"), pairs, indirect=True, ids=str)
    elif "guard" in metafunc.fixturenames:
        metafunc.parametrize("guard", PLACES, indirect=True, ids=str)


@pytest.fixture
def guard(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["HTTP/1.1", "HTTP/2"])
def client(site, guard, request):
    with site.connect(http2=request.param, to=guard.address) as client:
        yield client


@pytest.fixture(scope="module")
def device(site, alice):
    """A device token of alice."""
    return site.admin("device", "add", alice.name, "guards").strip()


def by_name(name, token):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()}


@pytest.fixture
def credential(guards, guard, alice, device, request):
    """The headers of a request that counts; with a cookie as a script of the site's own page sends it."""
    return {
        "token": alice.bearer,
        "cookie": guards.cookie(guard.host) | FETCH | {"Origin": guards.origin(guard.host)},
        "device by name": by_name(alice.name, device),
        "device as bearer": {"Authorization": f"Bearer {device}"},
        "device header": {"X-Tallystick-Device": device},
    }[request.param]


def ask(site, guard, client, path="", method="GET", headers=None, **options):
    return site.at(guard.host, guard.path + path, client, method, headers=headers or {}, **options)


def is_closed(answer):
    """Nothing guarded, nobody's identity, no redirection."""
    assert GUARDED not in answer.text and '"method"' not in answer.text and "alice" not in answer.text
    assert not [name for name in answer.headers if name.startswith("x-auth-")] and "location" not in answer.headers
    return True


def is_denied(answer, error):
    assert answer.status_code == 401 and is_closed(answer)
    challenges = answer.headers.get_list("www-authenticate")
    assert len(challenges) == 1 and challenges[0].startswith('Bearer realm="') and ('error="invalid_token"' in challenges[0]) == error, challenges
    assert answer.headers.get_list("cache-control") == ["no-store"]
    return True


def is_opened(answer, guard):
    """What is guarded, for alice and nobody else."""
    assert answer.status_code == 200, (answer.status_code, answer.text[:200])
    assert answer.headers.get_list("cache-control") == ["no-store"] and "set-cookie" not in answer.headers
    if guard.path == "/private/":
        return GUARDED in answer.text
    headers = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert headers["x-auth-user"] == "alice" and headers.get("x-auth-groups", "") == "" and "root" not in headers.values()
    assert not headers.get("authorization") and not headers.get("x-tallystick-device") and GATE not in headers.get("cookie", "")
    return True


def test_without_a_credential_and_with_a_bad_one_T081_T082(site, guard, client, guards, alice):
    assert is_denied(ask(site, guard, client), error=False)
    cookie = guards.jars[guard.host][GATE]
    for token in ("x", "a.b.c", "." * 300, cookie, alice.cookie, alice.token[:-2]):
        assert is_denied(ask(site, guard, client, headers={"Authorization": f"Bearer {token}"}), error=True)
    for token in ("x", "a.b.c", "." * 300, cookie[:-2], alice.token, alice.cookie, "", guards.jars["whole.localhost" if guard.host == HOST else HOST][GATE]):
        answer = ask(site, guard, client, headers=FETCH | {"Cookie": f"{GATE}={token}"})
        assert is_denied(answer, error=True), token


def test_a_device_token_counts_where_it_is_let_in_and_not_elsewhere(site, guard, client, alice, device):
    """The contract's section 12. A program is asked for it, and a browser is not."""
    for headers in (by_name(alice.name, device), {"Authorization": f"Bearer {device}"}, {"X-Tallystick-Device": device}):
        for _ in range(2):
            answer = ask(site, guard, client, headers=headers)
            assert is_opened(answer, guard) if guard.admits_devices else is_closed(answer) and answer.status_code == 401
        opened = site.at(guard.host, "/open/x", client, headers=headers)
        assert opened.status_code == 200 and device not in opened.text.replace(headers.get("Authorization", "\n"), "")
    for headers in ({}, {"Accept": "*/*"}, by_name(alice.name, device[:-1]), by_name("bob", device), {"X-Tallystick-Device": f"{device}, {device}"}):
        denied = ask(site, guard, client, headers=headers)
        assert denied.status_code == 401 and is_closed(denied)
        assert (", Basic realm=" in denied.headers["www-authenticate"]) == guard.admits_devices
    for headers in (NAVIGATION, FETCH):
        denied = ask(site, guard, client, headers=headers | by_name(alice.name, device[:-1]))
        assert denied.status_code in (401, 302) and "Basic" not in denied.headers.get("www-authenticate", "")


def test_without_the_group_T083_T103(site, guard, client, credential):
    """The same credential, allowed here and denied there, and the other way round."""
    for _ in range(2):
        assert is_opened(ask(site, guard, client, headers=credential), guard)
        refused = site.at(guard.host, f"{guard.staff}x", client, headers=credential)
        assert refused.status_code == 403 and is_closed(refused)
        assert refused.json()["error"] == "insufficient_scope" and 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert is_denied(site.at(guard.host, f"{guard.staff}x", client), error=False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO_BAR"])
def test_every_method_is_decided_alike_T085(site, guard, client, credential, method):
    refused = ask(site, guard, client, method=method)
    assert refused.status_code == 401 and is_closed(refused)
    allowed = ask(site, guard, client, method=method, headers=credential)
    if guard.path == "/private/":
        assert allowed.status_code == (200 if method in ("GET", "HEAD") else 405)
    elif method == "HEAD":
        assert allowed.status_code == 200
    else:
        assert is_opened(allowed, guard) and allowed.json()["method"] == method
    if "Cookie" in credential and method not in ("GET", "HEAD"):
        foreign = ask(site, guard, client, method=method, headers=credential | {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403 and is_closed(foreign)


def test_an_upload_arrives_whole_or_not_at_all_T086(site, guard, client, credential):
    if guard.path == "/private/":
        pytest.skip("files take no uploads")
    body = bytes(range(256)) * 4096
    answer = ask(site, guard, client, method="POST", headers=credential, content=body)
    assert answer.status_code == 200 and answer.headers["x-body-sha256"] == hashlib.sha256(body).hexdigest()
    assert is_denied(ask(site, guard, client, method="POST", content=b"0123456789"), error=False)


SPELLINGS = [
    "/{0}//", "//{0}/", "/./{0}/", "/open/../{0}/", "/open/..%2f{0}/", "/open/%2e%2e/{0}/", "/%{1}/", "/{0}%2f", "/{0}/x%23", "/open/..;/{0}/",
    "/{0}%00/", "/{0}/.", "/{0}/./index.html", "/{0}/%69ndex.html", "/{0}/index.html/", "/{0}/index.html;x", "/x/../{0}/index.html", "/{0}\\index.html",
    "/open/%252e%252e/{0}/", "/{0}/?x=/../open/", "/{0}/%zz", "/{0}/%", "/{0}/..%2f{0}/index.html", "/tallystick/check/../../{0}/", "/tallystick/land/../../{0}/",
    "/{0}/index.html?access_token=x", "/{0}/{2}", "/open/..\\{0}/", "/.//{0}/", "/tallystick/../{0}/", "/tallystick/reload.js/../../{0}/",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_the_path_is_open_T087_T093_T222(site, guard, client, spelling):
    name = guard.path.strip("/")
    path = spelling.format(name, f"{ord(name[0]):02x}{name[1:]}", "x" * 8000)
    for headers in ({}, NAVIGATION):
        target = {"sni_hostname": guard.host, "target": path.encode()}
        answer = client.get("/", headers=headers | {"Host": f"{guard.host}:{site.port}"}, extensions=target)
        assert GUARDED not in answer.text and "X-Auth" not in answer.text
        if answer.status_code == 200:
            assert path.startswith("/open/") and answer.json()["path"].startswith("/open/")
        else:
            assert answer.status_code in (301, 302, 400, 401, 403, 404, 414), answer.text[:200]


SPOOFED = ["X-Auth-User", "X-Auth-Subject", "X-Auth-Session", "X-Auth-Groups", "Remote-User", "Remote-Groups", "X-Remote-User", "X-Forwarded-User", "X-User",
           "X-Auth-Request-User", "X-Auth-Request-Groups"]


def test_a_client_cannot_say_who_it_is_T088_T089(site, guard, client, credential):
    spoofed = {name: "root" for name in SPOOFED} | {"X_Auth_User": "root", "X.Auth.User": "root"}
    assert is_opened(ask(site, guard, client, headers=credential | spoofed), guard)
    assert is_denied(ask(site, guard, client, headers=spoofed), error=False)
    opened = site.at(guard.host, "/open/x", client, headers=credential | spoofed)
    assert opened.status_code == 200 and "root" not in opened.json()["headers"].values()
    assert not [name for name in opened.json()["headers"] if name.lower().startswith("x-auth-")]
    assert GATE not in opened.json()["headers"].get("Cookie", "")


def test_the_decision_reads_no_other_header_T090_T091(site, guard, client):
    for name in ("X-Original-URI", "X-Original-URL", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix",
                 "X-Rewrite-URL", "X-Auth-Request-Redirect", "AUTH_REQUIRE", "TALLYSTICK_SITE", "Tallystick-Site", "X-Accel-Redirect", "X-Tallystick-Site"):
        for value in ("/open/x", f"https://{guard.host}:{site.port}", ""):
            assert is_denied(ask(site, guard, client, headers={name: value}), error=False)
    for agent in ("GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", ""):
        assert is_denied(ask(site, guard, client, headers={"User-Agent": agent}), error=False)


def test_malformed_cookies_change_no_decision_T092(site, guard, client, credential):
    malformed = [b'a="b', b";;;;", b"=", b"n" * 6000 + b"=1", b"a=\xff\xfe", b"; ".join(b"c%d=1" % n for n in range(250)), b"=" + GATE.encode() + b"=x"]
    for cookie in malformed:
        assert ask(site, guard, client, headers={"Cookie": cookie}).status_code == 401
        own = credential.get("Cookie", "").encode()
        sent = [(name, value) for name, value in credential.items() if name != "Cookie"] + [("Cookie", b"; ".join(filter(None, (own, cookie))))]
        answer = ask(site, guard, client, headers=dict(sent))
        assert is_opened(answer, guard), cookie


def test_a_credential_anywhere_else_counts_for_nothing_T039_T100(site, guard, client, guards, alice):
    gate = guards.jars[guard.host][GATE]
    for query in (f"?access_token={alice.token}", f"?{GATE}={gate}", "?user=root", f"?token={gate}"):
        assert is_denied(ask(site, guard, client, query), error=False)
    for headers in ({"X-Access-Token": alice.token}, {"Proxy-Authorization": f"Bearer {alice.token}"}, {"X-Cookie": f"{GATE}={gate}"}, {"Cookie2": f"{GATE}={gate}"},
                    {"Cookie": f"__Secure-tallystick={gate}; tallystick={gate}; __host-tallystick={gate}"}):
        assert is_denied(ask(site, guard, client, headers=headers), error=False)


def test_what_was_let_in_lets_nobody_else_in_T098_T111(site, guard, client, credential):
    """On the same connection, in each order; over HTTP/2 at once as well."""
    for order in ((credential, {}), ({}, credential, credential, {})) * 3:
        for headers in order:
            answer = ask(site, guard, client, headers=headers)
            assert is_opened(answer, guard) if headers else is_denied(answer, error=False)
    asked = [credential, {}, {}, credential] * 10
    with site.socket(name=guard.host, protocols=["h2"], to=guard.address) as connection:
        for headers, answer in zip(asked, at_once(connection, f"{guard.host}:{site.port}", guard.path, asked), strict=True):
            assert is_opened(answer, guard) if headers else is_denied(answer, error=False)


def test_what_one_site_gave_is_worth_nothing_at_another_T101(site, guard, client, guards):
    """The site is the server's own, whatever the Host and the target say."""
    host = "whole.localhost" if guard.host == HOST else HOST
    foreign = FETCH | guards.cookie(host)
    assert is_denied(ask(site, guard, client, headers=foreign), error=True)
    for headers in ({"X-Forwarded-Host": host}, {"Origin": f"https://{host}:{site.port}"}):
        assert is_denied(ask(site, guard, client, headers=foreign | headers), error=True)
    absolute = (f"GET https://{guard.host}{guard.path} HTTP/1.1\r\nHost: {host}\r\nCookie: {guards.cookie(host)['Cookie']}\r\nConnection: close\r\n\r\n")
    answer = site.raw(absolute.encode(), name=host, to=guard.address)
    assert status_of(answer) == [401] and GUARDED.encode() not in answer


def test_no_form_of_a_request_is_let_in_T106(site, guard):
    head = f"Host: {guard.host}\r\nConnection: close\r\n"
    for text in (f"GET {guard.path} HTTP/1.1\r\n{head}If-None-Match: *\r\n\r\n", f"GET {guard.path} HTTP/1.1\r\n{head}Range: bytes=0-1\r\n\r\n",
                 f"GET {guard.path} HTTP/1.1\r\n{head}If-Modified-Since: Fri, 31 Dec 2099 00:00:00 GMT\r\n\r\n",
                 f"POST {guard.path} HTTP/1.1\r\n{head}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                 f"GET {guard.path} HTTP/1.0\r\nHost: {guard.host}\r\n\r\n", f"GET https://{guard.host}{guard.path} HTTP/1.1\r\n{head}\r\n"):
        answer = site.raw(text.encode(), name=guard.host, to=guard.address)
        assert status_of(answer) in ([401], [100, 401]) and GUARDED.encode() not in answer


def test_two_credentials_of_a_kind_are_none_T107(site, guard, guards, alice):
    good, gate = f"Authorization: Bearer {alice.token}", guards.jars[guard.host][GATE]
    for lines, status in (([good, good], 400), ([good, "Authorization: Bearer x"], 400), ([f"Cookie: {GATE}={gate}; {GATE}={gate}"], 401),
                          ([f"Cookie: {GATE}={gate}", f"Cookie: {GATE}=x"], 401), ([f"Cookie: {GATE}=x; {GATE}={gate}"], 401), ([f"Cookie: {GATE}={gate}"], 200)):
        request = "\r\n".join([f"GET {guard.path} HTTP/1.1", f"Host: {guard.host}", "Sec-Fetch-Site: same-origin", *lines, "Connection: close", "", ""])
        assert status_of(site.raw(request.encode(), name=guard.host, to=guard.address)) == [status], lines


def test_beside_a_token_the_cookie_is_not_looked_at_T040(site, guard, client, guards, user):
    cookie = FETCH | guards.cookie(guard.host)
    answer = ask(site, guard, client, headers=cookie | user.bearer)
    assert answer.status_code == 200 and (guard.path == "/private/" or user.name in answer.json()["headers"].values() and "alice" not in answer.text)
    assert is_denied(ask(site, guard, client, headers=cookie | {"Authorization": "Bearer x"}), error=True)


def test_a_websocket_needs_a_decision_T108(site, guard, guards, alice):
    upgrade = f"GET {guard.path} HTTP/1.1\r\nHost: {guard.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    cookie, own = f"Cookie: {guards.cookie(guard.host)['Cookie']}\r\n", f"Origin: {guards.origin(guard.host)}\r\n"
    # The application behind it switches no protocols: it answers 200 to whom is let in.
    for lines, status in (("", 401), ("Authorization: Bearer x\r\n", 401), (own, 401), (cookie, 403), (cookie + "Origin: https://evil.test\r\n", 403), (cookie + own, 200),
                          (f"Authorization: Bearer {alice.token}\r\n", 200)):
        with site.socket(name=guard.host, to=guard.address) as connection:
            connection.sendall(f"{upgrade}{lines}\r\n".encode())
            assert status_of(connection.recv(65536)) == [status], lines


def test_the_end_of_a_session_holds_on_every_worker_T109(site, guard, user):
    visitor = Visitor(site, user)
    clients = [site.connect(http2=number % 2 == 0, to=guard.address) for number in range(8)]
    visitor.clients[guard.host] = clients[0]
    visitor.come_in(guard.host, "/pages/x")
    by_cookie = FETCH | visitor.cookie(guard.host)
    for client in clients:
        for headers in (by_cookie, user.bearer):
            assert ask(site, guard, client, headers=headers).status_code == 200
    assert site.post("/auth/logout", headers=user.bearer).status_code == 204
    for client in clients:
        for headers in (by_cookie, user.bearer):
            assert is_denied(ask(site, guard, client, headers=headers), error=True)
        client.close()


def test_identities_do_not_mix_T112(site, guards):
    """Cookies and tokens of eight accounts in turn, over many connections, at every guard that tells."""
    visitors = [Visitor(site, site.register()) for _ in range(8)]
    for visitor in visitors:
        visitor.come_in(HOST, "/pages/x")
    places = [guard for guard in PLACES if guard.host == HOST and guard.path != "/private/"]

    def several(number):
        with site.connect(http2=number % 2 == 0) as client:
            for turn in range(12):
                visitor, guard = visitors[(number + turn) % 8], places[(number + turn) % len(places)]
                headers = visitor.account.bearer if turn % 2 else FETCH | visitor.cookie(HOST)
                told = {name.lower(): value for name, value in ask(site, guard, client, headers=headers).json()["headers"].items()}
                assert told["x-auth-user"] == visitor.account.name and told["x-auth-session"] == visitor.account.session
        return True

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(several, range(48)))
