"""The contract's tables, row by row, against the real programs as CGI and over FastCGI."""

import re
import time

import pytest
from harness import GOOD, ISSUER
from programs import COOKIE
from tokens import claims, header

SET_COOKIE = re.compile(
    r"__Secure-refresh=([A-Za-z0-9_.-]+); Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=(\d+)"
)


# register


def test_register_creates_an_account_and_answers_201_with_tokens(host):
    answer = host.register("Alice.B")
    assert answer.status == 201
    body = answer.json
    assert set(body) == {"access_token", "token_type", "expires_in", "user"}
    assert body["token_type"] == "Bearer" and body["expires_in"] == 900
    assert set(body["user"]) == {"id", "username", "groups"}
    assert body["user"]["username"] == "alice.b" and body["user"]["groups"] == []
    assert answer.header("Cache-Control") == "no-store"


def test_register_of_a_taken_name_in_any_case_is_409(host):
    host.register("alice")
    for name in ("alice", "ALICE", "Alice"):
        answer = host.register(name)
        assert (answer.status, answer.error) == (409, "username_taken")
        assert not answer.all("Set-Cookie")


@pytest.mark.settings(REGISTRATION="closed")
def test_register_is_403_where_registration_is_closed(host):
    answer = host.register()
    assert (answer.status, answer.error) == (403, "registration_closed")
    assert host.admin("account", "list", "--json").stdout == "[]\n"


@pytest.mark.settings(REGISTRATION="closed")
def test_registration_may_be_opened_by_a_parameter_that_nginx_sets(host):
    assert host.register(params=[("TALLYSTICK_REGISTRATION", "open")]).status == 201


@pytest.mark.parametrize("name", ["", "a" * 65, "alice ", " alice", "al ice", "älice", "alice\u0000", "a/b", "a,b"])
def test_register_refuses_a_name_outside_the_grammar_T136(host, name):
    answer = host.register(name)
    assert (answer.status, answer.error) == (422, "invalid_username")


@pytest.mark.parametrize(
    "password, rule",
    [
        ("short", "at least 8"), ("password", "common"), ("Password1!", "common"), ("aaaaaaaaaaaaaaaa", "repetition"),
        ("1234567890123456", "sequence"), ("alice-alice-99", "username"), ("my tallystick pass", "name of this site"),
        ("auth.example.test!", "name of this site"),
    ],
)
def test_register_refuses_a_weak_password_naming_the_rule_T124_T125(host, password, rule):
    answer = host.register("alice", password)
    assert (answer.status, answer.error) == (422, "weak_password")
    assert rule in answer.json["error_description"]


@pytest.mark.parametrize(
    "password",
    ["83649201756302948571", "qhzvnwpkxmtr", "only spaces and letters here", "pass" * 64 + "!", "😀🎈🌵🚲🧭🎻🧊🪁"],
)
def test_register_has_no_composition_rules_T119_T126(host, password):
    assert host.register("alice", password).status == 201
    assert host.login("alice", password).status == 200


def test_a_password_has_at_most_1024_bytes_and_is_never_cut_T119_T120(host):
    longest = ("Zx" * 512)[:1023] + "q"
    assert host.register("alice", longest).status == 201
    assert host.login("alice", longest[:-1] + "r").status == 401
    for answer in (host.login("alice", longest + "q"), host.register("bob", longest + "q")):
        assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_nul_does_not_end_a_password_T121(host):
    assert host.register("alice", "correct horse battery\u0000X").status == 201
    assert host.login("alice", "correct horse battery").status == 401
    assert host.login("alice", "correct horse battery\u0000X").status == 200


def test_a_password_is_the_same_composed_and_decomposed_but_not_trimmed_or_folded_T122(host):
    host.register("alice", "caf\u00e9 au lait noir")
    assert host.login("alice", "cafe\u0301 au lait noir").status == 200
    for other in ("Caf\u00e9 au lait noir", "caf\u00e9 au lait noir ", "cafe au lait noir"):
        assert host.login("alice", other).status == 401


