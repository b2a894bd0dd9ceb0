"""Section H: nginx and programs are reloaded or restarted while requests are under way."""

import contextlib
import os
import re
import signal
import subprocess
import threading

import pytest
from programs import COOKIE
from site_under_test import GUARDED
from waiting import can_connect, wait_until


def until_more(answers, count):
    """Until so many more answers have come."""
    before = len(answers)
    wait_until(lambda: len(answers) >= before + count, f"{count} more answers", 30)


def test_a_reload_under_load_decides_nothing_wrongly_and_loses_nothing(site, alice):
    """T220: nginx reads its configuration again, twenty times."""
    wrong, counted, stop = [], [], threading.Event()

    def ask(headers, expected):
        while not stop.is_set():
            # A new connection each time: a kept one is closed by the worker that leaves.
            with site.connect() as client:
                answer = client.get("/private/", headers=headers)
            counted.append(expected)
            if (answer.status_code, GUARDED in answer.text) != expected:
                wrong.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=ask, args=arguments) for arguments in
               ((alice.bearer, (200, True)), ({}, (401, False)), ({"Authorization": "Bearer x"}, (401, False)))]
    for thread in threads:
        thread.start()
    for _ in range(20):
        site.signal("nginx", signal.SIGHUP)
        until_more(counted, 3)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(counted) > 50 and wrong == []


@contextlib.contextmanager
def asking(site, method, path, headers):
    """Asks over and over in another thread; yields the answers so far."""
    answers, stop = [], threading.Event()

    def ask():
        with site.connect() as client:
            while not stop.is_set():
                answers.append(client.request(method, path, headers=headers))
                # Below nginx's limits.
                stop.wait(0.02 if method == "GET" else 0.15)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        until_more(answers, 3)
        yield answers
    finally:
        stop.set()
        thread.join()


def restart(site, route, answers):
    before = site.pid(route)
    os.kill(before, signal.SIGTERM)
    wait_until(lambda: site.pid(route) != before, f"another {route}")
    wait_until(lambda: can_connect(site.dir / f"run/{route}.sock"), f"the socket of {route}")
    until_more(answers, 3)


@pytest.mark.parametrize("route,method,expected", [("me", "GET", 200), ("sessions", "GET", 200), ("login", "POST", 415), ("refresh", "POST", 401)])
def test_a_program_that_is_told_to_end_finishes_what_it_has(site, alice, route, method, expected):
    """T220, T224: what comes between two processes is 503 and told when to come back."""
    with asking(site, method, f"/auth/{route}", alice.bearer if method == "GET" else {}) as answers:
        restart(site, route, answers)
    assert {answer.status_code for answer in answers} <= {expected, 503}
    failed = [answer for answer in answers if answer.status_code == 503]
    assert all(answer.json()["error"] == "temporarily_unavailable" and answer.headers["retry-after"] for answer in failed)
    assert answers[-1].status_code == expected
    assert re.search(rf"supervise: {route} ended with status 0,", site.log("supervise"))


@pytest.mark.parametrize("route,method,expected", [("me", "GET", 200), ("login", "POST", 415)])
def test_with_a_second_process_no_request_is_lost(site, alice, route, method, expected):
    """T220: as http/upstreams.conf describes it."""
    upstreams = site.dir / "nginx/tallystick/http/upstreams.conf"
    shipped, second = upstreams.read_text(), site.dir / f"run/{route}.2.sock"
    line = f'server "unix:{site.dir}/run/{route}.sock";'
    assert line in shipped
    env = site.env | {"TALLYSTICK_STATE": str(site.dir / "state"), "TALLYSTICK_ISSUER": site.url}
    process = subprocess.Popen([site.folder / route, "--socket", second], env=env, stderr=subprocess.DEVNULL)
    try:
        wait_until(second.exists, "the second socket")
        upstreams.write_text(shipped.replace(line, f"{line} {line.replace(route + '.sock', route + '.2.sock')}"))
        site.reload()
        with asking(site, method, f"/auth/{route}", alice.bearer if method == "GET" else {}) as answers:
            restart(site, route, answers)
    finally:
        upstreams.write_text(shipped)
        site.reload()
        process.terminate()
        assert process.wait(10) == 0
    assert len(answers) > 5 and {answer.status_code for answer in answers} == {expected}


def test_check_decides_while_others_write(site, alice):
    """T110: no 5xx, and no write of its own."""
    stop, statuses, written = threading.Event(), [], []

    def write():
        user = site.register()
        with site.connect() as client:
            while not stop.is_set():
                answer = client.post("/auth/refresh", headers={"Cookie": user.sent})
                if answer.status_code == 200:
                    written.append(user.take(answer))
                # Below nginx's limit of refreshes.
                stop.wait(0.02)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    with site.connect() as client:
        while len(written) < 150 or len(statuses) < 300:
            statuses.append(client.get("/private/", headers=alice.bearer).status_code)
    stop.set()
    for writer in writers:
        writer.join()
    assert set(statuses) == {200}

    # Nobody writes now, and the session is confirmed: the log of writes stays as it is.
    wal = site.dir / "state/tallystick.db-wal"
    before = (wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else None
    for _ in range(200):
        assert site.get("/private/", headers=alice.bearer).status_code == 200
    assert ((wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else None) == before
