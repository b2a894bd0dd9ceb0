"""Section C: whatever happens to `check`, nothing guarded is shown."""

import contextlib
import os
import signal
import socket
import threading
import time

import httpx
import pytest
from fastcgi import BEGIN, END, STDERR, STDOUT, record, stream
from site_under_test import GUARDED, Site
from unchecked import in_place_of_check
from waiting import wait_until


def is_withheld(answer):
    """A 500 in the contract's words: a denial that no client takes for a sign-out."""
    assert answer.status_code == 500, answer.text
    assert answer.json()["error"] == "temporarily_unavailable"
    assert answer.headers["retry-after"] and answer.headers["cache-control"] == "no-store"
    assert GUARDED not in answer.text and "www-authenticate" not in answer.headers
    return True


def is_denied_or_withheld(answer):
    assert GUARDED not in answer.text and answer.status_code in (401, 403, 500), answer.status_code
    return True


def test_without_a_check_nothing_is_shown(unchecked):
    """T094: the socket is absent; then it is there and nobody listens."""
    assert is_withheld(unchecked.get("/private/"))
    path = unchecked.dir / "run/check.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        os.chmod(path, 0o666)
        assert is_withheld(unchecked.get("/private/"))
    path.unlink()


@pytest.mark.parametrize("status", [302, 303, 307, 400, 404, 408, 429, 500, 502, 503, 504])
def test_any_other_status_withholds(unchecked, status):
    """T097."""
    for answer in (b"Status: %d X\r\nLocation: /public/echo\r\n\r\n" % status, b"Status: %d\r\n\r\nbody" % status):
        with in_place_of_check(unchecked, lambda params, body, answer=answer: answer):
            assert is_withheld(unchecked.get("/private/"))


@pytest.mark.parametrize("header", [b"X-Accel-Redirect: /public/echo", b"X-Accel-Expires: 3600", b"Location: /public/echo"])
@pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden"])
def test_a_denial_stays_one_whatever_header_it_carries(unchecked, status, header):
    """T097, T211."""
    answer = b"Status: " + status + b"\r\n" + header + b"\r\nWWW-Authenticate: Bearer\r\n\r\n"
    with in_place_of_check(unchecked, lambda params, body: answer):
        reply = unchecked.get("/private/")
    assert reply.status_code == int(status[:3]) and GUARDED not in reply.text


REFUSAL = b'Status: 401 Unauthorized\r\nWWW-Authenticate: Bearer realm="x", error="invalid_token"\r\nCache-Control: no-store\r\n\r\n'


SCOPE = b'Status: 403 Forbidden\r\nWWW-Authenticate: Bearer realm="x", error="insufficient_scope"\r\nCache-Control: no-store\r\n\r\n'
UNDECIDED = b"Status: 503 Service Unavailable\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n"


@pytest.mark.parametrize("host", ["localhost", "unkept.localhost"])
@pytest.mark.parametrize("refusal", [REFUSAL, SCOPE, UNDECIDED], ids=["401", "403", "503"])
def test_a_check_that_is_killed_after_any_byte_of_a_refusal_lets_nothing_through(unchecked, refusal, host):
    """T094, T097: the records of the whole answer, cut after each byte; connections kept and not."""
    whole = stream(STDOUT, refusal) + record(END, bytes(8))
    cuts = iter(range(len(whole) + 1))
    path = "/private/" if host == "localhost" else "/public/echo"

    def cut(params, body):
        count = next(cuts)
        return lambda connection: connection.sendall(whole[:count])

    with in_place_of_check(unchecked, cut):
        for count in range(len(whole) + 1):
            try:
                answer = unchecked.at(host, path)
            except httpx.RemoteProtocolError:
                # Where nginx reads on for the sake of the connection and its end does not come, it
                # closes the client's too, without a byte.
                assert host == "localhost" and len(refusal) + 8 <= count < len(whole)
                continue
            assert is_denied_or_withheld(answer) and "X-Auth" not in answer.text, count
            # Until the status is there, nothing can be a refusal, which a client takes for a sign-out.
            assert count > len("Status: 401") + 8 or is_withheld(answer)


@pytest.mark.parametrize("refusal", [REFUSAL, SCOPE, UNDECIDED], ids=["401", "403", "503"])
def test_a_refusal_that_ends_after_any_byte_lets_nothing_through(unchecked, refusal):
    """T097: the same text cut, in records that are whole; but for the cut that leaves a number of its own."""
    cuts = iter(range(len(refusal)))
    with in_place_of_check(unchecked, lambda params, body: refusal[: next(cuts)]):
        for _ in range(len(refusal)):
            assert is_denied_or_withheld(unchecked.get("/private/"))


def test_an_answer_byte_by_byte_is_the_same_answer(unchecked):
    """T097: a record for each byte, each sent alone."""
    def slowly(params, body):
        def send(connection):
            for at in range(len(REFUSAL)):
                for byte in record(STDOUT, REFUSAL[at : at + 1]):
                    connection.sendall(bytes([byte]))
            connection.sendall(record(STDOUT, b"") + record(END, bytes(8)))

        return send

    with in_place_of_check(unchecked, slowly):
        assert unchecked.get("/private/").status_code == 401


