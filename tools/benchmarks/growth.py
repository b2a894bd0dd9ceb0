"""How the costs depend on the number of accounts and sessions."""

import statistics
import time

import loads
from checks import asking
from machine import note
from rounds import interleave, median, ratio
from sites import PASSWORD, Site

SAMPLE = 1_000


class Grown(Site):
    """A site whose store has `size` accounts with a session each, and a tenth as many ended ones."""

    def __init__(self, bench, size):
        super().__init__(bench.folder / f"growth-{size}", bench.processes, bench.programs, bench)
        began = time.perf_counter()
        self.state = bench.state(f"growth-{size}", size, ended=size // 10)
        note(f"growth: filled a store with {size} accounts in {time.perf_counter() - began:.1f} s")
        # The same number of sessions at every size, spread over the whole store.
        self.rows = self.state.sessions(SAMPLE // 2)
        self.tokens = self.folder / "tokens"
        self.token = self.state.mint(self.rows, self.tokens)
        cookies = self.state.cookies(self.state.sessions(SAMPLE // 2, skip=1), self.folder / "cookies")
        names = self.folder / "usernames"
        names.write_text("".join(f"{row[0]}\n" for row in self.rows))
        self.starts = statistics.median(self.started() for _ in range(3))
        for name in ("refresh", "login", "sessions"):
            self.program(name, self.state)
        self.guard("shipped", asking("tallystick_check", True))
        self.serve()
        program = bench.tools["load/clients"]
        self.refreshes = loads.Clients(program, self.port, "/auth/refresh", cookies)
        self.logins = loads.Clients(program, self.port, "/auth/login", names, PASSWORD)

    def started(self):
        """Starts `check`, again if it runs already; seconds until it accepts."""
        if "check" in self.pids:
            self.stop("check")
        return self.program("check", self.state, self.bench.options.check_words)

    def measure(self, what, seconds):
        if what == "check":
            return loads.with_cpu(
                lambda: loads.wrk(self.port, "/shipped", seconds, tokens=self.tokens), self.family("check")
            )
        if what == "sessions":
            return loads.wrk(self.port, "/auth/sessions", seconds, tokens=self.tokens, connections=4)
        if what == "refresh":
            return loads.with_cpu(lambda: self.refreshes.run(32, seconds), self.family("refresh"))
        return self.logins.run(4, seconds, may_refuse=True)

    def prune(self):
        began = time.perf_counter()
        self.state.run([self.programs / "tallystick", "session", "prune"])
        return time.perf_counter() - began


def growth(bench, report):
    """The part `growth` of the bench."""
    options = bench.options
    sites = {size: Grown(bench, size) for size in options.sizes}
    work = ["check", "refresh", "login", "sessions"]
    outcomes = {}
    for what in work:
        for site in sites.values():
            site.measure(what, 1)
        named = interleave(
            list(sites), options.rounds, lambda size, what=what: sites[size].measure(what, options.seconds)
        )
        outcomes[what] = named
    table = report.table(
        "Growth",
        "accounts and sessions",
        "`check`/s",
        "CPU µs",
        "`refresh`/s",
        "`login`/s",
        "`sessions`/s",
        "start of `check` ms",
        "`session prune` s",
        "file MB",
    )
    report.series["growth"] = {"sizes": list(sites)}
    for size, site in sites.items():
        file = (site.state.path / "tallystick.db").stat().st_size / 1e6
        rates = {what: median(outcomes[what], size) for what in work}
        table.add(
            f"{size:,}".replace(",", " "),
            rates["check"],
            median(outcomes["check"], size, "cpu_us"),
            rates["refresh"],
            rates["login"],
            rates["sessions"],
            site.starts * 1e3,
            site.prune(),
            file,
        )
        for what in work:
            report.series["growth"].setdefault(what, []).append(1e6 / rates[what])
    smallest, largest = options.sizes[0], options.sizes[-1]
    table.notes.append(
        f"A tenth more sessions had ended, and were pruned;"
        f" {SAMPLE // 2} sessions spread over the store ask."
    )
    report.figure("growth_check", 1 / ratio(outcomes["check"], largest, smallest))
    report.figure("growth_refresh", 1 / ratio(outcomes["refresh"], largest, smallest))
