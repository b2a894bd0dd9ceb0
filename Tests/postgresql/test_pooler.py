"""Through pgbouncer in transaction mode: connections change hands after each transaction.

It takes no settings at the start and keeps no prepared statements apart; the programs find that out.
"""

import concurrent.futures
import contextlib

import pytest
from harness import GOOD
from servers import Pooler
from tokens import claims

NEW = "an entirely different phrase"


@pytest.fixture
def pooled(empty, make_host):
    with contextlib.closing(Pooler(empty, size=2)) as pooler:
        host = make_host(pooler.uri, MAX_SESSIONS=1000)
        host.admin("init")
        yield host


def test_every_route_answers_as_ever(pooled):
    first = pooled.register()
    second = pooled.refresh(first.cookie)
    statuses = [
        second.status, pooled.login().status, pooled.login(password="wrong").status, pooled.check(second.token).status,
        pooled.call("me", token=second.token).status, pooled.call("sessions", token=second.token).status,
        pooled.call("health").status,
        pooled.call("password", token=second.token, body={"current_password": GOOD, "new_password": NEW}).status,
        pooled.check(second.token).status]
    assert statuses == [200, 200, 401, 204, 200, 200, 204, 200, 401]
    third = pooled.login(password=NEW)
    assert pooled.call("logout", token=third.token).status == 204 and pooled.check(third.token).status == 401


def test_a_crowd_shares_two_connections(pooled, empty):
    pooled.register()
    browsers = [pooled.login() for _ in range(12)]
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        jobs = [pool.submit(pooled.check, browser.token) for browser in browsers for _ in range(20)]
        refreshed = list(pool.map(lambda browser: pooled.refresh(browser.cookie), browsers))
        assert {job.result().status for job in jobs} == {204}
    assert [answer.status for answer in refreshed] == [200] * 12
    assert {claims(answer.token)["gen"] for answer in refreshed} == {2}
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda answer: pooled.call("logout", token=answer.token), refreshed))
    assert {pooled.check(answer.token).status for answer in refreshed} == {401}
    assert not [event for event in pooled.events if event["event"] == "unavailable"]
    # Nothing of ours is left in a connection that somebody else gets.
    assert empty.sql("SHOW statement_timeout") == "0"
