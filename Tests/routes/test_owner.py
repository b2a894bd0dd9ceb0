"""`tallystick` as root in a directory of another user: that user's links lead nowhere, and the files become the user's.

Every attack plants what the owner of a service could plant, lets root run a command, and then looks at a file and a
directory of root's: bytes, mode, owner and names are what they were.
"""

import os
import pathlib
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile

import pytest
from harness import BIN, GOOD, Host
from tokens import claims
from waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
SERVICE = pwd.getpwnam("nobody")
OTHER = pwd.getpwnam("daemon")


def give(path, user=SERVICE):
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def give_all(folder, user=SERVICE):
    give(folder, user)
    for path in folder.rglob("*"):
        give(path, user)


class Canary:
    """A file and a directory with a file, which are root's and stay as they are."""

    def __init__(self, folder, initial):
        folder.mkdir(mode=0o755)
        self.folder = folder
        self.file = folder / "file"
        self.file.write_text("root's own\n")
        self.file.chmod(0o640)
        self.directory = folder / "directory"
        self.directory.mkdir(mode=0o750)
        # Not what a command would refuse by itself: keys and a store of root's.
        shutil.copytree(initial, folder / "state")
        self.before = self.look()

    def look(self):
        """Everything about every file; reading may change the time of access, and nothing else."""
        found = {}
        for path in sorted([self.folder, *self.folder.rglob("*")]):
            info = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(info.st_mode) else None
            found[str(path)] = (info.st_ino, info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, content)
        return found

    def verify(self):
        assert self.look() == self.before


@pytest.fixture
def place():
    """A directory that every user can reach; pytest's own are closed."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-owner-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def canary(place, initial):
    return Canary(place / "root", initial)


@pytest.fixture
def service(place, initial):
    """A state of the service's in a directory of root's, with a session in it."""
    host = Host(place)
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


# What can stand in the place of a file or a directory

def link_to_file(path, canary):
    path.symlink_to(canary.file)


def link_to_directory(path, canary):
    path.symlink_to(canary.directory)


def link_to_nothing(path, canary):
    path.symlink_to(canary.folder / "new")


def link_to_theirs(path, canary):
    """To the file of this name in a state of root's."""
    name = path.name.removesuffix(".new")
    target = canary.folder / "state" / ("keys" if path.parent.name == "keys" else "") / name
    path.symlink_to(target)


def hard_link(path, canary):
    path.hardlink_to(canary.file)


def fifo(path, canary):
    os.mkfifo(path, 0o600)
    give(path)


def directory(path, canary):
    path.mkdir()
    give(path)


def bound(path, canary):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    give(path)


KINDS = [link_to_file, link_to_directory, link_to_nothing, link_to_theirs, hard_link, fifo, directory, bound]
NAMES = [
    "blocklist", "blocklist.new", "keys", "keys/set.json", "keys/set.json.new", "keys/refresh.secret", "keys/refresh.secret.new",
    "keys/private", "tallystick.db", "tallystick.db.new", "tallystick.db.new-journal", "tallystick.db.new-wal",
    "tallystick.db.lock", "tallystick.db-wal", "tallystick.db-shm", "tallystick.db-journal",
]
COMMANDS = [
    "account add zoe", "account list", "account passwd alice", "account disable alice", "key list", "key rotate", "key retire",
    "session prune", "session list alice", "ban lift --all", "token issue alice", "config check",
]


