"""Right and wrong FastCGI at each program: it answers or closes the connection, and then serves the next request."""

import contextlib
import os
import random
import resource
import socket
import struct
import subprocess

import pytest
from fastcgi import ABORT, BEGIN, END, PARAMS, STDIN, STDOUT, Connection, begin, pairs, read_record, record, stream
from harness import BIN
from programs import ROUNDS, ROUTES

GET_VALUES = 9
PARAMETERS = pairs([(b"REQUEST_METHOD", b"GET"), (b"REMOTE_ADDR", b"127.0.0.1")])
REQUEST = begin() + stream(PARAMS, PARAMETERS) + stream(STDIN, b"")


def lengths(name, value):
    return struct.pack(">II", name, value)


# T176: records, whole and in order, and what is wrong with one of them.
STREAMS = {
    "another version": b"\x02" + REQUEST[1:], "an unknown type": record(77, b"x") + REQUEST, "another role": record(BEGIN, struct.pack(">HB5x", 2, 0)) + REQUEST[16:],
    "PARAMS first": REQUEST[16:], "a second BEGIN": begin() + REQUEST, "another request's id": begin() + record(PARAMS, PARAMETERS, 2) + REQUEST[16:],
    "ABORT": begin() + record(ABORT, b""), "ABORT later": begin() + stream(PARAMS, PARAMETERS) + record(ABORT, b""),
    "id 0": record(BEGIN, struct.pack(">HB5x", 1, 0), 0) + record(PARAMS, PARAMETERS, 0), "GET_VALUES": record(GET_VALUES, pairs([(b"FCGI_MAX_CONNS", b"")]), 0) + REQUEST,
    "BEGIN too short": record(BEGIN, b"\0\1") + REQUEST[16:], "a type of the server's": record(STDOUT, b"x") + record(END, bytes(8)) + REQUEST,
    "nothing": b"", "half a header": REQUEST[:5], "half a record": REQUEST[:30], "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(10_000), "ones": b"\xff" * 10_000,
    # T177: lengths that are no lengths.
    **{f"length {name:#x}, {value:#x}": begin() + stream(PARAMS, lengths(name, value) + b"AUTHORIZATION") + stream(STDIN, b"")
       for name, value in ((0xFFFFFFFF, 0xFFFFFFFF), (0x80000000, 0x80000000), (0x80010000, 0x80000001), (0x80000001, 0xFFFFFFF0))},
    "a length cut": begin() + stream(PARAMS, b"\x0b\x80\x00") + stream(STDIN, b""), "a value cut": begin() + stream(PARAMS, PARAMETERS + b"\x01\x7fXshort") + stream(STDIN, b""),
}


# libfcgi asserts that this is no length (Sources/FastCGI/Threads/ThreadedResponder.swift): a program
# that reads by it may end, and is started again. `check`, which every request asks, may not.
ASSERTED = begin() + stream(PARAMS, lengths(0xFFFFFFFE, 0x80000001) + b"AUTHORIZATION") + stream(STDIN, b"")


def serves(server, program):
    """The next request is answered, by the same process."""
    answer = server.call(program)
    assert answer.status < 500 and server.processes[program].poll() is None
    return True


def resident(process):
    with open(f"/proc/{process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def answered(path, data):
    """What comes on STDOUT for these bytes, and no more after them."""
    with Connection(path) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.socket.sendall(data)
            connection.socket.shutdown(socket.SHUT_WR)
        return connection.answer()


@pytest.mark.parametrize("program", ROUTES)
def test_no_stream_of_records_ends_or_hangs_a_program_T176_T177(server, program):
    """An answer in the protocol, or a clean close; no memory of the size that a length claims."""
    assert serves(server, program)
    process, path = server.processes[program], server.folder / f"{program}.sock"
    before = resident(process)
    for what, data in STREAMS.items():
        answer = answered(path, data)
        assert answer == b"" or answer.startswith(b"Status: "), what
        assert not answer.startswith(b"Status: 2") or program in ("health", "jwks", "logout"), what
        assert serves(server, program), what
    assert resident(process) < before + 64 * 2**20
    assert answered(path, ASSERTED) == b""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1 if program != "check" else 0)
        assert program != "check"
        server.start(program)
    assert serves(server, program)


