"""Section C: which requests a guarded location allows, and how it answers the others."""

import base64
import concurrent.futures
import contextlib
import hashlib
import json
import re
import socket
import threading

import pytest
from site_under_test import GUARDED
from tokens import claims

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO_BAR"]


def is_denied(answer, error):
    """A 401 as the contract has it: one challenge, no identity, nothing guarded."""
    assert answer.status_code == 401
    challenges = answer.headers.get_list("www-authenticate")
    assert len(challenges) == 1 and challenges[0].startswith('Bearer realm="')
    assert ('error="invalid_token"' in challenges[0]) == error
    assert not [name for name in answer.headers if name.startswith("x-auth-")]
    assert GUARDED not in answer.text
    return True


def forged(token, **changed):
    """The token with other claims under the old signature."""
    header, _, signature = token.split(".")
    payload = json.dumps(claims(token) | changed).encode()
    return f"{header}.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.{signature}"


def test_without_a_credential_the_challenge_names_no_error(site):
    """T081, T213."""
    for path in ("/private/", "/private/staff/", "/api/echo"):
        answer = site.get(path)
        assert is_denied(answer, error=False)
        assert answer.headers["www-authenticate"] == f'Bearer realm="{site.url}"'


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "." * 500, "x" * 7000])
def test_with_an_invalid_token_the_challenge_says_so(site, token):
    """T082."""
    assert is_denied(site.get("/private/", headers={"Authorization": f"Bearer {token}"}), error=True)


def test_a_token_with_a_changed_byte_anywhere_is_refused(site, alice):
    """T043, T044 through nginx; a letter of the last group may carry no bits and still is refused."""
    for at in range(0, len(alice.token), 7):
        other = "A" if alice.token[at] != "A" else "B"
        token = alice.token[:at] + other + alice.token[at + 1 :]
        assert is_denied(site.get("/private/", headers={"Authorization": f"Bearer {token}"}), error=True)


def test_a_token_with_other_claims_is_refused(site, alice):
    """T020, T021, T058."""
    for changed in ({"sub": "a" * 26}, {"exp": claims(alice.token)["exp"] + 1}, {"groups": ["staff"]},
                    {"ver": 2}, {"aud": "https://other.example"}):
        header = {"Authorization": f"Bearer {forged(alice.token, **changed)}"}
        assert is_denied(site.get("/private/", headers=header), error=True)


def test_a_valid_token_opens_files_and_the_application(site, alice):
    """T084 as a client sees it."""
    page = site.get("/private/", headers=alice.bearer)
    assert page.status_code == 200 and GUARDED in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.headers
    assert site.get("/api/echo", headers=alice.bearer).json()["headers"]["X-Auth-User"] == "alice"


def test_another_site_with_the_same_guard_takes_the_same_token(site, alice):
    assert is_denied(site.at("second.localhost", "/private/"), error=False)
    assert GUARDED in site.at("second.localhost", "/private/", headers=alice.bearer).text