# login


def test_login_answers_tokens_as_the_contract_says_T113(host):
    host.register()
    answer = host.login()
    assert answer.status == 200
    access = answer.token
    assert header(access)["typ"] == "at+jwt" and header(access)["alg"] == "ES256" and header(access)["kid"]
    content = claims(access)
    assert content["iss"] == ISSUER and content["aud"] == ISSUER
    assert content["exp"] - content["iat"] == 900
    assert content["preferred_username"] == "alice" and content["groups"] == []
    assert content["gen"] == 1 and content["ver"] == 1
    assert {"sub", "jti", "sid"} <= set(content)
    cookie, companion = answer.all("Set-Cookie")
    assert companion.startswith("__Host-refresh-binding=")
    token, seconds = SET_COOKIE.fullmatch(cookie).groups()
    refresh = claims(token)
    assert header(token) == {"alg": "HS256", "typ": "rt+jwt"}
    assert set(refresh) == {"iss", "sub", "iat", "exp", "sid", "gen", "ver"}
    assert refresh["exp"] - refresh["iat"] == 7 * 86400 == int(seconds)
    assert len(cookie) < 4096
    assert host.events_named("login")[-1]["client"] == "192.0.2.1"


def test_login_refuses_unknown_wrong_and_disabled_with_the_same_bytes_T114(host):
    host.register("alice")
    host.register("mallory")
    host.admin("account", "disable", "mallory")
    answers = [
        host.login("alice", "wrong horse battery"), host.login("nobody", GOOD), host.login("mallory", GOOD),
        host.login("no such name!", GOOD),
    ]
    assert {answer.status for answer in answers} == {401}
    assert {answer.error for answer in answers} == {"invalid_credentials"}
    assert len({answer.raw for answer in answers}) == 1
    assert not answers[0].all("Set-Cookie")


def test_login_starts_a_new_session_whatever_cookie_comes_along_T076(host):
    first = host.register()
    second = host.login(cookie=first.cookie)
    assert claims(second.token)["sid"] != claims(first.token)["sid"]
    assert host.refresh(first.cookie).status == 200


@pytest.mark.settings(MAX_SESSIONS=2)
def test_login_beyond_the_maximum_ends_the_session_unused_longest_T067(host):
    first, second, third = host.register(), host.login(), host.login()
    assert host.check(first.token).status == 401
    assert host.check(second.token).status == host.check(third.token).status == 204
    assert len(host.call("sessions", token=third.token).json["sessions"]) == 2
    assert host.events_named("session_evicted")


# refresh


def test_refresh_rotates_T045(host):
    first = host.register()
    second = host.refresh(first.cookie)
    assert second.status == 200 and second.cookie != first.cookie
    assert claims(second.token)["sid"] == claims(first.token)["sid"]
    assert claims(second.token)["gen"] == 2
    assert SET_COOKIE.fullmatch(second.all("Set-Cookie")[0])


def test_a_cookie_given_a_moment_ago_is_kept(host):
    second = host.refresh(host.register().cookie)
    third = host.refresh(second.cookie)
    assert third.status == 200 and not third.all("Set-Cookie")
    assert claims(third.token)["gen"] == 2


def test_a_lost_answer_heals_with_the_same_successor_T047(host):
    first = host.register()
    lost = host.refresh(first.cookie)
    healed = host.refresh(first.cookie)
    assert healed.status == 200 and healed.cookie == lost.cookie


@pytest.mark.settings(REUSE_WINDOW="0s")
def test_an_old_cookie_ends_the_session_once_two_generations_have_passed_T046(host):
    first = host.register()
    second = host.refresh(first.cookie)
    third = host.refresh(second.cookie)
    fourth = host.refresh(third.cookie)
    reused = host.refresh(first.cookie)
    assert (reused.status, reused.error) == (401, "invalid_token")
    assert not reused.all("Set-Cookie")
    assert host.refresh(fourth.cookie).status == 401
    assert host.check(fourth.token).status == 401
    assert len(host.events_named("refresh_reuse")) == 1


