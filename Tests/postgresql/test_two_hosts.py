"""Two hosts: network namespaces, each with its own nginx and its own programs, and one server.

Both are https://localhost:8443, as two hosts behind one name are; the clock of the second is five seconds
ahead. Needs root, for the namespaces.
"""

import concurrent.futures
import contextlib
import ctypes
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import ssl
import subprocess
import tempfile
import time

import pytest
from programs import COMPANION, COOKIE, HOST_ROUNDS, ROOT, environment, programs
from test_cut_connections import back_in_time
from tokens import claims

PORT, PASSWORD = 8443, "a horse in the harness"
TABS = 50


class Namespace:
    """A network of its own, whose loopback is nobody else's."""

    NUMBERS = itertools.count(1)

    def __init__(self):
        self.name = f"tallystick-{os.getpid()}-{next(self.NUMBERS)}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        self.handle = os.open(f"/run/netns/{self.name}", os.O_RDONLY)

    def command(self, *words):
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    @contextlib.contextmanager
    def entered(self):
        """This thread's new sockets belong to the namespace."""
        libc, own = ctypes.CDLL(None, use_errno=True), os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            assert libc.setns(self.handle, 0x40000000) == 0
            yield
        finally:
            libc.setns(own, 0x40000000)
            os.close(own)

    def close(self):
        os.close(self.handle)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


class NamespacedConnection(http.client.HTTPSConnection):
    """A connection to a host's nginx, from a loopback address."""

    def __init__(self, namespace, trust, address):
        super().__init__("localhost", PORT, context=trust, timeout=30, source_address=(address, 0))
        self.namespace = namespace

    def connect(self):
        with self.namespace.entered():
            super().connect()


class HostSite:
    """tools/up in a namespace."""

    def __init__(self, uri, stack, ahead=0, like=None, **settings):
        self.namespace = Namespace()
        stack.callback(self.namespace.close)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-host."))
        stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        if like:
            # What an administrator carries over: the key that opens the others, and the certificate of the name.
            keys = self.dir / "state/keys"
            keys.mkdir(parents=True)
            shutil.copy(like.dir / "state/keys/sealing.key", keys)
            shutil.copytree(like.dir / "tls", self.dir / "tls")
        # As far as the clocks may differ.
        self.environment = environment() | {"TALLYSTICK_STORE": uri, "TALLYSTICK_LEEWAY": "5s"}
        self.environment |= {f"TALLYSTICK_{name}": value for name, value in settings.items()}
        if ahead:
            library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
            self.environment |= {"LD_PRELOAD": str(library), "FAKETIME": f"+{ahead}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        up = [ROOT / "tools/up", "--detach", "--state", self.dir, "--port", PORT, "--programs", programs()]
        done = subprocess.run(self.namespace.command(*up), env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        stack.callback(subprocess.run, self.namespace.command(ROOT / "tools/down", "--state", self.dir), capture_output=True, check=False)
        self.trust = ssl.create_default_context(cafile=self.dir / "tls/cert.pem")

    def admin(self, *words, check=True):
        own = {"TALLYSTICK_STATE": str(self.dir / "state"), "TALLYSTICK_ISSUER": f"https://localhost:{PORT}"}
        # The command needs no other clock, and under this one it does not see its arguments.
        variables = {name: value for name, value in self.environment.items() if name != "LD_PRELOAD"}
        return subprocess.run([programs() / "tallystick", *words], env=variables | own, capture_output=True, text=True, check=check)

    def ask(self, method, path, body=None, address="127.0.0.1", **headers):
        """Status, cookies that were set, and the body."""
        connection = NamespacedConnection(self.namespace, self.trust, address)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} | headers)
            answer = connection.getresponse()
            pairs = [value.split(";")[0].split("=", 1) for value in answer.headers.get_all("Set-Cookie") or []]
            return answer.status, {name: value for name, value in pairs if value}, answer.read()
        finally:
            connection.close()

    def register(self, name):
        status, cookies, body = self.ask("POST", "/auth/register", {"username": name, "password": PASSWORD})
        assert status == 201, body
        return cookies, json.loads(body)["access_token"]

    def allows(self, token):
        return self.ask("GET", "/private/", Authorization=f"Bearer {token}")[0]


@contextlib.contextmanager
def two_hosts(server, **settings):
    """On an empty server."""
    server.sql("DROP SCHEMA IF EXISTS tallystick CASCADE")
    with contextlib.ExitStack() as stack:
        first = HostSite(server.uri, stack, **settings)
        yield first, HostSite(server.uri, stack, ahead=5, like=first, **settings)


