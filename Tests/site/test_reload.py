"""Section H: changes while requests are under way."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from site_under_test import GUARDED, wait_for


def test_a_reload_under_load_decides_nothing_wrongly_and_loses_nothing(site, alice):
    """T220: nginx reads its configuration again, twenty times."""
    wrong, counted, stop = [], [0], threading.Event()

    def ask(headers, expected):
        while not stop.is_set():
            # A new connection each time: a kept one is closed by the worker that leaves.
            with site.connect() as client:
                answer = client.get("/private/", headers=headers)
            counted[0] += 1
            if (answer.status_code, GUARDED in answer.text) != expected:
                wrong.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=ask, args=arguments) for arguments in
               ((alice.bearer, (200, True)), ({}, (401, False)), ({"Authorization": "Bearer x"}, (401, False)))]
    for thread in threads:
        thread.start()
    for _ in range(20):
        site.signal("nginx", signal.SIGHUP)
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert counted[0] > 50 and wrong == []


@contextlib.contextmanager
def asking(site, method, path, headers):
    """Asks over and over in another thread; yields the answers so far."""
    answers, stop = [], threading.Event()

    def ask():
        with site.connect() as client:
            while not stop.is_set():
                answers.append(client.request(method, path, headers=headers))
                # Below nginx's limits.
                time.sleep(0.02 if method == "GET" else 0.15)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def restart(site, route):
    before = site.pid(route)
    os.kill(before, signal.SIGTERM)
    wait_for(lambda: site.pid(route) != before, f"another {route}")
    time.sleep(0.5)


@pytest.mark.parametrize("route,method,expected", [("me", "GET", 200), ("sessions", "GET", 200), ("login", "POST", 415), ("refresh", "POST", 401)])
def test_a_program_that_is_told_to_end_finishes_what_it_has(site, alice, route, method, expected):
    """T220, T224: what comes between two processes is 503 and told when to come back."""
    with asking(site, method, f"/auth/{route}", alice.bearer if method == "GET" else {}) as answers:
        restart(site, route)
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
        wait_for(second.exists, "the second socket")
        upstreams.write_text(shipped.replace(line, f"{line} {line.replace(route + '.sock', route + '.2.sock')}"))
        site.reload()
        with asking(site, method, f"/auth/{route}", alice.bearer if method == "GET" else {}) as answers:
            restart(site, route)
    finally:
        upstreams.write_text(shipped)
        site.reload()
        process.terminate()
        assert process.wait(10) == 0
    assert len(answers) > 5 and {answer.status_code for answer in answers} == {expected}


def test_check_decides_while_others_write(site, alice):
    """T110: no 5xx, and no write of its own."""
    stop, statuses = threading.Event(), set()

    def write():
        user = site.register()
        with site.connect() as client:
            while not stop.is_set():
                answer = client.post("/auth/refresh", headers={"Cookie": f"__Secure-refresh={user.cookie}"})
                if answer.status_code == 200:
                    user.take(answer)
                # Below nginx's limit of refreshes.
                time.sleep(0.02)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    with site.connect() as client:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            statuses.add(client.get("/private/", headers=alice.bearer).status_code)
    stop.set()
    for writer in writers:
        writer.join()
    assert statuses == {200}

    # Nobody writes now, and the session is confirmed: the log of writes stays as it is.
    wal = site.dir / "state/tallystick.db-wal"
    before = (wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else None
    for _ in range(200):
        assert site.get("/private/", headers=alice.bearer).status_code == 200
    assert ((wal.stat().st_size, wal.stat().st_mtime_ns) if wal.exists() else None) == before