def test_a_successor_seen_by_check_is_confirmed_and_inside_the_window_still_answers_T048(host):
    first = host.register()
    second = host.refresh(first.cookie)
    assert host.check(second.token).status == 204
    again = host.refresh(first.cookie)
    assert again.status == 200 and again.cookie == second.cookie


@pytest.mark.parametrize("cookie", [None, "", f"{COOKIE}=", f"{COOKIE}=x.y.z", "other=1", f"{COOKIE.lower()}=x"])
def test_refresh_without_a_valid_cookie_is_401_and_touches_no_cookie(host, cookie):
    answer = host.refresh(cookie)
    assert (answer.status, answer.error) == (401, "invalid_token")
    assert not answer.all("Set-Cookie")
    assert answer.header("WWW-Authenticate").startswith("Bearer")


def test_neither_token_takes_the_place_of_the_other_T019(host):
    first = host.register()
    refresh = first.cookie.split("=", 1)[1]
    assert host.call("me", token=refresh).status == 401
    assert host.check(refresh).status == 401
    assert host.refresh(f"{COOKIE}={first.token}").status == 401
    assert host.refresh(first.cookie).status == 200


@pytest.mark.parametrize("junk", [f"{COOKIE}=junk", f"{COOKIE}=", "__secure-refresh=evil"])
@pytest.mark.parametrize("order", [0, 1])
def test_a_planted_cookie_that_does_not_verify_counts_as_absent_T144_T145(host, junk, order):
    good = host.register().cookie
    pair = "; ".join([good, junk] if order else [junk, good])
    assert host.refresh(pair).status == 200


@pytest.mark.parametrize("order", [0, 1])
def test_two_cookies_that_verify_touch_nothing_and_expire_the_planted_ones_T144(host, order):
    alice, mallory = host.register("alice"), host.register("mallory")
    pair = [alice.cookie, mallory.cookie]
    answer = host.call("refresh", cookie="; ".join(reversed(pair) if order else pair))
    assert answer.status == 401
    cleared = answer.all("Set-Cookie")
    assert [value for value in cleared if "Domain=example.test" in value]
    assert all(value.startswith(f"{COOKIE}=;") and "Domain=" in value and "Max-Age=0" in value for value in cleared)
    assert host.events_named("cookie_duplicate")
    for session in pair:
        assert claims(host.refresh(session).token)["gen"] == 2


# logout, revoke, password


