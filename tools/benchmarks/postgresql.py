"""The store on a PostgreSQL server: against the server's own commits, and against SQLite.

One state with the same keys, accounts and sessions in both stores, so that the same tokens count in both.
"""

import contextlib
import copy
import pathlib
import re
import subprocess
import threading
import time

import loads
import machine
from checks import asking
from machine import ROOT, Failure, note
from rounds import interleave, latency, median, ratio
from sites import PASSWORD, Site

CLIENTS = 32
SIGN_OUTS = 2_000
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Server:
    """A private server whose commits are as durable as SQLite's."""

    def __init__(self, folder):
        self.folder = folder / "pg"
        # PostgreSQL runs as a user of its own, who has to get there.
        for parent in (folder, folder.parent):
            parent.chmod(0o755)
        self.process = subprocess.Popen(
            [ROOT / "tools/lib/postgresql", "--durable", self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failure("PostgreSQL does not start: install Debian's postgresql")
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        # Enough for the largest store that is measured, and what any administrator would set.
        self.sql("ALTER SYSTEM SET checkpoint_timeout = '30min'; ALTER SYSTEM SET max_wal_size = '8GB'".split(";"))
        self.sql(["SELECT pg_reload_conf()"])

    @property
    def uri(self):
        return f"postgresql://tallystick@/tallystick?host={self.folder}"

    def run(self, program, *words, text=None):
        done = subprocess.run(
            [str(self.bin / program), "-h", str(self.folder), "-U", "tallystick", *map(str, words)], input=text,
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{program}: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout

    def sql(self, statements):
        words = [word for statement in statements for word in ("-c", statement)]
        return self.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "tallystick", *words).strip()

    def commits(self, seconds, folder):
        """One-row updates, each a durable commit, by as many clients as there are sessions."""
        script = folder / "update.sql"
        script.write_text("\\set id random(1, 10000)\nUPDATE bench SET n = n + 1 WHERE id = :id;\n")
        self.sql([
            "CREATE TABLE IF NOT EXISTS bench (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 80)",
            "INSERT INTO bench SELECT i, 0 FROM generate_series(1, 10000) AS i ON CONFLICT DO NOTHING"])
        out = self.run(
            "pgbench", "-n", "-M", "prepared", "-c", CLIENTS, "-j", machine.CORES, "-T", seconds, "-f", script, "tallystick")
        return {"rate": float(re.search(r"tps = ([\d.]+)", out)[1])}

    def grow(self, sessions):
        """Accounts with a session each, up to so many, of the same kind as those that are there."""
        have = int(self.sql(["SELECT count(*) FROM tallystick.session"]))
        began, step = time.perf_counter(), 500_000
        for start in range(have, sessions, step):
            end = min(start + step, sessions)
            # 26 characters of our base32, from a digest of the number.
            name = "translate(left(md5({0} || i) || md5(i || {0}), 26), '0189', 'wxyz')"
            self.sql([f"""
              WITH n AS (SELECT i, {name.format("'a'")} AS account, {name.format("'s'")} AS session
                FROM generate_series({start + 1}, {end}) AS i),
              a AS (INSERT INTO tallystick.account
                (id, username, groups, version, is_disabled, created_at, password_hash)
                SELECT account, 'more' || i, '', 1, false, 0, '-' FROM n)
              INSERT INTO tallystick.session
                (id, account, version, generation, confirmed, rotated_at, issued_at, sent_at, created_at,
                 last_used_at, expires_at, bound_from, address, user_agent, ordinal)
              SELECT session, account, 1, 7, 7, e, e, e, e, e, e + 7776000, e, '192.0.2.1', '{AGENT}', 1
              FROM n, (SELECT extract(epoch FROM now())::bigint AS e) AS t"""])
        self.sql(["VACUUM ANALYZE tallystick.session", "VACUUM ANALYZE tallystick.account", "CHECKPOINT"])
        if have < sessions:
            note(f"postgresql: {sessions} sessions after {time.perf_counter() - began:.0f} s")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def remote(state, uri, **more):
    """The same state with its store on the server."""
    found = copy.copy(state)
    found.environment = state.environment | {"TALLYSTICK_STORE": uri} | more
    return found


class Sites:
    """One site for each store, with the same tokens."""

    def __init__(self, bench, server):
        self.bench, self.server = bench, server
        self.state = bench.state("postgresql", 10_000)
        there = remote(self.state, server.uri)
        there.run([bench.programs / "tallystick", "store", "copy", "sqlite", "postgresql"])
        self.states = {
            "sqlite": self.state, "strict": there, "feed": remote(self.state, server.uri, TALLYSTICK_CHECK_STALENESS="1s")}
        self.sites, self.refreshes, self.logins = {}, {}, {}
        for name, state in self.states.items():
            site = Site(bench.folder / name, bench.processes, bench.programs, bench)
            for program in ("check", "refresh", "login"):
                site.program(program, state)
            site.guard("shipped", asking("tallystick_check", True))
            site.serve()
            self.sites[name] = site
            cookies = self.state.cookies(self.state.sessions(CLIENTS * 10, skip=1), site.folder / "cookies")
            names = site.folder / "usernames"
            names.write_text("".join(f"{row[0]}\n" for row in self.state.sessions(1_000)))
            clients = bench.tools["load/clients"]
            self.refreshes[name] = loads.Clients(clients, site.port, "/auth/refresh", cookies)
            self.logins[name] = loads.Clients(clients, site.port, "/auth/login", names, PASSWORD)
        self.token = self.state.mint(self.state.sessions(1), bench.folder / "token")

    def check(self, name, seconds):
        site = self.sites[name]
        return loads.with_cpu(
            lambda: loads.wrk(site.port, "/shipped", seconds, self.token), site.family("check"), site.family("nginx"))

    def refresh(self, name, seconds):
        result = loads.with_cpu(
            lambda: self.refreshes[name].run(CLIENTS, seconds), self.sites[name].family("refresh"))
        if result["cookies"] < result["requests"]:
            raise Failure(f"{name}: {result['requests'] - result['cookies']} refreshes did not rotate")
        return result

    def login(self, name, seconds):
        return self.logins[name].run(self.bench.options.login_clients, seconds, may_refuse=True)


def postgresql(bench, report):
    """The part `postgresql` of the bench."""
    with contextlib.closing(Server(bench.store)) as server:
        sites = Sites(bench, server)
        check_and_login(bench, sites, report)
        refresh(bench, sites, server, report)
        sign_outs(bench, sites, server, report)
        growth(bench, sites, server, report)


def check_and_login(bench, sites, report):
    options, names = bench.options, ["sqlite", "strict", "feed"]
    titles = {"sqlite": "SQLite", "strict": "PostgreSQL, asked before each batch", "feed": "PostgreSQL, followed within 1 s"}
    for name in names:
        sites.check(name, 1)
    outcomes = interleave(names, options.rounds, lambda name: sites.check(name, options.seconds))
    table = report.table("`check` and the store", "cached, as shipped", "a second", "× SQLite", "CPU µs a request", "p99 ms")
    for name in names:
        table.add(
            titles[name], median(outcomes, name), ratio(outcomes, name, "sqlite"), median(outcomes, name, "cpu_us"),
            latency(outcomes, name, "99"))
    report.figure("pg_check_strict_vs_sqlite", ratio(outcomes, "strict", "sqlite"))
    report.figure("pg_check_feed_vs_sqlite", ratio(outcomes, "feed", "sqlite"))
    logins = interleave(names[:2], options.rounds, lambda name: sites.login(name, options.seconds))
    table = report.table("`login` and the store", f"{options.login_clients} clients", "a second", "× SQLite", "p99 ms")
    for name in names[:2]:
        table.add(titles[name], median(logins, name), ratio(logins, name, "sqlite"), latency(logins, name, "99"))
    report.figure("pg_login_vs_sqlite", ratio(logins, "strict", "sqlite"))


def refresh(bench, sites, server, report):
    options, names = bench.options, ["pgbench", "strict", "sqlite"]

    def measure(name, seconds=options.seconds):
        return server.commits(seconds, bench.folder) if name == "pgbench" else sites.refresh(name, seconds)

    for name in names:
        measure(name, 1)
    outcomes = interleave(names, options.rounds, measure)
    table = report.table("`refresh` and the store", f"{CLIENTS} at once, durable", "a second", "× pgbench", "p99 ms")
    table.add("pgbench, one-row updates", median(outcomes, "pgbench"), 1.0, None)
    table.add("**`refresh`, PostgreSQL**", median(outcomes, "strict"), ratio(outcomes, "strict", "pgbench"), latency(outcomes, "strict", "99"))
    table.add("`refresh`, SQLite", median(outcomes, "sqlite"), ratio(outcomes, "sqlite", "pgbench"), latency(outcomes, "sqlite", "99"))
    report.figure("pg_refresh_vs_pgbench", ratio(outcomes, "strict", "pgbench"))


def sign_outs(bench, sites, server, report):
    """Rows of the feed as sign-outs add them, from as many connections as two hosts have, and `check` beside."""
    script = bench.folder / "revoke.sql"
    script.write_text("""\\set shard random(0, 15)
INSERT INTO tallystick.revocation (shard, number, mark, kind, subject, noted_at)
SELECT :shard, (SELECT COALESCE(max(number), 0) FROM tallystick.revocation WHERE shard = :shard) + 1,
  random() * 1000000, 'session', 'aaaaaaaaaaaaaaaaaaaaaaaaaa', 0
ON CONFLICT DO NOTHING;
""")
    seconds, found = max(3, bench.options.seconds), {}

    def load():
        found["out"] = server.run(
            "pgbench", "-n", "-M", "prepared", "-c", 12, "-j", 1, "-T", seconds, "-R", SIGN_OUTS, "-f", script,
            "tallystick")

    thread = threading.Thread(target=load)
    thread.start()
    beside = {name: sites.check(name, max(1, seconds // 2 - 1)) for name in ("strict", "feed")}
    thread.join()
    table = report.table(f"`check` beside {SIGN_OUTS} sign-outs a second", "what", "a second", "p99 ms")
    rate = float(re.search(r"tps = ([\d.]+)", found["out"])[1])
    late = re.search(r"latency average = ([\d.]+)", found["out"])
    table.add("rows added to the feed, 12 connections", rate, float(late[1]) if late else None)
    for name, result in beside.items():
        table.add(f"`check`, {name}", result["rate"], result["latency"]["99"] / 1e3)


def growth(bench, sites, server, report):
    options = bench.options
    sizes = [10_000, 200_000] if options.quick else [10_000, options.pg_size]
    outcomes = {"check": {}, "refresh": {}}
    for size in sizes:
        server.grow(size)
        for what, measure in (("check", sites.check), ("refresh", sites.refresh)):
            measure("strict", 1)
            outcomes[what][size] = [measure("strict", options.seconds) for _ in range(options.rounds)]
    table = report.table("Growth on the server", "sessions", "`check`/s", "`refresh`/s", "database MB")
    for size in sizes:
        megabytes = int(server.sql(["SELECT pg_database_size('tallystick')"])) / 1e6 if size == sizes[-1] else None
        table.add(f"{size:,}".replace(",", " "), median(outcomes["check"], size), median(outcomes["refresh"], size), megabytes)
    for what in outcomes:
        report.figure(f"pg_growth_{what}", 1 / ratio(outcomes[what], sizes[-1], sizes[0]))