def test_a_full_backlog_withholds_at_once(unchecked):
    """T094: a socket that somebody holds and nobody accepts from."""
    path = str(unchecked.dir / "run/check.sock")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(0)
        # Until one more would have to wait.
        full = False
        while not full:
            one = waiting.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            full = one.connect_ex(path) != 0
        start = time.monotonic()
        assert is_withheld(unchecked.get("/private/"))
        assert time.monotonic() - start < 5
    os.unlink(path)


BROKEN = {
    "nothing": b"",
    "no FastCGI": b"HTTP/1.1 200 OK\r\n\r\n",
    "only END": record(END, bytes(8)),
    "only STDERR": record(STDERR, b"broken") + record(END, bytes(8)),
    "a record of the client's": record(BEGIN, bytes(8)),
    "another version": b"\x02" + stream(STDOUT, REFUSAL)[1:],
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_fastcgi_answer_withholds(unchecked, answer):
    """T097."""
    with in_place_of_check(unchecked, lambda params, body: lambda connection: connection.sendall(answer)):
        assert is_withheld(unchecked.get("/private/"))


def test_check_is_given_the_listed_parameters_and_nothing_else(unchecked):
    """T211: whatever the request is; no path, no query, no host, no body; cookies only where a site is named."""
    allowed = b"Status: 204 No Content\r\nX-Auth-User: a\r\n\r\n"
    with in_place_of_check(unchecked, lambda params, body: allowed) as responder:
        unchecked.client.request(
            "DELETE", "/api/echo?access_token=x", content=b"body", headers={
                "Authorization": "Bearer t", "Cookie": "a=b", "X-Original-URI": "/public/", "AUTH_REQUIRE": "x",
                "Content-Type": "a/b", "User-Agent": "kube-probe", "Auth-Require": "x", "X-Forwarded-For": "1.2.3.4"})
    (params, body), = responder.seen
    assert body == b""
    assert dict(params) == dict(params) | {
        "REQUEST_METHOD": "DELETE", "CONTENT_LENGTH": "", "QUERY_STRING": "", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": "Bearer t", "SCRIPT_NAME": "/tallystick/check",
        "TALLYSTICK_SITE": unchecked.url, "HTTP_COOKIE": "a=b"}
    assert {name for name, _ in params} == {
        "GATEWAY_INTERFACE", "SERVER_PROTOCOL", "REQUEST_METHOD", "SCRIPT_NAME", "QUERY_STRING", "CONTENT_LENGTH",
        "REMOTE_ADDR", "REQUEST_ID", "HTTP_AUTHORIZATION", "TALLYSTICK_SITE", "HTTP_COOKIE"}
    assert len(params) == len(dict(params))


@pytest.mark.parametrize("path,groups", [("/private/", None), ("/private/staff/", "staff")])
def test_the_groups_come_from_the_location(unchecked, path, groups):
    """T083, T211."""
    with in_place_of_check(unchecked, lambda params, body: REFUSAL) as responder:
        unchecked.get(path)
    assert dict(responder.seen[0][0]).get("AUTH_REQUIRE") == groups


def test_a_check_that_hangs_withholds_and_recovers(site, alice):
    """T094: stopped for longer than nginx waits."""
    site.signal("check", signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert is_withheld(site.get("/private/", headers=alice.bearer))
        assert 4 < time.monotonic() - start < 30
    finally:
        site.signal("check", signal.SIGCONT)
    assert site.get("/private/", headers=alice.bearer).status_code == 200


def test_a_check_that_is_killed_over_and_over_shows_nothing_to_a_stranger(site, alice):
    """T094, T225: and is back within a second of the last time."""
    answers, stop = {"alice": [], "stranger": []}, threading.Event()

    def ask(who, headers):
        with site.connect() as client:
            while not stop.is_set():
                answer = client.get("/private/", headers=headers)
                answers[who].append((answer.status_code, GUARDED in answer.text))

    threads = [threading.Thread(target=ask, args=arguments) for arguments in (("alice", alice.bearer), ("stranger", {})) * 2]
    for thread in threads:
        thread.start()
    for _ in range(4):
        # Not so soon that the supervisor takes it for one that never gets beyond its start.
        started = time.monotonic()
        before = {who: len(given) for who, given in answers.items()}
        wait_until(lambda before=before: all(len(answers[who]) > before[who] + 5 for who in before)
                   and time.monotonic() > started + 0.5, "more answers", 30)
        killed = site.pid("check")
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed: site.pid("check") != killed, "a new check")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(answers["stranger"]) <= {(401, False), (500, False)}
    assert set(answers["alice"]) <= {(200, True), (500, False)}
    wait_until(lambda: site.get("/private/", headers=alice.bearer).status_code == 200, "a decision", 1)


def test_a_database_that_is_gone_withholds(user_site):
    """T189-T191 as nginx shows them: no 401, which a client would take for a sign-out."""
    user = user_site.register()
    assert user_site.get("/private/", headers=user.bearer).status_code == 200
    database = user_site.dir / "state/tallystick.db"
    hidden = database.with_name("hidden.db")
    for file in sorted(database.parent.glob("tallystick.db*")):
        file.rename(hidden.with_name(file.name.replace("tallystick", "hidden")))
    killed = user_site.pid("check")
    os.kill(killed, signal.SIGTERM)
    wait_until(lambda: user_site.pid("check") != killed, "another check")
    assert is_withheld(user_site.get("/private/", headers=user.bearer))
    answer = user_site.get("/auth/health")
    assert answer.status_code in (204, 503)
    assert not database.exists()


@pytest.fixture
def user_site():
    running = Site()
    yield running
    running.close()
