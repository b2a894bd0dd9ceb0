"""Sections C and H: which identity an application receives."""

import base64
import concurrent.futures
import json

import pytest
from fastcgi import Responder
from tokens import claims

IDENTITY = ["X-Auth-User", "X-Auth-Subject", "X-Auth-Session", "X-Auth-Groups"]
SPOOFED = {
    "X-Auth-User": "root", "X_Auth_User": "root", "X.Auth.User": "root", "x-auth-user": "root",
    "X-Auth-Subject": "root", "X-Auth-Session": "root", "X-Auth-Groups": "root", "X-AUTH-GROUPS": "root",
    "Remote-User": "root", "Remote_User": "root", "X-Remote-User": "root", "X-Forwarded-User": "root",
    "X-Forwarded-Groups": "root", "X-Forwarded-Email": "root", "X-Forwarded-Preferred-Username": "root",
    "Remote-Groups": "root", "X-User": "root", "X-Auth-Request-User": "root",
}


def received(answer):
    """The headers of the application's request, by lower-case name; a repeated one shows."""
    return {name.lower(): value for name, value in answer.json()["headers"].items()}


def test_the_application_is_told_who_asks(site, user):
    """T088."""
    site.admin("account", "groups", user.name, "staff,editors")
    headers = received(site.get("/api/echo?x=1&y", headers=user.bearer))
    assert headers["x-auth-user"] == user.name
    assert headers["x-auth-subject"] == claims(user.token)["sub"]
    assert headers["x-auth-session"] == claims(user.token)["sid"]
    assert sorted(headers["x-auth-groups"].split(",")) == ["editors", "staff"]


def test_the_application_has_no_use_for_the_credentials(site, alice):
    """A broken application cannot lose what it is not given."""
    text = site.get("/api/echo", headers=alice.bearer).text
    assert alice.token not in text and "authorization" not in text.lower()


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("name", SPOOFED)
def test_a_client_cannot_say_who_it_is(site, alice, name, http2):
    """T088, T222: the application sees alice exactly once and nothing else."""
    with site.connect(http2=http2) as client:
        headers = received(client.get("/api/echo", headers=alice.bearer | {name: SPOOFED[name]}))
    assert headers["x-auth-user"] == "alice"
    assert headers.get("x-auth-groups", "") == ""
    assert not [value for value in headers.values() if "root" in value]


def test_a_client_cannot_say_it_in_many_ways_at_once(site, alice):
    lines = "".join(f"{name}: {value}\r\n" for name, value in SPOOFED.items()) * 2
    request = f"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {alice.token}\r\n{lines}Connection: close\r\n\r\n"
    answer = site.raw(request.encode()).decode()
    assert "200 OK" in answer
    headers = json.loads(answer[answer.index("{") :].strip().splitlines()[0])["headers"]
    assert headers["X-Auth-User"] == "alice" and "root" not in json.dumps(headers)


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("name", SPOOFED)
def test_an_open_location_passes_no_identity(site, alice, name, signed_in):
    """T089, T212."""
    answer = site.get("/public/echo", headers=(alice.bearer if signed_in else {}) | {name: SPOOFED[name]})
    headers = received(answer)
    assert not [value for value in headers.values() if "root" in value]
    assert not set(headers) & {header.lower() for header in IDENTITY}


def test_headers_that_frameworks_believe_are_nginx_own(site, alice):
    """T181 and the forwarded family."""
    sent = {"Proxy": "http://evil", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": "evil.example", "Forwarded": "for=1.2.3.4", "X-Real-IP": "1.2.3.4",
            "X-Original-URI": "/evil", "X-Rewrite-URL": "/evil", "X-Request-Id": "evil"}
    for path, headers in (("/api/echo", alice.bearer), ("/public/echo", {})):
        seen = received(site.get(path, headers=headers | sent))
        assert "evil" not in json.dumps(seen) and "1.2.3.4" not in json.dumps(seen)
        assert seen["x-forwarded-for"] == "127.0.0.1" and seen["x-forwarded-proto"] == "https"


def test_the_method_path_and_query_arrive_as_they_were_sent(site, alice):
    answer = site.client.request("PUT", "/api/echo/deep?a=%20b&c", headers=alice.bearer, content=b"x")
    assert (answer.json()["method"], answer.json()["path"]) == ("PUT", "/api/echo/deep?a=%20b&c")


