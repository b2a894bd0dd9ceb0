"""`tallystick`: the help, the JSON and the exit statuses of each command, and where it reads a password from."""

import contextlib
import json
import os
import stat
import subprocess

import pytest
from harness import BIN, GOOD, ISSUER, Host
from programs import contents
from tokens import claims

# What is listed, and the members that each row has.
LISTS = {
    "account list": {"username", "id", "groups", "token_version", "disabled", "created_at"},
    "account show alice": {"username", "id", "groups", "token_version", "disabled", "created_at"},
    "session list alice": {"id", "generation", "created_at", "last_used_at", "expires_at", "address", "user_agent"},
    "device list alice": {"id", "name", "sites", "read_only", "created_at", "last_used_at", "expires_at"},
    "ban list": {"scope", "name", "network", "failures", "until"},
    "key list": {"kid", "alg", "status", "created_at"},
    "config show": {"variable", "value"},
}
# Everything that works on a state, and so has nothing to work on without one.
NEED_STATE = [
    "ban list", "ban lift --all", "account add zoe", "account list", "account show alice", "account passwd alice",
    "account disable alice", "account enable alice", "account delete alice", "account groups alice staff", "account revoke alice",
    "session list alice", f"session end {'a' * 26}", "session prune", "device add alice git", "device list alice", f"device end {'a' * 26}", "key list", "key rotate", "key retire", "token issue alice",
    "token verify", "config check",
]


def run(host, *words, stdin="", **environment):
    return subprocess.run(
        [BIN / "tallystick", *words], env=host.environment(**environment), input=stdin, text=True, capture_output=True, timeout=60)


def is_one_line(done, status):
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.startswith("tallystick: ") and done.stderr.count("\n") == 1 and not done.stderr.endswith(".\n")
    return True


@pytest.mark.parametrize("command", LISTS)
def test_what_is_listed_is_listed_as_json_too(server, command):
    server.register()
    server.admin("device", "add", "alice", "git")
    for _ in range(5):
        server.login(password="not the password")
    rows = json.loads(server.admin(*command.split(), "--json").stdout)
    assert rows and all(set(row) >= LISTS[command] for row in rows), rows
    # For people: a heading and a line for each.
    assert len(server.admin(*command.split()).stdout.splitlines()) == len(rows) + 1


def test_what_lists_nothing_prints_an_empty_list(server):
    for command in ("account list", "ban list"):
        assert server.admin(*command.split(), "--json").stdout == "[]\n"


@pytest.mark.parametrize("command", NEED_STATE)
def test_without_a_state_each_command_fails_with_111_and_creates_none(tmp_path, command):
    """`init` alone creates."""
    host = Host(tmp_path)
    for made in (False, True):
        if made:
            host.state.mkdir()
        done = run(host, *command.split(), stdin="another fine phrase\n")
        assert is_one_line(done, 111)
        assert not host.state.exists() or list(host.state.iterdir()) == []


@pytest.mark.parametrize("name, value", [("STATE", "relative"), ("ISSUER", "http://a.test"), ("LEEWAY", "1h"), ("MAX_SESSIONS", "0"), ("LEEWAI", "2s")])
def test_a_wrong_setting_stops_every_command_with_100(server, name, value):
    server.register()
    for command in ("account list", "session prune", "key list", "config check", "config show", "token issue alice", "init"):
        done = run(server, *command.split(), **{f"TALLYSTICK_{name}": value})
        assert is_one_line(done, 100) and f"TALLYSTICK_{name}" in done.stderr


@pytest.mark.parametrize("command, stdin", [
    ("account add alice", GOOD), ("account add zoe", "short"), ("account add zoe", "password"), ("account add zoe", ""), ("account add n@me!", GOOD),
    ("account show nobody", ""), ("account passwd nobody", GOOD), ("account passwd alice", "password"), ("account passwd alice", ""),
    ("account disable nobody", ""), ("account enable nobody", ""), ("account delete nobody", ""), ("account groups nobody staff", ""),
    ("account groups alice no,good!", ""), ("account revoke nobody", ""), ("session list nobody", ""), ("session end x", ""),
    (f"session end {'a' * 26}", ""), ("key retire --kid x", ""), ("token issue nobody", ""), ("token issue mallory", ""),
    ("token verify", "a.b.c"), ("token verify", ""), ("init", ""),
])
def test_what_is_refused_is_1_and_one_line_and_changes_nothing(server, command, stdin):
    server.register()
    server.register("mallory")
    server.admin("account", "disable", "mallory")
    before, keys = contents(server.state), (server.state / "keys/set.json").read_bytes()
    assert is_one_line(run(server, *command.split(), stdin=stdin + "\n" if stdin else ""), 1)
    assert contents(server.state) == before and (server.state / "keys/set.json").read_bytes() == keys


