"""A site to measure: a state, the programs, and nginx with the shipped snippets."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time

from machine import ROOT, Failure, accepts_connections, family, free_port, wait_for

ISSUER = "https://localhost"
PASSWORD = "correct horse battery staple"
LIFETIME = 86_400
WORKERS = 2


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def binding(session, secret):
    """The companion of a session: Sources/Token/SessionBinding.swift."""
    mac = hmac.new(secret, f"tallystick refresh binding\n{session}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def hs256(head, claims, secret):
    """A token signed with HMAC SHA-256, RFC 7515."""
    parts = [base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims)]
    text = ".".join(parts)
    return text + "." + base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())


class State:
    """A state directory that `tallystick init` made and `tools/populate` filled."""

    def __init__(self, folder, programs, tools, accounts, ended=0):
        self.path, self.tools, self.accounts = folder / "state", tools, accounts
        folder.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "TALLYSTICK_STATE": str(self.path),
            "TALLYSTICK_ISSUER": ISSUER,
            "TALLYSTICK_LOG_LEVEL": "error",
            # A token must outlive the measurement, and every refresh must be a rotation with its own commit.
            "TALLYSTICK_ACCESS_LIFETIME": f"{LIFETIME}s",
            "TALLYSTICK_GATE_LIFETIME": f"{LIFETIME}s",
            "TALLYSTICK_REUSE_WINDOW": "0s",
        }
        self.run([programs / "tallystick", "init"])
        self.run([programs / "tallystick", "account", "add", "bench"], PASSWORD + "\n" + PASSWORD + "\n")
        self.run(
            [
                ROOT / "tools/populate",
                "--accounts",
                accounts,
                "--ended",
                ended,
                "--like",
                "bench",
                self.path,
            ]
        )

    def run(self, command, text=""):
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Failure(
                f"{pathlib.Path(command[0]).name} {command[1]}: {done.stderr.strip() or done.returncode}"
            )
        return done.stdout

    def sessions(self, count, skip=0):
        """Live sessions spread evenly over the store: rows of username, sub, sid, gen, ver."""
        with sqlite3.connect(f"file:{self.path}/tallystick.db?mode=ro", uri=True) as store:
            columns = [row[1] for row in store.execute("PRAGMA table_info(session)")]
            assert {"id", "account", "generation", "version"} <= set(columns), columns
            rows = store.execute(
                "SELECT a.username, a.id, s.id, s.generation, s.version FROM session AS s"
                " JOIN account AS a ON a.id = s.account WHERE s.expires_at > ? AND a.username <> 'bench'",
                (time.time() + LIFETIME,),
            ).fetchall()
        store.close()
        step = max(1, len(rows) // (count + skip))
        return rows[skip * step :: step][:count]

    def current_key(self):
        keys = json.loads((self.path / "keys/set.json").read_text())["keys"]
        return next(key for key in keys if key["status"] == "current")

    def mint(self, sessions, file, each=1, site=None):
        """Writes access tokens of these sessions to a file, one a line, or gate tokens for a site; the first one."""
        key = self.current_key()
        pem = self.path / f"keys/private/{key['kid']}.pem"
        lines = "".join(" ".join(map(str, row)) + "\n" for row in sessions)
        file.write_text(
            self.run(
                [self.tools["load/mint"], pem, key["alg"], key["kid"], ISSUER, LIFETIME, each]
                + ([site] if site else []),
                lines,
            )
        )
        return file.open().readline().strip()

    def cookies(self, sessions, file):
        """Writes the refresh tokens of these sessions to a file, one a line, each with its companion."""
        secret = (self.path / "keys/refresh.secret").read_text().strip()
        secret = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        now = int(time.time())
        file.write_text(
            "".join(
                hs256(
                    {"alg": "HS256", "typ": "rt+jwt"},
                    {
                        "iss": ISSUER,
                        "sub": sub,
                        "iat": now,
                        "exp": now + 7 * 86_400,
                        "sid": sid,
                        "gen": gen,
                        "ver": ver,
                    },
                    secret,
                )
                + f"; __Host-refresh-binding={binding(sid, secret)}\n"
                for _, sub, sid, gen, ver in sessions
            )
        )
        return file


class Site:
    """nginx on a loopback port, and programs behind it on unix sockets."""

    def __init__(self, folder, processes, programs, bench=None):
        self.folder, self.processes, self.programs, self.bench = folder, processes, programs, bench
        self.port, self.http, self.server, self.main, self.pids = free_port(), [], [], [], {}
        for name in ("run", "log", "temp", "conf"):
            (folder / name).mkdir(parents=True)

    def start(self, name, command, environment, socket=None):
        """Starts a server on a unix socket, and remembers its processes by name."""
        socket, log = socket or self.folder / f"run/{name}.sock", self.folder / f"log/{name}.log"
        began = time.perf_counter()
        process = self.processes.start(command, log, environment)
        wait_for(lambda: accepts_connections(socket), process, log)
        self.pids[name] = process.pid
        return time.perf_counter() - began

    def process(self, name):
        """A server that was started; fails if it has ended by itself."""
        process = next(found for found in self.processes.running if found.pid == self.pids[name])
        if process.poll() is not None:
            raise Failure(f"{name} ended by itself with status {process.returncode}")
        return process

    def stop(self, name):
        self.processes.stop(self.process(name))
        del self.pids[name]

    def program(self, name, state, words=()):
        """Starts one of the programs; seconds until it accepts."""
        socket = self.folder / f"run/{name}.sock"
        return self.start(name, [self.programs / name, "--socket", socket, *words], state.environment)

    def family(self, name):
        """The processes of a server: itself and its children."""
        return family(self.process(name).pid)

    def guard(self, name, check, more=""):
        """Adds a location `/NAME` that is guarded by the internal location with the text `check`; `more` is in it, too."""
        self.server.append(f"""
  location = /check/{name} {{ internal; {check} }}
  location = /{name} {{
    {more}
    auth_request /check/{name};
    include tallystick/location/guarded.conf;
    empty_gif;
  }}""")

    def _snippets(self):
        """The shipped snippets with our sockets, and without limits on requests a second."""
        source = ROOT / "nginx/tallystick"
        if not source.is_dir():
            raise Failure("nginx/tallystick is missing: the bench measures the shipped configuration")
        shutil.copytree(source, self.folder / "conf/tallystick")
        for file in (self.folder / "conf/tallystick").rglob("*.conf"):
            text = file.read_text().replace("/run/tallystick/", f"{self.folder}/run/")
            file.write_text(re.sub(r"(?m)^ *limit_req zone.*\n", "", text))

    def serve(self):
        """Starts nginx: http, since TLS costs the same whoever answers behind it."""
        self._snippets()
        user = "user root;" if os.geteuid() == 0 else ""
        temp = "".join(
            f"  {kind}_temp_path {self.folder}/temp/{kind};\n"
            for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        )
        nothing = chr(10)
        (self.folder / "conf/nginx.conf").write_text(f"""
{user}
{nothing.join(self.main)}
worker_processes {WORKERS};
worker_rlimit_nofile 8192;
pid {self.folder}/nginx.pid;
error_log {self.folder}/log/nginx.log error;
daemon off;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  default_type application/octet-stream;
{temp}
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  include tallystick/http.conf;
{nothing.join(self.http)}
  server {{
    listen 127.0.0.1:{self.port} reuseport backlog=1024;
    server_name localhost;
    include tallystick/server/hygiene.conf;
    include tallystick/server/errors.conf;
    include tallystick/server/routes.conf;
{nothing.join(self.server)}
  }}
}}
""")
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not nginx:
            raise Failure("nginx is missing: install Debian's nginx-light")
        log = self.folder / "log/nginx.log"
        process = self.processes.start(
            [nginx, "-p", f"{self.folder}/", "-c", self.folder / "conf/nginx.conf"], log
        )
        wait_for(lambda: self._listens(), process, log)
        self.pids["nginx"] = process.pid

    def _listens(self):
        import socket

        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
