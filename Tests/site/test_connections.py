"""Section C: nginx asks `check` over connections that it keeps, and stores nothing.

`fastcgi_store` in location/check.conf is not documented for this, so these tests count connections.
tools/lib/nginx-of fetches the nginx of another Debian release to run these tests with.
"""

import concurrent.futures
import os
import pathlib

import pytest
from unchecked import in_place_of_check

# What a client sees for each answer of `check`.
SEEN = {204: 200, 401: 401, 403: 403, 503: 500}
# (host, path) where nginx keeps the connection to `check`, and where the switch is set.
KEPT, UNKEPT = ("localhost", "/api/echo"), ("unkept.localhost", "/public/echo")
MARK = b"written by check"


def answers(*statuses):
    """Answers with these statuses in turn, whoever asks."""
    count = iter(range(1_000_000))

    def answer(params, body):
        return b"Status: %d X\r\nX-Auth-User: a\r\n\r\n" % statuses[next(count) % len(statuses)]

    return answer


def ask(site, where, client=None):
    host, path = where
    return site.at(host, path, client).status_code


@pytest.mark.parametrize("http2", [False, True])
def test_nginx_makes_one_connection_in_each_worker_for_many_decisions(unchecked, http2):
    """T098: whatever the answers are; `check` is asked for each, so none comes from a store."""
    with in_place_of_check(unchecked, answers(*SEEN)) as check, unchecked.connect(http2=http2) as client:
        for _ in range(25):
            assert [ask(unchecked, KEPT, client) for _ in SEEN] == list(SEEN.values())
        # nginx closes the client's connection after a 500, and each worker has a connection of its own.
        assert check.accepted <= len(unchecked.workers()) and len(check.seen) == 100


def test_clients_at_once_take_no_more_connections_than_there_are_clients(unchecked):
    """http/upstreams.conf keeps 16 a worker."""
    with in_place_of_check(unchecked, answers(204)) as check:
        def several(_):
            with unchecked.connect() as client:
                return [ask(unchecked, KEPT, client) for _ in range(50)]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert set(sum(pool.map(several, range(8)), [])) == {200}
        assert len(check.seen) == 400 and check.accepted <= 8


def test_the_switch_makes_a_connection_for_each_decision(unchecked):
    """server/check-no-keepalive.conf: the same decisions."""
    with in_place_of_check(unchecked, answers(*SEEN)) as check:
        for _ in range(25):
            assert [ask(unchecked, UNKEPT) for _ in SEEN] == list(SEEN.values())
        assert check.accepted == len(check.seen) == 100


@pytest.mark.parametrize("path,groups", [("/public/echo", None), ("/public/staff/echo", "staff")])
def test_the_switch_asks_for_the_same_groups(unchecked, path, groups):
    """T083, T211."""
    with in_place_of_check(unchecked, answers(204)) as check:
        assert unchecked.at("unkept.localhost", path).status_code == 200
        assert ask(unchecked, KEPT) == 200
    (switched, _), (shipped, _) = check.seen
    assert dict(switched).get("AUTH_REQUIRE") == groups
    assert {name for name, _ in switched} - {"AUTH_REQUIRE"} == {name for name, _ in shipped} - {"TALLYSTICK_SITE"}


@pytest.mark.parametrize("status", [200, 201, 203, 204, 206, 401, 403, 503])
def test_no_answer_of_check_is_stored(unchecked, status):
    """T098: no file holds it, a 200 that `check` never sends included, and the next answer counts."""
    body = b"" if status == 204 else MARK
    stored = (b"Status: %d X\r\nContent-Length: %d\r\nX-Auth-User: a\r\nCache-Control: max-age=3600\r\n"
              b"Last-Modified: Wed, 25 Nov 2026 10:00:00 GMT\r\n\r\n" % (status, len(body))) + body
    following = iter([stored] * 5 + [b"Status: 401 X\r\n\r\n"] * 5)
    with in_place_of_check(unchecked, lambda params, body: next(following)) as check:
        first = [unchecked.get("/api/echo") for _ in range(5)]
        assert {answer.status_code for answer in first} == {SEEN.get(status, 200)}
        assert MARK.decode() not in "".join(answer.text for answer in first)
        assert [unchecked.get("/api/echo").status_code for _ in range(5)] == [401] * 5
        assert len(check.seen) == 10
    files = [path for path in unchecked.dir.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if MARK in path.read_bytes() or "never-stored" in path.name]
    assert not pathlib.Path("/proc/tallystick").exists()


def connections(pid):
    """The sockets that a process holds, by their inodes."""
    found = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def test_the_real_check_keeps_its_connection(site, alice):
    """The program's own end: after 50 decisions it holds the connections that it held after one."""
    pid = site.pid("check")
    with site.connect() as client:
        assert client.get("/private/", headers=alice.bearer).status_code == 200
        held = connections(pid)
        for headers, status in ((alice.bearer, 200), ({}, 401)) * 25:
            assert client.get("/private/", headers=headers).status_code == status
        assert connections(pid) == held
