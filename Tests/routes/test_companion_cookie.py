"""The companion of the refresh cookie: a refresh token counts only beside the companion of its session.

The tests write out what a browser would send, so that every order and every combination is tried.
T144; contract, section 3; RFC 6265bis §4.1.3 (prefixes), §8.6 (weak integrity).
"""

import itertools
import re
import time

import pytest
from harness import GOOD
from programs import COOKIE, contents
from tokens import claims
from waiting import wait_until

COMPANION = "__Host-refresh-binding"
DAY = 86_400
# For these a sibling of auth.example.test, or a host below it, may set cookies.
DOMAINS = ("auth.example.test", "example.test")
PATHS = ("/", "/auth", "/auth/", "/auth/refresh")
EVERYWHERE = sorted(itertools.product(DOMAINS, PATHS))


class Browser:
    """One account's cookies and access token, as its answers gave them."""

    def __init__(self, host, name, answer=None):
        self.host, self.name, self.jar = host, name, {}
        self.take(answer or host.register(name))

    def take(self, answer):
        assert answer.status in (200, 201), answer.raw
        self.token = answer.token
        for value in answer.all("Set-Cookie"):
            pair, _, attributes = value.partition("; ")
            if "Domain=" not in attributes:
                name, _, self.jar[name] = pair.partition("=")
        return answer

    @property
    def refresh(self):
        return f"{COOKIE}={self.jar[COOKIE]}"

    @property
    def companion(self):
        assert COMPANION in self.jar, f"no answer has set {COMPANION}"
        return f"{COMPANION}={self.jar[COMPANION]}"

    @property
    def session(self):
        return claims(self.token)["sid"]

    def sends(self, *pairs):
        """A refresh with these cookies, in this order."""
        return self.host.call("refresh", cookie="; ".join(pairs))


@pytest.fixture
def alice(host):
    return Browser(host, "alice")


@pytest.fixture
def mallory(host):
    return Browser(host, "mallory")


def is_refused(host, answer, before):
    """401, no cookie of ours touched, and nothing changed in the store."""
    assert (answer.status, answer.error) == (401, "invalid_token")
    assert len(expired(answer)) == len(answer.all("Set-Cookie"))
    assert contents(host.state) == before and not host.events_named("refresh_reuse")
    return True


def is_answered(answer, browser):
    """200, for this browser's account and session."""
    assert answer.status == 200, answer.raw
    assert claims(answer.token)["sid"] == browser.session
    assert answer.json["user"]["username"] == browser.name
    return True


def expired(answer):
    """The domains and paths for which this answer deletes refresh cookies, each once."""
    found = []
    for value in answer.all("Set-Cookie"):
        pair, *attributes = value.split("; ")
        named = dict(part.partition("=")[::2] for part in attributes)
        if "Domain" in named:
            assert pair == f"{COOKIE}=" and named["Max-Age"] == "0" and "Secure" in named, value
            found.append((named["Domain"], named["Path"]))
    assert len(found) == len(set(found))
    return sorted(found)


def ours(answer, name):
    """The Set-Cookie values of this name that are not for another host's domain."""
    values = [value for value in answer.all("Set-Cookie") if value.startswith(f"{name}=")]
    return [value for value in values if "Domain=" not in value]


def spoiled(pair):
    return pair[:-4] + ("AAAA" if pair[-4:] != "AAAA" else "BBBB")


# Attributes


def is_companion(answer, lifetime):
    """Exactly one, with these attributes and no other, and a Max-Age of the session's remaining life."""
    value, = ours(answer, COMPANION)
    found = re.fullmatch(
        rf"{COMPANION}=([A-Za-z0-9_-]{{22,}}); Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=(\d+)", value)
    assert found, value
    assert lifetime - 5 <= int(found[2]) <= lifetime and len(value) < 4096
    return True


