"""A state directory of a service's user, and `tallystick` run by root: shared by the tests of ownership."""

import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import tempfile

import pytest
from harness import BIN, GOOD, Host

# For `pytestmark`.
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
SERVICE = pwd.getpwnam("nobody")
OTHER = pwd.getpwnam("daemon")
BY_SERVICE = ["setpriv", f"--reuid={SERVICE.pw_uid}", f"--regid={SERVICE.pw_gid}", "--clear-groups"]


def give(path, user=SERVICE):
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def give_all(folder, user=SERVICE):
    give(folder, user)
    for path in folder.rglob("*"):
        give(path, user)


@pytest.fixture
def place():
    """A directory that every user can reach; pytest's own are closed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-owner-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def service(place, initial):
    """A state of the service's in a directory of root's, with a session in it."""
    host = Host(place, like=initial)
    shutil.copytree(initial, host.state)
    give_all(host.state)
    return host


@pytest.fixture
def empty(place):
    host = Host(place)
    host.state.mkdir(mode=0o700)
    give(host.state)
    return host


def run(host, command):
    """Runs a command, which must not wait for anything."""
    return subprocess.run(
        [BIN / "tallystick", *command.split()], env=host.environment(), input=GOOD + "\n", text=True, capture_output=True, timeout=20)


def is_clear(done):
    """Refused in one line, or done with the line of the log."""
    assert done.returncode in (0, 1, 111), done
    assert done.stderr.count("\n") == 1, done.stderr
    if done.returncode:
        assert done.stdout == "" and done.stderr.startswith("tallystick: ") and not done.stderr.endswith(".\n"), done
    return True


def is_refused(done):
    assert done.returncode in (1, 111), done
    return is_clear(done)


def is_the_services(state, user=SERVICE):
    """Every file belongs to the user and is closed to others, but for the public keys."""
    paths = [state, *state.rglob("*")]
    assert len(paths) > 5
    for path in paths:
        info = path.lstat()
        assert (info.st_uid, info.st_gid) == (user.pw_uid, user.pw_gid), path
        public = path.relative_to(state) in (pathlib.Path("keys"), pathlib.Path("keys/set.json"))
        assert public or stat.S_IMODE(info.st_mode) & 0o077 == 0, path
