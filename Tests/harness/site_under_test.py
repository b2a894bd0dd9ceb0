"""A running example site: nginx with the shipped configuration, TLS, and the real programs.

It is started by tools/up in a directory of its own and ended by tools/down.
"""

import contextlib
import http.cookiejar
import itertools
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import httpx
import stores
from programs import COMPANION, COOKIE, ROOT, back_in_time, environment, programs
from tokens import claims
from waiting import wait_until

PASSWORD = "a horse in the harness"
# A text that every guarded file contains, and nothing else.
GUARDED = "You see this because"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Account:
    """An account with a session: `token` and `cookie` are its newest."""

    def __init__(self, site, name, answer):
        self.site, self.name = site, name
        self.take(answer)

    def take(self, answer):
        self.token = answer.json()["access_token"]
        if COOKIE in answer.cookies:
            self.cookie = answer.cookies[COOKIE]
        self.companion = answer.cookies.get(COMPANION, getattr(self, "companion", ""))
        return answer

    @property
    def session(self):
        return claims(self.token)["sid"]

    @property
    def bearer(self):
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def sent(self):
        """The `Cookie` header of a browser that has this session."""
        return f"{COOKIE}={self.cookie}; {COMPANION}={self.companion}"

    def refresh(self, **headers):
        return self.site.post("/auth/refresh", headers={"Cookie": self.sent} | headers)


class Site:
    """One instance. `env`: settings of the programs; `folder`: where the programs are."""

    def __init__(self, env=None, folder=None, http=False):
        self.folder = folder or programs()
        self.port, self.http_port = free_port(), free_port() if http else None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-site."))
        # So that nginx's workers can be www-data, as they are on a real host.
        self.dir.chmod(0o755)
        self.url = f"https://localhost:{self.port}"
        self.env = environment() | {"TALLYSTICK_LOG_LEVEL": "debug"} | (env or {})
        self._names = (f"user{number}" for number in itertools.count(1))
        command = [ROOT / "tools/up", "--detach", "--state", self.dir, "--port", str(self.port),
                   "--programs", self.folder, "--store", stores.ENGINE]
        if http:
            command += ["--http-port", str(self.http_port)]
        started = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        assert started.returncode == 0, started.stdout + started.stderr
        self.trust = ssl.create_default_context(cafile=self.dir / "tls/cert.pem")
        # Tests add sites under names that the certificate does not have.
        self.trust.check_hostname = False
        self.client = self.connect()

    def close(self):
        self.client.close()
        subprocess.run([ROOT / "tools/down", "--state", self.dir], check=True, capture_output=True)
        shutil.rmtree(self.dir)

    # Requests

    def connect(self, http2=False, address=None, to="localhost"):
        """A client with connections of its own, keeping no cookies, from a loopback address, to a host."""
        transport = httpx.HTTPTransport(
            verify=self.trust, http2=http2, local_address=address or "127.0.0.1",
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None))
        client = httpx.Client(transport=transport, base_url=f"https://{to}:{self.port}", timeout=30)
        client.cookies.jar.set_policy(_NoCookies())
        return client

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, path, **options):
        return self.client.post(path, **options)

    def at(self, host, path, client=None, method="GET", **options):
        """A request to another name of this server."""
        headers = {"Host": f"{host}:{self.port}"} | options.pop("headers", {})
        return (client or self.client).request(
            method, path, headers=headers, extensions={"sni_hostname": host}, **options)

    def socket(self, name="localhost", protocols=None, plain=False, to="127.0.0.1"):
        """A connection for requests that no client library would send."""
        connection = socket.create_connection((to, self.http_port if plain else self.port), 10)
        if plain:
            return connection
        context = ssl.create_default_context(cafile=self.dir / "tls/cert.pem")
        context.check_hostname = False
        if protocols:
            context.set_alpn_protocols(protocols)
        return context.wrap_socket(connection, server_hostname=name)

    def raw(self, request, **options):
        """All bytes that the server answers until it closes, or is silent for a while."""
        with self.socket(**options) as connection:
            connection.sendall(request)
            connection.settimeout(3)
            return read_all(connection)

    # Accounts

    def register(self, name=None, client=None):
        name = name or next(self._names)
        body = {"username": name, "password": PASSWORD}
        answer = (client or self.client).post("/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return Account(self, name, answer)

    def login(self, name, password=PASSWORD, **options):
        body = {"username": name, "password": password}
        return self.post("/auth/login", json=body, **options)

    def admin(self, *arguments, stdin="", env=None):
        """The administrator's command."""
        own = {"TALLYSTICK_STATE": str(self.dir / "state"), "TALLYSTICK_ISSUER": self.url}
        env = self.env | own | stores.setting(self.dir / "state") | (env or {})
        return subprocess.run(
            [self.folder / "tallystick", *arguments], env=env, input=stdin, text=True,
            capture_output=True, check=True).stdout

    def database(self):
        """The database, for changes that no program would make."""
        return stores.database(self.dir / "state")

    def back_in_time(self, seconds):
        """Moves all times of all sessions into the past, as if so many seconds had passed."""
        back_in_time(self.dir / "state", seconds)

    # Processes and configuration

    def pid(self, name):
        path = self.dir / "pids" / name
        # A process that already answers may not have been recorded yet.
        wait_until(lambda: path.exists() and path.read_text(), f"the number of {name}")
        return int(path.read_text().split()[0])

    def signal(self, name, number):
        os.kill(self.pid(name), number)

    def add_configuration(self, name, text):
        """Adds a file of sites, and reloads nginx."""
        (self.dir / "nginx/sites" / name).write_text(text.replace("PORT", str(self.port)).replace("DIR", str(self.dir)))
        self.reload()

    def add_site(self, name, body, certificate="cert.pem", key="key.pem"):
        """One more server, NAME.localhost, under the certificate that is there, or another one in DIR/tls."""
        # The file that tools/up took for this nginx.
        https = re.search(r"include (tallystick/server/https.*\.conf);", (self.dir / "nginx/sites/example.conf").read_text())[1]
        self.add_configuration(f"{name}.conf", f"""
server {{
  include {https};
  server_name {name}.localhost;
  ssl_certificate DIR/tls/{certificate};
  ssl_certificate_key DIR/tls/{key};
  {body}
}}
""")

    def reload(self):
        nginx = ["nginx", "-p", f"{self.dir}/nginx/", "-c", f"{self.dir}/nginx/nginx.conf"]
        test = subprocess.run(nginx + ["-t", "-q"], capture_output=True, text=True, check=False)
        assert test.returncode == 0, test.stderr
        before = self.workers()
        self.signal("nginx", signal.SIGHUP)
        wait_until(lambda: self.workers() - before and not self.workers() & before, "new workers")

    def workers(self):
        """The workers of nginx that accept connections, without those that are shutting down."""
        found = set()
        for pid in children(self.pid("nginx")):
            with contextlib.suppress(OSError):
                if "worker process is shutting" not in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                    found.add(pid)
        return found

    def log(self, name):
        path = self.dir / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    """Keeps none: a test says which cookie it sends."""

    def set_ok(self, cookie, request):
        return False

    def return_ok(self, cookie, request):
        return False


def children(pid):
    text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in text.split()}


def read_all(connection):
    data = b""
    with contextlib.suppress(TimeoutError, OSError):
        while more := connection.recv(65536):
            data += more
    return data


def status_of(answer):
    """The status codes in the bytes of HTTP/1.1 answers, in order."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]