@pytest.mark.parametrize("command", ["account add zoe", "account passwd alice"])
def test_a_password_is_never_taken_from_an_argument(server, command):
    """Arguments show in the list of processes."""
    server.register()
    before = contents(server.state)
    for extra in ([GOOD], ["--password", GOOD], [f"--password={GOOD}"]):
        assert is_one_line(run(server, *command.split(), *extra, stdin=GOOD + "\n"), 100)
    assert contents(server.state) == before
    assert GOOD not in run(server, *command.split(), "--help").stdout


def test_a_password_is_asked_for_twice_where_there_is_a_terminal_and_not_shown(server):
    """Typed alike it counts; typed differently it is refused."""
    for typed, status in (([GOOD, GOOD], 0), ([GOOD, GOOD + "!"], 1)):
        name = f"user{status}"
        child, terminal = os.forkpty()
        if child == 0:
            os.execvpe(str(BIN / "tallystick"), ["tallystick", "account", "add", name], server.environment())
        shown = b""
        # The other side's end is an error here, after what it printed last.
        with contextlib.suppress(OSError):
            for prompt, line in zip((b"password: ", b"again: "), typed):
                while prompt not in shown:
                    shown += os.read(terminal, 1000)
                os.write(terminal, line.encode() + b"\n")
            while more := os.read(terminal, 1000):
                shown += more
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status, shown
        assert GOOD.encode() not in shown
        assert (server.login(name).status == 200) == (status == 0)


def test_each_command_that_changes_something_does(server):
    """One line on standard output for each, and 0."""
    first = server.register("alice")
    for _ in range(5):
        server.login(password="not the password")
    assert server.login().status == 429
    server.admin("ban", "lift", "--all")
    assert server.login().status == 200
    server.admin("account", "groups", "alice", "staff")
    assert server.check(first.token, params=[("AUTH_REQUIRE", "staff")]).status == 204
    server.admin("account", "groups", "alice", "")
    assert server.check(first.token, params=[("AUTH_REQUIRE", "staff")]).status == 403
    server.admin("session", "end", claims(first.token)["sid"])
    assert server.check(first.token).status == 401
    second = server.login()
    server.admin("account", "revoke", "alice")
    assert server.check(second.token).status == 401 and claims(server.login().token)["ver"] == 2
    server.admin("account", "disable", "alice")
    assert server.login().status == 401
    server.admin("account", "enable", "alice")
    third = server.login()
    assert third.status == 200
    kid = json.loads(server.admin("key", "list", "--json").stdout)[0]["kid"]
    server.admin("key", "rotate")
    assert server.check(third.token).status == 204
    server.admin("key", "retire", "--kid", kid)
    assert server.check(third.token).status == 401
    issued = server.admin("token", "issue", "alice").stdout.strip()
    assert server.check(issued).status == 204 and run(server, "token", "verify", stdin=issued + "\n").returncode == 0
    server.back_in_time(100 * 86400)
    assert int(server.admin("session", "prune").stdout.split()[1]) >= 1
    assert json.loads(server.admin("session", "list", "alice", "--json").stdout) == []
    server.admin("account", "passwd", "alice", stdin="another fine phrase\n")
    assert server.login(password="another fine phrase").status == 200
    server.admin("account", "delete", "alice")
    assert contents(server.state) == [] and server.login().status == 401


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
def test_init_makes_a_state_that_serves_with_either_algorithm(tmp_path, algorithm):
    host = Host(tmp_path)
    host.admin("init", "--algorithm", algorithm)
    assert stat.S_IMODE(host.state.stat().st_mode) == 0o700
    first = host.register()
    assert host.check(first.token).status == 204 and host.call("jwks").json["keys"][0]["alg"] in ("ES256", "Ed25519", "EdDSA")
    again = run(host, "init")
    assert is_one_line(again, 1) and host.check(first.token).status == 204


@pytest.mark.sqlite
def test_init_brings_a_database_of_step_1_up_to_date_T203(server):
    """Programs refuse it and say what to do; afterwards nobody has been signed out."""
    first = server.register()
    server.stop()
    with server.database() as opened:
        (newest,) = opened.execute("PRAGMA user_version").fetchone()
        for statement in ("DROP INDEX session_shared", "DROP TABLE handover", "DROP TABLE device"):
            opened.execute(statement)
        for table, column in (("session", "shared_lifetime"), ("session", "sent_at"), ("session", "bound_from"), ("attempt", "in_a_row"), ("attempt", "last_failed_at")):
            opened.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        opened.execute("PRAGMA user_version = 1")
    refused = run(server, "account", "list")
    assert is_one_line(refused, 111) and "`tallystick init` brings it up to date" in refused.stderr
    done = server.admin("init")
    assert done.stdout == f"brought {server.state}/tallystick.db from schema 1 to {newest}\n"
    assert is_one_line(run(server, "init"), 1)
    assert server.check(first.token).status == 204 and server.refresh(first.cookie).status == 200


