"""TLS to the server, as the URI says it: an authority of our own, and the name in the certificate.

A server that cannot show both gets no password and no question, and no message names a password.
"""

import contextlib
import shutil
import socket
import subprocess

import pytest
from servers import AS, Folder, Server
from waiting import wait_until

SECRET = "aVerySecretPhrase"


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Authority:
    """A certificate authority that nobody else trusts."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, host, to):
        """A certificate for a host, and its key, as the server's user may read them."""
        request, names = self.folder / "request", self.folder / "names"
        names.write_text(f"subjectAltName=DNS:{host}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={host}", "-keyout", to / "server.key", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", "2",
                "-extfile", names, "-out", to / "server.pem")
        for name in ("server.key", "server.pem"):
            (to / name).chmod(0o600)
            if AS:
                shutil.chown(to / name, "postgres", "postgres")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("foreign"), "foreign")


class SecureServer(Server):
    """On a TCP port of the loopback as well, where only TLS and a password are let in."""

    def __init__(self, authority):
        self.certificates = Folder()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        authority.issue("localhost", self.certificates.path)
        super().__init__(
            listen_addresses="127.0.0.1", ssl="on",
            ssl_cert_file=str(self.certificates.path / "server.pem"), ssl_key_file=str(self.certificates.path / "server.key"))
        self.admit("hostssl all all 127.0.0.1/32 scram-sha-256")
        self.sql(f"ALTER USER tallystick PASSWORD '{SECRET}'")

    def admit(self, line):
        (self.path / "data/pg_hba.conf").write_text(f"local all all trust\n{line}\n")
        self.reload()

    def reload(self):
        self.sql("SELECT pg_reload_conf()")

    def show(self, authority, host="localhost"):
        """Another certificate from now on; connections that stand are ended."""
        authority.issue(host, self.certificates.path)
        self.reload()
        # Those that come before the postmaster has read it are ended in the next round.
        wait_until(lambda: not self.others(), "connections to end")

    def others(self):
        return self.sql("""SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'tallystick'""") != "0"

    def to(self, authority, mode="verify-full", host="localhost", password=SECRET):
        return (f"postgresql://tallystick:{password}@{host}:{self.port}/tallystick"
                f"?sslmode={mode}&sslrootcert={authority.certificate}")

    def close(self):
        super().close()
        self.certificates.close()


@pytest.fixture
def secure(ours):
    with contextlib.closing(SecureServer(ours)) as server:
        yield server


def refused(host, uri):
    """What the command says of a server that it does not trust."""
    host.settings["TALLYSTICK_STORE"] = uri
    done = host.admin("account", "list", check=False)
    assert done.returncode == 111, done.stderr
    assert SECRET not in done.stdout + done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_every_connection_is_encrypted_to_a_server_that_the_authority_vouches_for(secure, ours, make_host):
    host = make_host(secure.to(ours))
    host.admin("init")
    first = host.register()
    assert host.check(first.token).status == 204 and host.refresh(first.cookie).status == 200
    rows = secure.sql("""SELECT DISTINCT s.ssl, s.version LIKE 'TLSv1.%', client_addr
        FROM pg_stat_activity JOIN pg_stat_ssl AS s USING (pid) WHERE application_name = 'tallystick'""").splitlines()
    assert rows == ["t|t|127.0.0.1"]
    assert SECRET.encode() not in host.logs.read_bytes() and SECRET not in (secure.path / "log").read_text()
    assert SECRET not in host.admin("config", "show").stdout


def test_another_authority_another_name_and_no_tls_are_refused(secure, ours, foreign, make_host):
    host = make_host(secure.to(ours))
    host.admin("init")
    assert host.register().status == 201
    # The right server with the wrong trust.
    assert "certificate verify failed" in refused(host, secure.to(foreign))
    assert "password authentication failed" in refused(host, secure.to(ours, password="aWrongSecretPhrase"))
    # The right authority with the wrong name: as an address, and in the certificate.
    assert "does not match host name" in refused(host, secure.to(ours, host="127.0.0.1"))
    secure.show(ours, "elsewhere.test")
    assert "does not match host name" in refused(host, secure.to(ours))
    # As it is asked for: less than verify-full does not look at the name.
    host.settings["TALLYSTICK_STORE"] = secure.to(ours, mode="verify-ca")
    assert "alice" in host.admin("account", "list").stdout
    # A server that speaks no TLS is asked for nothing.
    secure.show(ours)
    secure.admit("host all all 127.0.0.1/32 scram-sha-256")
    secure.kill()
    secure.settings["ssl"] = "off"
    secure.start()
    assert "does not support SSL" in refused(host, secure.to(ours))
    assert SECRET.encode() not in host.logs.read_bytes()


def test_programs_that_run_refuse_a_server_that_is_another_now(secure, ours, foreign, make_host):
    host = make_host(secure.to(ours))
    host.admin("init")
    first = host.register()
    # A program that starts without a server that it trusts ends.
    assert host.check(first.token).status == 204 and host.login().status == 200 and host.refresh(first.cookie).status == 200
    processes = list(host.processes.values())
    secure.show(foreign)
    wait_until(lambda: host.check(first.token).status == 503, "check to deny")
    assert {host.check(first.token).status for _ in range(5)} == {503}
    assert host.login().status == 503 and host.refresh(first.cookie).status == 503
    assert any("certificate verify failed" in event.get("reason", "") for event in host.events_named("unavailable"))
    secure.show(ours)
    wait_until(lambda: host.check(first.token).status == 204, "check to allow again")
    assert all(process.poll() is None for process in processes)
    assert SECRET.encode() not in host.logs.read_bytes()
