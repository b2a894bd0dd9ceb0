"""The contract's tables of routes, errors and settings, each row by a request that would show it broken."""

import concurrent.futures
import json
import time

import pytest
from contract import ERRORS, is_as_the_contract_says
from harness import GOOD, ISSUER
from programs import ROUTES, contents, database
from tokens import claims

NEW = "another fine phrase"


def members(answer, *names):
    return set(answer.json) == set(names)


def has_tokens(answer, status, cookie=True):
    """RFC 6749 §5.1, and the refresh token only in a cookie."""
    assert answer.status == status and members(answer, "access_token", "token_type", "expires_in", "user")
    assert answer.json["token_type"] == "Bearer" and answer.json["expires_in"] == 900
    assert set(answer.json["user"]) == {"id", "username", "groups"}
    assert answer.header("Cache-Control") == "no-store" and bool(answer.cookies) == cookie
    assert not any(pair.split("=", 1)[1] in answer.body.decode() for pair in answer.cookies)
    return True


def is_done(answer, clears=False):
    assert (answer.status, answer.body) == (204, b"") and bool(answer.all("Set-Cookie")) == clears
    return True


def test_every_route_does_what_its_row_says(host):
    """Section 1, top to bottom: one person's way through all of them."""
    first = host.register()
    assert has_tokens(first, 201)
    second = host.login()
    assert has_tokens(second, 200)
    third = host.refresh(second.cookie)
    assert has_tokens(third, 200)
    assert has_tokens(host.refresh(third.cookie), 200, cookie=False)
    me = host.call("me", token=third.token)
    assert me.status == 200 and members(me, "id", "username", "groups", "token_version", "session", "expires_at")
    listed = host.call("sessions", token=third.token)
    assert listed.status == 200 and members(listed, "sessions") and len(listed.json["sessions"]) == 2
    assert [row["current"] for row in listed.json["sessions"]].count(True) == 1
    other = claims(first.token)["sid"]
    assert is_done(host.call("sessions", "DELETE", token=third.token, params=[("PATH_INFO", "/" + other)]))
    assert host.check(first.token).status == 401 and is_done(host.check(third.token))
    keys = host.call("jwks")
    assert keys.status == 200 and members(keys, "keys") and "max-age" in keys.header("Cache-Control")
    assert is_done(host.call("health"))
    changed = host.call("password", token=third.token, body={"current_password": GOOD, "new_password": NEW})
    assert has_tokens(changed, 200) and host.check(third.token).status == 401
    assert is_done(host.call("logout", token=changed.token), clears=True) and host.check(changed.token).status == 401
    fourth, fifth = host.login(password=NEW), host.login(password=NEW)
    assert is_done(host.call("revoke", token=fourth.token), clears=True)
    assert host.check(fourth.token).status == host.check(fifth.token).status == 401
    assert is_done(host.call("logout"), clears=True)


def asked(host, row, first):
    content = row.content(GOOD)
    return host.call(
        row.program, row.method, raw_body=content, token={"good": first.token, "bad": "a.b.c"}.get(row.credential),
        headers=row.headers, params=[("PATH_INFO", f"/{row.below}")] * bool(row.below)
        + [("CONTENT_TYPE", row.media_type)] * (content is not None))


@pytest.mark.parametrize("row", ERRORS, ids=str)
def test_every_error_is_the_contracts_and_has_no_effect(host, row):
    first = host.register()
    before = contents(host.state)
    answer = asked(host, row, first)
    assert is_as_the_contract_says(row, answer.status, answer.all, answer.body)
    assert contents(host.state) == before
    assert host.check(first.token).status == 204


@pytest.mark.settings(REGISTRATION="closed")
def test_a_fresh_install_has_no_account_and_lets_nobody_in_but_as_it_is_told_T139(host):
    """Closed is the default too; `open` lets register make the first account, and the administrator may always."""
    assert host.admin("account", "list", "--json").stdout == "[]\n"
    assert contents(host.state) == [] and host.admin("ban", "list", "--json").stdout == "[]\n"
    for name in ("admin", "root", "tallystick", "alice"):
        for password in ("admin", "password", "tallystick", GOOD, ""):
            assert host.login(name, password, params=[("REMOTE_ADDR", f"10.0.{len(name)}.{len(password)}")]).status in (401, 429)
    closed = host.register()
    assert (closed.status, closed.error) == (403, "registration_closed") and contents(host.state) == []
    assert host.register(params=[("TALLYSTICK_REGISTRATION", "closed")]).status == 403
    assert host.register(params=[("TALLYSTICK_REGISTRATION", "open")]).status == 201
    assert host.register("bob").status == 403
    host.admin("account", "add", "carol", stdin=GOOD + "\n")
    assert [row["username"] for row in json.loads(host.admin("account", "list", "--json").stdout)] == ["alice", "carol"]


