"""The fail2ban filter, with fail2ban's own tool on lines that the programs wrote."""

import subprocess

import pytest
from harness import GOOD, Host
from programs import ROOT

FILTER = ROOT / "tools/debian/fail2ban/tallystick.conf"


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("state"))
    host.admin("init")
    host.register()
    return host


def found(lines, folder):
    """The addresses that fail2ban would count, in the order of the lines."""
    log = folder / "log"
    log.write_bytes(b"".join(line + b"\n" for line in lines))
    said = subprocess.check_output(
        ["fail2ban-regex", "--out", "ip", log, FILTER], text=True, stderr=subprocess.DEVNULL)
    return said.split()


def lines_of(host, *calls):
    host.logs.write_bytes(b"")
    for call in calls:
        call()
    return host.logs.read_bytes().splitlines()


def attempt(host, name, address, password="wrong horse battery staple"):
    return lambda: host.login(name, password, params=[("REMOTE_ADDR", address)])


def test_it_counts_who_guesses_and_nobody_else(host, tmp_path):
    lines = lines_of(
        host, attempt(host, "alice", "192.0.2.7"), attempt(host, "nobody", "2001:db8::9"),
        attempt(host, "alice", "192.0.2.8", GOOD), lambda: host.check("no token", params=[("REMOTE_ADDR", "192.0.2.9")]))
    assert len(lines) >= 4
    assert found(lines, tmp_path) == ["192.0.2.7", "2001:db8::9"]


@pytest.mark.parametrize("name", [
    'x","client":"203.0.113.5', '\\","client":"203.0.113.5","', 'x\n{"client":"203.0.113.5"}', '"client":"203.0.113.5"',
])
def test_a_name_cannot_have_another_address_counted(host, tmp_path, name):
    """The name that an attacker chose stands in the line."""
    lines = lines_of(host, attempt(host, name, "192.0.2.7"))
    assert found(lines, tmp_path) in ([], ["192.0.2.7"])


def test_the_package_has_it(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    assert (tmp_path / "etc/fail2ban/filter.d/tallystick.conf").read_bytes() == FILTER.read_bytes()
