"""Section E: the refresh cookie, behind nginx."""

import base64
import concurrent.futures
import json
import re

import pytest
from programs import COMPANION, COOKIE
from site_under_test import PASSWORD, Account
from tokens import claims


def set_cookies(answer):
    return answer.headers.get_list("set-cookie")


def with_cookies(site, text, **headers):
    return site.post("/auth/refresh", headers={"Cookie": text} | headers)


def is_stored(answer):
    """T142: exactly one cookie, with these attributes and no other."""
    cookie, = [value for value in set_cookies(answer) if not value.startswith(f"{COMPANION}=")]
    value = re.fullmatch(
        rf"{COOKIE}=([A-Za-z0-9_.-]+); Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=(\d+)", cookie)
    assert value, cookie
    assert 0 < int(value[2]) <= 7 * 86400 and len(cookie) < 4096
    assert claims(value[1])["exp"] - claims(value[1])["iat"] >= int(value[2])
    return True


def test_every_success_sets_one_cookie(site):
    """T142: register, login, refresh, password."""
    name, body = "cookie", {"username": "cookie", "password": PASSWORD}
    registered = site.post("/auth/register", json=body)
    assert is_stored(registered)
    user = Account(site, name, registered)
    assert is_stored(site.login(name))
    assert is_stored(user.take(user.refresh()))
    changed = site.post("/auth/password", headers=user.bearer,
                        json={"current_password": PASSWORD, "new_password": "another in the harness"})
    assert changed.status_code == 200 and is_stored(changed)


@pytest.mark.parametrize("route", ["logout", "revoke"])
def test_signing_out_clears_the_cookie_that_was_set(site, user, route):
    """T062: the same name, path and attributes."""
    answer = site.post(f"/auth/{route}", headers=user.bearer)
    assert answer.status_code == 204
    assert set_cookies(answer) == [
        f"{COOKIE}=; Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
        f"{COMPANION}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    ]
    refused = user.refresh()
    assert refused.status_code == 401 and not set_cookies(refused)


@pytest.mark.parametrize("token", [None, "x", "a.b.c"])
def test_signing_out_without_a_credential_is_no_error(site, user, token):
    """T063: and not told from one with; whatever cookie comes along, no session is touched."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    told = site.post("/auth/logout", headers=site.register().bearer)
    for cookie in (None, "x.y.z", user.cookie, spoiled(user.cookie)):
        answer = site.post("/auth/logout", headers=headers | ({"Cookie": f"{COOKIE}={cookie}"} if cookie else {}))
        assert (answer.status_code, answer.content, set_cookies(answer)) == (204, b"", set_cookies(told))
        assert [name for name, _ in answer.headers.multi_items()] == [name for name, _ in told.headers.multi_items()]
    assert site.get("/private/", headers=user.bearer).status_code == user.refresh().status_code == 200


def test_nginx_and_the_programs_name_one_path(site, user):
    """T142: the path in the cookie is the location that mounts the route."""
    assert "; Path=/auth/refresh;" in set_cookies(site.login(user.name))[0]
    assert user.refresh().status_code == 200


def spoiled(cookie):
    return cookie[:-4] + ("AAAA" if cookie[-4:] != "AAAA" else "BBBB")


def test_a_planted_cookie_that_does_not_verify_counts_as_absent(site, user):
    """T144: before and behind ours; and a planted one alone is 401."""
    for planted in ("x", "", "a.b.c", spoiled(user.cookie), user.token):
        for order in ((planted, user.cookie), (user.cookie, planted)):
            sent = [f"{COOKIE}={value}" for value in order] + [f"{COMPANION}={user.companion}"]
            answer = with_cookies(site, "; ".join(sent))
            assert answer.status_code == 200, answer.text
            user.take(answer)
    assert with_cookies(site, f"{COOKIE}={spoiled(user.cookie)}").status_code == 401
    assert user.refresh().status_code == 200


def test_two_cookies_that_verify_are_refused_and_touch_nothing(site, user):
    """T144: an attacker's own, planted by a sibling host."""
    other = site.register()
    for order in ((user.cookie, other.cookie), (other.cookie, user.cookie)):
        answer = with_cookies(site, "; ".join(f"{COOKIE}={value}" for value in order))
        assert answer.status_code == 401
    assert user.refresh().status_code == 200 and other.refresh().status_code == 200


def test_two_cookie_headers_are_read_like_one(site, user):
    """T144: nginx joins them."""
    other = site.register()
    request = (
        "POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n"
        f"Cookie: {COOKIE}={user.cookie}\r\nCookie: {COOKIE}=")
    assert b" 401 " in site.raw(f"{request}{other.cookie}\r\n\r\n".encode()).split(b"\r\n")[0]
    for planted in ("x", other.cookie):
        sent = f"{request}{planted}; {COMPANION}={user.companion}\r\n\r\n"
        assert b" 200 " in site.raw(sent.encode()).split(b"\r\n")[0]


@pytest.mark.parametrize("name", ["__secure-refresh", "__SECURE-REFRESH", "refresh", "__Host-refresh", "__Secure-refresh2", "__Secure-Refresh"])
def test_only_the_exact_name_counts(site, user, name):
    """T145."""
    assert with_cookies(site, f"{name}={user.cookie}").status_code == 401
    for before in (True, False):
        answer = with_cookies(site, f"{name}=evil; {user.sent}" if before else f"{user.sent}; {name}=evil")
        assert answer.status_code == 200
        user.take(answer)


def test_an_access_token_is_no_refresh_token(site, user):
    """T019."""
    assert with_cookies(site, f"{COOKIE}={user.token}").status_code == 401
    assert user.refresh().status_code == 200


def test_the_refresh_token_is_in_no_body_and_the_access_token_in_no_header(site):
    """T158."""
    user = site.register()
    answers = [site.login(user.name), user.refresh()]
    answers += [site.get(path, headers=user.bearer) for path in ("/auth/me", "/auth/sessions", "/api/echo")]
    refresh = [claims(cookie)["sid"] for cookie in [user.cookie]]
    for answer in answers:
        text = json.dumps(answer.headers.multi_items())
        for secret in [user.cookie, answer.cookies.get(COOKIE)]:
            assert not secret or secret not in answer.text
        assert answer.status_code == 200 and user.token not in text
        if "access_token" in answer.text:
            assert answer.json()["access_token"] not in text
    assert refresh


def test_a_lost_answer_heals(site, user):
    """T047, T045: the same successor again, and exactly one."""
    first, again = user.refresh(), user.refresh()
    assert first.cookies[COOKIE] == again.cookies[COOKIE] != user.cookie
    assert claims(first.cookies[COOKIE])["gen"] == claims(user.cookie)["gen"] + 1


def test_fifty_tabs_that_refresh_at_once_converge(site, user):
    """T049, T215: through nginx's limit too."""
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: user.refresh(), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.cookies[COOKIE] for answer in answers if COOKIE in answer.cookies}) == 1


def test_a_login_does_not_continue_a_presented_session(site, user):
    """T076."""
    answer = site.login(user.name, headers={"Cookie": f"{COOKIE}={user.cookie}"})
    assert claims(answer.json()["access_token"])["sid"] != claims(user.token)["sid"]
    assert user.refresh().status_code == 200


def test_a_refresh_token_is_no_longer_than_a_browser_keeps(site):
    """T142, with the longest name."""
    answer = site.post("/auth/register", json={"username": "n" * 64, "password": PASSWORD})
    assert answer.status_code == 201 and is_stored(answer)
    for part in answer.cookies[COOKIE].split("."):
        assert base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
