"""What the tests run, and what its state looks like on the disk."""

import contextlib
import fcntl
import os
import pathlib
import sqlite3
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTES = "register login refresh logout revoke password me sessions jwks health handover enter land check".split()
COOKIE = "__Secure-refresh"
COMPANION = "__Host-refresh-binding"
# How often the races, the kills and the samples are repeated; 1000 is in full.
ROUNDS = int(os.environ.get("TALLYSTICK_ROUNDS", "100"))


def programs():
    """Where the programs are that were built for release, building them first if need be."""
    folder = pathlib.Path(os.environ.get("TALLYSTICK_BIN") or ROOT / ".build" / "release")
    if not (folder / "check").exists():
        script = 'tool=test; source "$0/tools/lib/common.sh"; build_release'
        subprocess.run(["bash", "-c", script, ROOT], check=True)
    return folder


@contextlib.contextmanager
def database(state):
    """The database, written to as no program would, but under the programs' lock."""
    path = pathlib.Path(state) / "tallystick.db"
    with open(f"{path}.lock", "a") as lock, contextlib.closing(sqlite3.connect(path, timeout=10)) as opened:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opened.execute("PRAGMA wal_autocheckpoint = 0")
        with opened:
            yield opened


def back_in_time(state, seconds):
    """Moves what the store knows of sessions into the past, as if so long had gone by."""
    with database(state) as opened:
        for column in ("rotated_at", "issued_at", "sent_at", "bound_from", "created_at", "last_used_at", "expires_at"):
            opened.execute(f"UPDATE session SET {column} = {column} - ?", (seconds,))


def contents(state):
    """Every account and session, as text: what a request without effect leaves as it was."""
    with database(state) as opened:
        return [row for table in ("account", "session") for row in opened.execute(f"SELECT * FROM {table} ORDER BY id")]