def test_where_nothing_says_so_registration_is_closed_T139(made):
    del made.settings["TALLYSTICK_REGISTRATION"]
    for made.way in ("cgi", "fastcgi"):
        assert made.register().status == 403
    assert {"variable": "TALLYSTICK_REGISTRATION", "value": "closed"} in json.loads(made.admin("config", "show", "--json").stdout)


def test_a_store_that_is_held_makes_writers_answer_503_and_readers_not_wait_T193(server):
    """The row of 503: `Retry-After`, nothing half done, and `check` goes on."""
    first = server.register()
    server.check(first.token), server.call("me", token=first.token), server.call("sessions", token=first.token)
    before = contents(server.state)
    change = {"current_password": GOOD, "new_password": NEW}
    info = [("PATH_INFO", "/" + claims(first.token)["sid"])]
    with database(server.state):
        start = time.monotonic()
        for program in ("check", "me", "sessions", "jwks", "health"):
            assert server.call(program, token=first.token).status in (200, 204)
        assert time.monotonic() - start < 5
        with concurrent.futures.ThreadPoolExecutor(7) as pool:
            jobs = [pool.submit(server.register, "bob"), pool.submit(server.login), pool.submit(server.refresh, first.cookie)]
            jobs += [pool.submit(server.call, program, token=first.token) for program in ("logout", "revoke")]
            jobs += [pool.submit(server.call, "password", token=first.token, body=change)]
            jobs += [pool.submit(server.call, "sessions", "DELETE", token=first.token, params=info)]
        for answer in (job.result() for job in jobs):
            assert (answer.status, answer.error) == (503, "temporarily_unavailable")
            assert int(answer.header("Retry-After")) > 0 and not answer.all("Set-Cookie")
    assert contents(server.state) == before
    assert server.refresh(first.cookie).status == 200 and server.register("bob").status == 201


# Settings: what the README's table allows, and the nearest that it does not.

ALLOWED = {
    "ISSUER": ["https://auth.example.test", "https://auth.example.test:8443", "https://[::1]:1"],
    "AUDIENCE": ["x", "https://api.example.test", "!~", "a" * 255],
    "ACCESS_LIFETIME": ["1s", "15m", "24h", "1d", "86400s"], "REFRESH_LIFETIME": ["1s", "7d", "400d"],
    "SESSION_LIFETIME": ["1s", "90d", "3660d"], "REUSE_WINDOW": ["0s", "10s", "5m", "300s"], "LEEWAY": ["0s", "2s", "5s"],
    "REGISTRATION": ["open", "closed"], "PASSWORD_MIN": ["8", "15", "128"], "MAX_SESSIONS": ["1", "100", "10000"],
    "ALLOWED_ORIGINS": ["", "https://a.test", "https://a.test https://b.test:1", "https://a.test,https://b.test"],
    "LOG_LEVEL": ["debug", "info", "warning", "error"],
}
REFUSED = {
    "ISSUER": ["", "http://a.test", "https://a.test/", "https://a.test:443", "https://A.test", "a.test", "https://u@a.test", "*"],
    "STATE": ["", "relative", "./x", "~/x"],
    "AUDIENCE": ["", "two words", "a" * 256, "\u00e9", "a\tb"],
    "ACCESS_LIFETIME": ["", "0s", "15", "-15m", "1.5h", "2d", "86401s", "15 m", "15M", "1h30m"],
    "REFRESH_LIFETIME": ["", "0s", "401d", "7"], "SESSION_LIFETIME": ["", "0s", "3661d", "90"],
    "REUSE_WINDOW": ["", "10", "6m", "301s", "-1s"], "LEEWAY": ["", "2", "6s", "1m"],
    "REGISTRATION": ["", "Open", "yes", "on", "open "], "PASSWORD_MIN": ["", "7", "129", "+8", "8.0", "0x8"],
    "MAX_SESSIONS": ["", "0", "10001", "-1", "none"],
    "ALLOWED_ORIGINS": ["*", "null", "http://a.test", "https://a.test/", "https://ok.test https://no.test/"],
    "LOG_LEVEL": ["", "loud", "INFO", "warn"],
}
ROW = [(name, value) for name, values in ALLOWED.items() for value in values]


