"""Section A at the programs themselves: tokens that our own key has signed, each wrong in one point."""

import contextlib
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from harness import ISSUER
from tokens import NONE, claims, encode, header
from waiting import wait_until

OTHER = "https://other.example.test"


def tokens(host, first):
    """By what is wrong with it; by our own key, so that nothing else is."""
    forge, now, sid = host.forge, int(time.time()), claims(first.token)["sid"]
    second = host.register("bob")
    head, _, signature = first.token.split(".")
    wrong = {
        "signature": first.token[:-4] + ("AAAA" if first.token[-4:] != "AAAA" else "BBBB"),
        "shape": "a.b.c", "JSON": forge.sign(header(first.token), b"{"), "no segments": "x",
        "two members": forge.sign(header(first.token), json.dumps(claims(first.token))[:-1].encode() + b',"sub":"root"}'),
        "unsigned": f"{encode(json.dumps(header(first.token) | {'alg': 'none'}).encode())}.{first.token.split('.')[1]}.",
        "another payload": f"{head}.{second.token.split('.')[1]}.{signature}",
        "another subject": forge.access(first.token, sub=claims(second.token)["sub"]),
        "another's session": forge.access(first.token, sid=claims(second.token)["sid"]),
        "unknown session": forge.access(first.token, sid=("a" if sid[0] != "a" else "b") + sid[1:]),
        "expired": forge.access(first.token, iat=now - 903, exp=now - 3),
        "not yet": forge.access(first.token, iat=now + 60, exp=now + 960),
        "long life": forge.access(first.token, exp=now + 10 * 365 * 86400),
    }
    for name, value in [
        ("iss", NONE), ("iss", OTHER), ("iss", ISSUER + "/"), ("iss", ISSUER.upper()), ("aud", NONE), ("aud", OTHER),
        ("aud", []), ("aud", 5), ("aud", ISSUER + " "), ("exp", NONE), ("exp", None), ("exp", "1999999999"),
        ("exp", 1999999999.5), ("exp", -1), ("exp", 0), ("exp", True), ("exp", [now + 60]), ("exp", 2**63), ("exp", 2**64 + 1),
        ("nbf", now + 60), ("sub", NONE), ("sub", ""), ("sub", 5), ("sub", "nobody"), ("sid", NONE), ("sid", 5), ("ver", 2),
        ("ver", 0), ("ver", -1), ("ver", 1.5), ("ver", "1"), ("ver", None), ("ver", 2**63), ("gen", 2), ("gen", 0),
        ("gen", None), ("jti", NONE),
    ]:
        wrong[f"{name} {value!r:.24}"] = forge.access(first.token, **{name: value})
    for name, value in [
        ("alg", "none"), ("alg", "HS256"), ("alg", NONE), ("alg", "es256"), ("typ", NONE), ("typ", "JWT"), ("typ", "rt+jwt"),
        ("typ", 5), ("kid", NONE), ("kid", "../../../../etc/passwd"), ("kid", "x' OR 1=1--"), ("kid", "|id"), ("kid", 5),
        ("kid", "\0"), ("kid", "k" * 3000), ("crit", ["exp"]), ("crit", []), ("b64", False), ("zip", "DEF"),
    ]:
        wrong[f"{name} {value!r:.24}"] = forge.access(first.token, {name: value})
    return wrong


