"""What matters to the administrator: states, secrets, bans, logs, and defects that a review once found."""

import base64
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest
import stores
from harness import BIN, GOOD, Host
from programs import ROUTES


@pytest.mark.parametrize("program", ROUTES)
def test_every_program_has_help_that_needs_no_settings(program):
    done = subprocess.run([BIN / program, "--help"], env={}, text=True, capture_output=True, timeout=20)
    assert done.returncode == 0 and "--socket PATH" in done.stdout and not done.stderr


@pytest.mark.parametrize("missing", [pytest.param("tallystick.db", marks=pytest.mark.sqlite), "keys/set.json"])
def test_a_program_that_finds_no_store_or_no_keys_refuses_to_start_and_creates_none(server, missing):
    (server.state / missing).unlink()
    done = subprocess.run(
        [BIN / "me"], env=server.environment(REQUEST_METHOD="GET"), stdin=subprocess.DEVNULL, text=True, capture_output=True,
        timeout=20)
    assert done.returncode == 111 and len(done.stderr.splitlines()) == 1 and "tallystick init" in done.stderr
    assert not (server.state / missing).exists()


def test_init_makes_everything_closed_to_others_under_any_umask_T229(tmp_path):
    host = Host(tmp_path)
    before = os.umask(0)
    try:
        host.admin("init")
    finally:
        os.umask(before)
    modes = {path.relative_to(host.state): stat.S_IMODE(path.stat().st_mode) for path in host.state.rglob("*")}
    assert stat.S_IMODE(host.state.stat().st_mode) == 0o700
    for name, mode in modes.items():
        if name.suffix in (".pem", ".secret"):
            assert mode == 0o400, name
        elif name != pathlib.Path("keys/set.json") and name != pathlib.Path("keys"):
            assert mode & 0o077 == 0, name


