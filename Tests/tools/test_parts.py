"""tools/test: which parts it runs, and what it shows of those that failed."""

import subprocess

import pytest
from programs import ROOT

# What one part prints that runs several: here each kind of failure, with noise around it.
LOG = """== client
ok 1 - a test of node
# pass 1
# fail 0
== tools
=================================== FAILURES ===================================
E   what was wrong in the tools
1 failed, 60 passed in 92.43s (0:01:32)
noise of what comes next
== readme
98 passed in 26.17s
not ok Debian 12: the client, the tools and the README, from nothing
ok Debian 12: the routes keep the contract
"""


def shell(script, *words):
    done = subprocess.run(["bash", "-c", f"source {ROOT}/tools/lib/parts.sh; {script}", "-", *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.write_text(LOG)
    return path


def test_every_failure_is_shown_and_nothing_of_the_parts_after_it(log):
    assert shell('show_failures "$1"', log).splitlines() == [
        "=================================== FAILURES ===================================", "E   what was wrong in the tools",
        "1 failed, 60 passed in 92.43s (0:01:32)", "not ok Debian 12: the client, the tools and the README, from nothing"]


def test_a_part_that_broke_off_is_shown_by_its_last_lines(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(30)))
    assert shell('show_failures "$1"', tmp_path / "log").splitlines() == [f"line {number}" for number in range(10, 30)]


def test_all_kinds_of_results_are_counted(log):
    # Node 1, pytest 60 and 98, one line of `check`; and what failed: one test, one line.
    assert shell('count_results "$1"', log) == "160 2\n"


@pytest.mark.parametrize("words, said", [
    (["nope"], "no part is named nope"), (["--without", "nope"], "no part is named nope"), (["--without"], "no part is named ;"),
    (["client", "--without", "client"], "no part is left"), (["--with", "client"], "unknown option --with")])
def test_a_part_that_is_not_there_is_refused(words, said):
    """Otherwise a run that tried nothing would pass."""
    done = subprocess.run([ROOT / "tools/test", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (100, "") and said in done.stderr