def test_a_forged_token_that_is_right_is_accepted_and_each_that_is_not_is_refused_alike_T014_T017_T020_to_T024_T043_T058(host):
    """One body and one set of headers for all of them, `me` and `check`; the reason is in the log, the token is not."""
    first = host.register()
    for right in (host.forge.access(first.token), host.forge.access(first.token, aud=[OTHER, ISSUER]),
                  host.forge.access(first.token, {"typ": "application/AT+JWT"}), host.forge.access(first.token, nbf=0)):
        assert host.check(right).status == 204 and host.call("me", token=right).status == 200
    wrong = tokens(host, first)
    for program in ("check", "me"):
        answers = {what: host.call(program, token=token) for what, token in wrong.items()}
        assert {what: answer.status for what, answer in answers.items() if answer.status != 401} == {}
        assert len({answer.raw for answer in answers.values()}) == 1
        assert answers["shape"].header("WWW-Authenticate") == f'Bearer realm="{ISSUER}", error="invalid_token"'
    host.stop()
    refused = host.events_named("token_refused")
    # As CGI one line for each; a program that goes on writes one a second and network, and counts the rest.
    assert sum(event.get("count", 1) for event in refused) >= 2 * len(wrong)
    assert host.way == "fastcgi" or len({event["reason"] for event in refused}) > 10
    log = host.logs.read_text()
    assert not [what for what, token in wrong.items() if len(token) > 20 and (token in log or token.split(".")[2] in log.split('"'))]
    assert "SQL" not in log and "OR 1=1" not in log
    # And nothing came of any of them.
    assert host.check(first.token).status == 204 and host.refresh(first.cookie).status == 200


@pytest.mark.parametrize("leeway", ["0s", "2s", "5s"])
def test_an_expiry_is_shifted_by_exactly_the_leeway_T022(host, leeway):
    first, seconds, now = host.register(), int(leeway[:-1]), int(time.time())
    # Far enough from the edge that the clock may go on meanwhile; the edge itself is the Swift tests'.
    for program in ("check", "me"):
        for exp, status in ((now + 60, None), (now - seconds - 1, 401)):
            token = host.forge.access(first.token, iat=now - 100, exp=exp)
            assert (host.call(program, token=token, params=[("TALLYSTICK_LEEWAY", leeway)]).status == 401) == (status == 401)
    late = host.forge.access(first.token, iat=now - 100, exp=int(time.time()) - 1)
    assert host.check(late, params=[("TALLYSTICK_LEEWAY", "5s")]).status == 204
    assert host.check(late, params=[("TALLYSTICK_LEEWAY", "0s")]).status == 401


@pytest.mark.parametrize("size", [4_000, 8_000, 16_000, 64_000, 1_000_000])
def test_a_token_larger_than_any_of_ours_is_refused_by_every_program_T032(server, size):
    """Straight to the socket: 401 below the limit of parameters, the connection closed above it; and the program serves on."""
    first = server.register()
    for program in ("check", "me", "revoke", "sessions", "password"):
        server.check(first.token) if program == "check" else server.call(program, "GET")
        pid = server.processes[program].pid
        for text in ("x" * size, first.token + "." + "x" * size, "." * size):
            try:
                body = {"current_password": "a", "new_password": "b"} if program == "password" else None
                answer = server.call(program, token=text, body=body)
            except (AssertionError, OSError):
                continue  # closed without a word: above what a request may have
            assert answer.status in (400, 401, 503) and not answer.all("X-Auth-User"), (program, answer.raw)
        assert server.processes[program].poll() is None and server.processes[program].pid == pid
        assert server.check(first.token).status == 204


def test_the_bearer_token_decides_whatever_cookie_comes_along_T040(host):
    """Alice's token and Bob's cookie: alice at every route, and nothing of Bob's is touched."""
    alice, bob = host.register("alice"), host.register("bob")
    assert host.call("me", token=alice.token, cookie=bob.cookie).json["username"] == "alice"
    assert host.check(alice.token, cookie=bob.cookie).header("X-Auth-User") == "alice"
    assert len(host.call("sessions", token=alice.token, cookie=bob.cookie).json["sessions"]) == 1
    # And a refresh goes by the cookie alone.
    assert host.refresh(bob.cookie, token=alice.token).json["user"]["username"] == "bob"
    assert host.call("logout", token=alice.token, cookie=bob.cookie).status == 204
    assert host.check(alice.token).status == 401 and host.check(bob.token).status == 204