@pytest.mark.parametrize("program", ROUTES)
def test_a_stream_that_was_changed_at_random_ends_no_program_T176_T185(server, program):
    seed = int(os.environ.get("TALLYSTICK_SEED", "1"))
    print("seed", seed)
    chance = random.Random(f"{seed} {program}")
    assert serves(server, program)
    for _ in range(ROUNDS):
        data = bytearray(REQUEST)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        answer = answered(server.folder / f"{program}.sock", data)
        assert answer == b"" or answer.startswith(b"Status: ")
        assert program != "check" or not answer.startswith(b"Status: 2")
    assert serves(server, program)


@pytest.mark.parametrize("program", ["check", "me", "login"])
def test_an_answer_ends_the_request_and_a_connection_is_kept_only_if_asked_T176(server, program):
    assert serves(server, program)
    for keep, identifier in ((False, 1), (True, 1), (True, 65535), (False, 65535)):
        with Connection(server.folder / f"{program}.sock") as connection:
            sent = record(BEGIN, struct.pack(">HB5x", 1, keep), identifier) + record(PARAMS, PARAMETERS, identifier)
            connection.socket.sendall(sent + record(PARAMS, b"", identifier) + record(STDIN, b"", identifier))
            kind, seen = None, []
            while kind != END:
                kind, content = read_record(connection.socket)
                seen.append(kind)
            assert seen[0] == STDOUT and content[:5] == bytes(5)  # request complete
            if not keep:
                assert connection.socket.recv(1) == b""
            else:
                assert connection.request([("REQUEST_METHOD", "GET")], keep=True).startswith(b"Status: ")


@pytest.mark.parametrize("program", ROUTES)
def test_a_program_serves_the_socket_that_it_inherits_and_ends_when_it_is_told_T224(server, program):
    """Section 8: as systemd and spawn-fcgi start it; SIGTERM ends it with 0 and leaves the socket to its owner."""
    path = server.folder / "inherited.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen([BIN / program], env=server.environment(), stdin=listener, stderr=open(server.logs, "ab"))
        with Connection(path) as connection:
            answer = connection.request([("REQUEST_METHOD", "GET"), ("REMOTE_ADDR", "127.0.0.1")])
        assert answer.startswith(b"Status: ")
        # And the same answer by hand (RFC 3875).
        assert answer == server.by_hand(program, {"REQUEST_METHOD": "GET", "REMOTE_ADDR": "127.0.0.1"}).stdout
        process.terminate()
        assert process.wait(10) == 0 and path.exists()


@pytest.mark.parametrize("program", ROUTES)
def test_many_idle_connections_leave_room_for_one_more_T180(server, program):
    """More than a `select` can hold. `check` has them all; a program of threads as many as it has
    threads, and the backlog the others: nginx, which speaks at once, is served when they have gone.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("this machine allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    try:
        assert serves(server, program)
        with contextlib.ExitStack() as idle:
            for number in range(1100 if program == "check" else 1000):
                idle.enter_context(Connection(server.folder / f"{program}.sock"))
                # More than its backlog holds: it has taken these when it answers another.
                if number == 550 and program == "check":
                    assert serves(server, program)
            if program == "check":
                assert serves(server, program)
            assert server.processes[program].poll() is None
        assert serves(server, program)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_every_program_is_named_here():
    """The list of programs is the folder's."""
    built = {path.name for path in BIN.iterdir() if path.is_file() and os.access(path, os.X_OK) and path.suffix == ""}
    assert set(ROUTES) < built and "tallystick" in built
