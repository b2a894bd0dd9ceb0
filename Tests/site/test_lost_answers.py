"""Section B: a client that closes its connection during a refresh (T075), which nginx logs as 499."""

import json
import pathlib
import signal

import pytest
from programs import COOKIE
from tokens import claims
from waiting import wait_until


def sent(site, user):
    """A connection over which a refresh is under way."""
    connection = site.socket()
    connection.sendall(
        f"POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nCookie: {user.sent}\r\n\r\n".encode())
    return connection


def given_up(site):
    """How many refreshes nginx has seen abandoned."""
    lines = [json.loads(line) for line in site.log("access").splitlines()]
    return sum((line["status"], line["path"]) == (499, "/auth/refresh") for line in lines)


def waits_for_the_lock(site):
    """Whether the program stands before the lock of the store, in the middle of its transaction."""
    locks = pathlib.Path("/proc/locks").read_text().splitlines()
    return any("->" in line and f" {site.pid('refresh')} " in line for line in locks)


def generation(site, user):
    with site.database() as opened:
        return opened.execute("SELECT generation FROM session WHERE id = ?", (user.session,)).fetchone()[0]


def heals(site, user, before):
    """The retry with the cookie that the client still has: one step, whichever way the first one went."""
    after = generation(site, user)
    assert after in (before, before + 1)
    healed = user.take(user.refresh())
    assert healed.status_code == 200 and claims(user.cookie)["gen"] == generation(site, user) == before + 1
    assert site.get("/private/", headers=user.bearer).status_code == 200
    assert user.refresh().status_code == 200 and "refresh_reuse" not in site.log("refresh")
    return True


def test_a_client_that_goes_while_the_program_has_not_read_its_refresh_can_try_again(site, user):
    """T075: the program is stopped, nginx has sent the request, the client closes."""
    before, seen = generation(site, user), given_up(site)
    site.signal("refresh", signal.SIGSTOP)
    try:
        sent(site, user).close()
        wait_until(lambda: given_up(site) > seen, "a 499")
    finally:
        site.signal("refresh", signal.SIGCONT)
    assert heals(site, user, before)


def test_a_client_that_goes_in_the_middle_of_the_transaction_can_try_again(site, user):
    """T075: the program waits for the store while the client closes, and then goes on for nobody."""
    before, seen = generation(site, user), given_up(site)
    with site.database():
        connection = sent(site, user)
        wait_until(lambda: waits_for_the_lock(site), "the wait for the lock")
        connection.close()
        wait_until(lambda: given_up(site) > seen, "a 499")
    # It commits although nobody listens: the case of the lost answer.
    wait_until(lambda: generation(site, user) == before + 1, "the rotation")
    assert heals(site, user, before)


@pytest.mark.parametrize("read", [0, 1, 17, 200, 700])
def test_a_client_that_goes_at_any_byte_of_the_answer_can_try_again(site, user, read):
    """T075: as many bytes as it has read; several times in a row, and the cookie it has always heals."""
    for _ in range(5):
        before = generation(site, user)
        with sent(site, user) as connection:
            while read and len(connection.recv(read)) < 1:
                pass
        assert heals(site, user, before)
        site.back_in_time(20)  # the next rotation is due
