"""Whatever ends a session ends it everywhere, at the next request and in every process; tried thousands of times."""

import concurrent.futures
import itertools
import os
import random
import signal
import subprocess
import threading

import pytest
import stores
from fastcgi import Connection
from harness import BIN, GOOD, Answer, fastcgi
from programs import ROUNDS
from tokens import claims
from waiting import wait_until


class Kept(Connection):
    """A connection to `check` that is kept, as nginx keeps it: requests one after the other."""

    def status(self, token):
        pairs = [("REQUEST_METHOD", "GET"), ("HTTP_AUTHORIZATION", f"Bearer {token}")]
        return Answer(self.request(pairs, keep=True)).status


@pytest.fixture
def many(server):
    """Several `check` processes on one socket, and a kept connection to each of several."""
    path = server.start("check", "--processes", "3")
    peers = [Kept(path) for _ in range(12)]
    for peer in peers:
        peer.status("")  # a kept connection is one that was used
    yield server, peers
    for peer in peers:
        peer.close()


ENDINGS = ["logout", "revoke", "password", "session delete", "account disable", "session end"]


def end(host, how, session):
    if how == "logout":
        assert host.call("logout", token=session.token).status == 204
    elif how == "revoke":
        assert host.call("revoke", token=session.token).status == 204
    elif how == "password":
        body = {"current_password": GOOD, "new_password": "another fine phrase"}
        assert host.call("password", token=session.token, body=body).status == 200
        host.admin("account", "passwd", "alice", stdin=GOOD + "\n")
    elif how == "session delete":
        info = "/" + claims(session.token)["sid"]
        assert host.call("sessions", "DELETE", token=session.token, params=[("PATH_INFO", info)]).status == 204
    elif how == "account disable":
        host.admin("account", "disable", "alice")
        host.admin("account", "enable", "alice")
    else:
        host.admin("session", "end", claims(session.token)["sid"])


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.settings(MAX_SESSIONS=10000)
def test_after_it_answered_no_check_of_any_process_allows_T053_T054_T057_T062_T109(many, how):
    host, peers = many
    host.register()
    for _ in range(ROUNDS if how in ("logout", "revoke", "session delete") else max(3, ROUNDS // 20)):
        session = host.login()
        assert session.status == 200, session.raw
        for peer in peers:
            assert peer.status(session.token) == 204  # in every cache
        end(host, how, session)
        assert [peer.status(session.token) for peer in peers] == [401] * len(peers)


@pytest.mark.parametrize("how", ["logout", "revoke", "session delete", "password"])
@pytest.mark.settings(MAX_SESSIONS=10000)
def test_a_refresh_that_races_the_end_wins_nothing_T053_T054(many, how):
    """Under load of others: after the end has answered, neither what was nor what the race gave is worth anything."""
    host, peers = many
    host.register("alice")
    host.register("bob")
    busy, stop = host.login("bob"), threading.Event()

    def noise(peer):
        while not stop.is_set():
            assert peer.status(busy.token) == 204

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        loads = [pool.submit(noise, peer) for peer in peers[:4]]
        try:
            version = 1
            for _ in range(ROUNDS if how == "logout" else max(5, ROUNDS // 4)):
                session = host.login("alice")
                assert all(peer.status(session.token) == 204 for peer in peers[4:])
                assert claims(session.token)["ver"] >= version
                version = claims(session.token)["ver"]
                racing = pool.submit(host.refresh, session.cookie)
                end(host, how, session)
                assert all(peer.status(session.token) == 401 for peer in peers[4:])
                # Whichever came first: what the refresh was given is worth nothing now.
                answer = racing.result()
                assert answer.status in (200, 401)
                if answer.status == 200:
                    assert peers[5].status(answer.token) == 401 and host.refresh(answer.cookie).status == 401
        finally:
            stop.set()
        for load in loads:
            load.result()


def test_fifty_parallel_refreshes_make_one_step_and_one_cookie_T049(server):
    """50 at once over several processes, round after round: nobody is logged out."""
    first = server.register()
    cookie = first.cookie
    paths = [server.start("refresh", name=f"refresh{number}") for number in range(3)]
    # W = 0 rotates every round without a wait; healing is the same at any age.
    params = [("REQUEST_METHOD", "POST"), ("TALLYSTICK_REUSE_WINDOW", "0s")]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        for generation in range(2, 2 + 2 * ROUNDS):
            sent = [("HTTP_COOKIE", f"{cookie}; {first.companion}")]
            jobs = [pool.submit(fastcgi, path, params + sent) for path, _ in zip(itertools.cycle(paths), range(50))]
            answers = [Answer(job.result()) for job in jobs]
            assert {answer.status for answer in answers} == {200}
            new = {answer.cookie for answer in answers}
            assert len(new) == 1 and new != {cookie}
            assert {claims(answer.token)["gen"] for answer in answers} == {generation}
            cookie = new.pop()
    assert not server.events_named("refresh_reuse")


def test_twenty_revocations_at_once_raise_the_version_without_an_error_T059(server):
    session = server.register()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(server.call, "revoke", token=session.token) for _ in range(20)]
        statuses = [job.result().status for job in jobs]
    assert set(statuses) <= {204, 401} and 204 in statuses
    version = claims(server.login().token)["ver"]
    assert version == 1 + statuses.count(204)


def test_fifty_registrations_of_one_name_make_one_account_T135(server):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        jobs = [pool.submit(server.register, name) for name in ["alice", "ALICE"] * 25]
        statuses = [job.result().status for job in jobs]
    assert statuses.count(201) == 1 and set(statuses) <= {201, 409, 503}
    assert len(server.admin("account", "list").stdout.splitlines()) == 2


@pytest.mark.settings(MAX_SESSIONS=5)
def test_fifty_logins_at_once_never_exceed_the_maximum_of_sessions_T067(server):
    server.register()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        statuses = [job.result().status for job in [pool.submit(server.login) for _ in range(50)]]
    assert set(statuses) <= {200, 503} and 200 in statuses
    assert len(server.admin("session", "list", "alice").stdout.splitlines()) - 1 <= 5


@pytest.mark.settings(MAX_SESSIONS=10000)
def test_every_acknowledged_write_survives_kill_9_T186(server):
    """Programs are killed at random moments under load: the database is whole after each kill, and nothing acknowledged is lost."""
    seed = int(os.environ.get("TALLYSTICK_SEED", "1"))
    print("seed", seed)
    chance = random.Random(seed)
    host = server
    programs = ("register", "login", "refresh", "logout", "password", "check")
    for name in programs:
        host.start(name)
    names, ended, changed, rotated, stop = [], [], [], [], threading.Event()

    def work(number):
        for count in itertools.count():
            if stop.is_set():
                return
            name = f"user{number}-{count}"
            try:
                if (first := host.register(name)).status != 201:
                    continue
                names.append(name)
                second = host.refresh(first.cookie)
                if second.status != 200:
                    continue
                rotated.append((claims(second.token)["sid"], claims(second.token)["gen"]))
                assert host.check(second.token).status == 204
                if count % 2:
                    body = {"current_password": GOOD, "new_password": f"another fine phrase {count}"}
                    if host.call("password", token=second.token, body=body).status == 200:
                        changed.append((name, body["new_password"], first.cookie))
                elif host.call("logout", token=second.token).status == 204:
                    ended.append((first.cookie, second.cookie))
            except (AssertionError, OSError, ValueError, IndexError):
                continue  # killed under our hands: not acknowledged

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(work, number) for number in range(4)]
        try:
            for kill in range(500):
                # So many kills, and so many writes between them, however slow the machine.
                if kill >= max(10, ROUNDS // 4) and len(names) >= 20 and len(ended) >= 5 and len(changed) >= 5:
                    break
                written = len(names)
                wait_until(lambda: len(names) > written, "another account", 60)  # noqa: B023
                victim = chance.choice(programs)
                host.processes[victim].send_signal(signal.SIGKILL)
                host.processes[victim].wait()
                assert stores.is_whole(host.state)
                host.start(victim)
        finally:
            stop.set()
        for job in jobs:
            job.result()
    assert stores.is_whole(host.state)
    listed = host.admin("account", "list").stdout
    assert len(names) >= 20 and len(ended) >= 5 and len(changed) >= 5
    assert [name for name in names if f"{name} " not in listed] == []
    with host.database() as opened:
        live = dict(opened.execute("SELECT id, generation FROM session"))
    assert [sid for sid, generation in rotated if live.get(sid, generation) < generation] == []
    host.admin("ban", "lift", "--all")
    for name, password, old in changed:
        assert host.login(name, password).status == 200 and host.refresh(old).status == 401
    for cookies in ended:
        for cookie in cookies:
            assert host.refresh(cookie).status == 401


def test_sigterm_answers_every_login_under_way_and_exits_0_T224(server):
    server.register()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        server.login()
        jobs = [pool.submit(server.login) for _ in range(30)]
        concurrent.futures.wait(jobs, return_when=concurrent.futures.FIRST_COMPLETED)
        process = server.processes.pop("login")
        process.terminate()
        assert process.wait(timeout=30) == 0
        answered = []
        for job in jobs:
            try:
                answered.append(job.result().status)
            except (OSError, AssertionError):
                pass  # not accepted before the end: nginx asks the next one
    assert answered and set(answered) <= {200, 503}


def test_a_program_killed_leaves_a_socket_that_the_next_one_replaces_T225(server):
    server.register()
    process = server.processes.pop("register")
    process.kill()
    process.wait()
    assert (server.folder / "register.sock").exists()
    assert server.register("bob").status == 201


def test_a_socket_in_use_is_not_taken_over_T225(server):
    server.register()
    second = subprocess.run(
        [BIN / "register", "--socket", server.folder / "register.sock"], env=server.environment(), capture_output=True,
        text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert second.returncode == 111 and len(second.stderr.splitlines()) == 1
    assert server.register("bob").status == 201
