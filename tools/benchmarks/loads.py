"""Load on a site, and its results: wrk for GET, our own clients where cookies rotate."""

import http.client
import json
import os
import subprocess

from machine import HERE, Failure, cpu_seconds


def _outcome(command, what):
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise Failure(f"{what}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    result = json.loads(lines[-1])
    result["rate"] = result["requests"] / result["seconds"]
    result["stderr"] = done.stderr.strip()
    return result


def header(token):
    """The header that carries a credential: a bearer token, or what is a whole header already."""
    return token if ": " in token else f"Authorization: Bearer {token}"


def wrk(port, path, seconds, token=None, tokens=None, connections=32):
    """GET as fast as answers come; `token` is sent with every request, `tokens` is a file of many."""
    command = [
        "wrk",
        "-t2",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        HERE / "load/tokens.lua",
    ]
    if token:
        command += ["-H", header(token)]
    command += [f"http://127.0.0.1:{port}", "--", path] + ([tokens] if tokens else [])
    result = _outcome(command, "wrk")
    if result["refused"] or result["failed"]:
        raise Failure(
            f"{path}: {result['refused']} of {result['requests']} requests were refused,"
            f" {result['failed']} failed: these figures would mean nothing"
        )
    return result


class Clients:
    """Our own clients: they keep what they are given from one run to the next."""

    def __init__(self, program, port, path, lines, password=None):
        self.program, self.port, self.path, self.lines, self.password = program, port, path, lines, password

    def command(self, clients, seconds, rate):
        words = [
            self.program,
            "login" if self.password else "refresh",
            self.port,
            self.path,
            clients,
            seconds,
            rate,
        ]
        return [str(word) for word in words + [self.lines] + ([self.password] if self.password else [])]

    def run(self, clients, seconds, rate=0, may_refuse=False):
        result = _outcome(self.command(clients, seconds, rate), self.path)
        if result["refused"] and not may_refuse:
            raise Failure(f"{self.path}: {result['refused']} requests were refused: {result['stderr']}")
        return result

    def background(self, clients, seconds, rate):
        """Starts a run beside another one; `finish` it."""
        return subprocess.Popen(
            self.command(clients, seconds, rate),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process, may_refuse=False):
        out, err = process.communicate(timeout=120)
        result = json.loads(out) if out.startswith("{") else None
        if not result or (result["refused"] and not may_refuse):
            raise Failure(f"{self.path}: the load beside the measurement failed: {err.strip()}")
        result["rate"] = result["requests"] / result["seconds"]
        return result


def with_cpu(load, pids, beside=()):
    """A load's outcome, with the processor time of these processes for each request, in µs.

    `all_us` is the same with that of the processes `beside` them and of the load itself, and `cores`
    how many were busy with all that.
    """
    before, before_beside, began = cpu_seconds(pids), cpu_seconds(beside), os.times()
    result = load()
    ended, used = os.times(), cpu_seconds(pids) - before
    total = used + cpu_seconds(beside) - before_beside
    total += ended.children_user + ended.children_system - began.children_user - began.children_system
    requests = max(1, result["requests"])
    return result | {
        "cpu_us": used / requests * 1e6,
        "all_us": total / requests * 1e6,
        "cores": total / result["seconds"],
    }


def status(port, path, token):
    """The status of one GET with this token."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=dict([header(token).split(": ", 1)]))
        return connection.getresponse().status
    finally:
        connection.close()
