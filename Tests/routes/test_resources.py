"""While the system refuses a resource, requests are refused; afterwards everything works as before (T200, T202)."""

import concurrent.futures
import os
import resource

import pytest
from harness import GOOD
from programs import contents
from test_tokens import traced
from waiting import wait_until

NEW = "an entirely different phrase"


@pytest.mark.parametrize("program", ["register", "login", "password", "refresh"])
def test_without_random_bytes_nothing_is_issued_T200(server, program):
    """`getrandom` fails for a running program, as it may before a host has gathered any."""
    first = server.register()
    ask = {
        "register": lambda: server.register("bob"),
        "login": server.login,
        "password": lambda: server.call("password", token=first.token, body={"current_password": GOOD, "new_password": NEW}),
        "refresh": lambda: server.refresh(first.cookie),
    }[program]
    if program not in server.processes:
        server.start(program)
    before = contents(server.state)
    trace = server.folder / "trace"
    with traced(server.processes[program].pid, trace, "inject=getrandom:error=EIO"):
        answer = ask()
    assert "INJECTED" in trace.read_text()
    assert (answer.status, answer.error) == (503, "temporarily_unavailable") and answer.header("Retry-After")
    assert not answer.cookies and b"token" not in answer.body
    # What was rotated is a rotation whose answer was lost: the same cookie heals it. Nothing else is.
    assert program == "refresh" or contents(server.state) == before
    assert ask().status in (200, 201)


@pytest.mark.parametrize("program", ["check", "refresh", "login", "me"])
def test_with_few_descriptors_a_crowd_waits_and_is_answered_T202(server, program):
    """The limit sinks under a running program to what it has and two more; forty come at once."""
    people = [server.register(f"user{number}") for number in range(10)]
    ask = {
        "check": lambda person: server.check(person.token),
        "refresh": lambda person: server.refresh(person.cookie),
        "login": lambda person: server.login("user0"),
        "me": lambda person: server.call("me", token=person.token),
    }[program]
    assert ask(people[0]).status in (200, 204)
    pid = server.processes[program].pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    some = len(os.listdir(f"/proc/{pid}/fd")) + 2
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (some, before[1]))
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, people * 20))
    assert {answer.status for answer in answers} <= {200, 204, 503}
    assert all(answer.header("Retry-After") for answer in answers if answer.status == 503)
    assert any("Too many open files" in event.get("reason", "") for event in server.events)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: ask(people[0]).status in (200, 204), "an answer")
    assert server.processes[program].poll() is None