def test_logout_ends_the_session_and_clears_the_cookie_T062(host):
    first = host.register()
    answer = host.call("logout", token=first.token)
    assert answer.status == 204 and answer.body == b""
    assert answer.all("Set-Cookie") == [
        f"{COOKIE}=; Path=/auth/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
        "__Host-refresh-binding=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    ]
    assert host.check(first.token).status == 401
    assert host.refresh(first.cookie).status == 401


@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
def test_logout_is_204_whatever_comes_T063(host, token):
    other = host.register()
    answer = host.call("logout", token=token)
    assert answer.status == 204 and len(answer.all("Set-Cookie")) == 2
    assert host.check(other.token).status == 204


def test_logout_takes_an_expired_access_token_but_revoke_does_not_T065(host):
    first = host.register()
    now = int(time.time())
    expired = host.forge.access(first.token, iat=now - 903, exp=now - 3)
    assert host.check(expired).status == 401
    for token in (expired, None, "x"):
        assert host.call("revoke", token=token).status == 401
    assert host.check(first.token).status == 204
    assert host.call("logout", token=expired).status == 204
    assert host.check(first.token).status == 401
    assert host.refresh(first.cookie).status == 401


def test_logout_with_an_older_generation_ends_the_session_T064(host):
    first = host.register()
    second = host.refresh(first.cookie)
    host.call("logout", token=first.token)
    assert host.refresh(second.cookie).status == 401


def test_revoke_signs_out_everywhere_at_the_next_request_T057(host):
    first, second = host.register(), host.login()
    answer = host.call("revoke", token=first.token)
    assert answer.status == 204 and all("Max-Age=0" in value for value in answer.all("Set-Cookie"))
    for session in (first, second):
        assert host.check(session.token).status == 401
        assert host.refresh(session.cookie).status == 401
    third = host.login()
    assert third.status == 200 and claims(third.token)["ver"] == 2
    assert host.call("revoke", token=first.token).status == 401
    assert host.call("me", token=third.token).json["token_version"] == 2


def test_a_password_change_ends_everything_else_and_starts_afresh_T068(host):
    first, second = host.register(), host.login()
    answer = host.call("password", token=first.token, body={"current_password": GOOD, "new_password": "another fine phrase"})
    assert answer.status == 200 and SET_COOKIE.fullmatch(answer.all("Set-Cookie")[0])
    assert claims(answer.token)["ver"] == 2 and claims(answer.token)["sid"] != claims(first.token)["sid"]
    for session in (first, second):
        assert host.check(session.token).status == 401
        assert host.refresh(session.cookie).status == 401
    assert host.check(answer.token).status == 204
    assert host.login().status == 401
    assert host.login(password="another fine phrase").status == 200


@pytest.mark.parametrize(
    "body, status, error",
    [
        ({"current_password": GOOD, "new_password": GOOD}, 400, "invalid_request"),
        ({"current_password": "not the one", "new_password": "another fine phrase"}, 401, "invalid_credentials"),
        ({"new_password": "another fine phrase"}, 400, "invalid_request"),
        ({"current_password": GOOD, "new_password": "password"}, 422, "weak_password"),
    ],
)
def test_a_password_change_that_is_refused_revokes_nothing_T141(host, body, status, error):
    first = host.register()
    answer = host.call("password", token=first.token, body=body)
    assert (answer.status, answer.error) == (status, error)
    assert not answer.all("Set-Cookie")
    assert host.check(first.token).status == 204 and host.login().status == 200


# me, sessions, jwks, health, check


def test_me_says_who_the_token_speaks_for(host):
    first = host.register()
    host.admin("account", "groups", "alice", "staff,ops")
    body = host.call("me", token=first.token).json
    content = claims(first.token)
    assert body == {
        "id": content["sub"], "username": "alice", "groups": ["staff", "ops"], "token_version": 1,
        "session": content["sid"], "expires_at": content["exp"],
    }


def test_sessions_lists_own_sessions_and_ends_one_T066(host):
    alice = host.register("alice", headers=[("User-Agent", "First/1.0")])
    second = host.login("alice", headers=[("User-Agent", "Second/1.0")])
    mallory = host.register("mallory")
    listed = host.call("sessions", token=second.token).json["sessions"]
    assert [set(row) for row in listed] == [
        {"id", "current", "created_at", "last_used_at", "expires_at", "address", "user_agent"}
    ] * 2
    assert {row["user_agent"]: row["current"] for row in listed} == {"First/1.0": False, "Second/1.0": True}
    assert {row["address"] for row in listed} == {"192.0.2.1"}

    def end(token, session):
        return host.call("sessions", "DELETE", token=token, params=[("PATH_INFO", f"/{session}")])

    own = claims(alice.token)["sid"]
    foreign, unknown, malformed = end(mallory.token, own), end(mallory.token, "a" * 26), end(mallory.token, "../x")
    assert foreign.status == 404 and foreign.error == "not_found"
    assert foreign.raw == unknown.raw == malformed.raw
    assert host.check(alice.token).status == 204
    assert end(second.token, own).status == 204
    assert host.check(alice.token).status == 401 and host.refresh(alice.cookie).status == 401
    assert host.check(second.token).status == 204


def test_jwks_shows_exactly_the_live_public_keys_T041_T042(host):
    first = host.register()
    answer = host.call("jwks")
    assert answer.status == 200 and "max-age=" in answer.header("Cache-Control")
    keys = answer.json["keys"]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in keys)
    assert header(first.token)["kid"] in {key["kid"] for key in keys}
    host.admin("key", "rotate")
    second = host.login()
    assert header(second.token)["kid"] != header(first.token)["kid"]
    assert host.check(first.token).status == host.check(second.token).status == 204
    host.admin("key", "retire")
    assert host.check(first.token).status == 401 and host.check(second.token).status == 204
    assert header(first.token)["kid"] not in {key["kid"] for key in host.call("jwks").json["keys"]}


