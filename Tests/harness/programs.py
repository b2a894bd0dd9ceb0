"""Where the programs are, and direct access to their state on the disk."""

import os
import pathlib
import subprocess

from stores import database

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTES = "register login refresh logout revoke password me sessions jwks health devices handover enter land check".split()
COOKIE = "__Secure-refresh"
COMPANION = "__Host-refresh-binding"
# Variables of the tests. The programs refuse a name with this prefix that is no setting of theirs.
OWN_VARIABLES = {f"TALLYSTICK_{name}" for name in ("BIN", "CHAOS_ROUNDS", "CHAOS_SEED", "HOST_ROUNDS", "ROUNDS", "SEED", "STORE")}
# How often races, kills and samples are repeated; 1000 is in full.
ROUNDS = int(os.environ.get("TALLYSTICK_ROUNDS", "100"))
# How many rounds two hosts are tried together; a fail-over is forty.
HOST_ROUNDS = int(os.environ.get("TALLYSTICK_HOST_ROUNDS", "200"))


def environment():
    """The environment in which programs are started: that of the tests without their own variables."""
    return {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}


def programs():
    """The folder of the release programs, which are built first if they are missing."""
    folder = pathlib.Path(os.environ.get("TALLYSTICK_BIN") or ROOT / ".build" / "release")
    if not (folder / "check").exists():
        script = 'tool=test; source "$0/tools/lib/common.sh"; build_release'
        subprocess.run(["bash", "-c", script, ROOT], check=True)
    return folder


def back_in_time(state, seconds):
    """Moves all times of all sessions into the past, as if so many seconds had passed."""
    with database(state) as opened:
        for column in ("rotated_at", "issued_at", "sent_at", "bound_from", "created_at", "last_used_at", "expires_at"):
            opened.execute(f"UPDATE session SET {column} = {column} - ?", (seconds,))


def contents(state):
    """All accounts and sessions as rows; a request without effect leaves them as they were."""
    with database(state) as opened:
        return [row for table in ("account", "session") for row in opened.execute(f"SELECT * FROM {table} ORDER BY id")]