def test_init_leaves_a_directory_alone_that_holds_something_else(tmp_path):
    host = Host(tmp_path)
    host.state.mkdir(mode=0o755)
    (host.state / "letter.txt").write_text("mine")
    done = host.admin("init", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert stat.S_IMODE(host.state.stat().st_mode) == 0o755


# Regulation


def test_five_wrong_guesses_ban_the_pair_alike_for_every_kind_of_name_T127_T128(host):
    host.register("alice")
    host.register("mallory")
    host.admin("account", "disable", "mallory")
    for spellings in (["alice", "ALICE", " alice", "alice ", "Alice"], ["nobody"] * 5, ["mallory"] * 5):
        for name in spellings:
            assert host.login(name, "not the password").status == 401
        answer = host.login(spellings[0], GOOD)
        assert (answer.status, answer.error) == (429, "too_many_attempts")
        assert 0 < int(answer.header("Retry-After")) <= 300
    assert len(json.loads(host.admin("ban", "list", "--json").stdout)) == 3


def test_a_ban_keeps_nobody_out_elsewhere_and_no_session_from_going_on_T131_T132_T071(host):
    first = host.register()
    spoofed = [("X-Forwarded-For", "198.51.100.7"), ("X-Real-IP", "198.51.100.7"), ("Forwarded", "for=198.51.100.7")]
    for _ in range(5):
        host.login(password="not the password", headers=spoofed)
    assert host.login(headers=spoofed).status == 429
    assert host.refresh(first.cookie).status == 200 and host.check(first.token).status == 204
    assert host.login(params=[("REMOTE_ADDR", "203.0.113.9")]).status == 200
    body = {"current_password": GOOD, "new_password": "another fine phrase"}
    assert host.call("password", token=first.token, body=body).status == 429
    assert host.admin("ban", "lift", "--name", "alice").stdout == "lifted 1\n"
    assert host.login().status == 200


def test_an_ipv6_network_is_one_client_T131(host):
    host.register()
    for last in range(5):
        assert host.login(password="not the password", params=[("REMOTE_ADDR", f"2001:db8:1:2::{last}")]).status == 401
    assert host.login(params=[("REMOTE_ADDR", "2001:db8:1:2:ffff::1")]).status == 429
    assert host.login(params=[("REMOTE_ADDR", "2001:db8:1:3::1")]).status == 200
    assert host.admin("ban", "lift", "--address", "2001:db8:1:2::/64").stdout == "lifted 1\n"


def test_a_ban_survives_a_restart_T133(server):
    server.register()
    for _ in range(5):
        server.login(password="not the password")
    server.stop()
    assert server.login().status == 429


def test_wrong_current_passwords_count_and_end_no_session_T134(host):
    first = host.register()
    body = {"current_password": "not the password", "new_password": "another fine phrase"}
    for _ in range(5):
        assert host.call("password", token=first.token, body=body).status == 401
    assert host.call("password", token=first.token, body={**body, "current_password": GOOD}).status == 429
    assert host.check(first.token).status == 204


def test_guesses_in_parallel_learn_no_more_than_guesses_in_a_row_T134(server):
    """The right guess among many at once: once the ban has come, no answer tells it from a wrong one."""
    first = server.register()
    server.start("password")

    def guess(current):
        return server.call("password", token=first.token, body={"current_password": current, "new_password": "short"}).status

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        wrong = [pool.submit(guess, f"not the password {number}") for number in range(30)]
        for job in concurrent.futures.as_completed(wrong):
            if job.result() == 429:
                break
        right = pool.submit(guess, GOOD)
        statuses = [job.result() for job in wrong]
    assert statuses.count(401) == 5 and set(statuses) == {401, 429} and right.result() == 429


# What a review found


def test_a_parameter_sets_the_least_length_of_a_password(server):
    assert server.register(password="kqzvwp8x", params=[("TALLYSTICK_PASSWORD_MIN", "15")]).status == 422
    assert server.register(password="kqzvwp8x").status == 201


def test_logout_takes_a_token_that_lives_longer_than_it_would_issue(server):
    first = server.register()
    assert server.call("logout", token=first.token, params=[("TALLYSTICK_ACCESS_LIFETIME", "5m")]).status == 204
    assert server.check(first.token).status == 401


def test_a_shorter_refresh_lifetime_ends_a_session_rather_than_giving_a_dead_cookie(host):
    first = host.register()
    host.back_in_time(3)
    answer = host.refresh(first.cookie, params=[("TALLYSTICK_REFRESH_LIFETIME", "1s")])
    assert answer.status == 200  # rotated now: its life begins now
    host.back_in_time(3)
    again = host.refresh(first.cookie, params=[("TALLYSTICK_REFRESH_LIFETIME", "1s")])
    assert again.status == 401 and not again.all("Set-Cookie")


def test_a_cookie_is_no_token_for_a_bearer_route_T081(host):
    cookie = host.register().cookie
    for program in ("check", "me"):
        assert "error=" not in host.call(program, cookie=cookie).header("WWW-Authenticate")


def test_planted_cookies_are_expired_before_ours_is_set_T144(host):
    answer = host.refresh(host.register().cookie + "; __Secure-refresh=junk")
    values = answer.all("Set-Cookie")
    assert len(values) > 1 and "Domain=" not in values[-1] and all("Domain=" in value for value in values[:-1])


@pytest.mark.sqlite
def test_a_replaced_database_denies_until_the_programs_are_started_again_T204(server):
    first = server.register()
    assert server.check(first.token).status == 204
    copy = server.state / "restored.db"
    subprocess.run(["sqlite3", server.state / "tallystick.db", f"VACUUM INTO '{copy}'"], check=True)
    for suffix in ("-wal", "-shm"):
        (server.state / f"tallystick.db{suffix}").unlink(missing_ok=True)
    shutil.move(copy, server.state / "tallystick.db")
    assert server.check(first.token).status == 503
    assert server.call("health").status == 503 if "health" in server.processes else True
    assert server.register("bob").status == 503
    server.stop()
    assert server.check(first.token).status == 204
    assert server.register("bob").status == 201


def test_groups_that_would_not_fit_a_token_are_refused(server):
    server.register()
    many = ",".join(f"group-number-{number:020}" for number in range(200))
    assert server.admin("account", "groups", "alice", many, check=False).returncode == 1
    fits = ",".join(f"g{number}" for number in range(200))
    assert server.admin("account", "groups", "alice", fits).returncode == 0
    answer = server.login()
    assert answer.status == 200 and server.check(answer.token).header("X-Auth-Groups") == fits


def forms(secret):
    """As it is, in hexadecimal, in base64 at each offset, and the bytes that it may itself be base64url of."""
    yield from (secret, secret.hex().encode(), secret.hex().upper().encode())
    for offset in range(3):
        # What stands before and behind changes the letters at the ends.
        yield base64.b64encode(bytes(offset) + secret)[4:-4]
    if re.fullmatch(rb"[\w-]+", secret):
        yield base64.urlsafe_b64decode(secret + b"=" * (-len(secret) % 4))


def test_no_secret_and_no_cookie_is_in_the_database_or_the_log_T072_T227(host):
    first = host.register()
    second = host.refresh(first.cookie)
    host.login(password="wrong password typed here")
    dump = stores.dump(host.state)
    log = host.logs.read_bytes()
    secrets = [first.token, second.token, GOOD, "wrong password typed here"]
    secrets += [answer.cookie.split("=", 1)[1] for answer in (first, second)]
    for secret in secrets:
        for part in (secret, *secret.split(".")):
            for form in forms(part.encode()):
                assert len(part) <= 8 or form not in dump and form not in log
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in dump and b"argon2id" not in log


def test_every_event_is_one_json_line_whatever_strangers_are_called_T228_T234(host):
    names = ["a\nb", "a\r\nb", "\u001b[2J", '"', "x" * 4000, "\u202ealice"]
    for name in names:
        host.login(name, "whatever it is", headers=[("User-Agent", "agent")])
    host.register("alice")
    host.login("alice")
    raw = [line for line in host.logs.read_bytes().split(b"\n") if line]
    events = [json.loads(line) for line in raw]
    assert len([event for event in events if event["event"] in ("login_failed", "login_banned")]) >= len(names)
    for event in events:
        assert {"time", "program", "event", "level"} <= set(event) and event["time"].endswith("Z")
    assert not any(byte in line for line in raw for byte in (0x1b, 0x0d))
    ends = [event for event in events if event["event"] in ("register", "login")]
    assert all({"account", "session", "client"} <= set(event) and len(event["session"]) == 8 for event in ends)
