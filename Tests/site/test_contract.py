"""The contract's tables of routes and errors through nginx, and a fresh site."""

import json

import pytest
from contract import ERRORS, is_as_the_contract_says
from programs import COOKIE, contents
from site_under_test import PASSWORD, Account, Site
from tokens import claims

NEW = "another in the harness"


def path_of(row):
    path = "/.well-known/jwks.json" if row.program == "jwks" else f"/auth/{row.program}"
    return f"{path}/{row.below}" if row.below else path


@pytest.mark.parametrize("row", ERRORS, ids=str)
def test_every_error_is_the_contracts_and_has_no_effect(site, alice, row):
    """Section 1's table of errors: from a program or from nginx itself, in one form."""
    before = contents(site.dir / "state")
    headers = dict(row.headers)
    content = row.content(PASSWORD)
    if row.credential:
        headers["Authorization"] = f"Bearer {alice.token if row.credential == 'good' else 'a.b.c'}"
    if content is not None:
        headers["Content-Type"] = row.media_type
    answer = site.client.request(row.method, path_of(row), content=content, headers=headers)
    assert is_as_the_contract_says(row, answer.status_code, answer.headers.get_list, answer.content)
    assert contents(site.dir / "state") == before
    # No row may ban the account that the others use.
    site.admin("ban", "lift", "--all")


def test_every_route_does_what_its_row_says(site):
    """Section 1's table of routes: one person's way through all of them."""
    user = site.register()
    me = site.get("/auth/me", headers=user.bearer)
    assert me.status_code == 200 and me.json() == {
        "id": claims(user.token)["sub"], "username": user.name, "groups": [], "token_version": 1,
        "session": user.session, "expires_at": claims(user.token)["exp"]}
    first = Account(site, user.name, site.login(user.name))
    rows = site.get("/auth/sessions", headers=first.bearer).json()["sessions"]
    assert {row["id"]: row["current"] for row in rows} == {user.session: False, first.session: True}
    assert {row["address"] for row in rows} == {"127.0.0.1"} and all(row["user_agent"].startswith("python-httpx") for row in rows)
    refreshed = first.take(first.refresh())
    assert refreshed.status_code == 200 and set(refreshed.json()) == {"access_token", "token_type", "expires_in", "user"}
    deleted = site.client.delete(f"/auth/sessions/{user.session}", headers=first.bearer)
    assert (deleted.status_code, deleted.content) == (204, b"") and site.get("/auth/me", headers=user.bearer).status_code == 401
    changed = first.take(site.post("/auth/password", headers=first.bearer, json={"current_password": PASSWORD, "new_password": NEW}))
    assert changed.status_code == 200 and COOKIE in changed.cookies and site.login(user.name).status_code == 401
    assert site.get("/private/", headers=first.bearer).status_code == 200
    assert site.post("/auth/logout", headers=first.bearer).status_code == 204
    assert site.get("/private/", headers=first.bearer).status_code == first.refresh().status_code == 401
    both = [Account(site, user.name, site.login(user.name, NEW)) for _ in range(2)]
    assert site.post("/auth/revoke", headers=both[0].bearer).status_code == 204
    for one in both:
        assert site.get("/private/", headers=one.bearer).status_code == one.refresh().status_code == 401
    assert site.get("/auth/health").status_code == 204 and site.get("/.well-known/jwks.json").json()["keys"]


def test_a_refusal_of_login_is_the_same_for_whom_there_is_and_for_whom_there_is_not_T114(site, user):
    """Status, bytes and the names of the headers: wrong, unknown, disabled, and what can be no name."""
    disabled = site.register()
    site.admin("account", "disable", disabled.name)
    answers = [site.login(user.name, "not the password"), site.login("nobody-of-that-name"), site.login(disabled.name), site.login("no name!")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert len({json.dumps([name for name, _ in answer.headers.multi_items()]) for answer in answers}) == 1
    differing = {name for name in answers[0].headers if len({answer.headers[name] for answer in answers}) > 1}
    assert differing <= {"date"}


def test_a_ban_is_429_and_says_for_how_long_T127(site, user):
    """Alike for a name that exists and one that does not; the routes' limits in nginx are another matter."""
    for name in (user.name, "nobody-to-ban"):
        assert [site.login(name, "not the password").status_code for _ in range(5)] == [401] * 5
        answer = site.login(name)
        assert answer.status_code == 429 and answer.json()["error"] == "too_many_attempts"
        assert 200 < int(answer.headers["retry-after"]) <= 300
    assert site.get("/private/", headers=user.bearer).status_code == user.refresh().status_code == 200
    site.admin("ban", "lift", "--all")
    assert site.login(user.name).status_code == 200


def test_a_store_that_is_held_is_503_and_the_guard_goes_on_T193(site, user):
    before = contents(site.dir / "state")
    with site.database():
        answer = site.post("/auth/refresh", headers={"Cookie": user.sent})
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) > 0 and "set-cookie" not in answer.headers
        assert site.get("/private/", headers=user.bearer).status_code == 200
    assert contents(site.dir / "state") == before and user.refresh().status_code == 200


@pytest.mark.parametrize("registration, status", [(None, 201), ("open", 201), ("closed", 403)])
def test_a_fresh_site_has_no_account_and_registers_as_it_is_told_T139(registration, status):
    """tools/up opens registration unless the environment says otherwise."""
    running = Site(env={"TALLYSTICK_REGISTRATION": registration} if registration else {})
    try:
        assert contents(running.dir / "state") == [] and running.admin("account", "list", "--json") == "[]\n"
        for name in ("admin", "root", "user", "tallystick"):
            assert running.login(name, name).status_code == 401
        answer = running.post("/auth/register", json={"username": "first", "password": PASSWORD})
        assert answer.status_code == status
        assert status == 201 or answer.json()["error"] == "registration_closed" and contents(running.dir / "state") == []
    finally:
        running.close()
