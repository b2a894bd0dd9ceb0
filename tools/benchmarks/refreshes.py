"""`refresh` against the disk's own commits and against Express; `login` against argon2."""

import subprocess

import loads
import machine
import peers
from machine import Failure
from rounds import interleave, latency, median, middle, ratio
from sites import PASSWORD, Site

CLIENTS = 32
NAMES = {"refresh": "refresh", "express": "Express with node-sqlite3"}


def _number(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return float(done.stdout)


def commits(bench, seconds):
    """Durable single-row commits a second, on the disk where the states lie."""
    for file in bench.store.glob("commits.db*"):
        file.unlink()
    rate = _number([bench.tools["load/commits"], bench.store / "commits.db", seconds])
    return {"rate": rate}


def refresh(bench, report):
    """The part `refresh` of the bench."""
    options = bench.options
    state = bench.state("refresh", 10_000)
    site = Site(bench.folder / "refresh", bench.processes, bench.programs, bench)
    site.program("refresh", state)
    has_express = (options.peers or not options.quick) and peers.express_refresh(site, state)
    site.serve()
    names, clients = ["commits", "refresh"] + (["express"] if has_express else []), {}
    for name, path in (("refresh", "/auth/refresh"), ("express", "/express/auth/refresh")):
        # Sessions enough that one is not refreshed twice in a moment; each side has its own rows.
        cookies = state.cookies(state.sessions(CLIENTS * 10), site.folder / f"cookies.{name}")
        clients[name] = loads.Clients(bench.tools["load/clients"], site.port, path, cookies)

    def measure(name, seconds=options.seconds):
        if name == "commits":
            return commits(bench, seconds)
        result = loads.with_cpu(lambda: clients[name].run(CLIENTS, seconds), site.family(name))
        if result["cookies"] < result["requests"]:
            raise Failure(f"{name}: {result['requests'] - result['cookies']} refreshes did not rotate")
        return result

    for name in names:
        measure(name, 1)
    outcomes = interleave(names, options.rounds, measure)
    table = report.table(
        "`refresh`",
        "durable, one row a session",
        "a second",
        "× commits",
        "CPU µs a request",
        "p50 ms",
        "p99 ms",
        "RSS MB",
    )
    table.add(
        "single-row commits in C, one writer", median(outcomes, "commits"), 1.0, None, None, None, None
    )
    titles = {
        "refresh": f"**`refresh` through nginx, {CLIENTS} sessions at once**",
        "express": f"{NAMES['express']}, the same rows and settings",
    }
    for name in names[1:]:
        table.add(
            titles[name],
            median(outcomes, name),
            ratio(outcomes, name, "commits"),
            median(outcomes, name, "cpu_us"),
            latency(outcomes, name, "50"),
            latency(outcomes, name, "99"),
            machine.resident_mb(site.family(name)),
        )
        report.series.setdefault("latency of refresh", {})[NAMES[name]] = middle(outcomes, name)["latency"]
    table.notes.append(
        "WAL, synchronous FULL, every refresh a rotation (reuse window 0), a row and a commit for each."
    )
    report.figure("refresh_vs_commits", ratio(outcomes, "refresh", "commits"))
    if has_express:
        report.figure("refresh_vs_express", ratio(outcomes, "refresh", "express"))


def login(bench, report):
    """The part `login` of the bench."""
    options = bench.options
    state = bench.state("login", 1_000)
    site = Site(bench.folder / "login", bench.processes, bench.programs, bench)
    site.program("login", state)
    site.serve()
    names = site.folder / "usernames"
    names.write_text("".join(f"{row[0]}\n" for row in state.sessions(1_000)))
    clients = loads.Clients(bench.tools["load/clients"], site.port, "/auth/login", names, PASSWORD)

    def measure(name):
        if name == "one":
            return {"rate": _number([bench.tools["load/hashes"], 1, options.seconds])}
        if name == "all":
            return {"rate": _number([bench.tools["load/hashes"], machine.CORES, options.seconds])}
        return loads.with_cpu(
            lambda: clients.run(int(name), options.seconds, may_refuse=True), site.family("login")
        )

    loads_at = [str(machine.CORES), str(options.login_clients), "100"]
    outcomes = interleave(["one", "all", *dict.fromkeys(loads_at)], options.rounds, measure)
    table = report.table(
        "`login`",
        "argon2id, 19 MiB, t = 2",
        "a second",
        "× cores ÷ one hash",
        "p50 ms",
        "p99 ms",
        "refused",
        "RSS MB",
    )
    for result, one in zip(outcomes["all"], outcomes["one"]):
        result["bound"] = result["rate"] / one["rate"] / machine.CORES
    table.add("hashes in C, one thread", median(outcomes, "one"), 1 / machine.CORES, None, None, None, None)
    table.add(
        f"hashes in C, {machine.CORES} threads",
        median(outcomes, "all"),
        median(outcomes, "all", "bound"),
        None,
        None,
        None,
        None,
    )
    for name in dict.fromkeys(loads_at):
        for result, one in zip(outcomes[name], outcomes["one"]):
            result["bound"] = result["rate"] / one["rate"] / machine.CORES
        table.add(
            f"**`login`, {name} clients**",
            median(outcomes, name),
            median(outcomes, name, "bound"),
            latency(outcomes, name, "50"),
            latency(outcomes, name, "99"),
            str(sum(result["refused"] for result in outcomes[name])),
            machine.resident_mb(site.family("login")),
        )
    report.figure("login_vs_hash_bound", median(outcomes, str(options.login_clients), "bound"))
