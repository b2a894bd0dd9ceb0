"""A ban that comes into force while `password` verifies the current password (T127, T134)."""

import concurrent.futures
import os
import subprocess

import pytest
from harness import GOOD
from waiting import wait_until

# Stands before libargon2: says that a verification has begun, and holds it until it may go on.
GATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

int argon2id_verify(const char *encoded, const void *password, size_t count) {
  int (*real)(const char *, const void *, size_t) = dlsym(RTLD_NEXT, "argon2id_verify");
  close(open(getenv("GATE_BEGUN"), O_CREAT | O_WRONLY, 0600));
  char byte;
  int gate = open(getenv("GATE_OPEN"), O_RDONLY);
  while (read(gate, &byte, 1) > 0) {}
  close(gate);
  return real(encoded, password, count);
}
"""


@pytest.fixture
def gated(server, tmp_path):
    """A `password` that stops before each verification: (whether it has begun, what lets it go on)."""
    library, begun, gate = tmp_path / "gate.so", tmp_path / "begun", tmp_path / "gate"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-"], input=GATE, text=True, check=True)
    os.mkfifo(gate)
    server.start("password", LD_PRELOAD=str(library), GATE_BEGUN=str(begun), GATE_OPEN=str(gate))

    def go_on():
        # Opening waits for the other end, which only a verification opens.
        if begun.exists():
            os.close(os.open(gate, os.O_WRONLY))

    return begun.exists, go_on


ANSWERS = {
    "the new password is the current one": (GOOD, 400),
    "a weak new password": ("short", 422),
    "a good new password": ("another fine phrase", 200),
}


@pytest.mark.parametrize("new,status", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("guesses", [4, 5])
def test_a_ban_wins_before_an_answer_tells_that_the_guess_was_right_T127_T134(server, gated, new, status, guesses):
    """The fifth wrong guess bans; after four the right one is answered by what it asks for."""
    has_begun, go_on = gated
    first = server.register()
    body = {"current_password": GOOD, "new_password": new}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        right = pool.submit(server.call, "password", token=first.token, body=body)
        try:
            wait_until(has_begun, "the verification of the right guess")
            for _ in range(guesses):
                assert server.login(password="not the password").status == 401
            assert (server.admin("ban", "list", "--json").stdout == "[]\n") == (guesses == 4)
            assert not right.done()
        finally:
            go_on()
        answer = right.result()
    if guesses == 4:
        assert answer.status == status
        return
    assert (answer.status, answer.error) == (429, "too_many_attempts") and answer.header("Retry-After")
    assert not answer.all("Set-Cookie")
    assert server.check(first.token).status == 204