def test_help_is_help_at_every_level(server):
    for words in (["--help"], ["help"], ["account", "--help"], ["session", "--help"], ["ban", "--help"], ["key", "--help"], ["token", "--help"],
                  ["config", "--help"]):
        done = run(server, *words, TALLYSTICK_STATE="/nowhere", TALLYSTICK_ISSUER="")
        assert done.returncode == 0 and "usage: tallystick" in done.stdout and done.stderr == ""


COMMANDS = [
    "init", "ban list", "ban lift", "account add", "account list", "account show", "account passwd", "account disable",
    "account enable", "account delete", "account groups", "account revoke", "session list", "session end", "session prune",
    "device add", "device list", "device end",
    "key list", "key rotate", "key retire", "token issue", "token verify", "config show", "config check",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_shows_how_to_call_it(server, command):
    done = run(server, *command.split(), "--help")
    assert done.returncode == 0 and f"usage: tallystick {command}" in done.stdout and not done.stderr


@pytest.mark.parametrize("words, status", [
    ([], 100), (["frobnicate"], 100), (["account"], 100), (["account", "show"], 100), (["account", "show", "a", "b"], 100),
    (["account", "show", "--frob", "a"], 100), (["account", "show", "nobody"], 1), (["session", "end", "x"], 1),
    (["key", "retire", "--kid", "x"], 1), (["ban", "lift"], 100), (["ban", "lift", "--address", "nonsense"], 100),
    (["ban", "lift", "--name", "no such name!"], 100), (["init"], 1), (["key", "rotate", "--algorithm", "none"], 100),
])
def test_a_wrong_call_is_one_line_and_a_status(server, words, status):
    done = run(server, *words)
    assert done.returncode == status
    if len(words) > 1:  # a group of commands alone lists them
        assert done.stderr.startswith("tallystick: ") and len(done.stderr.splitlines()) == 1


def test_an_account_is_added_changed_and_deleted(server):
    assert run(server, "account", "add", "Carol", "--groups", "staff,ops", stdin=GOOD + "\n").returncode == 0
    row = json.loads(run(server, "account", "show", "carol", "--json").stdout)[0]
    assert row["username"] == "carol" and row["groups"] == ["staff", "ops"] and row["token_version"] == 1
    assert server.login("carol").status == 200
    assert run(server, "account", "passwd", "carol", stdin="another fine phrase\n").returncode == 0
    assert server.login("carol").status == 401 and server.login("carol", "another fine phrase").status == 200
    assert run(server, "account", "add", "carol", stdin=GOOD + "\n").returncode == 1
    assert run(server, "account", "add", "dave", stdin="password\n").returncode == 1
    assert run(server, "account", "delete", "carol").returncode == 0
    assert run(server, "account", "show", "carol").returncode == 1


@pytest.mark.parametrize("name", ["--evil", "--help", "--json"])
def test_a_name_that_looks_like_an_option_goes_behind_two_dashes(server, name):
    assert server.register(name).status == 201
    assert run(server, "account", "disable", "--", name).returncode == 0
    assert json.loads(run(server, "account", "show", "--json", "--", name).stdout)[0]["disabled"] is True


def test_a_user_agent_cannot_move_the_cursor_of_who_lists_sessions(server):
    server.register(headers=[("User-Agent", "x\u009b2Jy\u202ez")])
    shown = server.admin("session", "list", "alice").stdout
    assert "x" in shown and not any(character in shown for character in "\u009b\u202e\u001b")


def test_a_token_is_issued_and_verified_by_command(server):
    server.register()
    token = server.admin("token", "issue", "alice").stdout.strip()
    assert server.check(token).status == 204
    assert json.loads(server.admin("token", "verify", "--json", stdin=token + "\n").stdout)[0]["username"] == "alice"
    server.admin("account", "revoke", "alice")
    assert run(server, "token", "verify", stdin=token + "\n").returncode == 1


def test_sessions_are_pruned_only_when_nothing_can_continue_them(server):
    first = server.register()
    assert server.admin("session", "prune").stdout == "pruned 0\n"
    assert server.refresh(first.cookie).status == 200


def test_config_show_and_check_say_what_is_in_force(server):
    rows = json.loads(server.admin("config", "show", "--json").stdout)
    assert {"variable": "TALLYSTICK_ISSUER", "value": ISSUER} in rows
    assert server.admin("config", "check").stdout == "ok\n"
    blocklist = server.state / "blocklist"
    blocklist.write_bytes(b"zebra99\naardvark\n")
    assert run(server, "config", "check").returncode == 111
