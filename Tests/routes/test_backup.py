"""`tallystick backup` and `restore`: the state comes back from one file, and nothing that was over comes back with it."""

import concurrent.futures
import shutil
import sqlite3
import stat
import subprocess

import pytest
from harness import BIN, COOKIE, Host
from owners import SERVICE, as_root, give, place, run  # noqa: F401

pytestmark = pytest.mark.sqlite


@pytest.fixture
def kept(made):
    """A host with an account, and where its backup goes."""
    made.register()
    return made, made.folder / "backup"


def backup(host, file, *options):
    return host.admin("backup", str(file), *options)


def destroy(host):
    host.stop()
    shutil.rmtree(host.state)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_state_that_was_destroyed_comes_back_from_the_backup_alone(kept):
    host, file = kept
    host.admin("account", "add", "zoe", "--groups", "staff", stdin="another good phrase\n")
    backup(host, file)
    assert mode(file) == 0o600
    files = {path.relative_to(host.state): (mode(path), path.read_bytes())
             for path in host.state.rglob("*") if path.is_file() and not path.name.startswith("tallystick.db")}
    destroy(host)
    host.admin("restore", str(file))
    assert files == {path.relative_to(host.state): (mode(path), path.read_bytes())
                     for path in host.state.rglob("*") if path.is_file() and not path.name.startswith("tallystick.db")}
    login = host.login()
    assert login.status == 200 and host.check(login.token).status == 204
    assert "staff" in host.admin("account", "show", "zoe").stdout
    assert host.admin("config", "check").stdout == "ok\n"


def test_a_spent_refresh_token_does_not_come_back_to_life(kept):
    """It was live when the backup was made; a thief may have kept it."""
    host, file = kept
    login = host.login()
    backup(host, file)
    second = host.refresh(login.cookie)
    assert second.status == 200
    destroy(host)
    said = host.admin("restore", str(file)).stdout
    assert "0 sessions go on, 2 were ended" in said
    assert host.refresh(login.cookie).status == 401 and host.refresh(second.cookie).status == 401
    assert host.check(login.token).status == 401 and host.check(second.token).status == 401


def test_sessions_that_the_replaced_state_shows_unchanged_go_on(kept):
    host, file = kept
    unchanged, refreshed, ended, revoked = host.login(), host.login(), host.login(), host.register("bob")
    backup(host, file)
    later = host.login()
    assert host.refresh(refreshed.cookie).status == 200
    assert host.call("logout", token=ended.token).status == 204
    host.admin("account", "revoke", "bob")
    host.stop()
    said = host.admin("restore", str(file)).stdout
    # Alice's first one, of her registration, too.
    assert "2 sessions go on, 3 were ended" in said
    assert host.check(unchanged.token).status == 204 and host.refresh(unchanged.cookie).status == 200
    for answer in (refreshed, ended, revoked, later):
        assert host.check(answer.token).status == 401 and host.refresh(answer.cookie).status == 401


def test_a_device_token_that_was_ended_since_does_not_come_back(kept):
    host, file = kept
    host.admin("device", "add", "alice", "laptop")
    host.admin("device", "add", "alice", "phone")
    backup(host, file)
    laptop, = [line.split()[0] for line in host.admin("device", "list", "alice").stdout.splitlines() if "laptop" in line]
    host.admin("device", "end", laptop)
    host.stop()
    host.admin("restore", str(file))
    said = host.admin("device", "list", "alice").stdout
    assert "phone" in said and "laptop" not in said


@pytest.mark.parametrize("way", ["overwritten", "damaged"])
def test_a_database_that_was_overwritten_or_damaged_vouches_for_nothing(kept, way):
    """Overwritten by the backup itself, while programs run: what was spent since would look unchanged. T204."""
    host, file = kept
    host.admin("device", "add", "alice", "laptop")
    login = host.login()
    backup(host, file)
    with sqlite3.connect(file) as plain:
        plain.execute("DROP TABLE kept_file")
    host.way = "fastcgi"
    assert host.refresh(login.cookie).status == 200
    database = host.state / "tallystick.db"
    if way == "overwritten":
        database.write_bytes(file.read_bytes())
    else:
        host.stop()
        with sqlite3.connect(database) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = database.read_bytes()
        database.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    assert host.admin("backup", f"{file}.no", check=False).returncode != 0
    said = host.admin("restore", str(file)).stdout
    assert "0 sessions go on, 2 were ended" in said
    assert "1 device tokens count again, also those that were ended since" in said
    host.stop()
    assert host.refresh(login.cookie).status == 401


def test_a_backup_without_keys_signs_everybody_in_anew(kept):
    host, file = kept
    token = host.login().token
    backup(host, file, "--without-keys")
    for secret in (host.state / "keys/refresh.secret", *(host.state / "keys/private").iterdir()):
        assert secret.read_bytes().hex().encode() not in file.read_bytes()
    destroy(host)
    assert "new ones were made" in host.admin("restore", str(file)).stdout
    assert host.check(token).status == 401 and host.login().status == 200