def plant(host, name, kind, canary):
    path = host.state / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    kind(path, canary)
    if path.is_symlink():
        give(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_init_touches_nothing_of_roots_whatever_stands_in_a_files_place(empty, canary, name, kind):
    (empty.state / "keys").mkdir(mode=0o755)
    give(empty.state / "keys")
    plant(empty, name, kind, canary)
    done = run(empty, "init")
    canary.verify()
    assert is_clear(done)
    if done.returncode == 0:
        is_the_services(empty.state)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_command_touches_nothing_of_roots_whatever_stands_in_a_files_place(service, canary, name, kind):
    plant(service, name, kind, canary)
    for command in ("account add zoe", "key rotate", "key retire", "session prune", "config check"):
        done = run(service, command)
        canary.verify()
        assert done.returncode in (0, 1, 111) and done.stderr.count("\n") <= 1, (command, done)
        assert done.returncode == 0 or done.stdout == "" and done.stderr.startswith("tallystick: "), (command, done)


@pytest.mark.parametrize("command", ["init", *COMMANDS])
def test_a_state_that_is_a_link_of_the_services_is_refused(service, canary, command):
    """The service owns the directory that the state lies in, and turns the state elsewhere."""
    owned = service.folder / "owned"
    owned.mkdir()
    for number, target in enumerate([canary.directory, canary.folder / "state", canary.folder / "new", service.state]):
        link = owned / f"state{number}"
        link.symlink_to(target)
        give_all(owned)
        service.settings["TALLYSTICK_STATE"] = str(link)
        done = run(service, command)
        canary.verify()
        assert is_refused(done) and str(link) in done.stderr


@pytest.mark.parametrize("command", ["init", *COMMANDS])
def test_a_directory_of_roots_where_the_service_could_put_another_is_refused(service, canary, command):
    owned = service.folder / "owned"
    owned.mkdir()
    shutil.copytree(canary.folder / "state", owned / "state")
    give(owned)
    service.settings["TALLYSTICK_STATE"] = str(owned / "state")
    before = Canary.look(type("Copy", (), {"folder": owned / "state"}))
    done = run(service, command)
    assert is_refused(done) and "nobody" in done.stderr
    assert Canary.look(type("Copy", (), {"folder": owned / "state"})) == before


@pytest.mark.parametrize("command", ["init", "account list", "key rotate", "session prune"])
def test_a_state_that_a_third_user_could_replace_is_refused(service, command):
    owned = service.folder / "owned"
    owned.mkdir()
    service.state.rename(owned / "state")
    give(owned, OTHER)
    service.settings["TALLYSTICK_STATE"] = str(owned / "state")
    done = run(service, command)
    assert is_refused(done) and "daemon" in done.stderr


@pytest.mark.parametrize("command", ["init", "account list", "key rotate"])
def test_a_path_that_everybody_can_write_is_refused(service, canary, command):
    for folder in (service.folder / "everybody", service.folder / "everybody" / "state"):
        shutil.copytree(canary.folder / "state", service.folder / "everybody/state", dirs_exist_ok=True)
        folder.chmod(0o777)
        service.settings["TALLYSTICK_STATE"] = str(service.folder / "everybody/state")
        assert is_refused(run(service, command))
        shutil.rmtree(service.folder / "everybody")


def test_a_link_that_root_made_is_followed(service):
    link = service.folder / "link"
    link.symlink_to("state")
    service.settings["TALLYSTICK_STATE"] = str(link)
    assert run(service, "account add zoe").returncode == 0
    is_the_services(service.state)


def test_the_list_of_words_is_read_as_the_owner(empty, canary):
    """Or what only root may read would stand in a file of the service's."""
    canary.file.chmod(0o600)
    words = empty.state.parent / "words"
    words.symlink_to(canary.file)
    give(words)
    done = run(empty, f"init --words {words}")
    assert is_refused(done) and list(empty.state.iterdir()) == []


# The good case


def is_the_services(state, user=SERVICE):
    """Every file belongs to the user and is closed to others, but for the public keys."""
    paths = [state, *state.rglob("*")]
    assert len(paths) > 5
    for path in paths:
        info = path.lstat()
        assert (info.st_uid, info.st_gid) == (user.pw_uid, user.pw_gid), path
        public = path.relative_to(state) in (pathlib.Path("keys"), pathlib.Path("keys/set.json"))
        assert public or stat.S_IMODE(info.st_mode) & 0o077 == 0, path


def as_service(host, user=SERVICE):
    """Runs the programs as this user from now on."""
    original = host.by_hand
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    host.by_hand = lambda program, params=(), data=b"", under=(): original(program, params, data, prefix)


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
        ["setpriv", f"--reuid={SERVICE.pw_uid}", f"--regid={SERVICE.pw_gid}", "--clear-groups",
         BIN / "tallystick", "init", "--owner", "daemon"],
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


@pytest.mark.parametrize("prefix", [[], ["setpriv", f"--reuid={SERVICE.pw_uid}", f"--regid={SERVICE.pw_gid}", "--clear-groups"]])
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
        peeking = ["setpriv", f"--reuid={SERVICE.pw_uid}", f"--regid={SERVICE.pw_gid}", "--clear-groups", "cat", proc / "environ"]
        assert subprocess.run(peeking, capture_output=True).returncode != 0
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