@pytest.mark.settings(SESSION_LIFETIME="30d")
def test_whatever_starts_a_session_sets_it(host):
    """register, login, password."""
    registered = host.register()
    assert is_companion(registered, 30 * DAY)
    assert is_companion(host.login(), 30 * DAY)
    changed = host.call("password", token=registered.token, body={
        "current_password": GOOD, "new_password": "another fine phrase"})
    assert changed.status == 200 and is_companion(changed, 30 * DAY)
    given = [ours(answer, COMPANION)[0].split(";")[0] for answer in (registered, changed)]
    assert len(set(given)) == 2, "each session has its own"


def test_a_refresh_does_not_change_it(host, alice):
    answer = alice.sends(alice.refresh, alice.companion)
    assert is_answered(answer, alice) and ours(answer, COOKIE) and not ours(answer, COMPANION)


@pytest.mark.parametrize("program", ["logout", "revoke"])
def test_signing_out_clears_it_with_the_attributes_it_was_set_with_T062(host, program):
    first = host.register()
    answer = host.call(program, token=first.token)
    assert answer.status == 204
    assert ours(answer, COMPANION) == [f"{COMPANION}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"]
    assert ours(answer, COOKIE) == [f"{COOKIE}=; Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0"]


def test_logout_clears_it_without_a_credential_too_T063(host):
    assert len(ours(host.call("logout"), COMPANION)) == 1


def test_no_refusal_touches_it(host, alice):
    """A late answer would delete a newer one."""
    wrong = {"username": "alice", "password": "not the password"}
    change = {"current_password": "not the one", "new_password": "another fine phrase"}
    refused = [
        host.call("login", body=wrong, cookie=alice.companion), host.call("register", body=wrong, cookie=alice.companion),
        host.call("password", body=change, token=alice.token, cookie=alice.companion), host.call("revoke", cookie=alice.companion),
        alice.sends(alice.companion), alice.sends(alice.refresh), alice.sends(spoiled(alice.refresh), alice.companion),
        alice.sends(alice.refresh, spoiled(alice.companion)),
        host.call("refresh", cookie=f"{alice.refresh}; {alice.companion}", headers=[("Sec-Fetch-Site", "cross-site")]),
        host.call("logout", cookie=alice.companion, headers=[("Sec-Fetch-Site", "cross-site")]),
    ]
    assert {answer.status for answer in refused} <= {401, 403, 409, 422}
    assert [ours(answer, COMPANION) + ours(answer, COOKIE) for answer in refused] == [[]] * len(refused)
    assert is_answered(alice.sends(alice.refresh, alice.companion), alice)


def test_it_opens_nothing_by_itself(host, alice):
    before = contents(host.state)
    value = alice.companion.partition("=")[2]
    assert is_refused(host, alice.sends(alice.companion), before)
    assert is_refused(host, alice.sends(f"{COOKIE}={value}", alice.companion), before)
    assert host.call("me", token=value).status == host.check(value).status == 401
    # It says nothing of the session that it belongs to.
    assert alice.session not in value and value not in alice.jar[COOKIE]


# The rule


@pytest.mark.parametrize("order", [0, 1])
def test_a_token_counts_beside_its_companion_in_either_order(host, alice, order):
    pair = [alice.refresh, alice.companion]
    assert is_answered(alice.sends(*(reversed(pair) if order else pair)), alice)


def test_a_token_without_a_companion_counts_as_absent(host, alice):
    before = contents(host.state)
    good = alice.companion.partition("=")[2]
    junk = ("", "x", good[:-1], good + "A", alice.jar[COOKIE], alice.session)
    assert is_refused(host, alice.sends(alice.refresh), before)
    for value in junk:
        assert is_refused(host, alice.sends(alice.refresh, f"{COMPANION}={value}"), before)
    for name in ("__host-refresh-binding", "__Host-Refresh-Binding", "refresh-binding", "__Secure-refresh-binding"):
        assert is_refused(host, alice.sends(alice.refresh, f"{name}={good}"), before)
    assert is_answered(alice.sends(alice.refresh, alice.companion), alice)