@pytest.mark.parametrize("name, value", ROW)
def test_a_value_that_the_table_allows_is_in_force(made, name, value):
    made.settings[f"TALLYSTICK_{name}"] = value
    shown = {row["variable"]: row["value"] for row in json.loads(made.admin("config", "show", "--json").stdout)}
    assert shown[f"TALLYSTICK_{name}"] in (value, value.replace(",", " "), {"24h": "1d", "86400s": "1d", "300s": "5m"}.get(value))
    assert made.admin("config", "check").stdout == "ok\n"
    for program in ("login", "check"):
        assert made.by_hand(program, {"REQUEST_METHOD": "GET"}).returncode == 0


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_it_does_not_allow_stops_every_program_with_100_and_one_line(made, name):
    """One line that names the variable, the value and what is allowed; nothing is answered."""
    for value in REFUSED[name]:
        if name == "ISSUER" and value == "":
            continue  # not set: below
        for program in ROUTES if value == REFUSED[name][-1] else ("check", "login"):
            done = made.by_hand(program, {"REQUEST_METHOD": "GET", f"TALLYSTICK_{name}": value})
            line = done.stderr.decode()
            assert (done.returncode, done.stdout, line.count("\n")) == (100, b"", 1), (program, value, done)
            assert line.startswith(f"{program}: TALLYSTICK_{name}=") and value[:40].split("\t")[0] in line
            assert len(line.split(" is wrong: ", 1)[1]) > 5
    done = made.admin("config", "check", check=False) if name != "STATE" else None
    assert done is None or done.returncode == 0


@pytest.mark.parametrize("program", ROUTES)
def test_without_an_issuer_no_program_starts(made, program):
    for value in (None, ""):
        made.settings.pop("TALLYSTICK_ISSUER", None)
        done = made.by_hand(program, {"REQUEST_METHOD": "GET"} | ({} if value is None else {"TALLYSTICK_ISSUER": value}))
        assert done.returncode == 100 and b"TALLYSTICK_ISSUER" in done.stderr and done.stdout == b""


@pytest.mark.parametrize("name", ["LEEWAI", "DATABASE", "ROUNDS", "leeway", ""])
def test_a_name_that_no_program_knows_stops_every_program_with_100_and_one_line(made, name):
    """One line that names the variable, the value and every name that is known."""
    known = [row["variable"] for row in json.loads(made.admin("config", "show", "--json").stdout)]
    for program in ROUTES:
        done = made.by_hand(program, {"REQUEST_METHOD": "GET", f"TALLYSTICK_{name}": "x y"})
        line = done.stderr.decode()
        assert (done.returncode, done.stdout, line.count("\n")) == (100, b"", 1), (program, done)
        assert line.startswith(f'{program}: TALLYSTICK_{name}="x y" is unknown: ')
        assert all(variable in line for variable in known) and "TALLYSTICK_ISSUER" in known
        assert made.by_hand(program, {"REQUEST_METHOD": "GET", f"XTALLYSTICK_{name}": "x"}).returncode == 0


def test_a_parameter_that_no_program_knows_is_ignored(server):
    """A location may pass what a later version knows."""
    first = server.register()
    params = [("TALLYSTICK_LEEWAI", "2s")]
    assert server.check(first.token, params=params).status == 204
    assert server.refresh(first.cookie, params=params).status == 200


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "STATE"])
def test_a_parameter_that_it_does_not_allow_is_500_and_nothing_happens(server, name):
    """The same by nginx's hand, for one location; as CGI the two are one."""
    first = server.register()
    before = contents(server.state)
    for value in REFUSED[name]:
        params = [(f"TALLYSTICK_{name}", value)]
        for answer in (server.login(params=params), server.refresh(first.cookie, params=params), server.call("me", token=first.token, params=params)):
            assert (answer.status, answer.error) == (500, "server_error"), value
        assert server.check(first.token, params=params).status == 503
    assert contents(server.state) == before and server.check(first.token).status == 204


