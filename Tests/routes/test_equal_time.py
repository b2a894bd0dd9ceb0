"""The time of an answer does not tell whether a name exists (T114, T136), and hashing slows nobody else (T118).

The samples of all kinds are interleaved, so that other load on the machine slows them alike.
TALLYSTICK_ROUNDS=1000 takes 300 samples of each and applies a rank test. By default only the medians
must be close; if nothing were hashed for a name, its median would be ten times smaller.
"""

import concurrent.futures
import itertools
import math
import os
import pathlib
import re
import shutil
import statistics
import tempfile
import time

import pytest
from harness import GOOD, Host
from programs import ROUNDS

IN_FULL = ROUNDS >= 1000
SAMPLES = 300 if IN_FULL else 15
# Above and below 1 by so much; nothing that a scheduler does to interleaved medians comes near it.
RATIO = 1.25 if IN_FULL else 2.5


def rank_p(first, second):
    """The two-sided p of Mann and Whitney's U, by the normal approximation."""
    ranked = sorted((value, which) for which, values in enumerate((first, second)) for value in values)
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(first), len(second)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_test_of_ranks_tells_a_shift_from_none():
    """Side by side: the same distribution, and one moved by half its spread."""
    same = [[math.sin(12.9898 * (i + k)) * 43758.5453 % 1 for i in range(300)] for k in (0, 1000)]
    assert rank_p(*same) > 0.01 and rank_p(same[0], [value + 0.15 for value in same[1]]) < 1e-6
    assert rank_p([1, 2, 3], [1, 2, 3]) > 0.5


def sampled(server, kinds):
    """Seconds of each kind's requests, taken in turn, each from an address of its own."""
    addresses = (f"10.{a}.{b}.1" for a, b in itertools.product(range(256), range(256)))
    times = {kind: [] for kind in kinds}
    for count in range(SAMPLES + 3):
        # No name is ever asked for so often that it is banned.
        if count % 10 == 0:
            with server.database() as opened:
                opened.execute("DELETE FROM attempt")
        # Whoever comes first in a round is not always the same.
        order = list(kinds)[count % len(kinds) :] + list(kinds)[: count % len(kinds)]
        for kind in order:
            params = [("REMOTE_ADDR", next(addresses))]
            start = time.perf_counter()
            answer = kinds[kind](params)
            times[kind].append(time.perf_counter() - start)
            assert answer.status == (409 if kind == "taken" else 201 if kind == "fresh" else 401), (kind, answer.raw)
    # The first ones fill caches.
    return {kind: values[3:] for kind, values in times.items()}


def are_close(times):
    """Whether no two kinds can be told apart; in full also by their ranks and to 5 ms."""
    for (_, first), (_, second) in itertools.combinations(times.items(), 2):
        one, other = statistics.median(first), statistics.median(second)
        if not 1 / RATIO < one / other < RATIO:
            return False
        if IN_FULL and (abs(one - other) > 0.005 or rank_p(first, second) <= 0.01):
            return False
    return True


def hold(measure):
    """Once in three: equal ones fail a test of ranks in a hundredth of all runs, unequal ones in each."""
    for _ in range(3):
        times = measure()
        print({kind: f"{statistics.median(values) * 1000:.2f} ms" for kind, values in times.items()})
        if are_close(times):
            return True
    return False


def test_wrong_unknown_and_disabled_take_one_time_T114(server):
    """And the answer of each is the same bytes; a request that is not hashed for shows what would be seen."""
    server.register("alice")
    server.register("mallory")
    server.admin("account", "disable", "mallory")
    wrong = "not the password"
    kinds = {
        "wrong": lambda params: server.login("alice", wrong, params=params),
        "unknown": lambda params: server.login("nobody-like-that", wrong, params=params),
        "disabled": lambda params: server.login("mallory", GOOD, params=params),
        "no name": lambda params: server.login("no such name!", wrong, params=params),
    }
    assert len({ask([("REMOTE_ADDR", "192.0.2.9")]).raw for ask in kinds.values()}) == 1
    assert hold(lambda: sampled(server, kinds))
    # What no password was hashed for is far below, or the test would see nothing.
    quick = []
    for _ in range(10):
        start = time.perf_counter()
        assert server.call("login", body={"username": "alice"}).status == 400
        quick.append(time.perf_counter() - start)
    start = time.perf_counter()
    server.login("alice", wrong, params=[("REMOTE_ADDR", "192.0.2.10")])
    assert min(quick) * 3 < time.perf_counter() - start


@pytest.fixture
def diskless(initial):
    """A server whose store lies in memory: what a disk takes for a commit is neither name's doing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        host = Host(folder, like=initial)
        shutil.copytree(initial, host.state)
        host.way = "fastcgi"
        yield host
        host.stop()


def test_a_taken_name_takes_as_long_as_a_free_one_T136(diskless):
    """In any case of letters; what it says is another matter, and documented."""
    server = diskless
    server.register("alice")
    names = (f"fresh{number}" for number in itertools.count())
    kinds = {
        "taken": lambda params: server.register("ALICE", params=params),
        "fresh": lambda params: server.register(next(names), params=params),
    }
    # A fresh one also signs and writes: close, not equal.
    times = sampled(server, kinds)
    assert 1 / 2.5 < statistics.median(times["taken"]) / statistics.median(times["fresh"]) < 2.5


def resident(pid, what):
    """kB of a process: VmHWM is the most it ever had."""
    return int(re.search(rf"^{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def test_a_hundred_logins_at_once_have_bounded_memory_and_do_not_hold_up_check_T118(server):
    """19 MiB for each thread that hashes, as many threads as cores; the rest waits or is told to come back."""
    first = server.register()
    server.login(), server.check(first.token)
    login, cores = server.processes["login"].pid, len(os.sched_getaffinity(0))
    before = resident(login, "VmHWM")
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        jobs = [pool.submit(server.login) for _ in range(100)]
        decided = 0
        while not all(job.done() for job in jobs):
            assert server.check(first.token).status == 204
            decided += 1
        answers = [job.result() for job in jobs]
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 20
    assert all(answer.error == "temporarily_unavailable" and int(answer.header("Retry-After")) > 0 for answer in answers if answer.status == 503)
    # One hash was in `before` already; 32 MiB for a hundred requests and what they wait in.
    assert resident(login, "VmHWM") <= before + cores * 19456 + 32 * 1024
    # As many decisions as logins at the very least, though each login costs a thousand of them.
    assert decided >= 100, decided
