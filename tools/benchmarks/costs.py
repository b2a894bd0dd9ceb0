"""What the programs cost without requests: their start, and their memory at rest."""

import json
import subprocess
import sys

from machine import ROOT, Failure


def _sizes(bench):
    """What tools/sizes measures, once for all parts."""
    if not bench.sizes:
        command = [
            sys.executable,
            ROOT / "tools/sizes",
            "--json",
            "--runs",
            "15" if bench.options.quick else "40",
        ]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if not done.stdout.startswith("["):
            raise Failure(f"tools/sizes: {done.stderr.strip().splitlines()[-1:]}")
        bench.sizes = json.loads(done.stdout)
    return bench.sizes


def start(bench, report):
    """The part `start`: a CGI start against a C program that links the same libraries."""
    rows = [row for row in _sizes(bench) if "start_vs_c" in row]
    table = report.table("CGI start", "program", "ms", "× C with the same libraries", "stripped, MB")
    for row in rows:
        table.add(f"`{row['program']}`", row["start_ms"], row["start_vs_c"], row["stripped_mb"])
    report.figure("cgi_start_vs_c", max(row["start_vs_c"] for row in rows))


def memory(bench, report):
    """The part `memory`: resident memory of every program serving an idle socket."""
    rows = [row for row in _sizes(bench) if "rest_mib" in row]
    table = report.table("Memory at rest", "program", "RSS MB")
    for row in rows:
        table.add(f"`{row['program']}`", row["rest_mib"] * 1.048576)
    total = sum(row["rest_mib"] for row in rows) * 1.048576
    table.add("all together", total)
    table.notes.append("Pages that the programs share (libcrypto, libsqlite3, libc) are counted in each.")
    report.figure("suite_rss_mb", total)
