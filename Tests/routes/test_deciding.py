"""`check` never allows by accident, whatever is missing, broken or sent; exactly one answer allows."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import threading

import pytest
import stores
from harness import BIN, GOOD, Answer
from programs import ROUNDS
from test_tokens import traced
from waiting import wait_until

REFUSALS = {401, 403, 503}


def is_no_yes(done):
    """As CGI: either one refusal, or no answer at all and a status that says why."""
    if done.returncode:
        assert done.returncode in (100, 111) and done.stdout == b"" and done.stderr.count(b"\n") == 1, done
    else:
        assert Answer(done.stdout).status in REFUSALS and b"X-Auth" not in done.stdout
    return True


def spoil(path, how):
    if how == "missing":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif how == "a directory":
        path.unlink()
        path.mkdir()
    elif how == "a loop":
        path.unlink()
        path.symlink_to(path)
    else:
        path.chmod(0o600)
        path.write_bytes({"empty": b"", "text": b"no such thing\n" * 1000, "zeros": bytes(36864)}[how])


BROKEN = [(name, how) for name in ("tallystick.db", "keys/set.json") for how in ("missing", "empty", "text", "zeros", "a directory", "a loop")]
BROKEN += [("keys", "missing"), (".", "missing")]
BROKEN = [pytest.param(*case, marks=pytest.mark.sqlite) if case[0] == "tallystick.db" else case for case in BROKEN]


@pytest.mark.parametrize("name, how", BROKEN)
def test_without_a_store_or_keys_a_check_that_starts_never_allows_T097_T191_T205(made, name, how):
    """With a token that was good, one that was not, and none; as CGI, and as FastCGI it does not start."""
    first = made.register()
    made.stop()
    for suffix in ("-wal", "-shm"):
        if name == "tallystick.db":
            (made.state / f"{name}{suffix}").unlink(missing_ok=True)
    spoil(made.state / name, how)
    for token in (first.token, "a.b.c", None):
        params = {"REQUEST_METHOD": "GET"} | ({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {})
        assert is_no_yes(made.by_hand("check", params))
    socket = made.folder / "check.sock"
    done = subprocess.run([BIN / "check", "--socket", socket], env=made.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (111, b"", 1)


@pytest.mark.parametrize("name, how", BROKEN)
def test_a_check_that_loses_its_store_or_keys_never_allows_what_it_cannot_know_T097_T191_T205(server, name, how):
    """While it runs: a new decision is a refusal. What it knew before may stand until its file is replaced."""
    first, bob = server.register("alice"), server.register("bob")
    assert server.check(first.token).status == 204
    spoil(server.state / name, how)
    for token in (bob.token, "a.b.c", None):
        statuses = {server.check(token).status for _ in range(3)}
        # The open descriptor of a deleted file can still be read; then bob is who he was.
        assert statuses <= (REFUSALS if token != bob.token or how in ("empty", "text", "zeros") and name == "keys/set.json" else REFUSALS | {204})
    assert server.check(None).status in (401, 503) and server.check(bob.token[:-4] + "AAAA").status in (401, 503)


@pytest.mark.sqlite
def test_an_ended_session_stays_ended_when_the_store_is_lost_T191(server):
    """The revocation was seen; nothing that happens to the file takes it back."""
    first = server.register()
    assert server.check(first.token).status == 204
    assert server.call("logout", token=first.token).status == 204
    assert server.check(first.token).status == 401
    for path in server.state.glob("tallystick.db*"):
        path.unlink()
    assert server.check(first.token).status in REFUSALS


NAMES = [
    "AUTH_REQUIRE", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_AUTH_USER", "REMOTE_USER", "AUTH_TYPE", "REQUEST_METHOD", "REQUEST_URI",
    "QUERY_STRING", "CONTENT_LENGTH", "CONTENT_TYPE", "SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "SERVER_PROTOCOL", "REFRESH_COOKIE_PATH",
    "TALLYSTICK_ISSUER", "TALLYSTICK_AUDIENCE", "TALLYSTICK_STATE", "TALLYSTICK_LEEWAY", "TALLYSTICK_ACCESS_LIFETIME", "TALLYSTICK_REGISTRATION",
    "TALLYSTICK_LOG_LEVEL", "TALLYSTICK_NO_SUCH", "HTTP_X_ORIGINAL_URI", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "REDIRECT_STATUS", "", "X" * 200,
]


def noise(chance, tokens):
    """Parameters that no nginx of ours sends: unknown, repeated, empty, binary, long."""
    values = ["", "GET", "root", "staff", "0", "-1", "204", "Bearer", "Bearer ", "Basic cm9vdDpyb290", "Bearer a.b.c", "/public/", "debug", "5s", "1d",
              "a,b", ",", "Status: 204", "204 No Content\r\nX-Auth-User: root", "\r\n\r\n", "%00", "x" * chance.choice([1, 100, 5000, 40000]),
              chance.randbytes(chance.randrange(40)), *tokens]
    return [(chance.choice(NAMES), chance.choice(values)) for _ in range(chance.randrange(12))]


def test_no_parameters_make_a_check_allow_without_a_good_token_T093_T097(server):
    """At random, from a seed that is printed; straight to the socket, and it serves on."""
    seed = int(os.environ.get("TALLYSTICK_SEED", "1"))
    print("seed", seed)
    chance, first = random.Random(seed), server.register()
    assert server.check(first.token).status == 204
    process = server.processes["check"]
    bad = ["Bearer " + first.cookie.split("=", 1)[1], f"Bearer {first.token}x", f"bearer{first.token}", f"Token {first.token}", first.token]
    for count in range(20 * ROUNDS):
        params = noise(chance, bad)
        try:
            answer = server.call("check", None, params=params)
        except (AssertionError, OSError):
            continue  # closed without a word, which nginx makes a 500
        assert answer.status in REFUSALS and b"X-Auth" not in answer.raw, (count, params)
    assert process.poll() is None and server.check(first.token).status == 204


def test_a_good_token_under_a_policy_that_cannot_be_read_is_no_yes_T097(server):
    """AUTH_REQUIRE and settings that are wrong or stand twice: 503, in any order with a decision that is remembered."""
    first = server.register()
    server.admin("account", "groups", "alice", "staff")
    wrong = [[("AUTH_REQUIRE", text)] for text in ("ops", ",", "staff,", "a b", "staff\x00", "\u00fc", "staff,,ops", "STAFF")]
    wrong += [[("AUTH_REQUIRE", "staff"), ("AUTH_REQUIRE", "staff")], [("AUTH_REQUIRE", ""), ("AUTH_REQUIRE", "staff")]]
    wrong += [[("TALLYSTICK_AUDIENCE", "a")], [("TALLYSTICK_LEEWAY", "2s"), ("TALLYSTICK_LEEWAY", "2s")], [("REFRESH_COOKIE_PATH", "a b")]]
    for params in wrong * 2:
        assert server.check(first.token, params=[("AUTH_REQUIRE", "staff")]).status == 204
        answer = server.check(first.token, params=params)
        assert answer.status in REFUSALS and b"X-Auth" not in answer.raw, params


@pytest.mark.parametrize("way", ["allows", "denies"])
def test_the_status_is_first_and_the_answer_is_one_write_T084_T097(server, tmp_path, way):
    """So that a process which is killed has said nothing or everything; seen in its system calls."""
    token = server.register().token if way == "allows" else "a.b.c"
    server.check(token)
    log = tmp_path / "strace"
    with traced(server.processes["check"].pid, log, "trace=write,writev,sendto,sendmsg"):
        assert server.check(token).status == (204 if way == "allows" else 401)
    sent = [line for line in log.read_text().splitlines() if "Status: " in line]
    assert len(sent) == 1
    # One record of STDOUT that begins with the status, and with it the end of the request.
    assert re.search(r'"\\1\\6\\0\\1[^"]*?Status: (204|401)', sent[0]), sent[0]
    whole = [line for line in log.read_text().splitlines() if re.search(r"\b(write|writev|sendto|sendmsg)\(", line) and "time" not in line]
    if stores.ENGINE != "sqlite":
        # A question to the server, which begins with a statement's Parse or Bind.
        whole = [line for line in whole if not re.search(r'sendto\(\d+, "[PB]', line)]
    assert len(whole) == 1, whole


def test_a_check_that_is_killed_at_any_moment_has_answered_or_has_not_T094(server):
    """kill -9 while many ask: a stranger is never let in, and nobody gets half an answer that allows."""
    first = server.register()
    chance = random.Random(2)
    stranger, known, stop = [], [], []

    def ask(token, into):
        while not stop:
            with contextlib.suppress(OSError):
                into.append(server.call("check", token=token, raw=True))

    server.check(first.token)
    threads = [threading.Thread(target=ask, args=pair) for pair in ((None, stranger), ("a.b.c", stranger), (first.token, known), (first.token, known))]
    for thread in threads:
        thread.start()
    try:
        for _ in range(max(5, ROUNDS // 10)):
            before, wanted = len(stranger) + len(known), chance.randrange(1, 40)
            wait_until(lambda before=before, wanted=wanted: len(stranger) + len(known) >= before + wanted, "answers", 30)
            server.processes["check"].send_signal(signal.SIGKILL)
            server.processes["check"].wait()
            server.start("check")
    finally:
        stop.append(True)
        for thread in threads:
            thread.join()
    assert {raw[:11] for raw in stranger} <= {b"", b"Status: 401"}
    assert {raw[:11] for raw in known} <= {b"", b"Status: 204"} and b"Status: 204" in {raw[:11] for raw in known}
    assert all(raw == b"" or raw.endswith(b"\r\n\r\n") for raw in stranger + known)


def test_the_programs_that_answer_with_tokens_give_none_without_keys_or_store(server):
    """503 or 500, and no cookie: login, register, refresh and password once set.json is gone."""
    first = server.register()
    server.login(), server.refresh(first.cookie), server.call("password", token=first.token, body={})
    (server.state / "keys/set.json").unlink()
    body = {"current_password": GOOD, "new_password": "another fine phrase"}
    for answer in (server.login(), server.register("bob"), server.refresh(first.cookie), server.call("password", token=first.token, body=body)):
        assert answer.status in (500, 503) and not answer.all("Set-Cookie") and b"access_token" not in answer.body