def test_the_companion_of_another_session_counts_as_none(host, alice, mallory):
    """Of another account, and of another session of the same account."""
    again = Browser(host, "alice", host.login("alice"))
    before = contents(host.state)
    for one, other in itertools.permutations((alice, mallory, again), 2):
        assert is_refused(host, one.sends(one.refresh, other.companion), before)
    for each in (alice, mallory, again):
        assert is_answered(each.sends(each.refresh, each.companion), each)


def test_two_companions_count_as_none(host, alice, mallory):
    """No order tells which is whose: not even two of the same value."""
    before = contents(host.state)
    for second in (mallory.companion, alice.companion, f"{COMPANION}=", f"{COMPANION}=x"):
        for order in itertools.permutations((alice.refresh, alice.companion, second)):
            assert is_refused(host, alice.sends(*order), before)
    assert is_answered(alice.sends(alice.refresh, alice.companion), alice)


def test_two_cookie_headers_are_read_like_one(server):
    alice, mallory = Browser(server, "alice"), Browser(server, "mallory")
    before = contents(server.state)
    assert is_refused(server, server.call("refresh", cookie=[f"{alice.refresh}; {alice.companion}", mallory.companion]), before)
    assert is_answered(server.call("refresh", cookie=[mallory.refresh, f"{alice.refresh}; {alice.companion}"]), alice)
    assert is_answered(server.call("refresh", cookie=[alice.companion, f"{mallory.refresh}; {alice.refresh}"]), alice)


def test_what_does_not_verify_or_belongs_to_another_session_counts_as_absent_T144(host, alice, mallory):
    """Whatever is planted, and wherever it stands, the refresh is alice's, and mallory's session is untouched."""
    forge, now = host.forge.refresh, int(time.time())
    planted = [
        mallory.refresh, spoiled(alice.refresh), f"{COOKIE}=", f"{COOKIE}=x.y.z", f"{COOKIE}={alice.token}",
        f"{COOKIE}={forge(alice.jar[COOKIE], iat=now - DAY, exp=now - 1)}",
        f"{COOKIE}={forge(alice.jar[COOKIE], iss='https://other.example.test')}",
        f"{COOKIE}={forge(mallory.jar[COOKIE], sub=claims(alice.token)['sub'])}",
    ]
    for value in planted:
        for order in itertools.permutations(range(3)):
            cookies = (value, alice.refresh, alice.companion)
            assert is_answered(alice.take(alice.sends(*(cookies[place] for place in order))), alice)
    assert not host.events_named("refresh_reuse")
    answer = mallory.sends(mallory.refresh, mallory.companion)
    assert is_answered(answer, mallory) and claims(answer.token)["gen"] == 2


def test_only_planted_ones_beside_the_users_companion_open_nothing(host, alice, mallory):
    """After a flood that evicted the user's refresh cookie alone."""
    before = contents(host.state)
    assert is_refused(host, alice.sends(mallory.refresh, alice.companion), before)
    assert is_refused(host, alice.sends(mallory.refresh, mallory.refresh, alice.companion), before)


@pytest.mark.parametrize("age", [0, 60])
def test_of_one_sessions_tokens_the_newest_generation_is_presented(host, alice, age):
    """An older one of the user's own, which somebody planted, is not the reuse that it would be alone."""
    old = [alice.refresh]
    for _ in range(2):
        host.back_in_time(20)
        alice.take(alice.sends(alice.refresh, alice.companion))
        old.append(alice.refresh)
    *old, newest = old
    assert [claims(each.split("=", 1)[1])["gen"] for each in (*old, newest)] == [1, 2, 3]
    host.back_in_time(age)
    for order in itertools.permutations((*old, newest, alice.companion)):
        assert is_answered(alice.sends(*order), alice)
    assert not host.events_named("refresh_reuse")
    # Alone it is.
    assert alice.sends(old[0], alice.companion).status == 401
    assert len(host.events_named("refresh_reuse")) == 1


