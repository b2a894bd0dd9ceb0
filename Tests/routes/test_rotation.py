"""The contract's table of rotation, row by row and to the second, at the program itself.

Time passes by moving the times of a session in the database into the past.
"""

import itertools
import time

import pytest
from programs import COOKIE
from tokens import claims
from waiting import wait_until

DAY = 86_400


def live(host, cookie):
    """The row of the session that this cookie belongs to."""
    sid = claims(cookie.split("=", 1)[1])["sid"]
    with host.database() as opened:
        row = opened.execute("SELECT generation, confirmed, rotated_at, issued_at, sent_at FROM session WHERE id = ?", (sid,)).fetchone()
    return dict(zip(("generation", "confirmed", "rotated_at", "issued_at", "sent_at"), row)) if row else None


def is_reuse(host, answer, *cookies):
    """401, no cookie touched, the session over for everybody, and one event that says so."""
    assert (answer.status, answer.error) == (401, "invalid_token") and not answer.all("Set-Cookie")
    assert [host.refresh(cookie).status for cookie in cookies] == [401] * len(cookies)
    assert live(host, cookies[0]) is None
    assert len(host.events_named("refresh_reuse")) == 1
    return True


def is_refused_without_effect(host, answer, cookie):
    """401, and the session of this cookie as it was."""
    assert (answer.status, answer.error) == (401, "invalid_token") and not answer.all("Set-Cookie")
    assert live(host, cookie) is not None and not host.events_named("refresh_reuse")
    return True


def generation(answer):
    return claims(answer.token)["gen"]


@pytest.mark.parametrize("age, rotates", [(0, False), (3, False), (13, True), (DAY, True)])
def test_g_rotates_once_its_cookie_is_older_than_the_window_T045(host, age, rotates):
    """Row 1 and row 2: g, and now - issued_at > W or not; in both it is confirmed."""
    second = host.refresh(host.register().cookie)
    assert live(host, second.cookie)["confirmed"] == 1
    host.back_in_time(age)
    third = host.refresh(second.cookie)
    assert third.status == 200 and generation(third) == (3 if rotates else 2)
    assert bool(third.cookies) == rotates
    assert live(host, second.cookie)["confirmed"] == 2


def test_the_logins_own_rotates_at_once_T045(host):
    """Row 1: whatever its age."""
    first = host.register()
    second = host.refresh(first.cookie)
    assert second.status == 200 and generation(second) == 2 and second.cookie != first.cookie
    assert live(host, first.cookie)["generation"] == 2


@pytest.mark.parametrize("age", [0, 60, DAY, 6 * DAY])
def test_the_one_before_heals_at_any_age_while_its_successor_was_not_seen_T047(host, age):
    """Row 3: the same successor, the same bytes, and issued_at and sent_at are now; no fork."""
    first = host.register()
    lost = host.refresh(first.cookie)
    host.back_in_time(age)
    # What the successor says of its times comes from the row, which was moved.
    healed = host.refresh(first.cookie)
    assert healed.status == 200 and generation(healed) == 2
    again = host.refresh(first.cookie)
    assert again.cookie == healed.cookie and (age or healed.cookie == lost.cookie)
    row = live(host, first.cookie)
    assert row["generation"] == 2 and row["confirmed"] == 1 and abs(row["issued_at"] - time.time()) < 5
    assert row["sent_at"] == row["issued_at"]
    assert host.refresh(healed.cookie).status == 200


@pytest.mark.parametrize("seen_by", ["check", "me", "refresh", "sessions"])
@pytest.mark.parametrize("age, status", [(0, 200), (3, 200), (13, 401), (DAY, 401)])
def test_the_one_before_a_seen_successor_is_another_tab_inside_the_window_and_reuse_after_T046_T048(host, seen_by, age, status):
    """Row 4 and row 5; `check` and any bearer route confirm, and so does the refresh itself."""
    first = host.register()
    second = host.refresh(first.cookie)
    if seen_by == "refresh":
        assert host.refresh(second.cookie).status == 200
    else:
        assert host.call(seen_by, token=second.token).status in (200, 204)
    # `check` writes it behind its answer; as CGI nobody comes back for it, and it is there at once.
    seconds = 10 if host.way == "fastcgi" and seen_by == "check" else 0
    wait_until(lambda: live(host, first.cookie)["confirmed"] == 2, "the confirmation", seconds)
    host.back_in_time(age)
    answer = host.refresh(first.cookie)
    if status == 200:
        assert answer.status == 200 and generation(answer) == 2 and answer.cookie == second.cookie or age
        assert live(host, first.cookie)["generation"] == 2
    else:
        assert is_reuse(host, answer, second.cookie)
        assert host.check(second.token).status == 401


