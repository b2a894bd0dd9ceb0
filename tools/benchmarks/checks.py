"""`check` under `auth_request`, compared with C programs that do nothing and with other packages."""

import re
import time

import loads
import machine
import peers
from machine import Failure
from report import number
from rounds import interleave, latency, median, middle, ratio
from sites import ISSUER, Site

FLOORS = {
    "c2": "null libfcgi in C, as everyone configures it (C2)",
    "c3": "null libfcgi in C, connections really kept (C3)",
    "e2": "null C event loop, as everyone configures it (E2p1)",
    "e3": "null C event loop, connections really kept (E3p1)",
    "verify": "the same and one ES256 verification by OpenSSL, a process for each core",
}
OURS = {
    "check": "**`check`, ES256, cached, as shipped**",
    "gate": "`check`, gate cookie, cached",
    "device": "`check`, device token, cached",
    "plain": "`check`, ES256, cached, with `check-no-keepalive.conf`",
    "c2_new": "C2, every token new",
    "new": "`check`, ES256, every token new",
    "unrevoked": "`check` built without instant revocation",
}
COLUMNS = (
    "through nginx `auth_request`",
    "requests/s",
    "× C2",
    "CPU µs a request",
    "with nginx and wrk",
    "p50 ms",
    "p99 ms",
    "RSS MB",
    "accepts a request",
)


def asking(upstream, kept):
    """The shipped way of asking `check`, of another responder: location/check.conf, or with the switch."""
    folder = machine.ROOT / "nginx/tallystick/location"
    common, shipped = ((folder / name).read_text() for name in ("check-request.conf", "check.conf"))
    inclusion = "include tallystick/location/check-request.conf;"
    if inclusion not in shipped:
        raise Failure("location/check.conf does not include check-request.conf: the bench cannot use it")
    text = re.sub(r"(?m)^\s*#.*\n", "", shipped.replace(inclusion, common) if kept else common)
    return re.sub(r"fastcgi_pass [^;]*;", f"fastcgi_pass {upstream};", text)


