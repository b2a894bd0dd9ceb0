"""`refresh` compared with the commits of the disk and with Express."""

import loads
import machine
import peers
from machine import Failure
from rounds import interleave, latency, median, middle, ratio
from sites import Site

CLIENTS = 32


def commits(bench, seconds):
    """Durable single-row commits a second, on the disk where the states lie."""
    for file in bench.store.glob("commits.db*"):
        file.unlink()
    rate = machine.number_of([bench.tools["load/commits"], bench.store / "commits.db", seconds])
    return {"rate": rate}


def refresh(bench, report):
    """The part `refresh` of the bench."""
    options = bench.options
    state = bench.state("refresh", 10_000)
    site = Site(bench.folder / "refresh", bench.processes, bench.programs, bench)
    site.program("refresh", state)
    others = peers.add_refreshes(site, state) if options.peers or not options.quick else {}
    site.serve()
    names, clients = ["commits", "refresh", *others], {}
    for name in names[1:]:
        path = "/auth/refresh" if name == "refresh" else f"/{name}/auth/refresh"
        # More sessions than clients: rows from all over the store, each side in its own.
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
    titles = {"refresh": f"**`refresh` through nginx, {CLIENTS} sessions at once**"} | others
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
        latencies = report.series.setdefault("latency of refresh", {})
        latencies[others.get(name, name)] = middle(outcomes, name)["latency"]
    table.notes.append(
        "WAL, synchronous FULL, every refresh a rotation (reuse window 0). Express has the same rows and"
        " settings, on the same disk; the figure is against the faster of its two."
    )
    report.figure("refresh_vs_commits", ratio(outcomes, "refresh", "commits"))
    if others:
        fastest = max(others, key=lambda name: median(outcomes, name))
        report.figure("refresh_vs_express", ratio(outcomes, "refresh", fastest))
