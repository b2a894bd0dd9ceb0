"""A primary and a synchronous standby: the primary dies under load, and the standby takes over.

Every acknowledged write is there, no browser is signed out, nothing revoked is allowed, and the programs
go on without being started again.
"""

import contextlib
import itertools
import threading
import time

import pytest
from programs import HOST_ROUNDS
from servers import Server
from tokens import claims
from waiting import wait_until

FAILOVERS = max(2, HOST_ROUNDS // 40)


@pytest.fixture
def pair():
    """A primary whose commits wait for its standby."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(contextlib.closing(Server()))
        standby = stack.enter_context(contextlib.closing(Server(standby_of=primary)))
        yield primary, standby


class Browser:
    """Refreshes for ever; `generation` is what was acknowledged."""

    def __init__(self, host, name):
        self.host, self.answer = host, host.register(name)
        self.session = claims(self.answer.token)["sid"]
        self.cookie, self.generation, self.statuses = self.answer.cookie, 1, []

    def step(self):
        with contextlib.suppress(OSError, AssertionError):
            answer = self.host.refresh(self.cookie)
            self.statuses.append(answer.status)
            if answer.status == 200 and answer.cookies:
                self.cookie, self.answer = answer.cookie, answer
                self.generation = claims(answer.cookie.split("=", 1)[1])["gen"]


def test_nothing_acknowledged_is_lost_and_nobody_is_signed_out(pair, make_host):
    primary, standby = pair
    uri = f"postgresql://tallystick@/tallystick?host={primary.path},{standby.path}"
    # A window of zero rotates with every refresh.
    host = make_host(uri, REUSE_WINDOW="0s", MAX_SESSIONS=10000)
    host.admin("init")
    browsers = [Browser(host, f"user{number}") for number in range(4)]
    guarded = [host.login("user0") for _ in range(2)]
    ended, allowed, stop = [], [], threading.Event()

    def refresh(browser):
        while not stop.is_set():
            browser.step()

    def sign_out():
        """Logs in and out; whoever was signed out with a word is never let in again."""
        for _ in itertools.count():
            if stop.is_set():
                return
            with contextlib.suppress(OSError, AssertionError):
                login = host.login("user1")
                if login.status == 200 and host.check(login.token).status == 204:
                    if host.call("logout", token=login.token).status == 204:
                        ended.append(login.token)
            stop.wait(0.02)

    def look():
        while not stop.is_set():
            for token in ended[-5:]:
                with contextlib.suppress(OSError, AssertionError):
                    if host.check(token).status == 204:
                        allowed.append(token)

    threads = [threading.Thread(target=refresh, args=(browser,)) for browser in browsers]
    threads += [threading.Thread(target=sign_out), threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    try:
        for number in range(FAILOVERS):
            if number:
                standby.follow(primary)
            goal = len(ended) + 5
            goals = [browser.generation + 20 for browser in browsers]
            wait_until(
                lambda: len(ended) >= goal and all(browser.generation > old for browser, old in zip(browsers, goals)), "some load", 60)
            primary.kill()
            dead = time.monotonic()
            # While there is no server: a refusal or a failure, and no yes for what it cannot know.
            wait_until(lambda: host.call("refresh", cookie=browsers[0].cookie).status in (401, 503), "an answer")
            standby.promote()
            promoted = time.monotonic()
            before = [browser.generation for browser in browsers]
            wait_until(lambda: all(browser.generation > old for browser, old in zip(browsers, before)), "everybody to go on", 30)
            back = time.monotonic() - promoted
            print(f"dead for {promoted - dead:.1f} s, back after {back:.2f} s, {len(ended)} sign-outs")
            assert back < 5
            goal = len(ended) + 3
            wait_until(lambda: len(ended) >= goal, "sign-outs to go on", 30)
            primary, standby = standby, primary
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert allowed == []
    for browser in browsers:
        assert set(browser.statuses) <= {200, 503}, browser.statuses
        stored = int(primary.sql(f"SELECT generation FROM tallystick.session WHERE id = '{browser.session}'"))
        # The one step further may have been on its way.
        assert browser.generation <= stored <= browser.generation + 1
        assert host.check(browser.answer.token).status == 204
    assert [host.check(login.token).status for login in guarded] == [204, 204]
    assert {host.check(token).status for token in ended} == {401}


def test_a_server_that_comes_back_is_found_within_two_seconds(make_host):
    """Routes answer 503 meanwhile, `check` denies, and nothing is started again."""
    with contextlib.closing(Server()) as server:
        host = make_host(server.uri)
        host.admin("init")
        first = host.register()
        assert host.check(first.token).status == 204 and host.call("me", token=first.token).status == 200
        host.start("refresh"), host.start("login")
        processes = dict(host.processes)
        server.kill()
        for _ in range(3):
            start = time.monotonic()
            assert host.check(first.token).status == 503 and host.call("me", token=first.token).status == 503
            assert host.refresh(first.cookie).status == 503 and host.login().status == 503
            assert time.monotonic() - start < 5
        # Until the pauses between two tries to connect are at their longest.
        wait_until(lambda: time.monotonic() - start > 1, "a second", 5)
        server.start()
        start = time.monotonic()
        wait_until(lambda: host.check(first.token).status == 204, "check", 10)
        wait_until(lambda: host.refresh(first.cookie).status == 200, "refresh", 10)
        wait_until(lambda: host.login().status == 200, "login", 10)
        assert time.monotonic() - start < 2
        assert all(process.poll() is None for process in processes.values())


@pytest.mark.parametrize("age", ["0s", "1s"])
def test_without_a_server_check_denies_once_what_it_knows_is_too_old(make_host, age):
    with contextlib.closing(Server()) as server:
        host = make_host(server.uri, CHECK_STALENESS=age)
        host.admin("init")
        first = host.register()
        assert host.check(first.token).status == 204
        server.kill()
        killed = time.monotonic()
        wait_until(lambda: host.check(first.token).status == 503, "a refusal", 5)
        assert time.monotonic() - killed < 2
        assert {host.check(first.token).status for _ in range(5)} == {503}
        server.start()
        wait_until(lambda: host.check(first.token).status == 204, "check", 5)


def test_a_password_is_in_no_message(make_host):
    """Wrong password, wrong host, wrong URI: never the password itself."""
    with contextlib.closing(Server()) as server:
        (server.path / "data/pg_hba.conf").write_text("local all all scram-sha-256\n")
        server.sql("ALTER USER tallystick PASSWORD 'right secret'")
        server.sql("SELECT pg_reload_conf()")
        host = make_host(server.uri)
        good = f"postgresql://tallystick:right%20secret@/tallystick?host={server.path}"
        wait_until(lambda: host.admin("config", "check", check=False).returncode == 111, "passwords to be asked for")
        host.settings["TALLYSTICK_STORE"] = good
        host.admin("init")
        assert host.register().status == 201
        shown = host.admin("config", "show").stdout
        assert "postgresql://tallystick@" in shown and "right" not in shown
        for uri in (good.replace("right", "wrong"), good.replace("host=/", "host=/nowhere/"), good + "&no_such=secret", good.replace("%20", "%2")):
            host.settings["TALLYSTICK_STORE"] = uri
            done = host.admin("account", "list", check=False)
            assert done.returncode in (100, 111) and "secret" not in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        host.settings["TALLYSTICK_STORE"] = good
        done = host.admin("store", "copy", "sqlite", good, check=False)
        assert done.returncode == 100 and "secret" not in done.stderr
        assert b"secret" not in host.logs.read_bytes()
