"""`login` compared with argon2, and what many logins at once do to other requests."""

import time

import loads
import machine
from checks import asking
from rounds import interleave, latency, median
from sites import PASSWORD, Site

CROWD = 100


def login(bench, report):
    """The part `login` of the bench."""
    options = bench.options
    state = bench.state("login", 1_000)
    site = Site(bench.folder / "login", bench.processes, bench.programs, bench)
    for name in ("login", "refresh"):
        site.program(name, state)
    site.program("check", state, options.check_words)
    site.guard("shipped", asking("tallystick_check", True))
    site.serve()
    names = site.folder / "usernames"
    names.write_text("".join(f"{row[0]}\n" for row in state.sessions(1_000)))
    clients = loads.Clients(bench.tools["load/clients"], site.port, "/auth/login", names, PASSWORD)

    def measure(name):
        if name == "one":
            return {"rate": machine.number_of([bench.tools["load/hashes"], 1, options.seconds])}
        if name == "all":
            return {"rate": machine.number_of([bench.tools["load/hashes"], machine.CORES, options.seconds])}
        return loads.with_cpu(
            lambda: clients.run(int(name), options.seconds, may_refuse=True), site.family("login")
        )

    crowds = list(dict.fromkeys(map(str, (machine.CORES, options.login_clients, CROWD))))
    outcomes = interleave(["one", "all", *crowds], options.rounds, measure)
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
    for name in crowds:
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
    beside_crowd(bench, site, state, clients, report)


def beside_crowd(bench, site, state, logins, report):
    """How long `check` and `refresh` take while many logins wait, and while none does."""
    options = bench.options
    token = state.mint(state.sessions(1), site.folder / "token")
    cookies = state.cookies(state.sessions(80, skip=20), site.folder / "cookies")
    refreshes = loads.Clients(bench.tools["load/clients"], site.port, "/auth/refresh", cookies)
    work = {
        "`check`, 8 connections": lambda: loads.wrk(
            site.port, "/shipped", options.seconds, token, connections=8
        ),
        "`refresh`, 50 a second": lambda: refreshes.run(8, options.seconds, rate=50),
    }

    def measure(what):
        name, is_crowded = what
        if not is_crowded:
            return work[name]()
        crowd = logins.background(CROWD, options.seconds + 1, 0)
        time.sleep(0.5)
        try:
            return work[name]()
        finally:
            logins.finish(crowd, may_refuse=True)

    outcomes = interleave(
        [(name, crowded) for name in work for crowded in (False, True)], options.rounds, measure
    )
    table = report.table(
        f"Beside {CROWD} who log in",
        "what",
        "a second alone",
        "beside them",
        "p50 ms alone",
        "beside them",
        "p99 ms alone",
        "beside them",
    )
    for name in work:
        alone, beside = (name, False), (name, True)
        cells = [median(outcomes, alone), median(outcomes, beside)]
        for share in ("50", "99"):
            cells += [latency(outcomes, alone, share), latency(outcomes, beside, share)]
        table.add(name, *cells)