def test_no_parameter_leads_to_another_state(server, tmp_path):
    first = server.register()
    assert server.check(first.token, params=[("TALLYSTICK_STATE", str(tmp_path))]).status == 204
    assert server.login(params=[("TALLYSTICK_STATE", "relative")]).status == 200


def given(**settings):
    """Settings as the environment gives them to CGI, and nginx's parameters to FastCGI."""
    return [(f"TALLYSTICK_{name}", value) for name, value in settings.items()]


def test_each_setting_does_what_its_row_says(host):
    first = host.register()
    other = "https://other.example.test"
    # ISSUER, AUDIENCE
    answer = host.login(params=given(ISSUER=other))
    assert claims(answer.token)["iss"] == claims(answer.token)["aud"] == other
    assert host.check("x", params=given(ISSUER=other)).header("WWW-Authenticate").startswith(f'Bearer realm="{other}"')
    answer = host.login(params=given(AUDIENCE="api"))
    assert (claims(answer.token)["iss"], claims(answer.token)["aud"]) == (ISSUER, "api")
    assert host.check(answer.token).status == 401 and host.check(answer.token, params=given(AUDIENCE="api")).status == 204
    # Lifetimes
    answer = host.login(params=given(ACCESS_LIFETIME="1m", REFRESH_LIFETIME="2h"))
    assert answer.json["expires_in"] == 60 and answer.all("Set-Cookie")[0].endswith("; Max-Age=7200")
    answer = host.login(params=given(SESSION_LIFETIME="1h"))
    assert answer.json["expires_in"] == 900 and answer.all("Set-Cookie")[0].endswith("; Max-Age=3600")
    # REUSE_WINDOW
    second = host.refresh(first.cookie)
    assert not host.refresh(second.cookie).cookies
    assert host.refresh(second.cookie, params=given(REUSE_WINDOW="0s")).cookies
    # LEEWAY is in test_tokens, REGISTRATION above.
    # PASSWORD_MIN
    assert host.register("bob", "kqzvwp8x", params=given(PASSWORD_MIN="9")).error == "weak_password"
    assert host.register("bob", "kqzvwp8x", params=given(PASSWORD_MIN="8")).status == 201
    # MAX_SESSIONS
    assert len(host.call("sessions", token=host.login().token).json["sessions"]) > 2
    last = host.login(params=given(MAX_SESSIONS="1"))
    assert len(host.call("sessions", token=last.token).json["sessions"]) == 1
    # ALLOWED_ORIGINS
    origin = [("Origin", other), ("Sec-Fetch-Site", "same-site")]
    assert host.login(headers=origin).status == 403
    allowed = host.login(headers=origin, params=given(ALLOWED_ORIGINS=f"https://a.test {other}"))
    assert allowed.status == 200 and allowed.header("Access-Control-Allow-Origin") == other
    # LOG_LEVEL
    for level, seen in (("error", 0), ("warning", 0), ("info", 1), ("debug", 1)):
        before = len(host.events_named("login"))
        assert host.login(params=given(LOG_LEVEL=level)).status == 200
        assert len(host.events_named("login")) - before == seen


def test_a_program_without_its_setting_uses_the_default(made):
    """Section 6's column of defaults."""
    del made.settings["TALLYSTICK_REGISTRATION"]
    made.settings.pop("TALLYSTICK_STORE", None)
    shown = {row["variable"].removeprefix("TALLYSTICK_"): row["value"] for row in json.loads(made.admin("config", "show", "--json").stdout)}
    assert shown == {
        "STATE": str(made.state), "ISSUER": ISSUER, "AUDIENCE": ISSUER, "ACCESS_LIFETIME": "15m", "REFRESH_LIFETIME": "7d",
        "SESSION_LIFETIME": "90d", "SHARED_LIFETIME": "15m", "SITES": "", "GATE_LIFETIME": "12h", "REUSE_WINDOW": "10s", "LEEWAY": "2s", "REGISTRATION": "closed", "PASSWORD_MIN": "8",
        "MAX_SESSIONS": "100", "ALLOWED_ORIGINS": "", "STORE": "sqlite", "CHECK_STALENESS": "0s", "LOG_LEVEL": "info"}
    del made.settings["TALLYSTICK_STATE"]
    assert "/var/lib/tallystick" in made.admin("config", "show").stdout