@pytest.mark.parametrize("age, status", [(0, 200), (13, 401)])
def test_two_tabs_heal_a_lost_answer_at_once_and_the_slower_one_is_another_tab_T048(host, age, status):
    """Row 4: its window counts from the healing, although the first tab has used its token since."""
    first = host.register()
    host.refresh(first.cookie)
    host.back_in_time(60)
    healed = host.refresh(first.cookie)
    assert host.call("me", token=healed.token).status == 200
    sent = live(host, first.cookie)["sent_at"]
    assert live(host, first.cookie)["confirmed"] == 2
    host.back_in_time(age)
    answer = host.refresh(first.cookie)
    if status == 200:
        assert answer.status == 200 and answer.cookie == healed.cookie
        # Another tab's turn does not prolong the window.
        assert live(host, first.cookie)["sent_at"] == sent
    else:
        assert is_reuse(host, answer, healed.cookie)


@pytest.mark.parametrize("age", [0, DAY])
def test_any_older_one_is_reuse_at_once_T046(host, age):
    """Row 5: the one before the one before, seen or not."""
    first = host.register()
    second = host.refresh(first.cookie)
    host.back_in_time(20)
    third = host.refresh(second.cookie)
    assert generation(third) == 3
    host.back_in_time(age)
    assert is_reuse(host, host.refresh(first.cookie), second.cookie, third.cookie)
    assert host.check(third.token).status == 401


def test_one_that_was_never_issued_is_reuse_T046(host):
    """Row 5: a generation to come, which our secret signed and no answer carried."""
    first = host.register()
    ahead = host.forge.refresh(first.cookie.split("=", 1)[1], gen=2)
    assert is_reuse(host, host.refresh(f"{COOKIE}={ahead}"), first.cookie)


@pytest.mark.settings(REUSE_WINDOW="0s")
def test_a_window_of_zero_rotates_each_time_and_heals_all_the_same_T047(host):
    cookie = host.register().cookie
    for count in range(2, 6):
        answer = host.refresh(cookie)
        assert generation(answer) == count and answer.cookie != cookie
        assert host.refresh(cookie).cookie == answer.cookie
        cookie = answer.cookie


def test_what_does_not_verify_or_has_no_session_touches_none_T055(host):
    """Row 6: a wrong signature, expired, an unknown session, another's session, a wrong version."""
    first, other = host.register("alice"), host.register("bob")
    token, now = first.cookie.split("=", 1)[1], int(time.time())
    forge, sid = host.forge.refresh, claims(first.token)["sid"]
    assert forge(token) == token  # what is refused below is refused for what is changed
    wrong = {
        "signature": token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), "expired": forge(token, iat=now - DAY, exp=now - 1),
        "unknown session": forge(token, sid=("a" if sid[0] != "a" else "b") + sid[1:]),
        "another's session": forge(token, sid=claims(other.token)["sid"]), "another account": forge(token, sub=claims(other.token)["sub"]),
        "later version": forge(token, ver=2), "issuer": forge(token, iss="https://other.example.test"),
        "version as text": forge(token, ver="1"), "type": forge(token, {"typ": "at+jwt"}), "algorithm": forge(token, {"alg": "none"}),
        "access token": first.token,
    }
    for what, value in wrong.items():
        answer = host.refresh(f"{COOKIE}={value}")
        assert is_refused_without_effect(host, answer, first.cookie), what
        assert live(host, other.cookie)["generation"] == 1
    assert generation(host.refresh(first.cookie)) == 2 and generation(host.refresh(other.cookie)) == 2


def test_the_cookie_of_a_session_that_was_ended_revokes_nothing_T055(host):
    first, second = host.register(), host.login()
    assert host.call("logout", token=first.token).status == 204
    assert is_refused_without_effect(host, host.refresh(first.cookie), second.cookie)
    assert host.refresh(second.cookie).status == 200