NAMES = ["a\r\nX-Auth-User: root", "a\nX-Auth-Groups: staff", "a,b", 'a"b', "é", "a" * 4096, "\u202e", "", " a", "a\x00b"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("column", ["username", "groups"])
def test_a_name_that_cannot_be_makes_no_header(site, user, name, column):
    """T104: written into the database behind the programs' back."""
    with site.database() as database:
        database.execute(f"UPDATE account SET {column} = ? WHERE username = ?", (name, user.name))
    try:
        for path in ("/api/echo", "/private/staff/"):
            answer = site.get(path, headers=user.bearer)
            assert answer.status_code in (200, 401, 403, 500)
            assert path == "/api/echo" or answer.status_code != 200 or column == "groups"
            if answer.status_code == 200 and path == "/api/echo":
                headers = received(answer)
                assert "root" not in headers.values() and headers.get("x-auth-groups") != "staff"
    finally:
        with site.database() as database:
            database.execute("DELETE FROM session WHERE account = ?", (claims(user.token)["sub"],))
            database.execute("DELETE FROM account WHERE id = ?", (claims(user.token)["sub"],))


def test_identities_do_not_mix_under_load(site):
    """T112: 26 users over 200 connections, each asked for many times."""
    users = [site.register(f"mix-{letter}") for letter in "abcdefghijklmnopqrstuvwxyz"]

    def ask(number):
        user = users[number % 26]
        with site.connect() as client:
            return [
                (user.name, client.get("/api/echo", headers=user.bearer).json()["headers"]["X-Auth-User"])
                for _ in range(10)
            ]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        for pairs in pool.map(ask, range(200)):
            assert all(asked == told for asked, told in pairs)


FASTCGI_SITE = """
include tallystick/server/check.conf;
include tallystick/server/errors.conf;
location /app/ {
  include tallystick/location/guard.conf;
  include tallystick/location/fastcgi.conf;
  include tallystick/location/identity-to-fastcgi.conf;
  fastcgi_pass unix:DIR/run/application.sock;
}
location /open/ {
  include tallystick/location/fastcgi.conf;
  include tallystick/location/identity-cleared-fastcgi.conf;
  fastcgi_pass unix:DIR/run/application.sock;
}
"""


def test_a_fastcgi_application_is_told_too(site, alice):
    """T088, T089, T181, T212, for applications behind fastcgi_pass."""
    application = Responder(
        site.dir / "run/application.sock", lambda params, body: b"Content-Type: text/plain\r\n\r\nseen")
    site.add_site("fastcgi", FASTCGI_SITE)
    spoofed = SPOOFED | {"Proxy": "http://root"}
    assert site.at("fastcgi.localhost", "/app/x", headers=spoofed).status_code == 401
    assert site.at("fastcgi.localhost", "/app/x", headers=spoofed | alice.bearer).text == "seen"
    # A name in a Basic credential that nobody has verified is none either.
    basic = {"Authorization": "Basic cm9vdDpyb290"}
    assert site.at("fastcgi.localhost", "/open/x", headers=spoofed | basic).text == "seen"
    # A device token that a program sends unasked stays out; credentials of the application's own pass (T247).
    device = {"Authorization": "Basic " + base64.b64encode(b"alice:ts_" + b"x" * 49).decode()}
    assert site.at("fastcgi.localhost", "/open/x", headers=device).text == "seen"
    application.close()
    (guarded, _), (opened, _), (with_device, _) = application.seen
    assert dict(opened)["HTTP_AUTHORIZATION"] == basic["Authorization"]
    assert not dict(with_device).get("HTTP_AUTHORIZATION") and device["Authorization"] not in str(with_device)
    for seen, user in ((guarded, "alice"), (opened, "")):
        # nginx leaves out an HTTP_ parameter that is empty, and the client's header with it.
        values = {name: [value for one, value in seen if one == name] for name, _ in seen}
        assert values.get("HTTP_X_AUTH_USER", [""]) == values["REMOTE_USER"] == [user]
        assert "HTTP_PROXY" not in values
        assert not [name for name, value in seen if "root" in value and not name.startswith("HTTP_AUTHORIZATION")]
    assert dict(guarded)["HTTP_X_AUTH_SESSION"] == claims(alice.token)["sid"]
    assert alice.token not in str(guarded)
