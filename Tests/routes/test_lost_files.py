"""What becomes of running programs when somebody changes the database's files by hand: they refuse, and lose nothing."""

import concurrent.futures
import itertools
import os
import shutil
import subprocess
import threading

import pytest
from harness import BIN
from owners import BY_SERVICE, as_root, empty, place, run, service  # noqa: F401
from programs import ROUNDS
from waiting import wait_until

pytestmark = pytest.mark.sqlite
DELETED = [["-wal"], ["-shm"], ["-wal", "-shm"]]


def path(host, suffix=""):
    return host.state / f"tallystick.db{suffix}"


def count(host, table="account"):
    """As somebody sees it who has none of the programs' open files."""
    return int(subprocess.check_output(["sqlite3", path(host), f"SELECT count(*) FROM {table}"]))


def overwrite(host, copy):
    """`cp`: the file stays the same one."""
    before = path(host).stat().st_ino
    subprocess.run(["cp", copy, path(host)], check=True)
    assert path(host).stat().st_ino == before


def test_a_backup_copied_over_the_live_file_denies_until_the_programs_are_started_again_T191_T204(server):
    alice, bob = server.register("alice"), server.register("bob")
    copy = server.folder / "copy.db"
    # In two ways that administrators copy: the file alone once its log is empty, and SQLite's own.
    subprocess.run(["sqlite3", path(server), "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sqlite3", path(server), f".backup {copy}"], check=True)
    assert server.call("logout", token=alice.token).status == 204
    assert server.check(alice.token).status == 401 and server.check(bob.token).status == 204
    assert server.call("health").status == 204 and server.login("bob").status == 200 and server.call("me", token=bob.token).status == 200
    overwrite(server, copy)
    for _ in range(2):
        for answer in (server.check(bob.token), server.check(alice.token), server.call("logout", token=bob.token), server.register("carol"),
                       server.login("bob"), server.call("me", token=bob.token), server.call("health")):
            assert answer.status == 503
    assert any("was overwritten" in event.get("reason", "") for event in server.events)
    # One that starts beside them refuses too.
    done = server.by_hand("check", {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": f"Bearer {bob.token}"})
    assert done.returncode == 111 and done.stderr.count(b"\n") == 1
    server.stop()
    # The documented way.
    overwrite(server, copy)
    for suffix in ("-wal", "-shm"):
        path(server, suffix).unlink()
    assert server.check(bob.token).status == 204 and server.register("carol").status == 201 and server.call("health").status == 204
    assert server.register("dora").status == 201 and server.check(bob.token).status == 204


@pytest.mark.parametrize("deleted", DELETED, ids="+".join)
def test_a_deleted_log_is_put_back_whole_and_the_programs_go_on_T186(server, deleted):
    alice, bob = server.register("alice"), server.register("bob")
    assert server.call("logout", token=alice.token).status == 204
    assert server.check(bob.token).status == 204 and server.login("bob").status == 200
    for suffix in deleted:
        path(server, suffix).unlink()
    assert server.check(bob.token).status == 503
    programs = {"check": lambda: server.check(bob.token), "register": lambda: server.register("carol"), "login": lambda: server.login("bob"),
                "logout": lambda: server.call("logout", token=bob.token)}
    wait_until(lambda: programs["check"]().status == 204, "check serves again")
    assert server.check(alice.token).status == 401
    for program, expected in (("register", 201), ("login", 200), ("logout", 204)):
        # Each notices for itself.
        assert programs[program]().status == 503, program
        wait_until(lambda: programs[program]().status == expected, f"{program} serves again")
    assert server.check(bob.token).status == 401
    assert server.call("health").status == 204
    server.stop()
    assert count(server) == 3
    assert server.check(bob.token).status == 401 and server.check(alice.token).status == 401


def test_a_program_that_starts_makes_no_other_log_beside_those_that_run_T186(server):
    alice = server.register("alice")
    assert server.check(alice.token).status == 204
    path(server, "-wal").unlink()
    done = server.by_hand("login", {"REQUEST_METHOD": "POST"})
    assert done.returncode == 111 and b"was deleted while programs run" in done.stderr and done.stderr.count(b"\n") == 1
    done = server.admin("account", "list", check=False)
    assert done.returncode == 111 and "was deleted while programs run" in done.stderr
    assert not path(server, "-wal").exists()
    assert server.check(alice.token).status == 503
    assert "alice" in server.admin("account", "list").stdout


def test_deleting_the_log_again_and_again_under_load_loses_no_registration_T186(server):
    server.register("first")
    acknowledged = ["first"]

    def register(number):
        name = f"user{number}"
        # A name that is taken was written by the try before, whose answer said 503.
        wait_until(lambda: server.register(name).status in (201, 409), name, 60)
        acknowledged.append(name)
        if number % 10 == 5:
            for suffix in DELETED[number // 10 % 3]:
                path(server, suffix).unlink(missing_ok=True)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(register, range(ROUNDS)))
    # The deletion may have come last of all. A log that is deleted before all programs end, and nobody
    # is asked between, is lost: tools/README.md says so.
    register(ROUNDS + 1)
    server.stop()
    assert count(server) == len(acknowledged)
    assert subprocess.check_output(["sqlite3", path(server), "PRAGMA integrity_check"], text=True) == "ok\n"


def test_starting_any_program_on_an_empty_database_leaves_its_log_T191(made):
    """A small site lives whole in its log."""
    made.way = "fastcgi"
    alice = made.register("alice")
    saved = path(made).read_bytes()
    for process in made.processes.values():
        process.kill()
    made.stop()
    log = path(made, "-wal").read_bytes()
    assert len(log) > 4096
    os.truncate(path(made), 0)
    programs = "register login refresh logout revoke password me sessions health handover land check".split()
    for program in programs:
        done = made.by_hand(program, {"REQUEST_METHOD": "GET"})
        assert done.returncode == 111 and done.stderr.count(b"\n") == 1, (program, done)
        socket = made.folder / "empty.sock"
        done = subprocess.run([BIN / program, "--socket", socket], env=made.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        assert done.returncode == 111, program
        assert path(made, "-wal").read_bytes() == log, program
    for words in (["init"], ["init", "--upgrade"], ["account", "list"], ["session", "prune"], ["config", "check"], ["backup", str(made.folder / "b")]):
        done = made.admin(*words, check=False, stdin="")
        assert done.returncode in (1, 111) and done.stderr + done.stdout, words
        assert path(made, "-wal").read_bytes() == log and path(made).stat().st_size == 0, words
    path(made).write_bytes(saved)
    assert made.check(alice.token).status == 204


def test_nothing_that_sqlite_does_by_itself_denies_anybody_T194_T204(server):
    """Checkpoints, backups and the shell of an administrator, programs that start and end, beside requests that all succeed."""
    alice = server.register("alice")
    cookies = [server.login("alice").cookie for _ in range(3)]
    statuses, over = set(), threading.Event()

    def ask():
        for number in itertools.count():
            statuses.add(("check", server.check(alice.token).status))
            if number % 4 == 0:
                statuses.add(("login", server.login("alice").status))
            if number % 7 == 0:
                statuses.add(("health", server.call("health").status))
            if number % 11 == 0:
                statuses.add(("by hand", server.call("me", token=alice.token, way="cgi").status))
            if over.is_set() and number > 11:
                return

    def administer(number):
        for words in (["PRAGMA wal_checkpoint(TRUNCATE)"], ["PRAGMA wal_checkpoint(PASSIVE)"], ["SELECT count(*) FROM session"],
                      [f".backup {server.folder}/shell{number}"], ["PRAGMA busy_timeout = 4000; VACUUM"]):
            subprocess.run(["sqlite3", path(server), *words], check=True, stdout=subprocess.DEVNULL)
        server.admin("backup", str(server.folder / f"backup{number}"))
        server.admin("session", "prune")
        server.admin("account", "list")
        subprocess.run(["touch", "-a", path(server)], check=True)
        shutil.copyfile(path(server), server.folder / "bytes")
        server.start("me", name=f"me{number}")
        started = server.processes.pop(f"me{number}")
        started.terminate()
        assert started.wait(timeout=30) == 0

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        try:
            for number in range(3):
                administer(number)
        finally:
            over.set()
        for future in asked:
            future.result()
    assert statuses == {("check", 204), ("login", 200), ("health", 204), ("by hand", 200)}
    for cookie in cookies:
        assert server.refresh(cookie).status == 200


@pytest.mark.parametrize("kind", ["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
def test_a_checkpoint_of_a_shell_right_after_a_restart_is_no_alarm(server, kind):
    """The index of the log is new then, and becomes what it was before without anybody's commit."""
    token = server.register().token
    assert server.check(token).status == 204
    # The one commit after a restart copies the whole log.
    server.stop()
    assert server.login().status == 200
    server.stop()
    assert server.check(token).status == 204
    subprocess.run(["sqlite3", path(server), f"PRAGMA wal_checkpoint({kind})"], check=True, stdout=subprocess.DEVNULL)
    for _ in range(2):
        assert server.check(token).status == 204 and server.call("me", token=token).status == 200
    assert server.login().status == 200 and server.check(token).status == 204


def test_health_knows_that_nothing_can_be_written_T190(server):
    assert server.call("health").status == 204
    # As if it were somebody else's: what opens it is told no, even root.
    path(server, ".lock").unlink()
    path(server, ".lock").mkdir()
    assert server.call("health").status == 503 and server.register("alice").status == 503
    path(server, ".lock").rmdir()
    assert server.call("health").status == 204 and server.register("alice").status == 201


@as_root
def test_health_knows_that_the_lock_belongs_to_root_T190(service):  # noqa: F811
    """Every route that writes answers 503 then, and so does health."""
    def ask(program, method="GET"):
        done = service.by_hand(program, {"REQUEST_METHOD": method}, under=BY_SERVICE)
        return int(done.stdout.split()[1]) if done.returncode == 0 else done.returncode

    assert ask("health") == 204
    os.chown(path(service, ".lock"), 0, 0)
    path(service, ".lock").chmod(0o600)
    assert ask("health") == 503
    os.chown(path(service, ".lock"), service.state.stat().st_uid, service.state.stat().st_gid)
    assert ask("health") == 204
