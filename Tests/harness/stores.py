"""The store under test: SQLite's file in the state directory, or a database of a PostgreSQL server.

`TALLYSTICK_STORE=postgresql` chooses the latter: the tests start a private server, and each state
directory has a database of its own on it.
"""

import atexit
import collections
import concurrent.futures
import contextlib
import ctypes
import fcntl
import hashlib
import itertools
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = "postgresql" if os.environ.get("TALLYSTICK_STORE", "").startswith("postgresql") else "sqlite"
TABLES = ("account", "session", "attempt", "known_network", "device", "handover", "revocation")


class Server:
    """A private server; it ends with this process, whatever becomes of it."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-pg."))
        self.process = subprocess.Popen(
            [ROOT / "tools/lib/postgresql", self.directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        assert said == "ready\n", f"PostgreSQL does not start: {said}"
        # Programs under test run as several users.
        self.directory.chmod(0o755)
        atexit.register(self.stop)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def uri(self, name):
        return f"postgresql://tallystick@/{name}?host={self.directory}"

    def execute(self, sql):
        with contextlib.closing(Database(self.uri("postgres"))) as opened:
            opened.execute(sql)


class _Started:
    server = None
    # Databases are made and emptied by it while a test runs: to copy one costs more than most tests.
    worker = concurrent.futures.ThreadPoolExecutor(1)
    numbers = itertools.count()
    templates = {}


def server():
    """The server that all tests share."""
    _Started.server = _Started.server or Server()
    return _Started.server


def _uri(state):
    """A site that tools/up made has a server of its own."""
    own = pathlib.Path(state).parent / "pg"
    return f"postgresql://tallystick@/tallystick?host={own}" if own.exists() else server().uri(_name(state))


def _name(state):
    return "t" + hashlib.sha256(str(pathlib.Path(state).resolve()).encode()).hexdigest()[:20]


def make(state, like=None):
    """Whatever a state needs beside its directory, empty or a copy of another state's; its settings."""
    if ENGINE == "sqlite":
        return {}
    if like:
        if like not in _Started.templates:
            _Started.templates[like] = _Template(_name(like))
        template = _Started.templates[like]
        server().execute(f"ALTER DATABASE {template.take()} RENAME TO {_name(state)}")
        template.used.add(_name(state))
    else:
        server().execute(f"CREATE DATABASE {_name(state)}")
    return {"TALLYSTICK_STORE": server().uri(_name(state))}