@pytest.fixture(scope="module")
def hosts(server):
    with two_hosts(server) as found:
        yield found


def test_the_second_clock_is_ahead(hosts):
    """Or the rest would prove nothing."""
    issued = [claims(host.register(name)[1])["iat"] for host, name in zip(hosts, ("clock-a", "clock-b"))]
    assert 4 <= issued[1] - issued[0] <= 8


def test_fifty_tabs_on_two_hosts_in_bad_weather_take_one_step_a_round(hosts, server):
    """Their requests fall on either host; answers are lost and late; nobody is signed out."""
    seed = int(os.environ.get("TALLYSTICK_SEED", "1"))
    print("seed", seed)
    chance = random.Random(seed)
    jar, token = hosts[0].register("tabs")
    session = claims(token)["sid"]

    def refresh(plan):
        host, address, wait, is_lost, late = plan
        time.sleep(wait)
        # A browser sends what its jar holds at this moment.
        cookies = f"{COOKIE}={jar[COOKIE]}; {COMPANION}={jar[COMPANION]}"
        status, found, body = host.ask("POST", "/auth/refresh", address=address, Cookie=cookies, Origin=f"https://localhost:{PORT}")
        if is_lost:
            return None, None
        time.sleep(late)
        jar.update(found)
        return status, body

    with concurrent.futures.ThreadPoolExecutor(TABS) as pool:
        for count in range(HOST_ROUNDS):
            # Of addresses that nginx has not counted: in life there are minutes between the rounds.
            plans = [
                (chance.choice(hosts), f"127.0.{count % 250}.{tab + 1}", chance.random() * 0.05, chance.random() < 0.2,
                 chance.random() * 0.1) for tab in range(TABS)]
            answers = [answer for answer in pool.map(refresh, plans) if answer[0]]
            assert {status for status, _ in answers} == {200}, (count, answers)
            generation = int(server.sql(f"SELECT generation FROM tallystick.session WHERE id = '{session}'"))
            assert generation == count + 2
            # What one host has issued, the other allows.
            fresh = json.loads(chance.choice(answers)[1])["access_token"]
            assert chance.choice(hosts).allows(fresh) == 200
            back_in_time(server, 30)


def test_a_sign_out_on_one_host_is_seen_by_the_other_at_the_next_request(hosts):
    for number in range(20):
        here, there = hosts if number % 2 else reversed(hosts)
        _, token = here.register(f"signs-out-{number}")
        assert there.allows(token) == 200 and there.allows(token) == 200
        assert here.ask("POST", "/auth/logout", Authorization=f"Bearer {token}")[0] == 204
        assert there.allows(token) == 401


def test_a_rotated_key_is_known_to_the_other_host_before_it_signs(hosts):
    first, second = hosts
    second.admin("key", "sync")
    for here, there in (hosts, tuple(reversed(hosts))):
        here.admin("key", "rotate")
        _, token = here.register(f"rotated-{here.dir.name[-8:]}".lower().replace("_", "-"))
        assert there.allows(token) == 200
        # And not a second time before the other has heard of it.
        refused = here.admin("key", "rotate", check=False)
        assert refused.returncode == 111 and "key sync" in refused.stderr
        there.admin("key", "sync")
    assert len({host.admin("key", "list").stdout for host in hosts}) == 1
    dump = subprocess.run(["pg_dump", "--dbname", hosts[0].environment["TALLYSTICK_STORE"]], capture_output=True, check=True).stdout
    for secret in [first.dir / "state/keys/refresh.secret", *(first.dir / "state/keys/private").iterdir()]:
        for line in secret.read_bytes().split(b"\n")[:3]:
            assert line.startswith(b"-----") or not line or (line not in dump and line.hex().encode() not in dump)


def test_with_an_age_a_sign_out_is_seen_by_both_hosts_within_it(server):
    """Each `check` follows by itself, also that of the host that has ended the session."""
    age = 2
    with two_hosts(server, CHECK_STALENESS=f"{age}s") as hosts:
        for number in range(6):
            here, there = hosts if number % 2 else reversed(hosts)
            _, token = here.register(f"signs-out-{number}")
            assert there.allows(token) == 200 and here.allows(token) == 200
            assert here.ask("POST", "/auth/logout", Authorization=f"Bearer {token}")[0] == 204
            ended = time.monotonic()
            for host in (there, here):
                asked, status = ended, 200
                while status == 200:
                    # A question that is asked before the age is over may still be allowed.
                    assert asked - ended <= age
                    asked = time.monotonic()
                    status = host.allows(token)
                assert status == 401
