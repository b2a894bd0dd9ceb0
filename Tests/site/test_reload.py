"""Section H: changes while requests are under way."""

import os
import re
import signal
import threading
import time

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


def test_a_program_that_is_told_to_end_finishes_what_it_has(site, alice):
    """T220, T224: each of them, while it is asked; what fails is 503 and says when to come back."""
    for route, method, expected in (("me", "GET", 200), ("sessions", "GET", 200), ("login", "POST", 415), ("refresh", "POST", 401)):
        answers, stop = [], threading.Event()

        def ask(route=route, method=method, answers=answers, stop=stop):
            with site.connect() as client:
                while not stop.is_set():
                    answers.append(client.request(method, f"/auth/{route}", headers=alice.bearer if method == "GET" else {}))

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.2)
        before = site.pid(route)
        os.kill(before, signal.SIGTERM)
        wait_for(lambda before=before, route=route: site.pid(route) != before, f"another {route}")
        time.sleep(0.5)
        stop.set()
        thread.join()
        assert {answer.status_code for answer in answers} <= {expected, 503}
        failed = [answer for answer in answers if answer.status_code == 503]
        assert all(answer.json()["error"] == "temporarily_unavailable" and answer.headers["retry-after"] for answer in failed)
        assert answers[-1].status_code == expected
        assert re.search(rf"supervise: {route} ended with status 0,", site.log("supervise"))


def test_check_decides_while_others_write(site, alice):
    """T110: no 5xx, and no write of its own."""
    stop, statuses = threading.Event(), set()

    def write():
        user = site.register()
        with site.connect() as client:
            while not stop.is_set():
                user.take(client.post("/auth/refresh", headers={"Cookie": f"__Secure-refresh={user.cookie}"}))

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