class _Template:
    """A database with what `init` made, and those that are as it is."""

    # Of everything that a test could have changed beside the rows.
    SHAPE = """SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
        SELECT concat(c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull) AS line FROM pg_class AS c
          JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relnamespace = 'tallystick'::regnamespace AND a.attnum > 0
        UNION ALL SELECT concat(conname, pg_get_constraintdef(oid)) FROM pg_constraint
          WHERE connamespace = 'tallystick'::regnamespace
        UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal) AS lines"""

    def __init__(self, name):
        self.name = name
        self.ready, self.emptied, self.used = collections.deque(), [], set()
        with contextlib.closing(Database(server().uri(name))) as opened:
            # The host that made it would be another one, for which `key rotate` waits.
            opened.execute("DELETE FROM tallystick.key_host")
            self.shape = opened.execute(self.SHAPE)
            tables = [row[0] for row in opened.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'tallystick'")]
            self.rows = {
                table: opened.execute(f"SELECT COALESCE(json_agg(t), '[]')::text FROM tallystick.{table} AS t")[0][0]
                for table in tables}

    def take(self):
        while len(self.ready) < 3:
            self.ready.append(_Started.worker.submit(self._make))
        return self.ready.popleft().result()

    def _make(self):
        if self.emptied:
            return self.emptied.pop()
        name = f"spare{next(_Started.numbers)}"
        server().execute(f"CREATE DATABASE {name} TEMPLATE {self.name}")
        return name

    def give_back(self, name):
        self.used.remove(name)
        _Started.worker.submit(self._empty, name)

    def _empty(self, name):
        try:
            with contextlib.closing(Database(server().uri(name))) as opened:
                opened.execute("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()""")
                assert opened.execute(self.SHAPE) == self.shape
                opened.execute("BEGIN")
                opened.execute(f"TRUNCATE {', '.join(f'tallystick.{table}' for table in self.rows)}")
                for table, rows in self.rows.items():
                    opened.execute(
                        f"INSERT INTO tallystick.{table} SELECT * FROM json_populate_recordset(NULL::tallystick.{table}, ?)", (rows,))
                opened.execute("COMMIT")
            self.emptied.append(name)
        except AssertionError:
            # A test has changed more than rows.
            server().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def setting(state):
    """The variable that names the store of a state, where there is one."""
    return {} if ENGINE == "sqlite" else {"TALLYSTICK_STORE": _uri(state)}


def drop(state):
    """Takes away what `make` made; nobody has it open any more."""
    if ENGINE == "postgresql":
        name = _name(state)
        template = next((found for found in _Started.templates.values() if name in found.used), None)
        if template:
            template.give_back(name)
        else:
            server().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def database(state):
    """The database, written to as no program would, while no program can write."""
    if ENGINE == "postgresql":
        with contextlib.closing(Database(_uri(state))) as opened:
            opened.execute("SET search_path = tallystick")
            opened.execute("BEGIN")
            # It lets others read, as SQLite's lock does.
            opened.execute(f"LOCK TABLE {', '.join(TABLES)} IN EXCLUSIVE MODE")
            yield opened
            opened.execute("COMMIT")
        return
    path = pathlib.Path(state) / "tallystick.db"
    with open(f"{path}.lock", "a") as lock, contextlib.closing(sqlite3.connect(path, timeout=10)) as opened:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opened.execute("PRAGMA wal_autocheckpoint = 0")
        with opened:
            yield opened


def is_whole(state):
    """What SQLite itself says of its file, as it is after a kill; a server looks after its own."""
    if ENGINE == "postgresql":
        return True
    with database(state) as opened:
        return opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def dump(state):
    """All bytes that are stored."""
    if ENGINE == "postgresql":
        return subprocess.run(["pg_dump", "--dbname", _uri(state)], capture_output=True, check=True).stdout
    return b"".join(path.read_bytes() for path in pathlib.Path(state).glob("tallystick.db*"))


class Rows(list):
    """What a statement returned, with the methods of a cursor."""

    rowcount = 0

    def fetchone(self):
        return self[0] if self else None

    def fetchall(self):
        return list(self)


class Database:
    """A connection by libpq itself, with as much of sqlite3's interface as the tests use."""

    def __init__(self, uri):
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQexecParams"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQerrorMessage", "PQresultErrorMessage", "PQgetvalue", "PQcmdTuples"):
            getattr(self.pq, name).restype = ctypes.c_char_p
        self.handle = ctypes.c_void_p(self.pq.PQconnectdb(str(uri).encode()))
        assert self.pq.PQstatus(self.handle) == 0, self.pq.PQerrorMessage(self.handle).decode()

    def close(self):
        self.pq.PQfinish(self.handle)

    def execute(self, sql, values=()):
        numbers = iter(range(1, 100))
        text = re.sub(r"\?", lambda _: f"${next(numbers)}", sql) if values else sql
        params = (ctypes.c_char_p * max(1, len(values)))(*[None if value is None else str(value).encode() for value in values])
        result = ctypes.c_void_p(
            self.pq.PQexecParams(self.handle, text.encode(), len(values), None, params, None, None, 0))
        try:
            assert self.pq.PQresultStatus(result) in (1, 2), self.pq.PQresultErrorMessage(result).decode()
            rows = Rows(
                tuple(self._value(result, row, column) for column in range(self.pq.PQnfields(result)))
                for row in range(self.pq.PQntuples(result)))
            rows.rowcount = int(self.pq.PQcmdTuples(result) or 0)
            return rows
        finally:
            self.pq.PQclear(result)

    def _value(self, result, row, column):
        if self.pq.PQgetisnull(result, row, column):
            return None
        text = self.pq.PQgetvalue(result, row, column).decode()
        kind = self.pq.PQftype(result, column)
        return int(text) if kind in (20, 21, 23) else text == "t" if kind == 16 else text
