"""Runs the real programs, by hand as CGI and behind a real FastCGI socket, with one interface."""

import base64
import json
import os
import pathlib
import subprocess
import threading

from fastcgi import request as fastcgi
import stores
from programs import back_in_time, programs
from tokens import Forge
from waiting import can_connect, wait_until

BIN = programs()
COOKIE, COMPANION = "__Secure-refresh", "__Host-refresh-binding"
ISSUER = "https://auth.example.test"
GOOD = "correct horse battery staple"


class Answer:
    """One answer: status, headers in order, body."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.raw = raw
        lines = head.decode("ascii").split("\r\n")
        assert lines[0].startswith("Status: "), f"the first line is not Status: {raw[:80]!r}"
        self.status = int(lines[0].split()[1])
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def token(self):
        return self.json["access_token"]

    @property
    def cookies(self):
        """The refresh cookies set by this answer as name=value, cleared ones left out."""
        pairs = [value.split("; ")[0] for value in self.all("Set-Cookie")]
        return [pair for pair in pairs if pair.startswith(COOKIE + "=") and not pair.endswith("=")]

    @property
    def companion(self):
        """The companion's name=value, set by this answer; None where it sets none."""
        pairs = [value.split("; ")[0] for value in self.all("Set-Cookie")]
        return next((pair for pair in pairs if pair.startswith(COMPANION + "=") and not pair.endswith("=")), None)

    @property
    def cookie(self):
        assert len(self.cookies) == 1, self.headers
        return self.cookies[0]


def session_of(pair):
    """The session that a refresh cookie names; None for anything else."""
    try:
        name, _, token = pair.partition("=")
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"] if name == COOKIE else None
    except (IndexError, ValueError, KeyError, TypeError):
        return None


class Host:
    """A state directory and the programs that serve it."""

    def __init__(self, folder, like=None, **settings):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.settings = {
            "TALLYSTICK_STATE": str(self.state),
            "TALLYSTICK_ISSUER": ISSUER,
            "TALLYSTICK_REGISTRATION": "open",
            **{f"TALLYSTICK_{name}": str(value) for name, value in settings.items()},
            **stores.make(self.state, like),
        }
        self.forge = Forge(self.state)
        self.processes = {}
        self.starting = threading.Lock()
        self.logs = self.folder / "log"
        self.way = "cgi"
        self.companions = {}  # by session: what a browser would have kept

    # The administrator

    def admin(self, *words, stdin="", check=True):
        done = subprocess.run(
            [BIN / "tallystick", *words], env=self.environment(), input=stdin, text=True, capture_output=True, timeout=60
        )
        self.note(done.stderr.encode())
        if check:
            assert done.returncode == 0, (words, done.returncode, done.stderr)
        return done

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], **self.settings, **more}

    def note(self, log):
        with open(self.logs, "ab") as file:
            file.write(log)

    @property
    def events(self):
        """Every log line so far, parsed."""
        lines = [line for line in self.logs.read_bytes().split(b"\n") if line.startswith(b"{")] if self.logs.exists() else []
        return [json.loads(line) for line in lines]

    def events_named(self, name):
        return [event for event in self.events if event["event"] == name]

    def database(self):
        """The database, written to as no program would."""
        return stores.database(self.state)

    def back_in_time(self, seconds):
        """As if so long had gone by for every session."""
        back_in_time(self.state, seconds)

    # The programs

    def start(self, program, *arguments, name=None, **more):
        """Starts a program on a socket named after it, or `name`; `more` is its environment's."""
        name = name or program
        path = self.folder / f"{name}.sock"
        process = subprocess.Popen(
            [BIN / program, "--socket", path, *arguments],
            env=self.environment(**more), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.logs, "ab"),
        )

        def listens():
            assert process.poll() is None, f"{program} ended with {process.returncode}"
            return can_connect(path)

        wait_until(listens, f"{program} on its socket", 20)
        self.processes[name] = process
        return path

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=30)
        self.processes = {}

    def call(self, program, method=None, *, body=None, token=None, cookie=None, headers=(), params=(), way=None, raw_body=None, raw=False):
        """Calls a program; `headers` and `params` are pairs, so that one may stand twice."""
        method = method or {"me": "GET", "sessions": "GET", "jwks": "GET", "health": "GET", "check": "GET"}.get(program, "POST")
        data = raw_body if raw_body is not None else b"" if body is None else json.dumps(body).encode()
        pairs = [("REQUEST_METHOD", method), ("SCRIPT_NAME", f"/auth/{program}"), ("REMOTE_ADDR", "192.0.2.1"),
                 ("REQUEST_URI", f"/auth/{program}"), ("SERVER_PROTOCOL", "HTTP/1.1"), ("GATEWAY_INTERFACE", "CGI/1.1")]
        if data or raw_body is not None:
            pairs.append(("CONTENT_LENGTH", str(len(data))))
        if body is not None or raw_body is not None:
            pairs.append(("CONTENT_TYPE", "application/json"))
        if token is not None:
            pairs.append(("HTTP_AUTHORIZATION", f"Bearer {token}"))
        for value in [cookie] if isinstance(cookie, str) else cookie or []:
            pairs.append(("HTTP_COOKIE", value))
        for name, value in headers:
            pairs.append(("HTTP_" + name.upper().replace("-", "_"), value))
        # In the place of those above; None for none, and twice for two.
        pairs = [pair for pair in pairs if pair[0] not in dict(params)]
        pairs += [(name, value) for name, value in params if value is not None]
        if (way or self.way) == "fastcgi":
            path = self.folder / f"{program}.sock"
            with self.starting:
                if program not in self.processes:
                    self.start(program)
            answer = fastcgi(path, pairs, data)
            return answer if raw else self.keep_companion(Answer(answer))
        assert len(dict(pairs)) == len(pairs), "an environment holds a name once"
        done = self.by_hand(program, dict(pairs), data)
        assert done.returncode == 0, (program, done.returncode, done.stderr)
        return self.keep_companion(Answer(done.stdout))

    def keep_companion(self, answer):
        if answer.companion and answer.cookies:
            self.companions[session_of(answer.cookies[0])] = answer.companion
        return answer

    def by_hand(self, program, params=(), data=b"", under=()):
        """Runs a program once, as CGI, `under` another command."""
        done = subprocess.run(
            [*under, BIN / program], env=self.environment(**dict(params)), input=data, capture_output=True, timeout=60)
        self.note(done.stderr)
        return done

    # What clients do

    def register(self, name="alice", password=GOOD, **more):
        return self.call("register", body={"username": name, "password": password}, **more)

    def login(self, name="alice", password=GOOD, **more):
        return self.call("login", body={"username": name, "password": password}, **more)

    def refresh(self, cookie, **more):
        """Refreshes as a browser does, which sends the companion of its session along."""
        values = [cookie] if isinstance(cookie, str) else list(cookie or [])
        sessions = [session_of(pair.strip()) for value in values for pair in value.split(";")]
        companion = next((self.companions[session] for session in sessions if session in self.companions), None)
        if companion:
            values[0] += "; " + companion
        return self.call("refresh", cookie=values, **more)

    def check(self, token, **more):
        return self.call("check", token=token, **more)