class CheckSite(Site):
    """A site with every responder that is to be compared."""

    def __init__(self, bench, state):
        super().__init__(bench.folder / "check", bench.processes, bench.programs, bench)
        self.state = state
        #: what is measured: name, the location asked, the processes that answer, tokens
        self.variants = {}
        self.token = state.mint(state.sessions(1), self.folder / "token")

    def add(self, name, location, responder, token=None, tokens=None):
        self.variants[name] = (f"/{location}", responder, token or (None if tokens else self.token), tokens)

    def floors(self):
        for name, program, kept in (
            ("c2", "null_threads", False),
            ("c3", "null_threads", True),
            ("e2", "null_events", False),
            ("e3", "null_events", True),
            ("verify", "verify_events", True),
        ):
            socket = self.folder / f"run/{name}.sock"
            words = [self.bench.tools[f"floors/{program}"], socket] + (
                ["80"] if program == "null_threads" else []
            )
            self.start(name, words, None)
            self.http.append(f"  upstream {name} {{ server unix:{socket}; keepalive 32; }}")
            # The usual configuration: it asks for kept connections, and nginx closes them nevertheless.
            self.guard(name, asking(name, kept) + ("" if kept else "fastcgi_keep_conn on;"))
            # One that verifies is compared where every token is verified.
            if name != "verify":
                self.add(name, name, name)

    def ours(self):
        self.program("check", self.state, self.bench.options.check_words)
        self.guard("shipped", asking("tallystick_check", True))
        self.guard("plain", asking("tallystick_check", False))
        self.add("check", "shipped", "check")
        # The other credentials, as a location that takes them asks.
        site = f"set $tallystick_site {ISSUER};"
        cookie = self.state.mint(self.state.sessions(1), self.folder / "gate", site=ISSUER)
        self.guard("gate", asking("tallystick_check", True), site)
        self.add("gate", "gate", "check", f"Cookie: __Host-tallystick={cookie}")
        device = self.state.run([self.bench.programs / "tallystick", "device", "add", "bench", "bench"]).strip()
        lets_in = "include tallystick/location/check-devices.conf;"
        self.guard("device", asking("tallystick_check", True) + lets_in)
        self.add("device", "device", "check", device)
        self.add("plain", "plain", "check")

    def new_tokens(self, count):
        """Variants whose every token is new: more of them than any cache holds, in turn."""
        file = self.folder / "tokens"
        sessions = self.state.sessions(500)
        self.state.mint(sessions, file, each=max(1, count // len(sessions)))
        self.add("c2_new", "c2", "c2", tokens=file)
        self.add("verify", "verify", "verify", tokens=file)
        self.add("new", "shipped", "check", tokens=file)

    def unrevoked(self, program):
        """The hook for a `check` that was built without asking whether something was revoked."""
        socket = self.folder / "run/unrevoked.sock"
        self.start("unrevoked", [program, "--socket", socket], self.state.environment)
        self.http.append(f"  upstream unrevoked {{ server unix:{socket}; keepalive 16; }}")
        self.guard("unrevoked", asking("unrevoked", True))
        self.add("unrevoked", "unrevoked", "unrevoked")

    def prove(self, name):
        """Makes sure that a responder decides: it allows the token, and only a floor allows a forged one."""
        location, responder, token, tokens = self.variants[name]
        token = token or tokens.open().readline().strip()
        # The last character may carry no bit of the signature, the one in its middle does.
        forged = token[:-40] + ("A" if token[-40] != "A" else "B") + token[-39:]
        found = [loads.status(self.port, location, sent) for sent in (token, forged)]
        if found != [200, 200 if responder in FLOORS else 401]:
            raise Failure(f"{name} answers {found[0]} to a good token and {found[1]} to a forged one")

    def measure(self, name, seconds):
        location, responder, token, tokens = self.variants[name]
        pids = self.family(responder) if responder else []
        return loads.with_cpu(
            lambda: loads.wrk(self.port, location, seconds, token, tokens), pids, self.family("nginx")
        )


def check(bench, report):
    """The part `check` of the bench."""
    options = bench.options
    state = bench.state("check", 1_000)
    site = CheckSite(bench, state)
    site.floors()
    site.ours()
    if options.check_without_revocation:
        site.unrevoked(options.check_without_revocation.absolute())
    site.program("refresh", state)
    site.new_tokens(20_000 if options.quick else 60_000)
    titles = FLOORS | OURS
    if options.peers:
        titles |= peers.add_checks(site)
    site.serve()

    for name in site.variants:
        site.prove(name)
        site.measure(name, 1)
    outcomes = interleave(
        list(site.variants), options.rounds, lambda name: site.measure(name, options.seconds)
    )
    table = report.table("`check`", *COLUMNS)
    report.series["throughput"], report.series["latency"] = [], {}
    for name, title in titles.items():
        if name not in site.variants:
            continue
        _, responder, _, tokens = site.variants[name]
        pids = site.family(responder) if responder else None
        kept = machine.accepts(pids, lambda: site.measure(name, 1)) if pids and not tokens else None
        floor = "c2_new" if tokens else "c2"
        table.add(
            title,
            median(outcomes, name),
            ratio(outcomes, name, floor),
            median(outcomes, name, "cpu_us") if pids else None,
            median(outcomes, name, "all_us"),
            latency(outcomes, name, "50"),
            latency(outcomes, name, "99"),
            machine.resident_mb(pids) if pids else None,
            kept,
        )
        if name != "c2_new":
            plain = re.sub(r"[*`]", "", title)
            report.series["throughput"].append((plain, ratio(outcomes, name, floor), name in OURS))
            report.series["latency"][plain] = middle(outcomes, name)["latency"]
    table.notes.append(
        "http without TLS; nginx with 2 workers and the shipped snippets for every row (the same"
        " parameters, the same guarded location); wrk with 32 connections on the same cores."
    )
    report.figure("check_cached_vs_c2", ratio(outcomes, "check", "c2"))
    report.figure("check_gate_vs_bearer", ratio(outcomes, "gate", "check"))
    report.figure("check_device_vs_bearer", ratio(outcomes, "device", "check"))
    report.figure("check_plain_vs_c2", ratio(outcomes, "plain", "c2"))
    report.figure("check_uncached_vs_c2", ratio(outcomes, "new", "c2_new"))
    report.figure("check_cpu_vs_event_floor", ratio(outcomes, "check", "e3", "cpu_us"))
    report.figure("check_rss_mb", machine.resident_mb(site.family("check")))
    if "unrevoked" in site.variants:
        report.figure("revocation_on_vs_off", ratio(outcomes, "check", "unrevoked"))
    beside_refresh(bench, site, report)


def beside_refresh(bench, site, report):
    """`check` while refreshes run: how much it gets of the processor time that they leave."""
    seconds, rounds = bench.options.seconds, bench.options.rounds
    cookies = site.state.cookies(site.state.sessions(320, skip=100), site.folder / "cookies")
    clients = loads.Clients(bench.tools["load/clients"], site.port, "/auth/refresh", cookies)

    def together(rate):
        background = clients.background(32, seconds + 1, rate)
        time.sleep(0.5)
        result = site.measure("check", seconds)
        return result, clients.finish(background)

    def round_at(rate):
        """The part of the fair share that `check` gets, and the figures behind it."""
        refreshes = site.family("nginx") | site.family("refresh")
        cost = loads.with_cpu(lambda: clients.run(32, seconds, rate), refreshes)
        before = site.measure("check", seconds)
        beside, refreshed = together(rate)
        after = site.measure("check", seconds)
        alone, wanted = ((before[key] + after[key]) / 2 for key in ("rate", "cores"))
        fair = min(1.0, max(0.05, (machine.CORES - cost["cores"]) / wanted))
        return {
            "kept": beside["rate"] / alone / fair,
            "alone": alone,
            "beside": beside["rate"],
            "used": cost["cores"],
            "fair": fair,
            "refreshes": refreshed["rate"],
        }

    table = report.table(
        "`check` beside refreshes",
        "refreshes a second",
        "cores they use",
        "`check`/s alone",
        "`check`/s beside them",
        "fair share",
        "kept of it",
    )
    outcomes = interleave([50, 1_000], rounds, round_at)
    for rate in outcomes:
        table.add(
            *(
                number(median(outcomes, rate, key))
                for key in ("refreshes", "used", "alone", "beside", "fair", "kept")
            )
        )
    table.notes.append(
        "The fair share is what the refreshes, their clients and their part of nginx leave of the"
        " cores, over what `check` takes alone."
    )
    report.figure("check_under_refresh", median(outcomes, 1_000, "kept"))
    if "revocation_on_vs_off" not in report.figures:
        report.figure("revocation_on_vs_off", median(outcomes, 50, "kept"))
        table.notes.append(
            "Instant revocation is measured by the row with few refreshes: `check` asks the store in"
            " any case, and pays for the answer when something was committed."
            " `--check-without-revocation PROGRAM` measures it against a `check` that never asks."
        )
