"""A state directory with the setgid bit: its group uses the store, and reads no secret.

So the programs that only verify tokens can run as another user than those that sign.
"""

import os
import stat
import subprocess

import pytest
from harness import BIN, Host
from owners import OTHER, SERVICE, as_root, give_all, is_clear, place, run  # noqa: F401

pytestmark = as_root

# In the group of the state, and not its owner.
BY_GROUP = ["setpriv", f"--reuid={OTHER.pw_uid}", f"--regid={OTHER.pw_gid}", "--clear-groups"]
BY_OWNER = ["setpriv", f"--reuid={SERVICE.pw_uid}", f"--regid={SERVICE.pw_gid}", "--clear-groups"]
SIGNS = ("register", "login", "refresh", "password")


@pytest.fixture
def shared(place):
    """A state of `nobody`, shared with the group `daemon`; each program runs as who it is for."""
    host = Host(place)
    host.state.mkdir()
    os.chown(host.state, SERVICE.pw_uid, OTHER.pw_gid)
    host.state.chmod(0o2750)
    before = os.umask(0o077)
    try:
        assert run(host, "init").returncode == 0
    finally:
        os.umask(before)
    original = host.by_hand
    host.by_hand = lambda program, params=(), data=b"", under=(): original(
        program, params, data, BY_OWNER if program in SIGNS else BY_GROUP)
    return host


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_group_uses_the_store_from_the_first_moment(shared):
    """Before anybody else has opened it: the log is there already, and the directory stays closed."""
    assert shared.call("health").status == 204
    first = shared.register()
    assert first.status == 201 and shared.check(first.token).status == 204
    login = shared.login()
    assert shared.refresh(login.cookie).status == 200
    assert shared.call("me", token=login.token).status == 200
    assert shared.call("logout", token=login.token).status == 204
    assert shared.check(login.token).status == 401


@pytest.mark.sqlite
def test_the_database_belongs_to_the_group_which_cannot_replace_it(shared):
    for name in ("tallystick.db", "tallystick.db-wal", "tallystick.db-shm", "tallystick.db.lock"):
        path = shared.state / name
        assert (mode(path), path.stat().st_gid) == (0o660, OTHER.pw_gid), name
        assert subprocess.run([*BY_GROUP, "rm", "-f", path], capture_output=True, check=False).returncode != 0


def test_the_group_reads_no_secret_and_replaces_nothing(shared):
    assert mode(shared.state) == 0o2750
    secrets = [shared.state / "keys/refresh.secret", *(shared.state / "keys/private").iterdir()]
    assert len(secrets) == 3
    for path in secrets:
        assert mode(path) == 0o400
        assert subprocess.run([*BY_GROUP, "cat", path], capture_output=True, check=False).returncode == 1
    for command in (["mv", "keys", "old"], ["rm", "-f", "blocklist"], ["touch", "new"]):
        done = subprocess.run([*BY_GROUP, *command], cwd=shared.state, capture_output=True, check=False)
        assert done.returncode != 0, command


def test_a_program_that_signs_refuses_to_run_as_the_group(shared):
    done = subprocess.run([*BY_GROUP, BIN / "refresh"], env={**shared.environment(), "REQUEST_METHOD": "POST"},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 111 and "keys/private" in done.stderr and done.stderr.count("\n") == 1


def test_the_administrator_leaves_it_shared(shared):
    for words in ("account add zoe", "key rotate", "key retire", "session prune", "config check"):
        assert run(shared, words).returncode == 0, words
    assert shared.call("health").status == 204 and shared.call("jwks").status == 200


@pytest.mark.sqlite
def test_a_lock_that_the_administrator_makes_is_the_groups_too(shared):
    (shared.state / "tallystick.db.lock").unlink()
    assert run(shared, "account add zoe").returncode == 0
    assert mode(shared.state / "tallystick.db.lock") == 0o660
    assert shared.call("health").status == 204


@pytest.mark.sqlite
def test_init_upgrade_makes_the_log_again_and_says_nothing(shared):
    """After a backup was put back by hand, or the sqlite3 shell was the last to close the database."""
    for name in ("tallystick.db-wal", "tallystick.db-shm"):
        (shared.state / name).unlink()
    assert shared.by_hand("health", {"REQUEST_METHOD": "GET"}).returncode == 111
    done = run(shared, "init --upgrade")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert shared.call("health").status == 204


def test_init_upgrade_makes_no_state(place):
    host = Host(place)
    done = run(host, "init --upgrade")
    assert done.returncode == 111 and is_clear(done) and not host.state.exists()