def test_a_group_is_asked_for_at_each_request(site, user):
    """T083, T103: the same token, allowed here and denied there, and the other way once it may."""
    assert site.get("/private/", headers=user.bearer).status_code == 200
    refused = site.get("/private/staff/", headers=user.bearer)
    assert refused.status_code == 403
    assert refused.json()["error"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert GUARDED not in refused.text
    assert site.get("/private/", headers=user.bearer).status_code == 200

    site.admin("account", "groups", user.name, "staff,other")
    answer = site.get("/private/staff/", headers=user.bearer)
    assert answer.status_code == 200 and GUARDED in answer.text
    site.admin("account", "groups", user.name, "other")
    assert site.get("/private/staff/", headers=user.bearer).status_code == 403


SEVERAL = """
include tallystick/server/hygiene.conf;
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location / {
  auth_request /tallystick/check/staff,ops;
  include tallystick/location/guarded.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_pass http://example_application;
}
"""


def test_one_of_several_groups_is_enough(site, user):
    """T083: as the README has it; a name that only begins like one is none."""
    site.add_site("several", SEVERAL)
    assert is_denied(site.at("several.localhost", "/x"), error=False)
    for groups, status in (("", 403), ("staff", 200), ("ops,other", 200), ("staff,ops", 200), ("staffs,op", 403), ("other", 403)):
        site.admin("account", "groups", user.name, groups)
        answer = site.at("several.localhost", "/x", headers=user.bearer)
        assert answer.status_code == status, groups
        if status == 200:
            assert sorted(answer.json()["headers"]["X-Auth-Groups"].split(",")) == sorted(groups.split(","))
        else:
            assert answer.json()["error"] == "insufficient_scope" and 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_decided_alike(site, alice, method):
    """T085."""
    anonymous = site.client.request(method, "/api/echo")
    assert anonymous.status_code == 401 and "X-Auth-User" not in anonymous.text
    allowed = site.client.request(method, "/api/echo", headers=alice.bearer)
    assert allowed.status_code == 200
    if method != "HEAD":
        assert allowed.json()["method"] == method


@pytest.mark.parametrize("size", [10, 20_000, 1_000_000, 8_000_000])
def test_an_upload_waits_for_the_decision_and_arrives_whole(site, alice, size):
    """T086: with a length and chunked."""
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    for content in (body, (body[at : at + 50_000] for at in range(0, size, 50_000))):
        answer = site.client.post("/api/echo", content=content, headers=alice.bearer)
        assert answer.status_code == 200
        assert answer.headers["x-body-length"] == str(size)
        assert answer.headers["x-body-sha256"] == hashlib.sha256(body).hexdigest()
    assert is_denied(site.client.post("/api/echo", content=b"0123456789"), error=False)


def test_check_does_not_wait_for_a_body(site):
    """T086: the refusal comes while the body does not."""
    with site.socket() as connection:
        connection.sendall(b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        assert b" 401 " in connection.recv(4096)


SPOOFED = [
    "X-Original-URI", "X-Original-URL", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Host",
    "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Rewrite-URL", "X-Auth-Request-Redirect",
    "X-Forwarded-For", "X-Real-IP", "Forwarded", "AUTH_REQUIRE", "TALLYSTICK_AUDIENCE", "X-Accel-Redirect",
]


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("name", SPOOFED)
def test_the_decision_reads_no_header_of_the_client(site, alice, name, http2):
    """T090, T222."""
    with site.connect(http2=http2) as client:
        for value in ("/public/echo", "/", "https://localhost/", "127.0.0.1", "443", ""):
            assert is_denied(client.get("/private/", headers={name: value}), error=False)
        # Nor does it ask for less, or for another audience.
        refused = client.get("/private/staff/", headers=alice.bearer | {name: ""})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    "agent", ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "", "curl/8", "Uptime-Kuma"])
def test_no_user_agent_is_let_in(site, agent):
    """T091."""
    assert is_denied(site.get("/private/", headers={"User-Agent": agent}), error=False)


COOKIES = {
    "unbalanced quote": b'a="b', "semicolons": b";;;;", "equals": b"=", "long name": b"n" * 7000 + b"=1",
    "bytes": b"a=\xff\xfe", "300 cookies": b"; ".join(b"c%d=1" % n for n in range(300)),
    "our name": b"__Secure-refresh=x", "nameless": b"=__Secure-refresh=x",
}


@pytest.mark.parametrize("cookie", COOKIES.values(), ids=COOKIES.keys())
def test_malformed_cookies_change_no_decision(site, alice, cookie):
    """T092."""
    assert is_denied(site.get("/private/", headers={"Cookie": cookie}), error=False)
    answer = site.get("/api/echo", headers=alice.bearer | {"Cookie": cookie})
    assert answer.json()["headers"]["X-Auth-User"] == "alice"


def test_a_token_outside_the_authorization_header_counts_for_nothing(site, alice):
    """T039, T100."""
    for query in (f"access_token={alice.token}", "user=root", f"token={alice.token}"):
        assert is_denied(site.get(f"/private/?{query}"), error=False)
    for name in ("X-Access-Token", "X-Auth-Token", "Proxy-Authorization"):
        assert is_denied(site.get("/private/", headers={name: f"Bearer {alice.token}"}), error=False)
    answer = site.post("/api/echo", data={"access_token": alice.token})
    assert is_denied(answer, error=False)


def test_the_refresh_token_opens_nothing(site, alice):
    """T019, T040."""
    bearer = {"Authorization": f"Bearer {alice.cookie}"}
    assert is_denied(site.get("/private/", headers=bearer), error=True)
    assert is_denied(site.get("/private/", headers={"Cookie": f"__Secure-refresh={alice.cookie}"}), error=False)


def test_two_authorization_headers_are_a_bad_request(site, alice):
    """T107."""
    good, bad = f"Authorization: Bearer {alice.token}", "Authorization: Bearer x"
    for first, second in ((good, bad), (bad, good), (good, good)):
        request = f"GET /private/ HTTP/1.1\r\nHost: localhost\r\n{first}\r\n{second}\r\n\r\n"
        answer = site.raw(request.encode())
        assert answer.startswith(b"HTTP/1.1 400 ") and GUARDED.encode() not in answer


SCHEMES = [
    ("bearer {}", 200), ("BEARER {}", 200), ("Bearer  {}", 200), ("Bearer\t{}", 401), ("Bearer", 401),
    ("Bearer {} y", 401), ("Bearer {},y", 401), ("Basic {}", 401), ("{}", 401), ("Bearer\u0301 {}", 401),
    ("Token {}", 401), ("Bearer{}", 401), ("Bearer '{}'", 401),
]