def test_health_is_204_and_says_nothing_T235(host):
    answer = host.call("health")
    assert answer.status == 204 and answer.body == b""


def test_check_allows_with_the_identity_in_headers_T084(host):
    first = host.register()
    host.admin("account", "groups", "alice", "staff,ops")
    answer = host.check(first.token)
    assert answer.status == 204 and answer.body == b"" and not answer.all("Set-Cookie")
    assert answer.header("X-Auth-User") == "alice" and answer.header("X-Auth-Groups") == "staff,ops"
    assert answer.header("X-Auth-Subject") == claims(first.token)["sub"]
    assert answer.header("X-Auth-Session") == claims(first.token)["sid"]
    assert answer.header("Cache-Control") == "no-store"


def test_check_challenges_without_an_error_where_no_token_was_sent_T081_T082(host):
    none = host.check(None)
    assert (none.status, none.header("WWW-Authenticate")) == (401, f'Bearer realm="{ISSUER}"')
    bad = host.check("a.b.c")
    assert (bad.status, bad.header("WWW-Authenticate")) == (401, f'Bearer realm="{ISSUER}", error="invalid_token"')
    for answer in (none, bad):
        assert not [name for name, _ in answer.headers if name.lower().startswith("x-auth")]


@pytest.mark.parametrize("require, status", [("staff", 204), ("staff,ops", 204), ("ops", 403), ("", 204), ("ops,,x", 503)])
def test_check_holds_to_the_groups_of_the_location_T083(host, require, status):
    first = host.register()
    host.admin("account", "groups", "alice", "staff")
    answer = host.check(first.token, params=[("AUTH_REQUIRE", require)])
    assert answer.status == status
    if status == 403:
        assert 'error="insufficient_scope"' in answer.header("WWW-Authenticate")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO_BAR"])
def test_check_decides_alike_for_every_method_T085(host, method):
    token = host.register().token
    assert host.call("check", method, token=token).status == 204
    assert host.call("check", method).status == 401


def test_check_takes_the_audience_from_nginx_alone_T101(host):
    token = host.register().token
    assert host.check(token, params=[("TALLYSTICK_AUDIENCE", "https://other.example.test")]).status == 401
    assert host.check(token, headers=[("Host", "other.example.test")]).status == 204


def test_check_ignores_tokens_anywhere_but_in_authorization_T039_T100(host):
    token = host.register().token
    for params in ([("QUERY_STRING", f"access_token={token}")], [("HTTP_X_ACCESS_TOKEN", token)],
                   [("HTTP_COOKIE", f"access_token={token}")]):
        assert host.check(None, params=params).status == 401


def test_a_disabled_and_a_deleted_account_are_denied_at_the_next_request_T070(host):
    first, second = host.register("alice"), host.register("bob")
    host.admin("account", "disable", "alice")
    host.admin("account", "delete", "bob")
    for session, name in ((first, "alice"), (second, "bob")):
        assert host.check(session.token).status == 401
        assert host.refresh(session.cookie).status == 401
        assert host.call("me", token=session.token).status == 401
        assert host.login(name).status == 401
    host.admin("account", "enable", "alice")
    assert host.check(first.token).status == 401 and host.login("alice").status == 200


def test_an_ended_session_is_denied_at_the_next_request(host):
    first = host.register()
    host.admin("session", "end", claims(first.token)["sid"])
    assert host.check(first.token).status == 401
