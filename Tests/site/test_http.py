"""Section F: requests that HTTP allows, and requests that it does not."""

import contextlib
import json
import socket
import time

import pytest
from fastcgi import request as fastcgi_request
from programs import ROUTES
from site_under_test import PASSWORD, status_of

# T164: what each route allows, and its path.
ALLOWED = {
    "register": ["POST"], "login": ["POST"], "refresh": ["POST"], "logout": ["POST"], "revoke": ["POST"],
    "password": ["POST"], "me": ["GET"], "sessions": ["GET", "DELETE"], "jwks": ["GET"], "health": ["GET"],
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"]
JSON = ["register", "login", "password"]


def path_of(route):
    return "/.well-known/jwks.json" if route == "jwks" else f"/auth/{route}"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("route", ALLOWED)
def test_every_other_method_is_refused_and_the_allowed_ones_are_named(site, route, method):
    """T074, T164."""
    answer = site.client.request(method, path_of(route))
    if method in ALLOWED[route]:
        assert answer.status_code != 405 or (route, method) == ("sessions", "DELETE")
        return
    assert answer.status_code == 405
    assert sorted(answer.headers["allow"].split(", ")) == sorted(ALLOWED[route])
    assert "set-cookie" not in answer.headers


def test_one_session_is_deleted_and_not_read(site, user):
    listed = site.get("/auth/sessions", headers=user.bearer).json()["sessions"][0]["id"]
    assert site.get(f"/auth/sessions/{listed}", headers=user.bearer).status_code == 405
    assert site.client.delete(f"/auth/sessions/{listed}", headers=user.bearer).status_code == 204
    assert site.get("/auth/me", headers=user.bearer).status_code == 401


def padded(size):
    """A JSON body of exactly this size, with a password that is too long."""
    text = '{"username":"nobody","password":""}'
    return text[:-2] + "x" * (size - len(text)) + text[-2:]


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("route", JSON)
def test_the_limit_of_a_body_is_16_kib(site, user, route, http2):
    """T165: the limit itself reaches the program; one byte more is nginx's own 413."""
    with site.connect(http2=http2) as client:
        headers = user.bearer | {"Content-Type": "application/json"}
        at_limit = client.post(path_of(route), content=padded(16384), headers=headers)
        assert at_limit.status_code in (400, 422)
        over = client.post(path_of(route), content=padded(16385), headers=headers)
        assert over.status_code == 413 and over.json()["error"] == "too_large"


def test_a_body_that_never_ends_is_cut_off(site):
    """T165: chunked, and with a length of a gigabyte."""
    head = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = site.raw(head + b"Content-Length: 1073741824\r\n\r\n" + b"x" * 100)
    assert status_of(answer) == [413]
    answer = site.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
    assert status_of(answer) == [413]


def test_a_chunked_body_is_a_body(site, user):
    body = json.dumps({"username": user.name, "password": PASSWORD}).encode()
    answer = site.post("/auth/login", content=iter([body[:5], body[5:]]), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


GOOD = '{"username":"nobody","password":"a horse in the harness"}'
BODIES = {
    "empty": b"", "text": b"hello", "array": b"[]", "string": b'"x"', "number": b"1", "null": b"null",
    "duplicate": b'{"username":"a","username":"b","password":"c"}', "missing": b'{"username":"a"}',
    "number for a string": b'{"username":"a","password":123}', "null for a string": b'{"username":"a","password":null}',
    "array for a string": b'{"username":"a","password":[]}', "operator": b'{"username":"a","password":{"$ne":""}}',
    "object for a string": b'{"username":{"a":1},"password":"b"}',
    "nesting 513": b'{"username":' + b"[" * 513 + b"]" * 513 + b',"password":"b"}', "nesting 7000": b"[" * 7000 + b"]" * 7000,
    "1e400": b'{"username":"a","password":1e400}', "long number": b'{"username":"a","password":' + b"1" * 15000 + b"}",
    "BOM": b"\xef\xbb\xbf" + GOOD.encode(), "UTF-16": GOOD.encode("utf-16"), "UTF-32": GOOD.encode("utf-32"),
    "overlong": GOOD.replace("nobody", "no@y").encode().replace(b"@", b"\xc0\xaf"),
    "surrogate bytes": GOOD.encode().replace(b"nobody", b"\xed\xa0\x80"), "ff": GOOD.encode().replace(b"nobody", b"\xff"),
    "lone escape": GOOD.replace("nobody", "\\ud800").encode(), "trailing comma": GOOD.replace("}", ",}").encode(),
    "trailing NUL": GOOD.encode() + b"\0", "trailing text": GOOD.encode() + b"x", "comment": b"/* */" + GOOD.encode(),
    "extra member": GOOD.replace("}", ',"role":"admin"}').encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("route", ["register", "login"])
def test_a_wrong_body_is_an_invalid_request(site, route, body):
    """T168-T171, T138: in one form, and without effect."""
    answer = site.post(path_of(route), content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_request" and set(answer.json()) == {"error", "error_description"}


TYPES = [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None, "", "application/jsonx",
    "application/json, text/plain", "application/json; charset=utf-16", "application/json; charset=iso-8859-1",
    "text/json", "application/json;;", "application/ld+json",
]


@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("route", ["register", "login"])
def test_another_media_type_is_refused(site, route, media_type):
    """T152, T172: with a body that would be right."""
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = site.post(path_of(route), content=GOOD, headers=headers)
    assert answer.status_code == 415 and answer.json()["error"] == "unsupported_media_type"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
def test_an_encoded_body_is_refused(site, encoding):
    """T172."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    assert site.post("/auth/login", content=GOOD, headers=headers).status_code == 415


SMUGGLED = {
    "length and chunked": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n",
    "the same length twice": "Content-Length: 5\r\nContent-Length: 5\r\n",
    "signed length": "Content-Length: +5\r\n",
    "hexadecimal length": "Content-Length: 0x5\r\n",
    "list of lengths": "Content-Length: 5, 5\r\n",
    "unknown coding": "Transfer-Encoding: xchunked\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked and more": "Transfer-Encoding: chunked, identity\r\n",
    "space before the colon": "Transfer-Encoding : chunked\r\n",
    "bare CR": "X: a\rTransfer-Encoding: chunked\r\n",
    "NUL": "X: a\0b\r\n",
    "space in the target": None,
}


@pytest.mark.parametrize("lines", SMUGGLED.values(), ids=SMUGGLED.keys())
@pytest.mark.parametrize("path", ["/auth/login", "/api/echo", "/public/echo"])
def test_a_body_without_a_clear_end_is_refused_and_the_connection_closed(site, path, lines):
    """T173: what would be smuggled behind it is never answered."""
    target = path if lines is not None else f"{path} /private/"
    smuggled = "0\r\n\r\nGET /public/echo?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = site.raw(f"POST {target} HTTP/1.1\r\nHost: localhost\r\n{lines or ''}\r\n{smuggled}".encode("latin-1"))
    assert len(status_of(answer)) == 1 and status_of(answer)[0] in (400, 405, 411, 413, 415, 501), answer[:300]
    assert b"smuggled" not in answer


def test_a_folded_header_is_no_part_of_the_one_before(site):
    """T173: nginx drops the line, or refuses."""
    answer = site.raw(b"GET /public/echo HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n X-Auth-User: root\r\nConnection: close\r\n\r\n")
    assert b"root" not in answer


LARGE = {
    "a line of 9 kB": "X-Long: " + "x" * 9000 + "\r\n",
    "40 lines of 1 kB": "".join(f"X-{n}: {'x' * 1000}\r\n" for n in range(40)),
    "1 100 lines": "".join(f"X-{n}: x\r\n" for n in range(1100)),
}


@pytest.mark.parametrize("lines", LARGE.values(), ids=LARGE.keys())
def test_headers_have_a_limit(site, lines):
    """T174: 1 100 short ones are stopped where nginx counts them, and harmless where it does not."""
    answer = site.raw(f"GET /auth/me HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n".encode())
    assert status_of(answer) == [400] or (lines == LARGE["1 100 lines"] and status_of(answer) == [401])


@pytest.mark.parametrize("name", ["User-Agent", "Authorization", "Cookie", "Origin", "Sec-Fetch-Site", "Content-Type", "X-Other"])
def test_bytes_that_are_no_text_break_nothing(site, name):
    """T175."""
    for route in ALLOWED:
        answer = site.client.request(ALLOWED[route][0], path_of(route), headers={name: b"\xff\xfe\x80"})
        assert answer.status_code < 500


@pytest.mark.parametrize("line,statuses", [
    ("TRACE / HTTP/1.1", [405]), ("CONNECT localhost:443 HTTP/1.1", [400, 405]), ("get / HTTP/1.1", [400]),
    ("GET / HTTP/3.0", [505]), ("GET / HTTP/1.1x", [400]), ("GET", [400]), ("\0", [400]), ("PRI * HTTP/2.0", [400, 505]),
])
def test_what_is_no_request_is_refused(site, line, statuses):
    """T223."""
    answer = site.raw(f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert status_of(answer) and status_of(answer)[0] in statuses or line == "GET" and not status_of(answer)
    assert b"X-Auth" not in answer


def test_a_slow_client_holds_nginx_and_no_program(site):
    """T182: 60 connections that send a byte now and then; routes answer meanwhile, and they are closed."""
    head = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    slow = [site.socket() for _ in range(60)]
    for number, connection in enumerate(slow):
        connection.sendall(head if number % 2 else head[:30])
    longest = 0
    for _ in range(10):
        before = time.monotonic()
        assert site.login("nobody", "not the password").status_code in (401, 429)
        longest = max(longest, time.monotonic() - before)
    # Less than it takes nginx to give up on the slow ones.
    assert longest < 8
    for connection in slow:
        connection.settimeout(15)
        # 408, or closed without a word, or reset (`reset_timedout_connection`).
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1000)[:13] in (b"", b"HTTP/1.1 408 ")
        connection.close()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("missing", ["SCRIPT_NAME", "REQUEST_METHOD", "REMOTE_ADDR"])
def test_a_parameter_that_is_missing_is_answered(site, route, missing):
    """T183: straight to the socket; the program then serves on."""
    params = {"SCRIPT_NAME": "/x", "REQUEST_METHOD": "GET", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": ""}
    del params[missing]
    pid = site.pid(route)
    answer = fastcgi_request(site.dir / f"run/{route}.sock", params.items())
    assert answer.startswith(b"Status: ")
    if missing == "REQUEST_METHOD" and route != "check":
        assert answer[8:11] in (b"400", b"500")
    assert site.pid(route) == pid
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(site.dir / f"run/{route}.sock"))


def test_no_answer_tells_a_version(site):
    """T184: nginx's pages of errors, and its header."""
    for answer in (site.get("/nothing"), site.get("/", headers={"Host": "evil"}), site.get("/auth/nothing")):
        assert answer.headers["server"] == "nginx" and "nginx/" not in answer.text