class Listener:
    """A port of this host, and how many have connected to it."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.connected = self.socket.getsockname()[1], 0
        threading.Thread(target=self._count, daemon=True).start()
        return self

    def _count(self):
        with contextlib.suppress(OSError):
            while True:
                self.socket.accept()[0].close()
                self.connected += 1

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@contextlib.contextmanager
def traced(pid, log, calls="trace=%file,connect,sendto"):
    """The system calls of a running process, those that name a file or a peer, in `log`."""
    strace = subprocess.Popen(
        ["strace", "-f", "-qq", "-s", "300", "-e", calls, "-o", log, "-p", str(pid)], stderr=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{pid}/status")

    def attached():
        assert strace.poll() is None, strace.stderr.read()
        return re.search(rf"^TracerPid:\t{strace.pid}$", status.read_text(), re.M)

    try:
        wait_until(attached, "strace")
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(10)
        strace.stderr.close()


def pointers(port, file):
    """Headers that say where the key is (T013), and key identifiers that are paths (T014)."""
    for url in (f"http://127.0.0.1:{port}/jwks.json", f"https://127.0.0.1:{port}/", f"file://{file}", str(file)):
        for name in ("jku", "x5u"):
            yield {name: url}
        yield {"x5c": [url], "x5t": url}
        yield {"jwk": {"kty": "EC", "crv": "P-256", "jku": url}}
    for kid in (str(file), f"../../../../../../{file}", "../refresh.secret", "/etc/passwd"):
        yield {"kid": kid}


def test_no_header_of_a_token_makes_a_program_open_or_connect_T013_T014(host, tmp_path):
    """Seen from the port, from the file's last access, and from the system calls of the running program."""
    bait = tmp_path / "bait.json"
    bait.write_text('{"keys":[]}')
    first = host.register()
    programs = ("check", "me", "logout")
    with Listener() as listener, contextlib.ExitStack() as traces:
        logs = {}
        if host.way == "fastcgi":
            for program in programs:
                host.call(program, "GET")
                logs[program] = tmp_path / f"{program}.strace"
                traces.enter_context(traced(host.processes[program].pid, logs[program]))
        for head in pointers(listener.port, bait):
            tokens = [host.forge.access(first.token, head)]  # signed by us: a header that is not asked
            tokens += [host.forge.access(first.token, head | {"kid": NONE})] if "kid" not in head else []
            tokens += [f"{tokens[0][:-4]}AAAA"]  # and by nobody
            for token in tokens:
                for program in programs:
                    status = host.call(program, token=token).status
                    assert status == {"logout": 204}.get(program, 401) or token is tokens[0] and "kid" not in head
            if host.check(first.token).status == 401:  # a header not asked: then it was a sign-out like any other
                first = host.login()
        traces.close()
        assert listener.connected == 0
        for program, log in logs.items():
            text = log.read_text()
            assert str(bait) not in text and "AF_INET" not in text and "connect(" not in text, program
            opened = re.findall(r'open(?:at)?\([^"]*"([^"]*)"', text)
            allowed = (str(host.state), "/proc/", "/dev/urandom", "/sys/", "/usr/lib/ssl/openssl.cnf")
            assert [path for path in opened if not path.startswith(allowed)] == [], program
            assert "refresh.secret" not in text and "passwd" not in text


def test_a_cgi_program_opens_nothing_that_a_token_names_T013_T014(made, tmp_path):
    """The same from the first system call to the last."""
    bait = tmp_path / "bait.json"
    bait.write_text('{"keys":[]}')
    first = made.register()
    with Listener() as listener:
        for number, head in enumerate(pointers(listener.port, bait)):
            log = tmp_path / f"{number}.strace"
            done = made.by_hand(
                "check", {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": f"Bearer {made.forge.access(first.token, head)}"},
                under=["strace", "-f", "-qq", "-e", "trace=%file,%network", "-o", log])
            assert done.returncode == 0 and done.stdout.startswith(b"Status: ")
            text = log.read_text()
            assert str(bait) not in re.sub(r"^.*execve.*$", "", text, flags=re.M)
            assert "AF_INET" not in text and "refresh.secret" not in text
        assert listener.connected == 0
