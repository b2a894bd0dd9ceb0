"""The figures by name, the limits that they must meet, and tables for the README."""

import dataclasses
import json

# name in JSON: what it is, must, aim, whether more is better
FIGURES = {
    "check_cached_vs_c2": ("`check`, ES256, cached, shipped configuration, × C2", 2.0, 2.5, True),
    "check_gate_vs_bearer": ("`check`, gate cookie, cached, × bearer token", 0.95, None, True),
    "check_device_vs_bearer": ("`check`, device token, cached, × bearer token", 0.95, None, True),
    "check_plain_vs_c2": ("the same with `check-no-keepalive.conf`, × C2", 1.2, 1.4, True),
    "check_uncached_vs_c2": ("`check`, ES256, every token new, × C2", 0.75, 0.9, True),
    "check_cpu_vs_event_floor": ("CPU a request, cached, × null C event loop", 2.0, 1.5, False),
    "revocation_on_vs_off": ("instant revocation on against off, `check`", 0.95, 0.98, True),
    "check_under_refresh": ("`check` while 1 000 refreshes/s run, × its CPU-fair share", 0.85, None, True),
    "refresh_vs_commits": ("refresh, 32 sessions, × single-row FULL commits", 0.8, 1.5, True),
    "refresh_vs_express": ("refresh × Express with the same store settings", 2.3, 4.5, True),
    "login_vs_hash_bound": ("logins a second × (cores ÷ one hash's time)", 0.85, 0.95, True),
    "check_rss_mb": ("`check` RSS after load, MB", 12, 9, False),
    "suite_rss_mb": ("all programs at rest together, MB", 96, 64, False),
    "cgi_start_vs_c": ("CGI start × C with the same libraries, the slowest program", 2.0, 1.5, False),
    "growth_check": ("growth to the largest store, `check`", 1.10, 1.02, False),
    "pg_refresh_vs_pgbench": ("refresh on PostgreSQL, 32 sessions, × pgbench's one-row commits", 0.8, None, True),
    "pg_check_strict_vs_sqlite": ("`check` on PostgreSQL, asked before each batch, × SQLite", 0.5, None, True),
    "pg_check_feed_vs_sqlite": ("`check` on PostgreSQL, followed within 1 s, × SQLite", 0.95, None, True),
    "pg_login_vs_sqlite": ("login on PostgreSQL, × SQLite", 0.95, None, True),
    "pg_growth_check": ("growth on PostgreSQL, `check`", 1.10, None, False),
    "pg_growth_refresh": ("growth on PostgreSQL, `refresh`", 1.5, None, False),
    "growth_refresh": ("growth to the largest store, `refresh`", 1.5, 1.2, False),
}


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclasses.dataclass
class Table:
    title: str
    columns: list
    rows: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def add(self, name, *cells):
        self.rows.append([name] + [cell if isinstance(cell, str) else number(cell) for cell in cells])

    def markdown(self):
        lines = [
            f"### {self.title}",
            "",
            "| " + " | ".join(self.columns) + " |",
            "|---" * len(self.columns) + "|",
        ]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines + [""] + [f"{note}\n" for note in self.notes])


class Report:
    """What was measured: tables for people, figures for machines, series for plots."""

    def __init__(self):
        self.tables, self.figures, self.series = [], {}, {}

    def table(self, title, *columns):
        self.tables.append(Table(title, list(columns)))
        return self.tables[-1]

    def figure(self, name, value):
        assert name in FIGURES, name
        self.figures[name] = value

    def bars(self):
        """The figures that were measured, against their bars."""
        table = Table("Against the bars", ["what", "measured", "must", "aim", ""])
        for name, (text, must, aim, more) in FIGURES.items():
            if name in self.figures:
                value = self.figures[name]
                reached = [
                    bar is not None and (value >= bar if more else value <= bar) for bar in (must, aim)
                ]
                verdict = "aim reached" if reached[1] else "ok" if reached[0] else "**missed**"
                table.add(text, value, must, aim, verdict)
        return table

    def collapsed(self):
        """The figures that are worse than half of what they must be."""
        return [
            name
            for name, value in self.figures.items()
            if (value < FIGURES[name][1] / 2 if FIGURES[name][3] else value > FIGURES[name][1] * 2)
        ]

    def print(self):
        for table in self.tables + ([self.bars()] if self.figures else []):
            print(table.markdown())

    def json(self):
        return json.dumps({name: round(value, 4) for name, value in self.figures.items()})