# Expiry of what was planted


def test_planted_cookies_are_expired_on_every_path_for_every_parent_domain(host, alice, mallory):
    """In the answer that grants, before ours: a browser that takes the two for one keeps the good one."""
    answer = alice.sends(mallory.refresh, alice.refresh, alice.companion)
    assert is_answered(answer, alice)
    assert expired(answer) == EVERYWHERE
    assert len(answer.all("Set-Cookie")) == len(EVERYWHERE) + 1
    assert answer.all("Set-Cookie")[-1:] == ours(answer, COOKIE)


def test_planted_cookies_are_expired_by_a_refusal_too(host, alice, mallory):
    """They carry a Domain, and ours never does: nothing of ours is touched."""
    before = contents(host.state)
    answer = alice.sends(mallory.refresh, alice.refresh)
    assert is_refused(host, answer, before)
    assert expired(answer) == EVERYWHERE


def test_a_request_with_nothing_planted_expires_nothing(host, alice):
    answer = alice.sends(alice.refresh, alice.companion)
    assert is_answered(answer, alice) and len(answer.all("Set-Cookie")) == 1


@pytest.mark.settings(ISSUER="https://localhost:8443")
def test_where_no_domain_is_shared_there_is_nothing_to_expire(made):
    alice, mallory = Browser(made, "alice"), Browser(made, "mallory")
    answer = alice.sends(mallory.refresh, alice.refresh, alice.companion)
    assert is_answered(answer, alice)
    assert expired(answer) == []


# The migration


def bind_from(host, browser, moment):
    """Tokens of this session that were issued before this moment need no companion."""
    with host.database() as opened:
        done = opened.execute("UPDATE session SET bound_from = ? WHERE id = ?", (moment, browser.session))
        assert done.rowcount == 1


def test_a_token_from_before_the_companion_needs_none_and_its_successor_comes_with_one(host, alice):
    before = claims(alice.jar[COOKIE])["iat"] + 1
    bind_from(host, alice, before)
    wait_until(lambda: time.time() >= before, "the second in which companions begin")
    alice.jar.pop(COMPANION, None)
    answer = alice.take(alice.sends(alice.refresh))
    assert is_answered(answer, alice) and is_companion(answer, 90 * DAY)
    assert is_refused(host, alice.sends(alice.refresh), contents(host.state)), "the successor needs it"
    assert is_answered(alice.sends(alice.refresh, alice.companion), alice)


def test_a_lost_first_answer_of_the_migration_heals(host, alice):
    """The browser still has the old token alone, and gets the successor and the companion again."""
    before = claims(alice.jar[COOKIE])["iat"] + 1
    bind_from(host, alice, before)
    wait_until(lambda: time.time() >= before, "the second in which companions begin")
    lost = alice.sends(alice.refresh)
    healed = alice.sends(alice.refresh)
    assert is_answered(lost, alice) and is_answered(healed, alice)
    assert ours(healed, COMPANION)[0].split(";")[0] == ours(lost, COMPANION)[0].split(";")[0]


def test_a_token_issued_at_that_moment_or_later_needs_one(host, alice):
    issued = claims(alice.jar[COOKIE])["iat"]
    for moment in (issued, issued - 1, 0):
        bind_from(host, alice, moment)
        assert is_refused(host, alice.sends(alice.refresh), contents(host.state))
    assert is_answered(alice.sends(alice.refresh, alice.companion), alice)


def test_a_planted_token_does_not_take_the_place_of_one_that_needs_no_companion_yet(host, alice, mallory):
    """While the user's own needs no companion yet, the planter's new one does."""
    bind_from(host, alice, claims(alice.jar[COOKIE])["iat"] + 1)
    for order in itertools.permutations((mallory.refresh, alice.refresh)):
        assert is_answered(alice.sends(*order), alice)
