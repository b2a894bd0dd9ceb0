"""`tallystick` as root in a directory of another user: links that this user planted lead nowhere.

Every attack plants something that the owner of a service could plant, and lets root run a command. Afterwards a file
and a directory of root's must have the same bytes, mode, owner and names as before.
"""

import os
import shutil
import socket
import stat

import pytest
from owners import OTHER, as_root, empty, give, give_all, is_clear, is_refused, is_the_services, place, run, service  # noqa: F401

# The files of the state: SQLite's are among them.
pytestmark = [as_root, pytest.mark.sqlite]


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
def canary(place, initial):
    return Canary(place / "root", initial)


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
