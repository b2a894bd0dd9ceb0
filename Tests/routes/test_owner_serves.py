"""A state that `tallystick` made or changed as root: who owns it, that its owner can serve it, and what the command reveals."""

import os
import pathlib
import pwd
import subprocess

import pytest
from harness import BIN, GOOD, Host
from owners import BY_SERVICE, SERVICE, as_root, empty, give, is_clear, is_refused, is_the_services, place, run, service  # noqa: F401
from tokens import claims
from waiting import wait_until

# The files of the state: SQLite's are among them.
pytestmark = [as_root, pytest.mark.sqlite]


def as_service(host):
    """Runs the programs as the service from now on."""
    original = host.by_hand
    host.by_hand = lambda program, params=(), data=b"", under=(): original(program, params, data, BY_SERVICE)


def serves(host):
    """Registers, logs in, refreshes; the programs run as the service."""
    first = host.register()
    assert first.status == 201 and host.call("health").status == 204
    login = host.login()
    assert login.status == 200 and host.refresh(login.cookie).status == 200
    assert host.check(login.token).status == 204 and claims(login.token)["preferred_username"] == "alice"
    assert host.call("logout", token=login.token).status == 204
    return True


@pytest.mark.parametrize("made", ["by root for the service", "by init --owner", "by init, in a directory of the service's"])
def test_init_as_root_makes_a_state_that_the_service_serves(place, made):
    host = Host(place)
    command = "init"
    if made == "by root for the service":
        host.state.mkdir()
        give(host.state)
    elif made == "by init --owner":
        command = "init --owner nobody"
    else:
        (place / "home").mkdir()
        give(place / "home")
        host.state = place / "home" / "state"
        host.settings["TALLYSTICK_STATE"] = str(host.state)
    before = os.umask(0)
    try:
        done = run(host, command)
    finally:
        os.umask(before)
    assert done.returncode == 0, done
    is_the_services(host.state)
    as_service(host)
    assert serves(host)
    # Commands of root's between requests take nothing from the service.
    for words in ("account add zoe", "key rotate", "key retire", "session prune", "account passwd zoe", "config check"):
        assert run(host, words).returncode == 0, words
    is_the_services(host.state)
    (host.state / "tallystick.db.lock").unlink()
    assert run(host, "account disable zoe").returncode == 0
    is_the_services(host.state)
    assert host.login().status == 200


def test_without_another_owner_a_new_state_is_roots(place):
    host = Host(place)
    assert run(host, "init").returncode == 0
    is_the_services(host.state, pwd.getpwnam("root"))


@pytest.mark.parametrize("words, status", [("--owner nosuchuser", 1), ("--owner daemon", 1), ("--owner", 100)])
def test_an_owner_that_cannot_be_is_refused_and_makes_nothing(place, words, status):
    home = place / "home"
    home.mkdir()
    give(home)
    host = Host(home)
    done = run(host, f"init {words}")
    assert done.returncode == status and done.stderr.count("\n") == 1
    assert list(home.iterdir()) == []


def test_a_state_that_belongs_to_another_than_the_owner_named_is_refused(empty):
    done = run(empty, "init --owner daemon")
    assert done.returncode == 1 and is_clear(done) and list(empty.state.iterdir()) == []


def test_only_root_makes_a_state_for_another(empty):
    done = subprocess.run(
        [*BY_SERVICE, BIN / "tallystick", "init", "--owner", "daemon"],
        env=empty.environment(), text=True, capture_output=True, timeout=20)
    assert done.returncode == 1 and is_clear(done) and list(empty.state.iterdir()) == []


def test_a_state_out_of_its_owners_reach_is_refused(place, service):
    """The service could not use it either."""
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    service.state.rename(closed / "state")
    service.settings["TALLYSTICK_STATE"] = str(closed / "state")
    done = run(service, "account list")
    assert is_refused(done) and "out of reach of nobody" in done.stderr


# What the command shows of itself


@pytest.mark.parametrize("prefix", [[], BY_SERVICE])
def test_nobody_looks_into_the_command_while_it_waits_for_a_password_T230(service, prefix):
    """Started by root or by the service: neither can another process of that user's open its memory or environment."""
    process = subprocess.Popen(
        [*prefix, BIN / "tallystick", "account", "add", "zoe"], env=service.environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    proc = pathlib.Path(f"/proc/{process.pid}")
    try:
        # It reads its password after it has opened its store, as its owner.
        wait_until(lambda: any(database_is(link, service.state) for link in (proc / "fd").iterdir()), "the store to be open", 20)
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        assert set(status["Uid"].split()) == {str(SERVICE.pw_uid)} and set(status["Gid"].split()) == {str(SERVICE.pw_gid)}
        assert status["Groups"].split() in ([], [str(SERVICE.pw_gid)]) and int(status["CapEff"], 16) == 0
        # In /proc a process belongs to its user if it is dumpable, else to root.
        assert (proc / "environ").stat().st_uid == 0
        assert subprocess.run([*BY_SERVICE, "cat", proc / "environ"], capture_output=True).returncode != 0
    finally:
        error = process.communicate(GOOD + "\n", timeout=20)[1]
    assert process.returncode == 0, error


def database_is(link, state):
    try:
        return os.readlink(link) == str(state / "tallystick.db")
    except FileNotFoundError:
        return False


def test_a_result_that_cannot_be_written_is_a_failure(service):
    with open("/dev/full", "w") as full:
        for words in (["account", "list"], ["key", "list", "--json"]):
            done = subprocess.run([BIN / "tallystick", *words], env=service.environment(), stdout=full, stderr=subprocess.PIPE, text=True)
            assert done.returncode == 111 and done.stderr.count("\n") == 1 and "standard output" in done.stderr