@pytest.mark.parametrize("form,status", SCHEMES)
def test_the_authorization_header_has_one_form(site, alice, form, status):
    """T038."""
    header = {"Authorization": form.format(alice.token).encode()}
    assert site.get("/private/", headers=header).status_code == status


def test_a_valid_request_lets_no_later_one_in(site, alice):
    """T098: nothing is cached, by nginx nor by `check`, without the credential in its key."""
    for _ in range(3):
        assert site.get("/private/", headers=alice.bearer).status_code == 200
        assert is_denied(site.get("/private/"), error=False)


def test_the_end_of_a_session_holds_on_every_worker(site, user):
    """T062, T109: at the next request, on any connection."""
    clients = [site.connect() for _ in range(12)]
    assert {client.get("/private/", headers=user.bearer).status_code for client in clients} == {200}
    assert site.post("/auth/logout", headers=user.bearer).status_code == 204
    for client in clients:
        assert is_denied(client.get("/private/", headers=user.bearer), error=True)
        client.close()


@pytest.mark.parametrize("command", [("account", "disable"), ("account", "revoke"), ("account", "delete")])
def test_what_the_administrator_ends_is_denied_at_the_next_request(site, user, command):
    """T057, T070."""
    assert site.get("/private/", headers=user.bearer).status_code == 200
    site.admin(*command, user.name)
    assert is_denied(site.get("/private/", headers=user.bearer), error=True)


SOCKETS = """
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location /live {
  include tallystick/location/guard.conf;
  include tallystick/location/identity-to-proxy.conf;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection upgrade;
  proxy_pass http://unix:DIR/run/live.sock;
}
"""


@pytest.fixture
def sockets(site):
    """What came to an application that switches protocols and then says everything again."""
    came = []
    path = site.dir / "run/live.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        came.append(read_head(connection).decode())
                        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                        while said := connection.recv(1000):
                            connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        site.add_site("sockets", SOCKETS)
        yield came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def read_head(connection):
    """Up to the empty line, and no further."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1) or pytest.fail(f"closed after {head!r}")
    return head


def test_a_websocket_is_opened_after_a_decision_and_not_without(site, alice, sockets):
    """T108; RFC 6455 §4.2.2: 101, and then bytes both ways; a denied one never reaches the application."""
    upgrade = ("GET /live HTTP/1.1\r\nHost: sockets.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Auth-User: root\r\n")
    for header in ("", "Authorization: Bearer x\r\n", f"Authorization: Bearer {forged(alice.token, sub='x')}\r\n"):
        with site.socket(name="sockets.localhost") as connection:
            connection.sendall(f"{upgrade}{header}\r\n".encode())
            assert read_head(connection).startswith(b"HTTP/1.1 401 ")
    assert not sockets
    with site.socket(name="sockets.localhost") as connection:
        connection.sendall(f"{upgrade}Authorization: Bearer {alice.token}\r\n\r\n".encode())
        assert read_head(connection).startswith(b"HTTP/1.1 101 ")
        for said in (b"one", b"another"):
            connection.sendall(said)
            assert connection.recv(1000) == said
    [head] = sockets
    assert "\r\nX-Auth-User: alice\r\n" in head and "root" not in head and alice.token not in head


@pytest.mark.parametrize("http2", [False, True])
def test_requests_on_a_kept_connection_are_decided_each(site, alice, http2):
    """T111: one after the other and, over HTTP/2, at once; who came before lets nobody in."""
    signed, bad = alice.bearer, {"Authorization": "Bearer x"}
    with site.connect(http2=http2) as client:
        for order in ((signed, {}), ({}, signed), (signed, bad, signed, {}), ({}, {}, signed)) * 3:
            for headers in order:
                answer = client.get("/private/", headers=headers)
                assert (answer.status_code, GUARDED in answer.text) == ((200, True) if headers is signed else (401, False))
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        if http2:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                asked = [signed, {}, bad, {}] * 25
                answers = list(pool.map(lambda headers: client.get("/private/", headers=headers), asked))
            assert [answer.status_code == 200 for answer in answers] == [headers is signed for headers in asked]


def test_two_requests_on_one_connection_are_decided_each(site, alice):
    """T111, pipelined, in both orders."""
    anonymous = "GET /private/ HTTP/1.1\r\nHost: localhost\r\n"
    signed = anonymous + f"Authorization: Bearer {alice.token}\r\n"
    for order, expected in (((signed, anonymous), [200, 401]), ((anonymous, signed), [401, 200])):
        answer = site.raw("".join(f"{request}\r\n" for request in order).encode())
        assert [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer)] == expected
        assert answer.count(GUARDED.encode()) == 1