def test_a_backup_is_of_one_moment_while_everybody_writes(kept):
    """Registrations go on meanwhile; each account of a backup is whole, with its session."""
    host, file = kept
    host.way = "fastcgi"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        registered = [pool.submit(host.register, f"user{number}") for number in range(8)]
        for number in range(4):
            backup(host, f"{file}{number}")
        assert all(future.result().status == 201 for future in registered)
    for number in range(4):
        with sqlite3.connect(f"{file}{number}") as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            accounts, = opened.execute("SELECT count(*) FROM account").fetchone()
            sessions, = opened.execute("SELECT count(DISTINCT account) FROM session").fetchone()
            assert accounts == sessions


def test_a_program_that_runs_refuses_until_it_is_started_again(kept):
    """It must neither allow what the new state does not, nor write where nobody reads."""
    host, file = kept
    backup(host, file)
    token = host.login().token
    host.way = "fastcgi"
    assert host.check(token).status == 204
    host.admin("restore", str(file))
    assert host.check(token).status == 503
    host.stop()
    assert host.check(token).status == 401


def test_a_newer_schema_and_what_is_no_backup_are_refused_and_change_nothing(kept):
    host, file = kept
    backup(host, file)
    token = host.login().token
    newer, other, damaged = (host.folder / name for name in ("newer", "other", "damaged"))
    shutil.copy(file, newer)
    with sqlite3.connect(newer) as opened:
        opened.execute("PRAGMA user_version = 99")
    with sqlite3.connect(other) as opened:
        opened.execute("CREATE TABLE account (id)")
    damaged.write_bytes(file.read_bytes()[:20_000])
    for name in (newer, other, damaged):
        done = host.admin("restore", str(name), check=False)
        assert done.returncode == 111 and done.stderr.count("\n") == 1, done
        assert host.check(token).status == 204
    assert not [path for path in host.state.iterdir() if "restored" in path.name]
    assert host.admin("restore", "/nonexistent", check=False).returncode == 1


def test_a_backup_writes_nowhere_else(kept):
    """A name of its own that a backup could have is the only kind of file that is written."""
    host, file = kept
    backup(host, file)
    with sqlite3.connect(file) as opened:
        opened.execute("INSERT INTO kept_file VALUES ('../evil', '00')")
    destroy(host)
    done = host.admin("restore", str(file), check=False)
    assert done.returncode == 1 and "evil" in done.stderr
    assert not (host.folder / "evil").exists()


def test_a_file_that_is_there_is_not_overwritten(kept):
    host, file = kept
    file.write_text("precious")
    assert host.admin("backup", str(file), check=False).returncode == 111
    assert file.read_text() == "precious"
    file.unlink()
    file.symlink_to(host.folder / "elsewhere")
    assert host.admin("backup", str(file), check=False).returncode == 111
    assert not (host.folder / "elsewhere").exists()


def test_the_last_backups_are_kept(kept):
    host, folder = kept
    folder.mkdir()
    for number in range(3):
        (folder / f"tallystick-2020-01-0{number + 1}T00:00:00Z.backup").touch()
    (folder / "mine").touch()
    backup(host, folder, "--keep", "2")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3 and names[0] == "mine" and names[1] == "tallystick-2020-01-03T00:00:00Z.backup"
    assert host.admin("backup", str(folder), "--keep", "0", check=False).returncode == 100


def test_the_draft_is_gone_and_the_secret_is_in_no_page_of_the_database(kept):
    host, file = kept
    backup(host, file)
    secret = (host.state / "keys/refresh.secret").read_bytes()
    assert sorted(path.name for path in host.state.iterdir()) == [
        "blocklist", "keys", "tallystick.db", "tallystick.db-shm", "tallystick.db-wal", "tallystick.db.lock"]
    destroy(host)
    host.admin("restore", str(file))
    for path in host.state.glob("tallystick.db*"):
        assert secret.hex().encode() not in path.read_bytes() and secret not in path.read_bytes()


@as_root
def test_root_backs_up_to_where_the_service_cannot_go(place):  # noqa: F811
    host = Host(place)
    assert run(host, "init --owner nobody").returncode == 0
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    done = run(host, f"backup {closed}/file")
    assert done.returncode == 0, done
    assert (closed / "file").stat().st_uid == 0 and mode(closed / "file") == 0o600
    shutil.rmtree(host.state)
    host.state.mkdir(mode=0o700)
    give(host.state)
    assert run(host, f"restore {closed}/file").returncode == 0
    assert all(path.lstat().st_uid == SERVICE.pw_uid for path in host.state.rglob("*"))


def test_the_sqlite3_shells_own_backup_can_be_restored_too(kept):
    host, file = kept
    subprocess.run(["sqlite3", host.state / "tallystick.db", f".backup {file}"], check=True)
    host.stop()
    assert "sessions go on" in host.admin("restore", str(file)).stdout
    assert host.login().status == 200 and COOKIE


def test_restoring_takes_the_programs_own_help():
    assert "usage: tallystick restore FILE" in subprocess.check_output([BIN / "tallystick", "restore", "--help"], text=True)
