"""A connection that is cut at each statement of a request, before or after the server has got it.

Nothing is half done: the answer is what it would have been or 503, and the same request again heals.
"""

import contextlib
import itertools

import pytest
from harness import GOOD
from servers import Proxy
from tokens import claims

NEW = "an entirely different phrase"


@pytest.fixture
def proxied(empty, make_host):
    with contextlib.closing(Proxy(empty)) as proxy:
        host = make_host(proxy.uri)
        host.admin("init")
        # They have their connections before the first is cut: a program that starts without a server ends.
        for program in ("register", "login", "refresh", "password", "logout", "check"):
            host.start(program)
        yield host, proxy


def back_in_time(server, seconds):
    """As if so long had gone by for every session."""
    columns = ("rotated_at", "issued_at", "sent_at", "bound_from", "created_at", "last_used_at", "expires_at")
    server.sql("UPDATE tallystick.session SET " + ", ".join(f"{column} = {column} - {seconds}" for column in columns))


def each_cut(proxy, forward, ask):
    """Asks with a cut one piece later each time, until the request is over before it; what was answered."""
    answers = []
    for count in itertools.count():
        proxy.cut_after(count, forward)
        answers.append(ask(count))
        cuts = proxy.cuts
        proxy.heal()
        if not cuts:
            break
        assert answers[-1].status in (200, 503), (count, answers[-1].raw)
        assert answers[-1].status == 200 or (answers[-1].error == "temporarily_unavailable" and not answers[-1].all("Set-Cookie"))
    assert answers[-1].status == 200 and len(answers) > 2, len(answers)
    return answers


@pytest.mark.parametrize("forward", [False, True])
def test_a_refresh_is_healed_by_the_same_cookie(proxied, forward):
    host, proxy = proxied
    browser = {"cookie": host.register().cookie}
    generation = 1

    def ask(count):
        nonlocal generation
        back_in_time(proxy.server, 20)
        answer = host.refresh(browser["cookie"])
        if answer.status != 200:
            # The browser has the old cookie still; what was committed is sent again.
            proxy.heal()
            healed = host.refresh(browser["cookie"])
            assert healed.status == 200, (count, healed.raw)
            browser["cookie"] = healed.cookie
        else:
            browser["cookie"] = answer.cookie
        generation += 1
        assert claims(browser["cookie"].split("=", 1)[1])["gen"] == generation
        return answer

    answers = each_cut(proxy, forward, ask)
    assert any(answer.status == 503 for answer in answers) or not forward
    assert host.check(host.refresh(browser["cookie"]).token).status == 204


@pytest.mark.parametrize("forward", [False, True])
def test_a_login_is_answered_or_may_be_sent_again(proxied, forward):
    host, proxy = proxied
    host.register()
    host.login()

    def ask(count):
        answer = host.login()
        if answer.status != 200:
            proxy.heal()
            assert host.login().status == 200, count
        else:
            assert host.check(answer.token).status == 204
        return answer

    each_cut(proxy, forward, ask)


@pytest.mark.parametrize("forward", [False, True])
def test_a_password_change_is_whole_or_has_not_happened(proxied, forward):
    host, proxy = proxied
    state = {"token": host.register().token, "password": GOOD}
    phrases = (f"{NEW} {number}" for number in itertools.count())

    def ask(count):
        new = next(phrases)
        body = {"current_password": state["password"], "new_password": new}
        answer = host.call("password", token=state["token"], body=body)
        proxy.heal()
        if answer.status == 200:
            state.update(token=answer.token, password=new)
            assert host.check(answer.token).status == 204
            return answer
        # Either everything is as it was, or everything is new; the log has said which nobody knows.
        works = {password: host.login(password=password).status for password in (state["password"], new)}
        assert sorted(works.values()) == [200, 401], (count, works)
        changed = works[new] == 200
        assert host.check(state["token"]).status == (401 if changed else 204)
        if changed:
            state.update(password=new, token=host.login(password=new).token)
        host.admin("ban", "lift", "--all")
        return answer

    each_cut(proxy, forward, ask)


@pytest.mark.parametrize("forward", [False, True])
def test_a_sign_out_that_was_acknowledged_is_one(proxied, forward):
    host, proxy = proxied
    host.register()

    for count in itertools.count():
        login = host.login()
        assert host.check(login.token).status == 204
        proxy.cut_after(count, forward)
        answer = host.call("logout", token=login.token)
        cuts = proxy.cuts
        proxy.heal()
        assert answer.status in (204, 503)
        if answer.status == 503:
            assert host.call("logout", token=login.token).status == 204
        assert host.check(login.token).status == 401
        if not cuts:
            break
    assert count > 1