def test_a_raised_version_refuses_what_was_issued_before_and_ends_no_new_session_T057(host):
    first = host.register()
    assert host.call("revoke", token=first.token).status == 204
    second = host.login()
    assert is_refused_without_effect(host, host.refresh(first.cookie), second.cookie)
    assert host.check(second.token).status == 204


@pytest.mark.parametrize("way", ["answered twice", "reused"])
def test_detection_is_from_what_is_stored_whatever_is_started_again_T051(server, way):
    first = server.register()
    second = server.refresh(first.cookie)
    if way == "reused":
        assert server.check(second.token).status == 204
        server.back_in_time(20)
    server.stop()
    answer = server.refresh(first.cookie)
    assert (answer.status == 200 and answer.cookie == second.cookie) if way != "reused" else is_reuse(server, answer, second.cookie)


@pytest.mark.parametrize("idle, status", [(-60, 200), (2, 401)])
def test_a_session_that_rests_longer_than_a_refresh_token_lives_has_ended_T060(host, idle, status):
    """Seven days after the last rotation; a minute before, so that a slow machine is not past them by itself."""
    first = host.register()
    host.back_in_time(7 * DAY + idle)
    # The token that was issued then.
    token, issued = first.cookie.split("=", 1)[1], claims(first.cookie.split("=", 1)[1])["iat"] - 7 * DAY - idle
    then = host.forge.refresh(token, iat=issued, exp=issued + 7 * DAY)
    assert host.refresh(f"{COOKIE}={then}").status == status


def test_nothing_lives_past_the_absolute_end_T061(host):
    """Refreshed as often as one likes: Max-Age and both tokens end with the session, and then it is over."""
    answer = host.register()
    end = int(time.time()) + 90 * DAY
    for _ in range(13):
        host.back_in_time(7 * DAY - 60)
        end -= 7 * DAY - 60
        # The cookie, moved as the session was.
        token = answer.cookie.split("=", 1)[1]
        issued = claims(token)["iat"] - 7 * DAY + 60
        moved = host.forge.refresh(token, iat=issued, exp=min(issued + 7 * DAY, end))
        if end <= time.time():
            break
        # Before it is asked: the clock goes on while it answers.
        asked = int(time.time())
        answer = host.refresh(f"{COOKIE}={moved}")
        assert answer.status == 200
        seconds = int(answer.all("Set-Cookie")[0].rsplit("Max-Age=", 1)[1])
        assert seconds <= end - asked
        assert claims(answer.cookie.split("=", 1)[1])["exp"] <= end + 1 and claims(answer.token)["exp"] <= end + 1
        assert answer.json["expires_in"] == claims(answer.token)["exp"] - claims(answer.token)["iat"]
    assert end <= time.time(), "the end was never reached"
    assert host.refresh(f"{COOKIE}={moved}").status == 401 and host.check(answer.token).status == 401


@pytest.mark.settings(SESSION_LIFETIME="10m")
def test_the_first_tokens_end_with_a_short_session_too_T061(host):
    answer = host.register()
    assert answer.json["expires_in"] == 600 and answer.all("Set-Cookie")[0].endswith("Max-Age=600")
    host.back_in_time(599)
    left = host.refresh(answer.cookie)
    assert left.status == 401 or left.json["expires_in"] <= 1
    host.back_in_time(2)
    assert host.refresh(answer.cookie).status == 401 and host.check(answer.token).status == 401


def test_an_expired_cookie_beside_ours_counts_as_absent_T144(host):
    """Wrongly signed, expired, of another issuer; before and behind ours, and alone it is 401 that touches nothing."""
    first = host.register()
    token, now = first.cookie.split("=", 1)[1], int(time.time())
    planted = [host.forge.refresh(token, iat=now - DAY, exp=now - 1), host.forge.refresh(token, iss="https://other.example.test"),
               token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")]
    for value, order in itertools.product(planted, (0, 1)):
        pair = [f"{COOKIE}={value}", first.cookie]
        answer = host.refresh("; ".join(pair[::-1] if order else pair))
        assert answer.status == 200 and generation(answer) == 2
        assert [text for text in answer.all("Set-Cookie") if "Domain=example.test" in text and "Max-Age=0" in text]
        alone = host.refresh(f"{COOKIE}={value}")
        assert is_refused_without_effect(host, alone, first.cookie)
